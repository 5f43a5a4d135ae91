//! Step 1: from what was asked for to a [`plan::Plan`].

pub mod compat;
pub mod index;
pub mod pins;
pub(crate) mod planning;
pub mod python_org;
pub mod releases;

use crate::error::{ExitStatus, Explain};
use crate::net::http::HttpError;

/// Why a request has no plan.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The client cannot be set up, as with a `PIP_CERT` that is no bundle of certificates.
    #[error(transparent)]
    Client(#[from] HttpError),
    /// `PYBUILD_PYTHON_ORG` cannot be used.
    #[error(transparent)]
    PythonOrg(#[from] python_org::Error),
    /// See [`releases::Error`].
    #[error(transparent)]
    Release(#[from] releases::Error),
    /// See [`index::IndexSettingsError`].
    #[error(transparent)]
    IndexSettings(#[from] index::IndexSettingsError),
    /// See [`pins::PinError`].
    #[error(transparent)]
    Pin(#[from] pins::PinError),
    /// See [`compat::Error`].
    #[error(transparent)]
    Compat(#[from] compat::Error),
}

impl Explain for Error {
    fn exit_status(&self) -> ExitStatus {
        match self {
            Self::Client(_) | Self::PythonOrg(_) => ExitStatus::Usage,
            Self::Release(error) => error.exit_status(),
            Self::IndexSettings(error) => error.exit_status(),
            Self::Pin(error) => error.exit_status(),
            Self::Compat(error) => error.exit_status(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Client(_) => Some(
                "name a file of certificates in PEM form, or none: PIP_CERT, pip's `cert` setting and SSL_CERT_FILE are used".to_owned(),
            ),
            Self::PythonOrg(_) => {
                Some("unset PYBUILD_PYTHON_ORG, or set it to an https address".to_owned())
            }
            Self::Release(error) => error.hint(),
            Self::IndexSettings(error) => error.hint(),
            Self::Pin(error) => error.hint(),
            Self::Compat(error) => error.hint(),
        }
    }
}
