//! Step 1: resolves a request to a [`crate::plan::Plan`].

pub(crate) mod compat;
pub mod index;
pub(crate) mod pins;
pub(crate) mod planning;
pub(crate) mod python_org;
pub(crate) mod releases;

use crate::error::{ExitStatus, Explain};
use crate::net::error::HttpError;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The HTTP client cannot be set up, for example because of a wrong `PIP_CERT`.
    #[error(transparent)]
    Client(#[from] HttpError),
    /// The address in `PYBUILD_PYTHON_ORG` is wrong.
    #[error(transparent)]
    PythonOrg(#[from] python_org::Error),
    #[error(transparent)]
    Release(#[from] releases::Error),
    #[error(transparent)]
    IndexSettings(#[from] index::IndexSettingsError),
    #[error(transparent)]
    Pin(#[from] pins::PinError),
    #[error(transparent)]
    Compat(#[from] compat::Error),
}

impl Error {
    /// The step's error, or the hint for an error that is one of settings here.
    fn inner(&self) -> Result<&dyn Explain, &'static str> {
        match self {
            Self::Client(_) => Err(
                "set PIP_CERT, pip's `cert` setting or SSL_CERT_FILE to a file of \
                 certificates in PEM form, or unset it",
            ),
            Self::PythonOrg(_) => Err("unset PYBUILD_PYTHON_ORG, or set it to an https address"),
            Self::Release(error) => Ok(error),
            Self::IndexSettings(error) => Ok(error),
            Self::Pin(error) => Ok(error),
            Self::Compat(error) => Ok(error),
        }
    }
}

impl Explain for Error {
    fn exit_status(&self) -> ExitStatus {
        self.inner().map_or(ExitStatus::Usage, Explain::exit_status)
    }

    fn hint(&self) -> Option<String> {
        self.inner()
            .map_or_else(|hint| Some(hint.to_owned()), Explain::hint)
    }
}
