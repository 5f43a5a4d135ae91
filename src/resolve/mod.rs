//! Step 1: from what was asked for to a [`plan::Plan`].

pub mod index;
pub mod pins;
pub mod plan;
pub mod python_org;
pub mod releases;
pub mod requires_python;
pub mod version;
pub mod wheel_name;

use crate::error::{ExitStatus, Explain};

/// Why a request has no plan.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// See [`releases::Error`].
    #[error(transparent)]
    Release(#[from] releases::Error),
    /// See [`index::IndexSettingsError`].
    #[error(transparent)]
    IndexSettings(#[from] index::IndexSettingsError),
    /// See [`pins::PinError`].
    #[error(transparent)]
    Pin(#[from] pins::PinError),
}

impl Explain for Error {
    fn exit_status(&self) -> ExitStatus {
        match self {
            Self::Release(error) => error.exit_status(),
            Self::IndexSettings(error) => error.exit_status(),
            Self::Pin(error) => error.exit_status(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Release(error) => error.hint(),
            Self::IndexSettings(error) => error.hint(),
            Self::Pin(error) => error.hint(),
        }
    }
}
