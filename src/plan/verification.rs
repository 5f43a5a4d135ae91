//! Verification of a release archive: the policy, and the proofs that were found.

use std::fmt;
use std::path::PathBuf;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::version::PythonVersion;
use crate::digest::Sha256;

/// `--verify`; the comments are part of `--help`.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::ValueEnum,
)]
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

/// How a release archive is verified.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ProofPolicy {
    #[serde(default)]
    pub verify: Verify,
    /// `--keyring`, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keyrings: Vec<KeyringFile>,
}

impl ProofPolicy {
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Whether an OpenPGP signature can verify this release. CPython has none from 3.14 on (PEP 761),
    /// but the user's keyrings may contain the keys of a mirror that signs its archives.
    pub fn knows_signers_of(&self, version: PythonVersion) -> bool {
        version.series() < (3, 14) || !self.keyrings.is_empty()
    }

    /// Whether a signature is sufficient if the digest is unknown.
    pub fn accepts_signatures_of(&self, version: PythonVersion) -> bool {
        self.verify != Verify::Digest && self.knows_signers_of(version)
    }
}

/// A file of trusted OpenPGP keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyringFile {
    pub path: PathBuf,
    /// The digest of the file when the request was read.
    pub sha256: Sha256,
}

/// The origin of a release archive's digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DigestProof {
    BuiltInTable,
    /// `--sha256`.
    CommandLine,
    /// python.org's release data, over HTTPS.
    PythonOrg,
    /// No digest is known, so the archive needs a good signature.
    Signature,
}

/// One verification of an archive that succeeded. A Sigstore bundle (PEP 761) would be another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Proof {
    /// The digest is the expected one.
    Digest { by: DigestProof },
    #[serde(rename = "openpgp")]
    OpenPgp(GoodSignature),
}

/// A verified OpenPGP signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct GoodSignature {
    /// The owner of the key: a release manager, or the first user ID of a key in a keyring.
    pub signer: String,
    pub fingerprint: Fingerprint,
    /// The signature's creation time.
    pub made: Timestamp,
}

impl fmt::Display for GoodSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let day = self.made.strftime("%Y-%m-%d");
        write!(f, "signed by {} on {day}", self.signer)
    }
}

/// The fingerprint of a key in upper-case hexadecimal digits (RFC 9580, section 5.5.4).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(String);

impl Fingerprint {
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self(hex::encode_upper(bytes))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
