//! Why a patch was not applied.

use std::io;
use std::path::PathBuf;

use crate::error::{ExitStatus, Explain};

/// Why a patch was not applied. Nothing was written, but for [`Error::Write`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not a unified diff.
    #[error("the patch {patch} is not a unified diff")]
    Form {
        /// The patch.
        patch: String,
        /// Why.
        source: diffy::patch_set::PatchSetParseError,
    },
    /// Parts of it do not belong to any file's diff.
    #[error("the patch {patch} has {found} hunks, of which only {understood} can be understood")]
    LostHunks {
        /// The patch.
        patch: String,
        /// How many hunk headers there are.
        found: usize,
        /// How many were read.
        understood: usize,
    },
    /// It wants something that is not a change to a text file.
    #[error("the patch {patch} {what}, which is not supported: {}", path.display())]
    Unsupported {
        /// The patch.
        patch: String,
        /// What it wants.
        what: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// It leads out of the tree.
    #[error("the patch {patch} names a path that is not inside the tree: {}", path.display())]
    Outside {
        /// The patch.
        patch: String,
        /// The path.
        path: PathBuf,
    },
    /// The file that it changes is not there, or cannot be read.
    #[error("the patch {patch} changes {}, which cannot be read", path.display())]
    Target {
        /// The patch.
        patch: String,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file that it creates is there already.
    #[error("the patch {patch} creates {}, which is there already", path.display())]
    Exists {
        /// The patch.
        patch: String,
        /// The file.
        path: PathBuf,
    },
    /// It deletes a file that holds more than it says.
    #[error("the patch {patch} deletes {}, which holds other lines too", path.display())]
    NotEmptied {
        /// The patch.
        patch: String,
        /// The file.
        path: PathBuf,
    },
    /// Its context is not what the file holds.
    #[error("the patch {patch} does not apply to {}", path.display())]
    Context {
        /// The patch.
        patch: String,
        /// The file.
        path: PathBuf,
        /// Which hunk does not.
        source: diffy::ApplyError,
    },
    /// All apply, but the tree cannot be written.
    #[error("{} cannot be written", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Explain for Error {
    fn exit_status(&self) -> ExitStatus {
        ExitStatus::Input
    }

    fn hint(&self) -> Option<String> {
        Some(
            match self {
                Self::Form { .. } | Self::LostHunks { .. } => {
                    "make it with `git diff` or `diff -ru`, of the whole tree or of files in it"
                }
                Self::Unsupported { .. } => "leave that file out of the patch",
                Self::Outside { .. } => {
                    "paths in a patch are relative to the source tree, behind one folder such as \
                     `a/` and `b/`"
                }
                Self::Target { .. }
                | Self::Exists { .. }
                | Self::NotEmptied { .. }
                | Self::Context { .. } => {
                    "the patch was made for another release: make it anew for this one"
                }
                Self::Write { .. } => "check that there is room, and that the tree may be written",
            }
            .to_owned(),
        )
    }
}
