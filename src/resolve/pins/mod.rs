//! What `ensurepip` is to bundle: what people type, and the wheel that it comes to.

mod choose;
mod error;
mod select;
mod wheel_file;

pub use choose::{Choice, Chooser};
pub use error::PinError;
pub use select::Reason;

use std::fmt;
use std::path::PathBuf;

use super::index::IndexWheel;
use crate::digest::{Digest, Sha256};

/// Gets the wheels that an index lists, so that their `METADATA` is read before a plan names them.
pub trait WheelFiles {
    /// Why a wheel cannot be had, or why no wheel can be chosen.
    type Error: From<PinError>;

    /// The file of `wheel`, which is on another host and has to have this digest.
    ///
    /// # Errors
    /// When it cannot be fetched, or has another digest.
    fn get(&self, wheel: &IndexWheel, digest: &Digest) -> Result<WheelFile, Self::Error>;
}

/// A wheel on this machine.
#[derive(Debug, Clone)]
pub struct WheelFile {
    /// Where it is; in the store, it has another name.
    pub path: PathBuf,
    /// Its digest.
    pub sha256: Sha256,
}

/// The projects that `ensurepip` can bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Project {
    /// pip.
    Pip,
    /// setuptools.
    Setuptools,
}

impl Project {
    /// The name, in PEP 503's normal form.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pip => "pip",
            Self::Setuptools => "setuptools",
        }
    }

    /// The project with that name in PEP 503's normal form.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Pip, Self::Setuptools]
            .into_iter()
            .find(|project| project.name() == name)
    }
}

impl fmt::Display for Project {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
