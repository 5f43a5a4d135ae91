//! A prefix as a killed process leaves it, made by hand, and put in order.

use std::path::Path;

use super::{COMMITTED, FOLDER, JOURNAL, Recovered, is_pending, recover, settle};
use crate::fetch::testing::Said;

fn write(root: &Path, name: &str, text: &str) {
    let path = root.join(name);
    fs_err::create_dir_all(path.parent().unwrap()).unwrap();
    fs_err::write(path, text).unwrap();
}

/// A prefix in the midst of a change: what was reached, what was not yet, and what others did meanwhile.
fn half_done() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let changes = [
        ("first", true, true),
        ("second", true, true),
        ("made/in/it", false, true),
        ("removed", true, false),
        ("later", true, true),
        ("theirs", false, true),
        ("last", true, true),
    ];
    let changes = changes.map(|(path, replaces, adds)| {
        serde_json::json!({"path": path, "replaces": replaces, "adds": adds})
    });
    let journal = serde_json::json!({
        "changes": changes,
        "folders": ["made", "made/in", "used"],
    });
    let journal = journal.to_string();
    for (name, text) in [
        ("first", "new"),
        ("second", "new"),
        ("made/in/it", "new"),
        ("later", "old"),
        ("last", "old"),
        // Others' work: one file where one was to come, and one in a folder that was made.
        ("theirs", "others"),
        ("used/file", "others"),
        (".pybuild-transaction/old/0", "old"),
        (".pybuild-transaction/old/1", "old"),
        (".pybuild-transaction/old/3", "old"),
        (".pybuild-transaction/new/4", "new"),
        (".pybuild-transaction/new/5", "new"),
        (".pybuild-transaction/new/6", "new"),
        (".pybuild-transaction/lock", ""),
        (".pybuild-transaction/journal.json", &journal),
    ] {
        write(dir.path(), name, text);
    }
    dir
}

#[test]
fn every_single_change_is_rolled_back_and_what_others_did_stays() {
    let dir = half_done();
    let prefix = dir.path();
    assert!(is_pending(prefix));
    assert_eq!(
        recover(prefix, &Said::default()).unwrap(),
        Recovered::RolledBack
    );
    for (name, text) in [
        ("first", "old"),
        ("second", "old"),
        ("removed", "old"),
        ("later", "old"),
        ("last", "old"),
        ("theirs", "others"),
        ("used/file", "others"),
    ] {
        let found = fs_err::read_to_string(prefix.join(name)).unwrap();
        assert_eq!(found, text, "{name}");
    }
    assert!(!prefix.join("made").exists());
    assert!(!is_pending(prefix));
}

#[test]
fn what_is_rolled_back_once_is_not_rolled_back_again() {
    let dir = half_done();
    let folder = dir.path().join(FOLDER);
    assert_eq!(settle(dir.path()).unwrap(), Recovered::RolledBack);
    assert!(!folder.join(JOURNAL).exists() && !folder.join(COMMITTED).exists());
    // Somebody else's from now on.
    write(dir.path(), "made/in/it", "others");
    assert_eq!(settle(dir.path()).unwrap(), Recovered::Nothing);
    assert!(dir.path().join("made/in/it").exists());
}
