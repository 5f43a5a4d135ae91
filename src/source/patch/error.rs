//! Errors of applying patches.

use std::io;
use std::path::PathBuf;

use super::label::Label;
use crate::error::{ExitStatus, Explain};
use crate::fs::disk;

/// Why a patch was not applied. Nothing was written, except before [`Error::Write`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the patch {patch} is not a unified diff")]
    Form {
        patch: Label,
        source: diffy::patch_set::PatchSetParseError,
    },
    #[error("the patch {patch} has {found} hunks, and pybuild can read only {understood} of them")]
    LostHunks {
        patch: Label,
        found: usize,
        understood: usize,
    },
    #[error("the patch {patch} {what}, which is not supported: {}", path.display())]
    Unsupported {
        patch: Label,
        what: &'static str,
        path: PathBuf,
    },
    #[error("the patch {patch} names a path that is not inside the tree: {}", path.display())]
    Outside { patch: Label, path: PathBuf },
    #[error("the patch {patch} changes {}, which cannot be read", path.display())]
    Target {
        patch: Label,
        path: PathBuf,
        source: io::Error,
    },
    #[error("the patch {patch} creates {}, which exists already", path.display())]
    Exists { patch: Label, path: PathBuf },
    #[error("the patch {patch} deletes {}, which holds other lines too", path.display())]
    NotEmptied { patch: Label, path: PathBuf },
    #[error("the patch {patch} does not apply to {}", path.display())]
    Context {
        patch: Label,
        path: PathBuf,
        source: diffy::ApplyError,
    },
    #[error("the patches {first} and {second} change the same lines of {}", path.display())]
    SameLines {
        first: Label,
        second: Label,
        path: PathBuf,
    },
    #[error("the patch {second} undoes what the patch {first} changed in {}", path.display())]
    Undoes {
        first: Label,
        second: Label,
        path: PathBuf,
    },
    #[error("{} cannot be written", path.display())]
    Write { path: PathBuf, source: io::Error },
}

impl Explain for Error {
    fn exit_status(&self) -> ExitStatus {
        match self {
            Self::Write { .. } => ExitStatus::Failed,
            _ => ExitStatus::Input,
        }
    }

    fn hint(&self) -> Option<String> {
        let omit =
            |name: &str| format!("leave out pybuild's patch with `--no-compat-patch {name}`");
        let hint = match self {
            Self::SameLines { first, second, .. } | Self::Undoes { first, second, .. } => {
                match (first, second) {
                    (Label::BuiltIn(first), Label::User(second)) => {
                        return Some(format!("{}, or leave out {second}", omit(first)));
                    }
                    (Label::BuiltIn(_), Label::BuiltIn(name)) => return Some(omit(name)),
                    (Label::User(_), _) => "combine the two patches into one",
                }
            }
            Self::Target { patch, .. }
            | Self::Exists { patch, .. }
            | Self::NotEmptied { patch, .. }
            | Self::Context { patch, .. } => match patch {
                Label::BuiltIn(name) => {
                    let omit = omit(name);
                    return Some(format!(
                        "this tree differs from the published release; if it has the fix already, \
                         {omit}"
                    ));
                }
                Label::User(_) => {
                    "the patch was made for another release: make it again for this one"
                }
            },
            Self::Form { .. } | Self::LostHunks { .. } => {
                "make it with `git diff` or `diff -ru`, of the whole tree or of files in it"
            }
            Self::Unsupported { .. } => "leave that file out of the patch",
            Self::Outside { .. } => {
                "paths in a patch are relative to the source tree, behind one folder such as `a/` \
                 and `b/`"
            }
            Self::Write { .. } => {
                let instead = "name another build folder with --build-dir";
                let hint = disk::hint(self, instead);
                return hint.or(Some(
                    "check that the tree is writable and has room".to_owned(),
                ));
            }
        };
        Some(hint.to_owned())
    }
}
