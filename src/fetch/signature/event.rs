//! Events of the search for a signature.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::signature_error::SignatureError;
use crate::plan::verification::GoodSignature;
use crate::progress::{Event, Level};

pub(super) enum SignatureEvent {
    Verified {
        archive: String,
        signature: GoodSignature,
    },
    /// The archive has a known digest, so the build continues.
    Doubtful {
        signature: String,
        error: SignatureError,
    },
    UnreadableInStore {
        path: PathBuf,
        error: io::Error,
    },
}

impl Event for SignatureEvent {
    fn level(&self) -> Level {
        match self {
            Self::Verified { .. } => Level::Detail,
            Self::Doubtful { .. } | Self::UnreadableInStore { .. } => Level::Warning,
        }
    }
}

impl fmt::Display for SignatureEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Verified { archive, signature } => write!(f, "{archive} is {signature}"),
            Self::Doubtful { signature, error } => write!(
                f,
                "ignored the signature {signature}, because the digest verifies the archive: {error}"
            ),
            Self::UnreadableInStore { path, error } => {
                write!(f, "cannot read {} in the store: {error}", path.display())
            }
        }
    }
}
