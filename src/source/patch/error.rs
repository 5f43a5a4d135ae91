//! Why a patch was not applied.

use std::io;
use std::path::PathBuf;

use super::Label;
use crate::error::{ExitStatus, Explain};
use crate::fs::disk;

/// Why a patch was not applied. Nothing was written, but for [`Error::Write`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not a unified diff.
    #[error("the patch {patch} is not a unified diff")]
    Form {
        /// The patch.
        patch: Label,
        /// Why.
        source: diffy::patch_set::PatchSetParseError,
    },
    /// Parts of it do not belong to any file's diff.
    #[error("the patch {patch} has {found} hunks, of which only {understood} can be understood")]
    LostHunks {
        /// The patch.
        patch: Label,
        /// How many hunk headers there are.
        found: usize,
        /// How many were read.
        understood: usize,
    },
    /// It wants something that is not a change to a text file.
    #[error("the patch {patch} {what}, which is not supported: {}", path.display())]
    Unsupported {
        /// The patch.
        patch: Label,
        /// What it wants.
        what: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// It leads out of the tree.
    #[error("the patch {patch} names a path that is not inside the tree: {}", path.display())]
    Outside {
        /// The patch.
        patch: Label,
        /// The path.
        path: PathBuf,
    },
    /// The file that it changes is not there, or cannot be read.
    #[error("the patch {patch} changes {}, which cannot be read", path.display())]
    Target {
        /// The patch.
        patch: Label,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file that it creates is there already.
    #[error("the patch {patch} creates {}, which is there already", path.display())]
    Exists {
        /// The patch.
        patch: Label,
        /// The file.
        path: PathBuf,
    },
    /// It deletes a file that holds more than it says.
    #[error("the patch {patch} deletes {}, which holds other lines too", path.display())]
    NotEmptied {
        /// The patch.
        patch: Label,
        /// The file.
        path: PathBuf,
    },
    /// Its context is not what the file holds.
    #[error("the patch {patch} does not apply to {}", path.display())]
    Context {
        /// The patch.
        patch: Label,
        /// The file.
        path: PathBuf,
        /// Which hunk does not.
        source: diffy::ApplyError,
    },
    /// It wants to change lines that another one has changed before.
    #[error("the patches {first} and {second} change the same lines of {}", path.display())]
    SameLines {
        /// The one that was applied first.
        first: Label,
        /// The one that no longer applies.
        second: Label,
        /// The file.
        path: PathBuf,
    },
    /// It changes back, or otherwise, what another one has changed before.
    #[error("the patch {second} undoes what the patch {first} changed in {}", path.display())]
    Undoes {
        /// The one that was applied first.
        first: Label,
        /// The one that undoes it.
        second: Label,
        /// The file.
        path: PathBuf,
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
        match self {
            Self::Write { .. } => ExitStatus::Failed,
            _ => ExitStatus::Input,
        }
    }

    fn hint(&self) -> Option<String> {
        let left_out =
            |name: &str| format!("leave pybuild's own out with `--no-compat-patch {name}`");
        Some(
            match self {
                Self::SameLines { first, second, .. } | Self::Undoes { first, second, .. } => {
                    return Some(match (first, second) {
                        (Label::BuiltIn(first), Label::Person(second)) => {
                            format!("{}, or {second}", left_out(first))
                        }
                        (Label::BuiltIn(_), Label::BuiltIn(name)) => left_out(name),
                        (Label::Person(_), _) => "make one patch of the two".to_owned(),
                    });
                }
                Self::Target { patch, .. }
                | Self::Exists { patch, .. }
                | Self::NotEmptied { patch, .. }
                | Self::Context { patch, .. } => {
                    return Some(match patch {
                        Label::BuiltIn(name) => format!(
                            "this tree is not the release as it was published; where it is mended \
                             already, {}",
                            left_out(name)
                        ),
                        Label::Person(_) => {
                            "the patch was made for another release: make it anew for this one"
                                .to_owned()
                        }
                    });
                }
                Self::Form { .. } | Self::LostHunks { .. } => {
                    "make it with `git diff` or `diff -ru`, of the whole tree or of files in it"
                }
                Self::Unsupported { .. } => "leave that file out of the patch",
                Self::Outside { .. } => {
                    "paths in a patch are relative to the source tree, behind one folder such as \
                     `a/` and `b/`"
                }
                Self::Write { .. } => {
                    let instead = "name another build folder with --build-dir";
                    return disk::hint(self, instead).or_else(|| {
                        Some(
                            "check that there is room, and that the tree may be written".to_owned(),
                        )
                    });
                }
            }
            .to_owned(),
        )
    }
}
