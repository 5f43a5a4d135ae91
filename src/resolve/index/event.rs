//! Events of the package index.

use std::fmt;
use std::io;

use jiff::Timestamp;

use crate::error::chain;
use crate::net::address::Address;
use crate::progress::{self, Level};
use crate::resolve::index::error::IndexError;

/// An event of the package index.
pub(super) enum Event<'a> {
    /// A place of `find-links` cannot be read, and is skipped.
    Skipped(IndexError),
    CacheUsed {
        address: &'a Address,
        asked: Timestamp,
    },
    NotCached {
        address: &'a Address,
        error: io::Error,
    },
}

impl progress::Event for Event<'_> {
    fn level(&self) -> Level {
        match self {
            Self::Skipped(_) => Level::Warning,
            Self::CacheUsed { .. } | Self::NotCached { .. } => Level::Detail,
        }
    }
}

impl fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Skipped(error) => f.write_str(&chain(error)),
            Self::CacheUsed { address, asked } => {
                let asked = asked.strftime("%Y-%m-%d %H:%M UTC");
                write!(f, "{address}: the cached answer of {asked} is used")
            }
            Self::NotCached { address, error } => {
                write!(f, "the answer of {address} is not cached: {error}")
            }
        }
    }
}
