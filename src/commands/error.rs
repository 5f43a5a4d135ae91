//! The error of a command: the errors of its steps, joined.

use crate::error::{ExitStatus, Explain};
use crate::fs::disk;
use crate::fs::free_space::NoRoom;
use crate::fs::lock::{self, LockError};
use crate::process::in_use::InUse;
use crate::settings;
use crate::{compile, export, fetch, host, hotpatch, install, resolve, source, transaction};

/// Any step's error; the steps' own types say more.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// See [`resolve::Error`].
    #[error(transparent)]
    Resolve(#[from] resolve::Error),
    /// See [`fetch::Error`].
    #[error(transparent)]
    Fetch(#[from] fetch::Error),
    /// See [`source::Error`].
    #[error(transparent)]
    Source(#[from] source::Error),
    /// See [`host::Error`].
    #[error(transparent)]
    Host(#[from] host::Error),
    /// See [`compile::Error`].
    #[error(transparent)]
    Build(#[from] compile::Error),
    /// See [`install::Error`].
    #[error(transparent)]
    Install(#[from] install::Error),
    /// See [`export::Error`].
    #[error(transparent)]
    Export(#[from] export::Error),
    /// See [`hotpatch::Error`].
    #[error(transparent)]
    Hotpatch(#[from] hotpatch::Error),
    /// See [`transaction::Error`].
    #[error(transparent)]
    Transaction(#[from] transaction::Error),
    /// See [`InUse`].
    #[error(transparent)]
    InUse(#[from] InUse),
    /// See [`NoRoom`].
    #[error(transparent)]
    Room(#[from] NoRoom),
    /// See [`settings::Error`].
    #[error(transparent)]
    Settings(#[from] settings::Error),
    /// The cache or build folder cannot be used.
    #[error("{} cannot be used to work in", path.display())]
    Scratch {
        /// The folder.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The current directory is gone.
    #[error("the current directory cannot be used")]
    CurrentDirectory(#[source] std::io::Error),
    /// A plan cannot be written as TOML.
    #[error("the plan cannot be written as TOML")]
    Plan(#[source] toml::ser::Error),
    /// What was asked for cannot be printed.
    #[error("standard output cannot be written")]
    Output(#[source] std::io::Error),
}

impl From<resolve::pins::PinError> for Error {
    fn from(error: resolve::pins::PinError) -> Self {
        Self::Resolve(error.into())
    }
}

impl Explain for Error {
    fn exit_status(&self) -> ExitStatus {
        match self {
            Self::Resolve(error) => error.exit_status(),
            Self::Fetch(error) => error.exit_status(),
            Self::Source(error) => error.exit_status(),
            Self::Host(error) => error.exit_status(),
            Self::Build(error) => error.exit_status(),
            Self::Install(error) => error.exit_status(),
            Self::Export(error) => error.exit_status(),
            Self::Hotpatch(error) => error.exit_status(),
            Self::Transaction(error) => error.exit_status(),
            Self::InUse(error) => error.exit_status(),
            Self::Room(error) => error.exit_status(),
            Self::Settings(error) => error.exit_status(),
            Self::Scratch { .. } | Self::CurrentDirectory(_) | Self::Plan(_) | Self::Output(_) => {
                ExitStatus::Failed
            }
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Resolve(error) => error.hint(),
            Self::Fetch(error) => error.hint(),
            Self::Source(error) => error.hint(),
            Self::Host(error) => error.hint(),
            Self::Build(error) => error.hint(),
            Self::Install(error) => error.hint(),
            Self::Export(error) => error.hint(),
            Self::Hotpatch(error) => error.hint(),
            Self::Transaction(error) => error.hint(),
            Self::InUse(error) => error.hint(),
            Self::Room(error) => error.hint(),
            Self::Settings(error) => error.hint(),
            Self::Scratch { source, .. } if LockError::is(source) => Some(lock::HINT.to_owned()),
            Self::Scratch { .. } => {
                let instead =
                    "name another: PYBUILD_CACHE_DIR for the cache, --build-dir for the build";
                disk::hint(self, instead).or_else(|| {
                    Some(format!(
                        "see that it can be written and has room, or {instead}"
                    ))
                })
            }
            Self::Plan(_) | Self::Output(_) => None,
            Self::CurrentDirectory(_) => Some("change to a folder that exists".to_owned()),
        }
    }
}
