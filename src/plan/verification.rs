//! What a release's source has to prove itself with, and what it did prove itself with.

use std::fmt;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::digest::Sha256;
use crate::plan::DigestProof;
use crate::plan::version::PythonVersion;

/// What proves that an archive is the release that it is called.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Verify {
    /// Accept only a known digest; ignore signatures
    Digest,
    /// Require a good signature, even if the digest is known
    Signature,
    /// Accept a known digest or a good signature; reject a bad signature beside the archive
    #[default]
    Any,
}

/// How a release's source is verified.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ProofPolicy {
    /// `--verify`.
    #[serde(default)]
    pub verify: Verify,
    /// `--keyring`, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keyrings: Vec<KeyringFile>,
}

impl ProofPolicy {
    /// Whether nothing else than the default is asked for.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Whether an OpenPGP signature can prove this release. PEP 761 ended them with 3.14; whoever
    /// signs a mirror of their own may go on.
    #[must_use]
    pub fn knows_signers_of(&self, version: PythonVersion) -> bool {
        version.series() < (3, 14) || !self.keyrings.is_empty()
    }

    /// Whether a signature may stand in for a digest that nobody knows.
    #[must_use]
    pub fn accepts_signatures_of(&self, version: PythonVersion) -> bool {
        self.verify != Verify::Digest && self.knows_signers_of(version)
    }
}

/// A file of OpenPGP keys that the person trusts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyringFile {
    /// Where it is.
    pub path: PathBuf,
    /// What it held when the request was read.
    pub sha256: Sha256,
}

/// What an archive proved itself with. A Sigstore bundle (PEP 761) would be one more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Proof {
    /// It has a digest that is believed.
    Digest {
        /// Why.
        by: DigestProof,
    },
    /// A good OpenPGP signature.
    #[serde(rename = "openpgp")]
    OpenPgp(GoodSignature),
}

/// An OpenPGP signature that was verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct GoodSignature {
    /// Whose key it is: a release manager, or the first user ID of a key in a keyring.
    pub signer: String,
    /// The key.
    pub fingerprint: Fingerprint,
    /// When the signature was made, as it says itself.
    pub made: Timestamp,
}

impl fmt::Display for GoodSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let day = self.made.strftime("%Y-%m-%d");
        write!(f, "signed by {} on {day}", self.signer)
    }
}

/// The fingerprint of a key (RFC 9580, section 5.5.4); written in capital hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// The fingerprint that has these bytes.
    #[must_use]
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self(hex::encode_upper(bytes))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
