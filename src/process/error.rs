//! The errors of commands.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

use super::excerpt::excerpt;

#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    #[error("`{command}` cannot be started in {}", dir.display())]
    NotStarted {
        command: String,
        dir: PathBuf,
        source: io::Error,
    },
    #[error("`{command}` failed: {status}{}", excerpt(lines))]
    Failed {
        command: String,
        status: ExitStatus,
        /// The relevant lines of its output.
        lines: Vec<String>,
        /// The error of the disk, if the command failed because of one.
        source: Option<io::Error>,
    },
    #[error("the log {} cannot be written", path.display())]
    Log { path: PathBuf, source: io::Error },
    #[error("`{command}` failed in the terminal")]
    InTerminal {
        command: String,
        source: Box<xshell::Error>,
    },
}

impl CommandError {
    /// The other way out if the disk is the cause; for the hint of a [`crate::fs::disk::Refusal`].
    pub fn instead(&self) -> &'static str {
        match self {
            Self::Log { .. } => "name another folder with PYBUILD_CACHE_DIR",
            _ => "name another folder with --build-dir",
        }
    }
}
