//! What every step's error can say of itself: the exit code it leads to and what to do next.

use crate::disk;
use crate::lock::{self, LockError};
use crate::room::NoRoom;
use crate::running::Running;
use crate::{build, export, fetch, host, hotpatch, install, resolve, source};

/// The process's exit code (the table is in README.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitStatus {
    /// All was done.
    Done = 0,
    /// The build, the staging or the commit failed.
    Failed = 1,
    /// The command line asks for something that makes no sense.
    Usage = 2,
    /// The request cannot be resolved: no such version, no fitting wheel.
    Unresolvable = 3,
    /// An input cannot be fetched, or is not what it should be.
    Input = 4,
    /// Something that the build needs is not on this host.
    Prerequisite = 5,
    /// The result does not pass its checks.
    Check = 6,
    /// Ended by Ctrl-C.
    Interrupted = 130,
}

/// An error that knows what it means for the process and for the person.
pub trait Explain: std::error::Error {
    /// The exit code that this error leads to.
    fn exit_status(&self) -> ExitStatus;

    /// What the person should do next, in a sentence; printed behind `hint:`.
    fn hint(&self) -> Option<String> {
        None
    }
}

/// An error and its causes on one line, for where there is room for one line only.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        // Some libraries repeat their cause in their own words.
        if !text.ends_with(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}

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
    /// See [`build::Error`].
    #[error(transparent)]
    Build(#[from] build::Error),
    /// See [`install::Error`].
    #[error(transparent)]
    Install(#[from] install::Error),
    /// See [`export::Error`].
    #[error(transparent)]
    Export(#[from] export::Error),
    /// See [`hotpatch::Error`].
    #[error(transparent)]
    Hotpatch(#[from] hotpatch::Error),
    /// See [`Running`].
    #[error(transparent)]
    Running(#[from] Running),
    /// See [`NoRoom`].
    #[error(transparent)]
    Room(#[from] NoRoom),
    /// A file that the command line names is not there.
    #[error("{what} {} does not exist", path.display())]
    Missing {
        /// The option.
        what: &'static str,
        /// What it names.
        path: std::path::PathBuf,
    },
    /// Something else than a folder stands where the command line names one.
    #[error("{what} {} is not a folder", path.display())]
    NotAFolder {
        /// The option or variable.
        what: &'static str,
        /// What it names.
        path: std::path::PathBuf,
    },
    /// A file that the command line names cannot be read.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// What it names.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
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
    /// The options given do not go together.
    #[error("{what}")]
    Usage {
        /// What does not go together.
        what: String,
        /// What would.
        hint: String,
    },
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
            Self::Running(error) => error.exit_status(),
            Self::Room(error) => error.exit_status(),
            Self::Missing { .. } | Self::NotAFolder { .. } | Self::Unreadable { .. } => {
                ExitStatus::Input
            }
            Self::Scratch { .. } | Self::CurrentDirectory(_) | Self::Plan(_) | Self::Output(_) => {
                ExitStatus::Failed
            }
            Self::Usage { .. } => ExitStatus::Usage,
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
            Self::Running(error) => error.hint(),
            Self::Room(error) => error.hint(),
            Self::Missing { .. } | Self::Unreadable { .. } => {
                Some("check the path and who may read it".to_owned())
            }
            Self::NotAFolder { .. } => Some(
                "name the folder of the release files; one release file is a --source".to_owned(),
            ),
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
            Self::Usage { hint, .. } => Some(hint.clone()),
        }
    }
}
