//! Steps 7 to 9: from a built tree to an installation in its prefix.

mod check;
mod commit;
pub(crate) mod dist_info;
mod foreign;
mod leftovers;
mod manifest;
mod merge;
pub mod prefix;
pub mod record;
mod replaced;
mod scripts;
mod stage;
mod uninstall;

use std::path::PathBuf;

pub use check::{CheckError, CheckReport, CheckedInstall, ExpectedModules, check};
pub use commit::{Installation, RecordFiles, commit};
pub use foreign::ensure_none as ensure_no_foreign_files;
pub use manifest::{Item, Manifest};
pub use replaced::describe as describe_replaced;
pub use scripts::DeadScript;
pub(crate) use scripts::dead_script;
pub use stage::{StagedInstall, arrange_programs, stage};
pub use uninstall::{Uninstallation, uninstall};

use crate::error::{ExitStatus, Explain};
use crate::fs::disk;
use crate::fs::disk::Refusal;
use crate::plan::InstallPrefix;
use crate::process::CommandError;
use crate::transaction;

/// What to do about files of somebody else that stand where ours would go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FilesInTheWay {
    /// Stop before anything is changed.
    Stop,
    /// `--overwrite`: ours take their place.
    Replace,
}

/// Why a built tree did not become an installation.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A command failed.
    #[error(transparent)]
    Command(CommandError),
    /// See [`CheckError`].
    #[error(transparent)]
    Check(#[from] CheckError),
    /// The staged tree cannot be read or written.
    #[error("the staged installation cannot be worked on")]
    Staging(#[source] std::io::Error),
    /// `make install` was content, and yet there is no interpreter.
    #[error("`make install` ended well but left no {}", path.display())]
    NoInterpreter {
        /// Where it should be.
        path: PathBuf,
    },
    /// `make install` wrote elsewhere than below the prefix.
    #[error("the build installs {}, which is outside the prefix {prefix}", path.display())]
    Outside {
        /// What it wrote.
        path: PathBuf,
        /// Where it should have.
        prefix: InstallPrefix,
    },
    /// The prefix cannot be what it has to be.
    #[error("the prefix {} {what}", prefix.display())]
    Unusable {
        /// The prefix.
        prefix: PathBuf,
        /// What is wrong with it.
        what: &'static str,
        /// What the system says, where it said something.
        source: Option<std::io::Error>,
    },
    /// See [`transaction::Error`].
    #[error(transparent)]
    Transaction(#[from] transaction::Error),
    /// There is nothing to uninstall.
    #[error("{what} is not installed in {}", place.display())]
    NotInstalled {
        /// What was to be uninstalled.
        what: String,
        /// The prefix, or the folder of all default prefixes.
        place: PathBuf,
        /// What is installed there.
        installed: Vec<String>,
    },
    /// An installation whose record cannot be understood.
    #[error("the record in {} is not one that this pybuild understands", folder.display())]
    Record {
        /// The record's folder.
        folder: PathBuf,
    },
}

impl Error {
    /// What came of reading the records in a prefix.
    fn of_records(prefix: &std::path::Path, source: std::io::Error) -> Self {
        let inner = source.get_ref();
        match inner.and_then(|error| error.downcast_ref::<record::NotUnderstood>()) {
            Some(record) => Self::Record {
                folder: record.folder.clone(),
            },
            None => transaction::Error::prefix(prefix)(source).into(),
        }
    }
}

impl Explain for Error {
    fn exit_status(&self) -> ExitStatus {
        match self {
            Self::Check(error) => error.exit_status(),
            Self::Transaction(error) => error.exit_status(),
            Self::NotInstalled { .. } => ExitStatus::Unresolvable,
            _ => ExitStatus::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Check(error) => return error.hint(),
            Self::Transaction(error) => return error.hint(),
            Self::Unusable { .. } if Refusal::behind(self).is_some() => {
                return disk::hint(self, "let a build go elsewhere with --prefix");
            }
            Self::Command(error) if Refusal::behind(error).is_some() => {
                return disk::hint(error, error.instead());
            }
            Self::Staging(error) if Refusal::behind(error).is_some() => {
                return disk::hint(error, "name another folder with --build-dir");
            }
            Self::Command(_) | Self::NoInterpreter { .. } => {
                "the log has the whole output; --keep-build keeps the tree to look around in".to_owned()
            }
            Self::Staging(_) => {
                "see that the build folder has room, or name another with --build-dir".to_owned()
            }
            Self::Outside { .. } => {
                "leave out the --configure-arg that names a folder outside the prefix".to_owned()
            }
            Self::Unusable { .. } => {
                "name another folder with --prefix, or run as a user who may write there".to_owned()
            }
            Self::NotInstalled { installed, .. } if installed.is_empty() => {
                "name the version together with the --prefix that it is in, or the prefix itself".to_owned()
            }
            Self::NotInstalled { installed, .. } => {
                format!("what is installed there: {}", installed.join(", "))
            }
            Self::Record { .. } => {
                "nothing was changed; use the pybuild that installed it, or remove the folder by hand".to_owned()
            }
        })
    }
}
