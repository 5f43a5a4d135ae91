//! Events of this step.

use std::fmt;
use std::io;

use crate::digest::{Digest, Sha256};
use crate::error::chain;
use crate::net::address::Address;
use crate::progress::{self, Level};
use crate::store::Corrupt;

/// An event of this step.
pub(super) enum Event<'a> {
    /// A file in the store cannot be used.
    Corrupt(Corrupt),
    Resumed {
        address: &'a Address,
        offset: u64,
    },
    /// An origin does not have the release.
    Missed(&'a dyn fmt::Display),
    InStore {
        file_name: &'a str,
    },
    /// The SHA-256 of a file that has another digest was not stored.
    DigestNotKept {
        digest: &'a Digest,
        error: io::Error,
    },
    /// apt could not get something.
    AptComplaint(&'a str),
    /// A source package holds another archive than the release's.
    OtherArchive {
        name: &'a str,
        found: Sha256,
    },
}

impl progress::Event for Event<'_> {
    fn level(&self) -> Level {
        match self {
            Self::Corrupt(_) => Level::Warning,
            _ => Level::Detail,
        }
    }
}

impl fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Corrupt(error) => f.write_str(&chain(error)),
            Self::Resumed { address, offset } => write!(f, "{address} is resumed at byte {offset}"),
            Self::Missed(attempt) => attempt.fmt(f),
            Self::InStore { file_name } => write!(f, "{file_name} is in the store"),
            Self::DigestNotKept { digest, error } => {
                write!(
                    f,
                    "the SHA-256 of the file with {digest} is not stored: {error}"
                )
            }
            Self::AptComplaint(complaint) => f.write_str(complaint),
            Self::OtherArchive { name, found } => write!(f, "{name} has another digest: {found}"),
        }
    }
}
