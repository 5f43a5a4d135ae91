//! One file of a patch.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::error::Error;
use crate::source::change::FileChange;

/// A file that a patch changes, creates or deletes.
#[derive(Debug)]
pub(super) struct ChangedFile {
    /// Relative to the tree's root.
    pub(super) path: PathBuf,
    pub(super) before: Option<Content>,
    pub(super) after: Option<Content>,
    /// The unified diff, for a text file that changes.
    pub(super) diff: Option<String>,
}

#[derive(Debug)]
pub(super) struct Content {
    pub(super) bytes: Vec<u8>,
    pub(super) is_executable: bool,
}

impl Content {
    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        let metadata = fs_err::metadata(path).map_err(Error::read(path))?;
        Ok(Self {
            bytes: fs_err::read(path).map_err(Error::read(path))?,
            is_executable: metadata.permissions().mode() & 0o111 != 0,
        })
    }

    /// The mode in git's headers.
    pub(super) fn mode(&self) -> &'static str {
        if self.is_executable {
            "100755"
        } else {
            "100644"
        }
    }
}

impl ChangedFile {
    /// Reads a text file that changes.
    pub(super) fn text(change: &FileChange, root: &Path) -> Result<Self, Error> {
        let before = Content::read(&root.join(change.path()))?;
        let after = Content {
            bytes: change.after().as_bytes().to_owned(),
            is_executable: before.is_executable,
        };
        Ok(Self {
            path: change.path().to_owned(),
            before: Some(before),
            after: Some(after),
            diff: Some(change.diff().to_owned()),
        })
    }

    /// git's header, which is a line more for a file that is created or deleted.
    pub(super) fn header(&self) -> String {
        let name = self.path.display();
        let existence = match (&self.before, &self.after) {
            (None, Some(after)) => format!("new file mode {}\n", after.mode()),
            (Some(before), None) => format!("deleted file mode {}\n", before.mode()),
            _ => String::new(),
        };
        format!("diff --git a/{name} b/{name}\n{existence}")
    }
}

/// The bytes of a content; none for no file.
pub(super) fn bytes_of(content: Option<&Content>) -> &[u8] {
    content.map_or(&[], |content| &content.bytes)
}

#[cfg(test)]
pub(super) mod tests {
    use std::path::Path;

    use super::{ChangedFile, Content};
    use crate::source::change::FileChange;

    fn content(bytes: &[u8]) -> Content {
        Content {
            bytes: bytes.to_owned(),
            is_executable: false,
        }
    }

    pub fn wheel(path: &str, before: Option<&[u8]>, after: Option<&[u8]>) -> ChangedFile {
        ChangedFile {
            path: path.into(),
            before: before.map(content),
            after: after.map(content),
            diff: None,
        }
    }

    pub fn text(path: &Path, before: &str, after: &str) -> ChangedFile {
        let change = FileChange::between(path, before, after).unwrap();
        ChangedFile {
            path: path.to_owned(),
            before: Some(content(before.as_bytes())),
            after: Some(content(after.as_bytes())),
            diff: Some(change.diff().to_owned()),
        }
    }
}
