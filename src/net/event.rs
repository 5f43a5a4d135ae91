//! Events of requests.

use std::fmt;
use std::time::Duration;

use crate::net::address::Address;
use crate::progress::{self, Level};

/// An event of a request. Only `-v` shows it.
pub(crate) enum Event<'a> {
    Asking(&'a Address),
    /// The request failed, and is repeated after a pause.
    Retried {
        error: &'a dyn fmt::Display,
        pause: Duration,
    },
}

impl progress::Event for Event<'_> {
    fn level(&self) -> Level {
        Level::Detail
    }
}

impl fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asking(address) => write!(f, "asking {address}"),
            Self::Retried { error, pause } => {
                write!(f, "{error}; trying again in {:.1} s", pause.as_secs_f64())
            }
        }
    }
}
