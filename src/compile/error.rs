//! The error of the compile step.

use std::path::PathBuf;

use crate::compile::confinement::BuildUserError;
use crate::error::{ExitStatus, Explain};
use crate::fs::disk;
use crate::process::CommandError;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Command(CommandError),
    #[error(transparent)]
    User(#[from] BuildUserError),
    #[error("the source tree cannot be read")]
    Tree(#[source] std::io::Error),
    #[error("`make` succeeded but left no interpreter in {}", tree.display())]
    NoInterpreter { tree: PathBuf },
}

impl Explain for Error {
    fn exit_status(&self) -> ExitStatus {
        match self {
            Self::User(error) => error.exit_status(),
            _ => ExitStatus::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        let of_disk = match self {
            Self::User(error) => return error.hint(),
            Self::Command(error) => disk::hint(error, error.instead()),
            _ => None,
        };
        Some(of_disk.unwrap_or_else(|| SEE_LOG.to_owned()))
    }
}

/// The hint for a failed command of the build.
pub(crate) const SEE_LOG: &str =
    "see the log for the full output; --keep-build keeps the build folder for inspection";
