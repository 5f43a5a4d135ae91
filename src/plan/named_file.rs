//! Files that options name by a path or by an address with a digest: patches, and wheels to install.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::digest::Sha256;
use crate::net::address::Address;

/// A file, and the digest of its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedFile {
    #[serde(flatten)]
    pub location: FileLocation,
    /// Of a path, the digest when the request was read.
    pub sha256: Sha256,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileLocation {
    Path(PathBuf),
    Url(Address),
}

impl NamedFile {
    /// The path or the address.
    pub fn name(&self) -> String {
        match &self.location {
            FileLocation::Path(path) => path.display().to_string(),
            FileLocation::Url(address) => address.to_string(),
        }
    }

    /// The last part of the path or the address.
    pub fn file_name(&self) -> String {
        let name = self.name();
        let last = name.rsplit('/').next().unwrap_or_default();
        last.split(['?', '#']).next().unwrap_or_default().to_owned()
    }

    /// The path, if it is named by one.
    pub fn path(&self) -> Option<&Path> {
        match &self.location {
            FileLocation::Path(path) => Some(path),
            FileLocation::Url(_) => None,
        }
    }
}
