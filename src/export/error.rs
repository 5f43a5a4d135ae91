//! Errors of writing a patch.

use std::io;
use std::path::{Path, PathBuf};

use crate::error::{ExitStatus, Explain};
use crate::fs::disk;
use crate::source::ensurepip;

/// Why a patch was not written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{} cannot be read", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Pin(#[from] ensurepip::Error),
    #[error("{} exists already and is no regular file", path.display())]
    NotAFile { path: PathBuf },
    #[error("{} cannot be written", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("standard output cannot be written")]
    StandardOutput(#[source] io::Error),
}

impl Error {
    pub(super) fn read(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        |source| Self::Read { path, source }
    }

    pub(super) fn write(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        |source| Self::Write { path, source }
    }
}

impl Explain for Error {
    fn exit_status(&self) -> ExitStatus {
        match self {
            Self::Read { .. } => ExitStatus::Input,
            Self::Pin(error) => error.exit_status(),
            Self::NotAFile { .. } => ExitStatus::Usage,
            Self::Write { .. } | Self::StandardOutput(_) => ExitStatus::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Read { .. } => "check its permissions, and that nothing else changes it",
            Self::Pin(error) => return error.hint(),
            Self::NotAFile { .. } => "name another file with -o; `-o -` is standard output",
            Self::Write { .. } => "check that its folder exists, is writable and has room",
            Self::StandardOutput(_) => "write to a file instead: `-o FILE`",
        };
        disk::hint(self, "name another place with -o").or(Some(hint.to_owned()))
    }
}
