//! The error of a command joins the errors of its steps.

use std::io;
use std::path::PathBuf;

use crate::digest::Sha256;
use crate::error::{ExitStatus, Explain};
use crate::export::bundle::BundleError;
use crate::fs::disk;
use crate::fs::free_space::NoRoom;
use crate::fs::lock::{self, LockError};
use crate::process::in_use::InUse;
use crate::settings;
use crate::{compile, export, fetch, host, hotpatch, install, resolve, source, transaction};

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Resolve(#[from] resolve::Error),
    #[error(transparent)]
    Fetch(#[from] fetch::Error),
    #[error(transparent)]
    Source(#[from] source::Error),
    #[error(transparent)]
    Host(#[from] host::Error),
    #[error(transparent)]
    Compile(#[from] compile::Error),
    #[error(transparent)]
    Install(#[from] install::Error),
    #[error(transparent)]
    Export(#[from] export::Error),
    #[error(transparent)]
    Bundle(#[from] BundleError),
    #[error(transparent)]
    Hotpatch(#[from] hotpatch::Error),
    #[error(transparent)]
    Transaction(#[from] transaction::Error),
    #[error(transparent)]
    InUse(#[from] InUse),
    #[error(transparent)]
    Room(#[from] NoRoom),
    #[error(transparent)]
    Settings(#[from] settings::Error),
    /// The cache folder or the build folder.
    #[error("the folder {} cannot be used", path.display())]
    Scratch { path: PathBuf, source: io::Error },
    #[error("the current directory cannot be used")]
    CurrentDirectory(#[source] io::Error),
    #[error("the plan cannot be written as TOML")]
    Plan(#[source] toml::ser::Error),
    #[error("standard output cannot be written")]
    Output(#[source] io::Error),
    /// Some of several builds failed. Their errors are printed.
    #[error("{} of {total} builds failed: {}", failed.len(), failed.join(", "))]
    Builds {
        failed: Vec<String>,
        total: usize,
        /// Of the first that failed.
        status: ExitStatus,
    },
    #[error("not tried: it has the compile of `{0}`, which failed")]
    SameCompile(String),
    /// A repeated build got another input.
    #[error("{name} is not that of the record: its sha256 is {now} instead of {before}")]
    OtherInput {
        name: String,
        before: Sha256,
        now: Sha256,
    },
    #[error("{what} did not come out the same: {files} file{}", if *files == 1 { "" } else { "s" })]
    NotReproduced { what: String, files: usize },
    #[error("{} has no record that this pybuild understands", path.display())]
    NoRecord { path: PathBuf },
    #[error("the lock {} cannot be written", path.display())]
    Lock { path: PathBuf, source: io::Error },
    #[error("{what} differs from its record: {files} file{}", if *files == 1 { "" } else { "s" })]
    Differs { what: String, files: usize },
    #[error("no job can be taken from the jobs of all builds")]
    Jobs(#[source] io::Error),
}

/// Lets `?` convert the errors that a step's own error contains.
macro_rules! contained {
    ($($step:ident: $($inner:ty),+;)+) => {$($(
        impl From<$inner> for Error {
            fn from(error: $inner) -> Self {
                Self::$step(error.into())
            }
        }
    )+)+};
}

contained! {
    Resolve: resolve::compat::Error, resolve::index::IndexSettingsError, resolve::pins::PinError,
        resolve::python_org::Error, resolve::releases::Error;
    Source: source::UnpackError;
    Compile: compile::BuildUserError;
    Install: install::CheckError;
}

impl Error {
    /// Whether `configure` or `make` failed.
    pub(crate) fn is_of_compile(&self) -> bool {
        matches!(self, Self::Compile(_))
    }

    fn of_step(&self) -> Option<&dyn Explain> {
        Some(match self {
            Self::Resolve(error) => error,
            Self::Fetch(error) => error,
            Self::Source(error) => error,
            Self::Host(error) => error,
            Self::Compile(error) => error,
            Self::Install(error) => error,
            Self::Export(error) => error,
            Self::Bundle(error) => error,
            Self::Hotpatch(error) => error,
            Self::Transaction(error) => error,
            Self::InUse(error) => error,
            Self::Room(error) => error,
            Self::Settings(error) => error,
            Self::Scratch { .. }
            | Self::CurrentDirectory(_)
            | Self::Plan(_)
            | Self::Output(_)
            | Self::Builds { .. }
            | Self::SameCompile(_)
            | Self::Differs { .. }
            | Self::Lock { .. }
            | Self::OtherInput { .. }
            | Self::NotReproduced { .. }
            | Self::NoRecord { .. }
            | Self::Jobs(_) => return None,
        })
    }
}

impl Explain for Error {
    fn exit_status(&self) -> ExitStatus {
        match self {
            Self::Builds { status, .. } => *status,
            Self::Differs { .. } | Self::NotReproduced { .. } => ExitStatus::Check,
            Self::OtherInput { .. } | Self::NoRecord { .. } => ExitStatus::Input,
            _ => self
                .of_step()
                .map_or(ExitStatus::Failed, Explain::exit_status),
        }
    }

    fn hint(&self) -> Option<String> {
        const INSTEAD: &str =
            "name another: PYBUILD_CACHE_DIR for the cache, --build-dir for the build";
        match self {
            Self::Scratch { source, .. } if LockError::is(source) => Some(lock::HINT.to_owned()),
            Self::Scratch { .. } => disk::hint(self, INSTEAD).or_else(|| {
                Some(format!(
                    "check that it can be written and has room, or {INSTEAD}"
                ))
            }),
            Self::SameCompile(_) => Some("see the hint of that build".to_owned()),
            Self::Differs { .. } => Some(
                "the files are listed on standard output; the same build with --force replaces them"
                    .to_owned(),
            ),
            Self::OtherInput { .. } => {
                Some("put the recorded file into the cache or into an index".to_owned())
            }
            Self::NotReproduced { .. } => Some(
                "the files and the likely causes are on standard output; docs/reproducible.md explains them"
                    .to_owned(),
            ),
            Self::NoRecord { .. } => {
                Some("name a prefix, a version or a record.json that pybuild wrote".to_owned())
            }
            Self::Lock { .. } => Some("check the folder of the recipe and its permissions".to_owned()),
            Self::CurrentDirectory(_) => Some("change to a folder that exists".to_owned()),
            _ => self.of_step()?.hint(),
        }
    }
}
