//! What `pybuild patch` hands out: the pin of `ensurepip` as one file that holds all of it, or as a
//! folder of diff and wheels.

mod base85;
mod folder;
mod git;
mod plain;
mod write;

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

pub use folder::{DIFF, write_folder};
pub use write::write_file;

use clap::ValueEnum;

use crate::digest::Sha256;
use crate::error::{ExitStatus, Explain};
use crate::fs::disk;
use crate::source::change::FileChange;
use crate::source::ensurepip::{AddedWheel, EnsurepipPatch};

/// What applies a patch that has the wheels in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PatchProgram {
    /// `git apply`; the wheels are git binary hunks, which are text
    Git,
    /// GNU patch and python-build; the wheels are raw bytes, because GNU patch rejects binary hunks
    Patch,
}

/// Why a patch is not handed out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something that the patch is made of cannot be read.
    #[error("{} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A wheel is not what it was when it was looked into.
    #[error("{} was changed meanwhile: its digest is {found} instead of {expected}", path.display())]
    Changed {
        /// The wheel.
        path: PathBuf,
        /// The digest it has now.
        found: Sha256,
        /// The digest it had.
        expected: Sha256,
    },
    /// There is something else than a file where one is to be written.
    #[error("{} is there already and is no regular file", path.display())]
    NotAFile {
        /// What is there.
        path: PathBuf,
    },
    /// A file cannot be written.
    #[error("{} cannot be written", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Standard output cannot be written.
    #[error("standard output cannot be written")]
    StandardOutput(#[source] io::Error),
}

impl Explain for Error {
    fn exit_status(&self) -> ExitStatus {
        match self {
            Self::Read { .. } | Self::Changed { .. } => ExitStatus::Input,
            Self::NotAFile { .. } => ExitStatus::Usage,
            Self::Write { .. } | Self::StandardOutput(_) => ExitStatus::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        if let Some(hint) = disk::hint(self, "name another place with -o") {
            return Some(hint);
        }
        let hint = match self {
            Self::Read { .. } => "check who may read it, and that nothing else is changing it",
            Self::Changed { .. } => "run the same command again: what is not sound is fetched anew",
            Self::NotAFile { .. } => "name another file with -o; `-o -` is standard output",
            Self::Write { .. } => "see that its folder exists, can be written and has room",
            Self::StandardOutput(_) => "write to a file instead: `-o FILE`",
        };
        Some(hint.to_owned())
    }
}

/// One file that the patch changes, makes or removes; never one that stays the same.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Item {
    /// Below the tree's root.
    path: PathBuf,
    before: Option<Content>,
    after: Option<Content>,
    /// The unified diff, of a text that changes.
    diff: Option<String>,
}

/// What a file holds, and whether it can be run.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Content {
    bytes: Vec<u8>,
    executable: bool,
}

/// The pin of one tree, with all that it is made of; holds the wheels in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    items: Vec<Item>,
    diff: String,
}

impl Export {
    /// Reads what `patch` changes in the tree at `root`, which is as it was when the patch was made.
    ///
    /// # Errors
    /// When a file of the tree or a wheel cannot be read.
    pub fn new(patch: &EnsurepipPatch, root: &Path) -> Result<Self, Error> {
        let mut items = Vec::new();
        // In the order of applying: at every moment the text names what is there.
        for wheel in patch.added() {
            let target = root.join(&wheel.path);
            let after = Content {
                bytes: checked(wheel)?,
                executable: false,
            };
            let before = target.exists().then(|| content(&target)).transpose()?;
            if before.as_ref().is_some_and(|it| it.bytes == after.bytes) {
                continue;
            }
            items.push(Item {
                path: wheel.path.clone(),
                before,
                after: Some(after),
                diff: None,
            });
        }
        for change in patch.changes() {
            items.push(text(change, root)?);
        }
        for path in patch.removed() {
            items.push(Item {
                path: path.clone(),
                before: Some(content(&root.join(path))?),
                after: None,
                diff: None,
            });
        }
        Ok(Self {
            items,
            diff: patch.diff(),
        })
    }

    /// Whether the tree bundles what is wished already.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The text files' changes as one unified diff, for `git apply` and `patch -p1`.
    #[must_use]
    pub fn diff(&self) -> &str {
        &self.diff
    }

    /// The wheels that come in, below the tree's root.
    pub fn added(&self) -> impl Iterator<Item = &Path> {
        self.wheels_in().map(|(path, _)| path)
    }

    /// The wheels that go, below the tree's root.
    pub fn removed(&self) -> impl Iterator<Item = &Path> {
        let gone = self.items.iter().filter(|item| item.after.is_none());
        gone.map(|item| item.path.as_path())
    }

    /// The whole patch, wheels included, for the program that is to apply it. The same tree and the
    /// same wheels give the same bytes.
    #[must_use]
    pub fn for_program(&self, program: PatchProgram) -> Vec<u8> {
        match program {
            PatchProgram::Git => self.items.iter().flat_map(git::hunks).collect(),
            PatchProgram::Patch => self.items.iter().flat_map(plain::hunks).collect(),
        }
    }

    fn wheels_in(&self) -> impl Iterator<Item = (&Path, &[u8])> {
        let wheels = self.items.iter().filter(|item| item.diff.is_none());
        wheels.filter_map(|item| Some((item.path.as_path(), item.after.as_ref()?.bytes.as_slice())))
    }
}

fn checked(wheel: &AddedWheel) -> Result<Vec<u8>, Error> {
    let bytes = read(&wheel.from)?;
    let found = Sha256::of(&bytes);
    if found == wheel.sha256 {
        Ok(bytes)
    } else {
        Err(Error::Changed {
            path: wheel.from.clone(),
            found,
            expected: wheel.sha256,
        })
    }
}

fn text(change: &FileChange, root: &Path) -> Result<Item, Error> {
    let before = content(&root.join(change.path()))?;
    let after = Content {
        bytes: change.after().as_bytes().to_owned(),
        executable: before.executable,
    };
    Ok(Item {
        path: change.path().to_owned(),
        before: Some(before),
        after: Some(after),
        diff: Some(change.diff().to_owned()),
    })
}

fn content(path: &Path) -> Result<Content, Error> {
    let mode = fs_err::metadata(path).map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })?;
    Ok(Content {
        bytes: read(path)?,
        executable: mode.permissions().mode() & 0o111 != 0,
    })
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs_err::read(path).map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Content, Item};
    use crate::source::change::FileChange;

    fn content(bytes: &[u8]) -> Content {
        Content {
            bytes: bytes.to_owned(),
            executable: false,
        }
    }

    /// A wheel that comes, goes or changes.
    pub fn item(path: &str, before: Option<&[u8]>, after: Option<&[u8]>) -> Item {
        Item {
            path: path.into(),
            before: before.map(content),
            after: after.map(content),
            diff: None,
        }
    }

    /// A text that changes.
    pub fn text_item(path: &Path, before: &str, after: &str) -> Item {
        let change = FileChange::between(path, before, after).unwrap();
        Item {
            path: path.to_owned(),
            before: Some(content(before.as_bytes())),
            after: Some(content(after.as_bytes())),
            diff: Some(change.diff().to_owned()),
        }
    }
}
