//! A prefix as a killed process leaves it, made by hand, and recovered; and the states of a transaction.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::error::Explain as _;
use crate::testing::Said;
use crate::transaction::journal::{COMMITTED, FOLDER, JOURNAL};
use crate::transaction::recovery::{is_pending, settle};
use crate::transaction::{Error, Recovered, Transaction, recover};

fn write(root: &Path, name: &str, text: &str) {
    let path = root.join(name);
    fs_err::create_dir_all(path.parent().unwrap()).unwrap();
    fs_err::write(path, text).unwrap();
}

#[track_caller]
fn assert_holds(prefix: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let found = fs_err::read_to_string(prefix.join(name)).unwrap();
        assert_eq!(found, *text, "{name}");
    }
}

/// A prefix in the middle of a transaction: changes that are made, changes that are not, and foreign
/// files. The journal's format decides whether the change that is being made has moved its old file.
fn half_done(format: Option<u32>) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let changes = [
        ("first", true, true),
        ("second", true, true),
        ("made/in/it", false, true),
        ("removed", true, false),
        ("current", true, true),
        ("later", true, true),
        ("theirs", false, true),
        ("last", true, true),
        ("remains", true, false),
    ];
    let changes = changes.map(|(path, replaces, adds)| {
        serde_json::json!({"path": path, "replaces": replaces, "adds": adds})
    });
    let mut journal = serde_json::json!({
        "changes": changes,
        "folders": ["made", "made/in", "used"],
    });
    if let Some(format) = format {
        journal["format"] = format.into();
    }
    let journal = journal.to_string();
    for (name, text) in [
        ("first", "new"),
        ("second", "new"),
        ("made/in/it", "new"),
        ("later", "old"),
        ("last", "old"),
        ("remains", "old"),
        // A foreign file at the path of a new one, and one in a new folder.
        ("theirs", "others"),
        ("used/file", "others"),
        (".pybuild-transaction/old/0", "old"),
        (".pybuild-transaction/old/1", "old"),
        (".pybuild-transaction/old/3", "old"),
        (".pybuild-transaction/old/4", "old"),
        (".pybuild-transaction/new/4", "new"),
        (".pybuild-transaction/new/5", "new"),
        (".pybuild-transaction/new/6", "new"),
        (".pybuild-transaction/new/7", "new"),
        (".pybuild-transaction/lock", ""),
        (".pybuild-transaction/journal.json", &journal),
    ] {
        write(dir.path(), name, text);
    }
    if format == Some(2) {
        write(dir.path(), "current", "old");
        // Kept before the first change; the file has been replaced by another program since.
        write(dir.path(), ".pybuild-transaction/old/7", "old");
        write(dir.path(), "last", "newer");
    }
    dir
}

#[test]
fn each_change_of_either_format_is_rolled_back_and_foreign_files_stay() {
    for format in [None, Some(1), Some(2)] {
        let dir = half_done(format);
        let prefix = dir.path();
        assert!(is_pending(prefix));
        let said = Said::default();
        assert_eq!(recover(prefix, &said).unwrap(), Recovered::RolledBack);
        let last = if format == Some(2) { "newer" } else { "old" };
        assert_holds(
            prefix,
            &[
                ("first", "old"),
                ("second", "old"),
                ("removed", "old"),
                ("current", "old"),
                ("later", "old"),
                ("last", last),
                ("remains", "old"),
                ("theirs", "others"),
                ("used/file", "others"),
            ],
        );
        assert!(!prefix.join("made").exists());
        assert!(!is_pending(prefix));
    }
}

#[test]
fn a_rolled_back_transaction_is_not_rolled_back_again() {
    let dir = half_done(Some(2));
    let folder = dir.path().join(FOLDER);
    assert_eq!(settle(dir.path()).unwrap(), Recovered::RolledBack);
    assert!(!folder.join(JOURNAL).exists() && !folder.join(COMMITTED).exists());
    // A foreign file from now on.
    write(dir.path(), "made/in/it", "others");
    assert_eq!(settle(dir.path()).unwrap(), Recovered::Nothing);
    assert!(dir.path().join("made/in/it").exists());
}

#[test]
fn a_committed_journal_of_either_format_is_finished() {
    for format in [1, 2] {
        let dir = half_done(Some(format));
        let folder = dir.path().join(FOLDER);
        fs_err::rename(folder.join(JOURNAL), folder.join(COMMITTED)).unwrap();
        let removed = ["removed", "remains"].map(PathBuf::from).to_vec();
        let recovered = recover(dir.path(), &Said::default()).unwrap();
        assert_eq!(recovered, Recovered::Finished { removed });
        assert_holds(dir.path(), &[("first", "new"), ("made/in/it", "new")]);
        assert!(!is_pending(dir.path()));
    }
}

#[test]
fn a_hotpatch_that_an_older_pybuild_left_is_refused() {
    for name in ["under-way.json", "undoing.json", "forgotten.json"] {
        let dir = tempfile::tempdir().unwrap();
        let path = format!("share/pybuild/hotpatch/3.11/{name}");
        write(dir.path(), &path, "{}");
        let said = Said::default();
        let recovered = recover(dir.path(), &said).map(drop);
        for refused in [recovered, Transaction::begin(dir.path(), &said).map(drop)] {
            let error = refused.unwrap_err();
            assert!(error.to_string().contains(&path), "{error}");
            let hint = error.hint().unwrap();
            assert!(
                hint.contains("older pybuild") && hint.contains("--undo"),
                "{hint}"
            );
        }
        assert!(!is_pending(dir.path()));
    }
}

/// A transaction that replaces, adds and removes a file.
fn staged(prefix: &Path) -> Transaction {
    write(prefix, "replaced", "old");
    write(prefix, "removed", "old");
    let mut transaction = Transaction::begin(prefix, &Said::default()).unwrap();
    for path in ["replaced", "made/added"] {
        let new = transaction.staging_path(Path::new(path)).unwrap();
        fs_err::write(new, "new").unwrap();
    }
    transaction.sync_before_next();
    transaction.remove(Path::new("removed"));
    transaction
}

#[test]
fn an_applied_transaction_is_committed_or_rolled_back() {
    let dir = tempfile::tempdir().unwrap();
    let prefix = dir.path();
    let old = |inode| {
        assert_holds(prefix, &[("replaced", "old"), ("removed", "old")]);
        assert!(!prefix.join("made").exists() && !is_pending(prefix));
        // The very file.
        let found = fs_err::metadata(prefix.join("replaced")).unwrap();
        assert_eq!(found.ino(), inode);
    };
    let inode = || fs_err::metadata(prefix.join("replaced")).unwrap().ino();
    let new = || {
        assert_holds(prefix, &[("replaced", "new"), ("made/added", "new")]);
        assert!(!prefix.join("removed").exists());
    };

    let transaction = staged(prefix);
    let before = inode();
    drop(transaction);
    old(before);

    let transaction = staged(prefix);
    let before = inode();
    let applied = transaction.apply().unwrap();
    new();
    applied.roll_back().unwrap();
    old(before);

    let transaction = staged(prefix);
    let before = inode();
    drop(transaction.apply().unwrap());
    old(before);

    staged(prefix).apply().unwrap().commit().unwrap();
    new();
    assert!(!is_pending(prefix));
}

#[test]
fn a_failed_change_leaves_the_prefix_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let prefix = dir.path();
    let mut transaction = staged(prefix);
    transaction.staging_path(Path::new("missing")).unwrap();
    // Nothing was made at the staging path.
    assert!(matches!(transaction.commit(), Err(Error::Prefix { .. })));
    assert_holds(prefix, &[("replaced", "old"), ("removed", "old")]);
    assert!(!prefix.join("made").exists() && !is_pending(prefix));
}

#[test]
fn a_folder_in_the_way_is_refused_and_never_removed() {
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

/// Removes `a/b/file` from a prefix, and the folders that are empty then.
fn emptied(prefix: &Path) {
    let mut transaction = Transaction::begin(prefix, &Said::default()).unwrap();
    transaction.remove(Path::new("a/b/file"));
    transaction.remove_if_empty(["", "a", "a/b"].map(PathBuf::from));
    transaction.commit().unwrap();
}

#[test]
fn only_empty_folders_are_removed() {
    let dir = tempfile::tempdir().unwrap();
    let prefix = dir.path().join("prefix");
    write(&prefix, "a/b/file", "ours");
    emptied(&prefix);
    assert!(!prefix.exists());

    write(&prefix, "a/b/file", "ours");
    write(&prefix, "a/other", "others");
    emptied(&prefix);
    assert!(prefix.join("a/other").exists() && !prefix.join("a/b").exists());

    // A link to the prefix was made by the user, and so was the folder.
    let (real, link) = (dir.path().join("real"), dir.path().join("link"));
    write(&real, "a/b/file", "ours");
    std::os::unix::fs::symlink(&real, &link).unwrap();
    emptied(&link);
    assert!(link.is_symlink() && real.is_dir());
    assert_eq!(fs_err::read_dir(&real).unwrap().count(), 0);
}
