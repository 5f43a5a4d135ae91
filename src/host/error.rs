//! The reasons why this host cannot build the request.

use std::path::PathBuf;

use super::missing::Missing;
use super::toolchain::error::ToolchainError;
use crate::error::{ExitStatus, Explain};
use crate::process::CommandError;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Packages are missing.
    #[error("{0}")]
    Missing(Box<Missing>),
    /// The tools do not work, and no package fixes that.
    #[error(transparent)]
    Toolchain(#[from] ToolchainError),
    #[error("the package manager `{program}` is not in PATH")]
    NoPackageManager {
        program: &'static str,
        /// The command that installs the packages.
        command: String,
    },
    #[error("installing packages needs root, and sudo is not available without a password")]
    NeedsRoot {
        /// The command for root.
        command: String,
    },
    #[error("the packages could not be installed; the log is {}", log.display())]
    Installation { log: PathBuf, source: CommandError },
}

impl Explain for Error {
    fn exit_status(&self) -> ExitStatus {
        match self {
            Self::Toolchain(error) => error.exit_status(),
            _ => ExitStatus::Prerequisite,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Missing(missing) => missing.hint(),
            Self::Toolchain(error) => return error.hint(),
            Self::NoPackageManager { command, .. } => format!(
                "add the folder of the package manager to PATH, or install the packages yourself: `{command}`"
            ),
            Self::NeedsRoot { command } => {
                format!("run `{command}` as root, then run pybuild again")
            }
            Self::Installation { .. } => {
                "fix the error of the package manager above, or install the packages yourself and leave out --install-deps"
                    .to_owned()
            }
        })
    }
}
