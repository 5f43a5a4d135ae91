//! The pin of one tree with the content of its files.

use std::path::Path;

use clap::ValueEnum;

use super::changed_file::{ChangedFile, Content};
use super::error::Error;
use super::{git, plain};
use crate::source::ensurepip::EnsurepipPatch;

/// The program that applies a patch with wheels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PatchProgram {
    /// `git apply`; the wheels are git binary hunks, which are text
    Git,
    /// GNU patch and python-build; the wheels are raw bytes, because GNU patch rejects binary hunks
    Patch,
}

/// A patch in memory, with its wheels.
#[derive(Debug)]
pub struct Export {
    files: Vec<ChangedFile>,
    /// The changes of text files as one unified diff, for `git apply` and `patch -p1`.
    pub diff: String,
}

impl Export {
    /// Reads the files that `patch` changes in the tree at `root`.
    pub fn new(patch: &EnsurepipPatch, root: &Path) -> Result<Self, Error> {
        let mut files = Vec::new();
        // In the order of applying: every wheel that the text names exists at any time.
        for wheel in patch.added() {
            let bytes = wheel.read()?;
            let target = root.join(&wheel.path);
            let before = target
                .exists()
                .then(|| Content::read(&target))
                .transpose()?;
            if before.as_ref().is_some_and(|before| before.bytes == bytes) {
                continue;
            }
            files.push(ChangedFile {
                path: wheel.path.clone(),
                before,
                after: Some(Content {
                    bytes,
                    is_executable: false,
                }),
                diff: None,
            });
        }
        for change in patch.changes() {
            files.push(ChangedFile::text(change, root)?);
        }
        for path in patch.removed() {
            files.push(ChangedFile {
                path: path.clone(),
                before: Some(Content::read(&root.join(path))?),
                after: None,
                diff: None,
            });
        }
        Ok(Self {
            files,
            diff: patch.diff(),
        })
    }

    /// Whether the tree bundles the requested wheels already.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// The wheels that are added, with their paths in the tree.
    pub fn added(&self) -> impl Iterator<Item = (&Path, &[u8])> {
        let wheels = self.files.iter().filter(|file| file.diff.is_none());
        wheels.filter_map(|file| Some((&*file.path, &*file.after.as_ref()?.bytes)))
    }

    /// The paths of the wheels that are removed.
    pub fn removed(&self) -> impl Iterator<Item = &Path> {
        let removed = self.files.iter().filter(|file| file.after.is_none());
        removed.map(|file| &*file.path)
    }

    /// The whole patch, wheels included. It has the same bytes for the same tree and wheels.
    pub fn for_program(&self, program: PatchProgram) -> Vec<u8> {
        let hunks = match program {
            PatchProgram::Git => git::hunks,
            PatchProgram::Patch => plain::hunks,
        };
        self.files.iter().flat_map(hunks).collect()
    }
}
