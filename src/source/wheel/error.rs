//! Why a file is not a wheel that can be used.

use std::path::PathBuf;

use crate::archive::zip::Error as UnzipError;
use crate::error::{ExitStatus, Explain};
use crate::plan::wheel_name::InvalidWheelName;

/// Why a file is not a wheel that can be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its name is not a wheel's.
    #[error("the wheel {} cannot be used", path.display())]
    Name {
        /// The file.
        path: PathBuf,
        /// Why.
        source: InvalidWheelName,
    },
    /// It cannot be read, is no zip archive, or one that can be read in more than one way.
    #[error("the wheel {} is refused", path.display())]
    Archive {
        /// The file.
        path: PathBuf,
        /// Why.
        source: UnzipError,
    },
    /// It contradicts itself.
    #[error("the wheel {} contradicts itself: {what}", path.display())]
    Contradiction {
        /// The file.
        path: PathBuf,
        /// What does not agree, with both values.
        what: String,
    },
}

impl Explain for Error {
    fn exit_status(&self) -> ExitStatus {
        ExitStatus::Input
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Name { .. } => "give the wheel the name that it was published with, such as \
                 `pip-24.0-py3-none-any.whl`"
                .to_owned(),
            Self::Archive {
                source: UnzipError::Io(_),
                ..
            } => "check that the file is there and may be read".to_owned(),
            Self::Archive { .. } | Self::Contradiction { .. } => {
                "the file is damaged or was changed after it was built: get it again from where it \
                 was published"
                    .to_owned()
            }
        })
    }
}
