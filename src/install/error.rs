//! The error of the stage, record, commit and uninstall steps.

use std::io;
use std::path::{Path, PathBuf};

use super::check_report::CheckError;
use super::record::UnknownFormat;
use crate::compile::{BuildUserError, SEE_LOG};
use crate::error::{ExitStatus, Explain};
use crate::fs::disk;
use crate::fs::disk::Refusal;
use crate::fs::lock;
use crate::fs::lock::LockError;
use crate::plan::InstallPrefix;
use crate::process::CommandError;
use crate::transaction::journal::OtherFormat;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Command(CommandError),
    #[error(transparent)]
    User(#[from] BuildUserError),
    #[error(transparent)]
    Check(#[from] CheckError),
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
    #[error("the prefix {} cannot be read or changed", prefix.display())]
    Prefix { prefix: PathBuf, source: io::Error },
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
    #[error(
        "foreign files are where pybuild's would go ({}): {}",
        counted(paths),
        shown(paths)
    )]
    InTheWay { paths: Vec<PathBuf> },
}

impl Error {
    /// The error for records in a prefix that cannot be read.
    pub(super) fn of_records(prefix: &Path, source: io::Error) -> Self {
        let inner = source.get_ref();
        match inner.and_then(|error| error.downcast_ref::<UnknownFormat>()) {
            Some(record) => Self::Record {
                folder: record.folder.clone(),
            },
            None => Self::Prefix {
                prefix: prefix.to_owned(),
                source,
            },
        }
    }
}

/// `1 file`, or `12 files`.
pub(super) fn counted(paths: &[PathBuf]) -> String {
    match paths.len() {
        1 => "1 file".to_owned(),
        n => format!("{n} files"),
    }
}

/// The first few paths.
pub(super) fn shown(paths: &[PathBuf]) -> String {
    const MOST: usize = 4;
    let paths: Vec<String> = paths
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    match paths.get(..MOST) {
        Some(first) if paths.len() > MOST => format!("{}, …", first.join(", ")),
        _ => paths.join(", "),
    }
}

impl Explain for Error {
    fn exit_status(&self) -> ExitStatus {
        match self {
            Self::Check(error) => error.exit_status(),
            Self::User(error) => error.exit_status(),
            Self::NotInstalled { .. } => ExitStatus::Unresolvable,
            _ => ExitStatus::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Check(error) => return error.hint(),
            Self::User(error) => return error.hint(),
            Self::Prefix { source, .. } if LockError::is(source) => lock::HINT,
            Self::Prefix { source, .. } if OtherFormat::is(source) => {
                "nothing was changed; run the pybuild that was interrupted once more, so that it \
                 completes or undoes its change"
            }
            Self::Prefix { .. } | Self::Unusable { .. } if Refusal::behind(self).is_some() => {
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
            Self::Unusable { .. } | Self::Prefix { .. } => {
                "name another folder with --prefix, or run as a user who may write there"
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
            Self::InTheWay { .. } => {
                "nothing was changed; name another --prefix, or replace the files with --overwrite"
            }
        };
        Some(hint.to_owned())
    }
}
