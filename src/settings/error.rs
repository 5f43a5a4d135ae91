//! Errors of the command line.

use std::io;
use std::path::PathBuf;

use crate::compile::confinement::BuildUserError;
use crate::error::{ExitStatus, Explain};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{what} {} does not exist", path.display())]
    Missing { what: &'static str, path: PathBuf },
    #[error("{what} {} is not a folder", path.display())]
    NotAFolder { what: &'static str, path: PathBuf },
    #[error("{} cannot be read", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
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
            Self::Usage { .. } => ExitStatus::Usage,
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
        };
        Some(hint.to_owned())
    }
}
