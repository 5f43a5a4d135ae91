//! The source step.

pub mod change;
pub mod ensurepip;
pub mod sbom;
pub mod wheel;

use crate::error::{ExitStatus, Explain};

/// Why this step failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// See [`ensurepip::Error`].
    #[error(transparent)]
    Ensurepip(#[from] ensurepip::Error),
}

impl Explain for Error {
    fn exit_status(&self) -> ExitStatus {
        match self {
            Self::Ensurepip(error) => error.exit_status(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Ensurepip(error) => error.hint(),
        }
    }
}
