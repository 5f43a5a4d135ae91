//! A prefix as a killed process leaves it, made by hand, and put in order.

use std::path::{Path, PathBuf};

use crate::testing::Said;
use crate::transaction::{
    COMMITTED, Error, FOLDER, JOURNAL, Recovered, Transaction, is_pending, recover, settle,
};

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

#[test]
fn a_folder_in_the_way_is_told_and_is_never_taken_away() {
    let dir = tempfile::tempdir().unwrap();
    let (prefix, from) = (dir.path().join("prefix"), dir.path().join("from"));
    write(&prefix, "folder/file", "others");
    write(&prefix, "file", "others");
    fs_err::write(&from, "new").unwrap();
    let begin = || Transaction::begin(&prefix, &Said::default()).unwrap();
    for path in ["folder", "file/below"] {
        let refused = begin().add(Path::new(path), &from);
        assert!(
            matches!(&refused, Err(Error::InTheWay { paths }) if paths == &[prefix.join(path)]),
            "{path}: {refused:?}"
        );
    }
    let mut transaction = begin();
    for path in ["folder", "nothing"] {
        transaction.remove(Path::new(path));
    }
    transaction.commit().unwrap();
    assert_eq!(
        fs_err::read_to_string(prefix.join("folder/file")).unwrap(),
        "others"
    );
    assert!(prefix.join("file").exists() && from.exists());
    assert!(!is_pending(&prefix));
}

/// Takes `a/b/file` out of a prefix, and all folders with it that are empty then.
fn emptied(prefix: &Path) {
    let mut transaction = Transaction::begin(prefix, &Said::default()).unwrap();
    transaction.remove(Path::new("a/b/file"));
    transaction.may_go(["", "a", "a/b"].map(PathBuf::from));
    transaction.commit().unwrap();
}

#[test]
fn what_is_empty_then_goes_with_its_folders_and_what_is_not_stays() {
    let dir = tempfile::tempdir().unwrap();
    let prefix = dir.path().join("prefix");
    write(&prefix, "a/b/file", "ours");
    emptied(&prefix);
    assert!(!prefix.exists());

    write(&prefix, "a/b/file", "ours");
    write(&prefix, "a/other", "others");
    emptied(&prefix);
    assert!(prefix.join("a/other").exists() && !prefix.join("a/b").exists());

    // A link to the prefix is somebody's work, and so is what it points at.
    let (real, link) = (dir.path().join("real"), dir.path().join("link"));
    write(&real, "a/b/file", "ours");
    std::os::unix::fs::symlink(&real, &link).unwrap();
    emptied(&link);
    assert!(link.is_symlink() && real.is_dir());
    assert_eq!(fs_err::read_dir(&real).unwrap().count(), 0);
}
