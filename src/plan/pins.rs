//! The versions that `ensurepip` will bundle.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::text;
use crate::digest::Sha256;
use crate::net::address::Address;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pins {
    pub pip: Pin,
    /// Always [`Pin::Bundled`] if that CPython does not bundle setuptools.
    pub setuptools: Pin,
}

impl Pins {
    /// The wheels to fetch.
    pub fn wheels(&self) -> impl Iterator<Item = &WheelInput> {
        [&self.pip, &self.setuptools]
            .into_iter()
            .filter_map(|pin| match pin {
                Pin::Wheel(wheel) => Some(wheel),
                Pin::Bundled | Pin::Removed => None,
            })
    }

    /// Whether `ensurepip` stays as released.
    pub fn change_nothing(&self) -> bool {
        self.pip == Pin::Bundled && self.setuptools == Pin::Bundled
    }
}

/// The change to one project that `ensurepip` bundles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pin {
    /// None.
    Bundled,
    /// The project is removed.
    Removed,
    /// This wheel replaces the bundled one.
    Wheel(WheelInput),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WheelInput {
    /// The project's normalised name (PEP 503).
    pub project: String,
    #[serde(with = "text")]
    pub version: pep440_rs::Version,
    pub file_name: String,
    pub sha256: Sha256,
    pub location: WheelLocation,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WheelLocation {
    /// A file on this machine, from the command line or from an index in a folder.
    Path(PathBuf),
    /// An address in an index.
    Url(Address),
}
