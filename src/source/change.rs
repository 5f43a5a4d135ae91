//! The change of one text file, as a unified diff that `diffy` makes and applies.

use std::io;
use std::path::{Path, PathBuf};

use crate::fs::durable::replace_file;

/// A diff, and the text that must come of it.
#[derive(Debug, PartialEq, Eq)]
pub struct FileChange {
    path: PathBuf,
    diff: String,
    after: String,
}

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    #[error("{} cannot be changed", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("the diff for {} cannot be read back", path.display())]
    Unreadable {
        path: PathBuf,
        source: diffy::ParsePatchError,
    },
    #[error("the diff does not apply to {}", path.display())]
    Context {
        path: PathBuf,
        source: diffy::ApplyError,
    },
    #[error("{} was changed after its diff was made", path.display())]
    Differs { path: PathBuf },
}

impl FileChange {
    /// The change of the file at `path`, relative to the tree's root; `None` for equal texts.
    pub fn between(path: &Path, before: &str, after: &str) -> Option<Self> {
        if before == after {
            return None;
        }
        let name = path.display();
        let hunks = diffy::DiffOptions::new()
            .set_original_filename(format!("a/{name}"))
            .set_modified_filename(format!("b/{name}"))
            .create_patch(before, after);
        // Like git, with the blank that marks an empty line as context.
        let formatter = diffy::PatchFormatter::new().suppress_blank_empty(false);
        let hunks = formatter.fmt_patch(&hunks);
        Some(Self {
            path: path.to_owned(),
            diff: format!("diff --git a/{name} b/{name}\n{hunks}"),
            after: after.to_owned(),
        })
    }

    /// The file, relative to the tree's root.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The unified diff with git's header, for `git apply` and `patch -p1`.
    pub fn diff(&self) -> &str {
        &self.diff
    }

    pub fn after(&self) -> &str {
        &self.after
    }

    /// Applies the diff to the file's present text and compares the result. Writes nothing.
    pub fn try_on(&self, root: &Path) -> Result<(), ChangeError> {
        let path = root.join(&self.path);
        let hunks = match diffy::Patch::from_str(&self.diff) {
            Ok(hunks) => hunks,
            Err(source) => return Err(ChangeError::Unreadable { path, source }),
        };
        let current = match fs_err::read_to_string(&path) {
            Ok(current) => current,
            Err(source) => return Err(ChangeError::File { path, source }),
        };
        match diffy::apply(&current, &hunks) {
            Ok(after) if after == self.after => Ok(()),
            Ok(_) => Err(ChangeError::Differs { path }),
            Err(source) => Err(ChangeError::Context { path, source }),
        }
    }

    /// Applies the diff and writes the file, which keeps its mode and owner.
    pub fn apply(&self, root: &Path) -> Result<(), ChangeError> {
        self.try_on(root)?;
        let path = root.join(&self.path);
        replace_file(&path, self.after.as_bytes())
            .map_err(|source| ChangeError::File { path, source })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;

    use super::{ChangeError, FileChange};

    const BEFORE: &str = "a\nb\nc\nd\ne\n";
    const AFTER: &str = "a\nb\nC\nd\ne\n";

    #[test]
    fn a_change_is_applied_by_its_diff_and_keeps_the_mode() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("x/y.py");
        std::fs::create_dir(root.path().join("x")).unwrap();
        std::fs::write(&file, BEFORE).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o751)).unwrap();
        let change = FileChange::between(Path::new("x/y.py"), BEFORE, AFTER).unwrap();
        assert!(change.diff().starts_with(
            "diff --git a/x/y.py b/x/y.py\n--- a/x/y.py\n+++ b/x/y.py\n@@ -1,5 +1,5 @@\n"
        ));
        change.apply(root.path()).unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), AFTER);
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o751);
    }

    #[test]
    fn a_file_that_differs_is_an_error_and_stays_unchanged() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("y.py");
        let change = FileChange::between(Path::new("y.py"), BEFORE, AFTER).unwrap();
        for (text, differs) in [("a\nB\nc\nd\ne\n", false), ("0\na\nb\nc\nd\ne\n", true)] {
            std::fs::write(&file, text).unwrap();
            let error = change.apply(root.path()).unwrap_err();
            assert_eq!(
                matches!(error, ChangeError::Differs { .. }),
                differs,
                "{error:?}"
            );
            assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
        }
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 1);
    }

    #[test]
    fn the_same_text_is_no_change() {
        assert_eq!(FileChange::between(Path::new("x"), "a\n", "a\n"), None);
    }
}
