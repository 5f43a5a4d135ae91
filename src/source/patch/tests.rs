//! Patches of every form on a small tree. A patch that fails must leave the tree unchanged.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::{Error, Patch, apply};

const GIT: &str = "\
From: someone

diff --git a/Lib/x.py b/Lib/x.py
old mode 100644
new mode 100755
index 1..2
--- a/Lib/x.py
+++ b/Lib/x.py
@@ -1,3 +1,3 @@ def x
 a
-b
+B
 c
diff --git a/Lib/sub/new.py b/Lib/sub/new.py
new file mode 100644
--- /dev/null
+++ b/Lib/sub/new.py
@@ -0,0 +1 @@
+new
diff --git a/Lib/old.py b/Lib/old.py
deleted file mode 100644
--- a/Lib/old.py
+++ /dev/null
@@ -1 +0,0 @@
-old
diff --git a/Lib/from.py b/Lib/to.py
similarity index 100%
rename from Lib/from.py
rename to Lib/to.py
";

fn tree() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir(root.path().join("Lib")).unwrap();
    for (name, text) in [
        ("Lib/x.py", "a\nb\nc\n"),
        ("Lib/old.py", "old\n"),
        ("Lib/from.py", "\u{e9}\n"),
    ] {
        std::fs::write(root.path().join(name), text).unwrap();
    }
    std::fs::write(root.path().join("Lib/latin.py"), b"\xe9\n1\n").unwrap();
    root
}

fn state(root: &Path) -> Vec<(PathBuf, Vec<u8>, u32)> {
    let mut found: Vec<_> = walkdir::WalkDir::new(root)
        .sort_by_file_name()
        .into_iter()
        .map(Result::unwrap)
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| {
            let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
            let name = entry.path().strip_prefix(root).unwrap().to_owned();
            (name, std::fs::read(entry.path()).unwrap(), mode)
        })
        .collect();
    found.sort();
    found
}

fn refused(patches: &[&str]) -> Error {
    let root = tree();
    let before = state(root.path());
    let patches: Vec<Patch> = patches
        .iter()
        .map(|text| Patch::new("my.diff", *text))
        .collect();
    let error = apply(root.path(), &patches).unwrap_err();
    assert_eq!(state(root.path()), before, "{error}");
    error
}

#[test]
fn a_git_patch_changes_creates_deletes_and_renames() {
    let root = tree();
    let changed = apply(root.path(), &[Patch::new("p", GIT)]).unwrap();
    assert_eq!(changed.len(), 5);
    let expected: Vec<(PathBuf, Vec<u8>, u32)> = vec![
        ("Lib/latin.py".into(), b"\xe9\n1\n".to_vec(), 0o644),
        ("Lib/sub/new.py".into(), b"new\n".to_vec(), 0o644),
        ("Lib/to.py".into(), "\u{e9}\n".into(), 0o644),
        ("Lib/x.py".into(), b"a\nB\nc\n".to_vec(), 0o755),
    ];
    assert_eq!(state(root.path()), expected);
}

#[test]
fn plain_patches_follow_each_other_and_keep_modes() {
    let root = tree();
    let file = root.path().join("Lib/x.py");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o700)).unwrap();
    let first = "\
--- Python-3.11.2.orig/Lib/x.py\t2023-01-01 00:00:00
+++ Python-3.11.2/Lib/x.py\t2023-01-01 00:00:01
@@ -11,2 +11,2 @@
 a
-b
+B
";
    let second = "--- a/Lib/x.py.orig\n+++ b/Lib/x.py\n@@ -2,2 +2,1 @@\n B\n-c\n";
    let patches = [Patch::new("1", first), Patch::new("2", second)];
    assert_eq!(
        apply(root.path(), &patches).unwrap(),
        [PathBuf::from("Lib/x.py")]
    );
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "a\nB\n");
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn files_that_are_not_utf8_are_patched_byte_for_byte() {
    let root = tree();
    let content = b"--- a/Lib/latin.py\n+++ b/Lib/latin.py\n@@ -1,2 +1,2 @@\n \xe9\n-1\n+2\n";
    let patch = Patch::new("p.diff".to_owned(), content.to_vec());
    apply(root.path(), &[patch]).unwrap();
    let found = std::fs::read(root.path().join("Lib/latin.py")).unwrap();
    assert_eq!(found, b"\xe9\n2\n");
}

#[test]
fn nothing_is_written_when_the_last_hunk_does_not_apply() {
    let error = refused(&[
        GIT,
        "--- a/Lib/x.py\n+++ b/Lib/x.py\n@@ -1 +1 @@\n-a\n+A\n@@ -2,2 +2,2 @@\n b\n-c\n+C\n",
    ]);
    let Error::Context {
        patch,
        path,
        source,
    } = &error
    else {
        panic!("{error:?}");
    };
    assert_eq!(
        (patch.to_string().as_str(), path.as_path()),
        ("my.diff", Path::new("Lib/x.py"))
    );
    assert_eq!(source.to_string(), "error applying hunk #2");
}

#[test]
fn a_patch_does_not_lead_out_of_the_tree() {
    for path in ["/etc/passwd", "a/../../x", "a//etc/passwd", "a/Lib/../../x"] {
        let text = format!("--- /dev/null\n+++ {path}\n@@ -0,0 +1 @@\n+x\n");
        assert!(matches!(refused(&[&text]), Error::Outside { .. }), "{path}");
    }
    let root = tree();
    let other = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(other.path(), root.path().join("out")).unwrap();
    let text = "--- /dev/null\n+++ b/out/x\n@@ -0,0 +1 @@\n+x\n";
    let error = apply(root.path(), &[Patch::new("p", text)]).unwrap_err();
    assert!(matches!(error, Error::Outside { .. }), "{error}");
    assert_eq!(std::fs::read_dir(other.path()).unwrap().count(), 0);
}

#[test]
fn changes_that_are_not_possible_are_errors() {
    let new = "--- /dev/null\n+++ b/Lib/x.py\n@@ -0,0 +1 @@\n+x\n";
    assert!(matches!(refused(&[new]), Error::Exists { .. }));
    let gone = "--- a/Lib/y.py\n+++ b/Lib/y.py\n@@ -1 +1 @@\n-x\n+y\n";
    assert!(matches!(refused(&[gone]), Error::Target { .. }));
    let twice = "--- a/Lib/old.py\n+++ /dev/null\n@@ -1 +0,0 @@\n-old\n";
    assert!(matches!(refused(&[twice, twice]), Error::Target { .. }));
    let more = "--- a/Lib/x.py\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n";
    assert!(matches!(refused(&[more]), Error::NotEmptied { .. }));
    let link =
        "diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+x\n";
    assert!(matches!(refused(&[link]), Error::Unsupported { .. }));
    let binary = "diff --git a/l b/l\nindex 1..2 100644\nBinary files a/l and b/l differ\n";
    assert!(matches!(refused(&[binary]), Error::Unsupported { .. }));
    assert!(matches!(refused(&["just words\n"]), Error::Form { .. }));
}

#[test]
fn a_hunk_that_the_parser_would_skip_is_an_error() {
    let plain = "--- a/Lib/old.py\n+++ b/Lib/old.py\n@@ -1 +1 @@\n-old\n+OLD\n";
    let mixed = format!("{plain}{GIT}");
    assert!(matches!(
        refused(&[&mixed]),
        Error::LostHunks { found: 4, .. }
    ));
    let torn = format!("{plain}\nprose\n@@ -3 +3 @@\n-x\n+y\n");
    assert!(matches!(refused(&[&torn]), Error::LostHunks { .. }));
}

const FIRST: &str = "--- a/Lib/x.py\n+++ b/Lib/x.py\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n";

fn clash(second: &str) -> Option<String> {
    let root = tree();
    let before = state(root.path());
    let patches = [Patch::built_in("fix", FIRST), Patch::new("my.diff", second)];
    let error = apply(root.path(), &patches).err()?;
    assert_eq!(state(root.path()), before, "{error}");
    let hint = crate::error::Explain::hint(&error).unwrap_or_default();
    Some(format!("{error}\n{hint}"))
}

#[test]
fn two_patches_of_the_same_lines_are_both_named() {
    let same = FIRST.replace("+B", "+D");
    assert_eq!(
        clash(&same).unwrap(),
        "the patches fix (built in) and my.diff change the same lines of Lib/x.py\n\
         leave out pybuild's patch with `--no-compat-patch fix`, or leave out my.diff"
    );
    // A patch that applies neither before nor after the first one is for another tree.
    let other = clash(&FIRST.replace(" c\n", " C\n")).unwrap();
    assert!(
        other.starts_with("the patch my.diff does not apply to Lib/x.py\n"),
        "{other}"
    );
}

#[test]
fn a_patch_that_undoes_a_built_in_one_is_refused_with_both_names() {
    let back = "--- a/Lib/x.py\n+++ b/Lib/x.py\n@@ -1,3 +1,3 @@\n a\n-B\n+b\n c\n";
    let gone = "--- a/Lib/x.py\n+++ /dev/null\n@@ -1,3 +0,0 @@\n-a\n-B\n-c\n";
    for second in [back, gone] {
        assert_eq!(
            clash(second).unwrap(),
            "the patch my.diff undoes what the patch fix (built in) changed in Lib/x.py\n\
             leave out pybuild's patch with `--no-compat-patch fix`, or leave out my.diff"
        );
    }
    // Other patches may change the lines around it.
    let near = "--- a/Lib/x.py\n+++ b/Lib/x.py\n@@ -1,3 +1,4 @@\n-a\n+A\n B\n+and\n c\n";
    assert_eq!(clash(near), None);
}

#[test]
fn a_patch_that_only_deletes_lines_can_be_undone_too() {
    let root = tree();
    let out = "--- a/Lib/x.py\n+++ b/Lib/x.py\n@@ -1,3 +1,2 @@\n a\n-b\n c\n";
    let back = "--- a/Lib/x.py\n+++ b/Lib/x.py\n@@ -1,2 +1,3 @@\n a\n+b\n c\n";
    let patches = [Patch::new("1", out), Patch::new("2", back)];
    let error = apply(root.path(), &patches).unwrap_err();
    assert!(matches!(error, Error::Undoes { .. }), "{error}");
}

/// Found by fuzzing: the first of two files was written before the second could not be.
#[test]
fn a_file_below_a_file_or_in_place_of_a_folder_is_refused_before_anything_is_written() {
    let create = |path: &str| format!("--- /dev/null\n+++ b/{path}\n@@ -0,0 +1 @@\n+new\n");
    for patches in [
        [create("Lib/a"), create("Lib/a/b")],
        [create("Lib/a/b"), create("Lib/a")],
        [create("Lib/a"), create("Lib")],
        [create("Lib/a"), create("Lib/x.py/b")],
    ] {
        let texts = patches.each_ref().map(String::as_str);
        let error = refused(&texts);
        assert!(matches!(error, Error::Exists { .. }), "{error}");
        let error = refused(&[&patches.concat()]);
        assert!(matches!(error, Error::Exists { .. }), "{error}");
    }
    let long = create(&"x".repeat(256));
    let error = refused(&[&create("Lib/a"), &long]);
    assert!(matches!(error, Error::Outside { .. }), "{error}");
}

#[test]
fn a_file_is_not_given_a_folders_name() {
    // Found by fuzzing: folders were made for it before the file could not be written.
    for name in ["Lib/new/to.py/", "Lib/new/to.py/."] {
        let rename = GIT.replace("rename to Lib/to.py", &format!("rename to {name}"));
        assert!(
            matches!(refused(&[&rename]), Error::Outside { .. }),
            "{name}"
        );
    }
}
