//! Events of recovery.

use std::fmt;
use std::path::PathBuf;

use crate::progress::{self, Level};

pub(crate) enum Event {
    /// Nothing had changed yet.
    LeftoversRemoved {
        prefix: PathBuf,
    },
    RolledBack {
        prefix: PathBuf,
    },
    /// The changes were committed already.
    Finished {
        prefix: PathBuf,
    },
    NotRecovered {
        prefix: PathBuf,
        cause: String,
    },
    /// Only commands about the prefix itself will find an interrupted change of it.
    NotNoted {
        prefix: PathBuf,
        cause: String,
    },
    /// A command that changes nothing found it.
    Pending {
        prefix: PathBuf,
    },
}

impl progress::Event for Event {
    fn level(&self) -> Level {
        match self {
            Self::LeftoversRemoved { .. } | Self::NotNoted { .. } => Level::Detail,
            _ => Level::Warning,
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LeftoversRemoved { prefix } => write!(
                f,
                "removed leftover files of an interrupted pybuild run from {}",
                prefix.display()
            ),
            Self::RolledBack { prefix } => write!(
                f,
                "recovered {}: an interrupted pybuild run was rolled back",
                prefix.display()
            ),
            Self::Finished { prefix } => write!(
                f,
                "recovered {}: an interrupted pybuild run was finished",
                prefix.display()
            ),
            Self::NotRecovered { prefix, cause } => write!(
                f,
                "cannot recover {} from an interrupted pybuild run: {cause}",
                prefix.display()
            ),
            Self::NotNoted { prefix, cause } => {
                write!(f, "cannot note the change of {}: {cause}", prefix.display())
            }
            Self::Pending { prefix } => write!(
                f,
                "a pybuild run is changing {}, or was interrupted; the next command recovers it",
                prefix.display()
            ),
        }
    }
}
