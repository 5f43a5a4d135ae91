//! CPython's source.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::verification::{DigestProof, ProofPolicy};
use crate::digest::Sha256;
use crate::net::address::Address;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Source {
    /// A release archive: any of the accepted files, from the first origin that has one.
    Archive {
        /// The files that are this release; empty if no digest is known.
        accepted: Vec<ReleaseFile>,
        /// The origin of their digests.
        proof: DigestProof,
        /// The origins to search, in order.
        origins: Vec<Origin>,
        #[serde(default, skip_serializing_if = "ProofPolicy::is_default")]
        proofs: ProofPolicy,
    },
    /// An unpacked tree from the user, which is not verified.
    Tree { path: PathBuf },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseFile {
    /// Its name on python.org, such as `Python-3.11.2.tgz`.
    pub name: String,
    pub sha256: Sha256,
}

/// `--source`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceLocation {
    /// A release archive or an unpacked tree.
    Path(PathBuf),
    /// A release archive.
    Url(Address),
}

/// A place to search for a release archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// `--source FILE`.
    File(PathBuf),
    /// `--source URL`.
    Url(Address),
    Store,
    /// `--mirror DIR`.
    MirrorFolder(PathBuf),
    /// `--mirror URL`: the base URL of release archives.
    MirrorUrl(Address),
    /// python.org, or the address in `PYBUILD_PYTHON_ORG`.
    PythonOrg(Address),
    /// The host's package manager.
    HostPackages,
}
