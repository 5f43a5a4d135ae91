//! The error of the stage, record, commit and uninstall steps.

use std::io;
use std::path::{Path, PathBuf};

use super::check_report::CheckError;
use super::record::UnknownFormat;
use crate::compile::{BuildUserError, SEE_LOG};
use crate::error::{ExitStatus, Explain};
use crate::fs::disk;
use crate::fs::disk::Refusal;
use crate::plan::InstallPrefix;
use crate::process::CommandError;
use crate::{source, transaction};

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Command(CommandError),
    #[error(transparent)]
    User(#[from] BuildUserError),
    #[error("the kept compile cannot be pinned")]
    Pin(#[source] source::Error),
    #[error(transparent)]
    Check(#[from] CheckError),
    /// A check of an installation from a kept compile.
    #[error(transparent)]
    KeptCheck(CheckError),
    #[error("the staged installation cannot be read or written")]
    Staging(#[source] io::Error),
    #[error("`make install` succeeded but left no {}", path.display())]
    NoInterpreter { path: PathBuf },
    /// `make install` wrote a file outside the prefix.
    #[error("the build installs {}, which is outside the prefix {prefix}", path.display())]
    Outside {
        path: PathBuf,
        prefix: InstallPrefix,
    },
    #[error("the prefix {} {what}", prefix.display())]
    Unusable {
        prefix: PathBuf,
        what: &'static str,
        source: Option<io::Error>,
    },
    #[error(transparent)]
    Transaction(#[from] transaction::Error),
    #[error("{what} is not installed in {}", place.display())]
    NotInstalled {
        what: String,
        /// The prefix, or the folder of all default prefixes.
        place: PathBuf,
        /// The versions that are installed there.
        installed: Vec<String>,
    },
    #[error("the record in {} is not one that this pybuild understands", folder.display())]
    Record { folder: PathBuf },
}

impl Error {
    /// The error for records in a prefix that cannot be read.
    pub(super) fn of_records(prefix: &Path, source: io::Error) -> Self {
        let inner = source.get_ref();
        match inner.and_then(|error| error.downcast_ref::<UnknownFormat>()) {
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
            Self::Check(error) | Self::KeptCheck(error) => error.exit_status(),
            Self::User(error) => error.exit_status(),
            Self::Pin(error) => error.exit_status(),
            Self::Transaction(error) => error.exit_status(),
            Self::NotInstalled { .. } => ExitStatus::Unresolvable,
            _ => ExitStatus::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Check(error) => return error.hint(),
            Self::User(error) => return error.hint(),
            Self::Pin(error) => return error.hint(),
            Self::Transaction(error) => return error.hint(),
            Self::Unusable { .. } if Refusal::behind(self).is_some() => {
                return disk::hint(self, "install into another folder with --prefix");
            }
            Self::Command(error) if Refusal::behind(error).is_some() => {
                return disk::hint(error, error.instead());
            }
            Self::Staging(error) if Refusal::behind(error).is_some() => {
                return disk::hint(error, "name another folder with --build-dir");
            }
            Self::Command(_) | Self::NoInterpreter { .. } => SEE_LOG,
            Self::Staging(_) => {
                "check that the build folder has room, or name another with --build-dir"
            }
            Self::Outside { .. } => {
                "leave out the --configure-arg that names a folder outside the prefix"
            }
            Self::Unusable { .. } => {
                "name another folder with --prefix, or run as a user who may write there"
            }
            Self::KeptCheck(_) => {
                "the compile is a kept one, and this host may have changed since: compile again with \
                 --no-cache --force"
            }
            Self::NotInstalled { installed, .. } if installed.is_empty() => {
                "name the version together with its --prefix, or name the prefix itself"
            }
            Self::NotInstalled { installed, .. } => {
                return Some(format!("installed there: {}", installed.join(", ")));
            }
            Self::Record { .. } => {
                "nothing was changed; use the pybuild that installed it, or remove the folder by hand"
            }
        };
        Some(hint.to_owned())
    }
}
