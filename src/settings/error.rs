//! Errors of the command line.

use std::path::PathBuf;

use crate::compile;
use crate::error::{ExitStatus, Explain};

/// Why the arguments cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file that the command line names does not exist.
    #[error("{what} {} does not exist", path.display())]
    Missing {
        /// The option.
        what: &'static str,
        /// The path.
        path: PathBuf,
    },
    /// The command line names something else than a folder where a folder is needed.
    #[error("{what} {} is not a folder", path.display())]
    NotAFolder {
        /// The option or variable.
        what: &'static str,
        /// The path.
        path: PathBuf,
    },
    /// A file that the command line names cannot be read.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// The path.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The build user cannot be used.
    #[error(transparent)]
    BuildUser(#[from] compile::BuildUserError),
    /// The options contradict each other.
    #[error("{what}")]
    Usage {
        /// The contradiction.
        what: String,
        /// How to resolve it.
        hint: String,
    },
}

impl Explain for Error {
    fn exit_status(&self) -> ExitStatus {
        match self {
            Self::Missing { .. } | Self::NotAFolder { .. } | Self::Unreadable { .. } => {
                ExitStatus::Input
            }
            Self::BuildUser(error) => error.exit_status(),
            Self::Usage { .. } => ExitStatus::Usage,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Missing { .. } | Self::Unreadable { .. } => {
                Some("check the path and who may read it".to_owned())
            }
            Self::NotAFolder { .. } => Some(
                "name the folder of the release files; one release file is a --source".to_owned(),
            ),
            Self::BuildUser(error) => error.hint(),
            Self::Usage { hint, .. } => Some(hint.clone()),
        }
    }
}
