//! Errors of checking a wheel.

use std::path::PathBuf;

use crate::archive::zip;
use crate::error::{ExitStatus, Explain};
use crate::plan::wheel_name::InvalidWheelName;

/// Why a wheel is refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the wheel {} cannot be used", path.display())]
    Name {
        path: PathBuf,
        source: InvalidWheelName,
    },
    #[error("the wheel {} is refused", path.display())]
    Archive { path: PathBuf, source: zip::Error },
    /// `what` has both values.
    #[error("the wheel {} contradicts itself: {what}", path.display())]
    Contradiction { path: PathBuf, what: String },
}

impl Explain for Error {
    fn exit_status(&self) -> ExitStatus {
        ExitStatus::Input
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Name { .. } => {
                "give the wheel the name that it was published with, such as \
                 `pip-24.0-py3-none-any.whl`"
            }
            Self::Archive {
                source: zip::Error::Io(_),
                ..
            } => "check that the file exists and is readable",
            Self::Archive { .. } | Self::Contradiction { .. } => {
                "the file is corrupt or was changed after it was built: download it again from \
                 where it was published"
            }
        };
        Some(hint.to_owned())
    }
}
