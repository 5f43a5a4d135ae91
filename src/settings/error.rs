//! Errors of the command line.

use std::io;
use std::path::PathBuf;

use crate::compile::confinement::BuildUserError;
use crate::error::{ExitStatus, Explain};
use crate::plan::lock::{Disagreement, InvalidLock};
use crate::plan::recipe::InvalidRecipe;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{what} {} does not exist", path.display())]
    Missing { what: &'static str, path: PathBuf },
    #[error("{what} {} is not a folder", path.display())]
    NotAFolder { what: &'static str, path: PathBuf },
    #[error("{} cannot be read", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("the recipe {} cannot be used", path.display())]
    Recipe {
        path: PathBuf,
        source: InvalidRecipe,
    },
    #[error("the lock {} cannot be used", path.display())]
    Lock { path: PathBuf, source: InvalidLock },
    #[error("{} cannot be used for {}", lock.display(), recipe.display())]
    Disagreement {
        lock: PathBuf,
        recipe: PathBuf,
        source: Disagreement,
    },
    #[error("there is no lock {}", path.display())]
    NoLock { path: PathBuf, recipe: PathBuf },
    #[error(transparent)]
    BuildUser(#[from] BuildUserError),
    /// Options that contradict each other, or a value that cannot be used.
    #[error("{what}")]
    Usage { what: String, hint: String },
}

impl Error {
    pub fn usage(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Usage {
            what: what.into(),
            hint: hint.into(),
        }
    }

    /// The error for a file or folder that an option names and that cannot be opened.
    pub fn not_opened(what: &'static str, path: PathBuf, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::NotFound => Self::Missing { what, path },
            _ => Self::Unreadable { path, source },
        }
    }
}

impl Explain for Error {
    fn exit_status(&self) -> ExitStatus {
        match self {
            Self::BuildUser(error) => error.exit_status(),
            Self::Lock { .. } | Self::Disagreement { .. } | Self::NoLock { .. } => {
                ExitStatus::Unresolvable
            }
            Self::Usage { .. } | Self::Recipe { .. } => ExitStatus::Usage,
            _ => ExitStatus::Input,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Missing { .. } | Self::Unreadable { .. } => "check the path and its permissions",
            Self::NotAFolder { .. } => {
                "name the folder with the release archives; --source takes a single archive"
            }
            Self::BuildUser(error) => return error.hint(),
            Self::Usage { hint, .. } => hint,
            Self::Lock {
                source: InvalidLock::Format { .. },
                ..
            } => "use a newer pybuild, or remove the lock and write it again with `pybuild lock`",
            Self::Lock { .. } => "remove it, and write it again with `pybuild lock`",
            Self::Disagreement { recipe, .. } | Self::NoLock { recipe, .. } => {
                return Some(format!("write it with `pybuild lock {}`", recipe.display()));
            }
            Self::Recipe { source, .. } => match source {
                InvalidRecipe::UnknownKey {
                    near: Some(near), ..
                } => {
                    return Some(format!(
                        "did you mean `{near}`? `pybuild schema` prints all keys"
                    ));
                }
                InvalidRecipe::Toml(_) | InvalidRecipe::UnknownKey { .. } => {
                    "`pybuild schema` prints all keys and their types"
                }
                InvalidRecipe::Twice { .. } => "leave out one of the two",
                InvalidRecipe::UnknownVariable { .. } => {
                    "docs/recipes.md lists the variables; flags of the compiler go into CFLAGS"
                }
                InvalidRecipe::NoPython => "add a line such as `python = \"3.13\"`",
            },
        };
        Some(hint.to_owned())
    }
}
