//! The reasons why a signature does not verify an archive.

use std::io;

use jiff::Timestamp;

use super::openpgp::Malformed;
use crate::plan::version::PythonVersion;

/// In bytes. The whole archive has to be in memory, as `ring` does not verify digests. Releases have
/// about 30 MiB.
pub(super) const LARGEST_ARCHIVE: u64 = 1 << 28;

/// A time in seconds since 1970, as OpenPGP has them, to the minute.
fn minute(seconds: u32) -> impl std::fmt::Display {
    time(seconds).strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// Every time of OpenPGP is before 2107.
pub(super) fn time(seconds: u32) -> Timestamp {
    Timestamp::from_second(seconds.into()).unwrap_or_default()
}

/// A signature does not verify an archive.
#[derive(Debug, thiserror::Error)]
pub enum SignatureError {
    /// The file does not hold signatures.
    #[error("it is not an OpenPGP signature")]
    NotASignature(#[from] Malformed),
    /// The signature is of a text, of a key, or of nothing.
    #[error("it is not a signature of a file")]
    NotOfAFile,
    /// Without a creation time, the validity of the key at that time is unknown.
    #[error("it has no creation time")]
    Undated,
    /// No trusted key made it. The issuer is a fingerprint or a key ID.
    #[error("it was made by {issuer}, which is neither a release manager's key nor in a keyring")]
    UnknownKey { issuer: String },
    /// The named algorithm is not supported.
    #[error("it was made with {0}, which pybuild does not support")]
    Unsupported(String),
    /// A trusted key made it, and something is wrong.
    #[error("it was made by {signer} on {} {fault}", minute(*made))]
    Faulty {
        /// The name and the fingerprint.
        signer: String,
        /// Seconds since 1970.
        made: u32,
        fault: Fault,
    },
    /// The archive cannot be read.
    #[error("the archive cannot be read")]
    Archive(#[source] io::Error),
    /// See [`LARGEST_ARCHIVE`].
    #[error("the archive has more than {} MiB", LARGEST_ARCHIVE >> 20)]
    TooLarge,
}

/// What is wrong with a trusted key's signature. Times are in seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("for another file: this file or its signature was changed")]
    OtherFile,
    #[error("with a key for {series}, not for {release}")]
    WrongSeries {
        series: String,
        release: PythonVersion,
    },
    #[error("with {0}, which can be forged")]
    WeakHash(String),
    #[error("under a condition that pybuild does not understand")]
    UnknownCondition,
    #[error("with a key that is not for signing")]
    NotForSigning,
    #[error("with a key that was revoked on {}", minute(*.0))]
    KeyRevoked(u32),
    #[error("before the key was created on {}", minute(*.0))]
    BeforeKey(u32),
    #[error("after the key expired on {}", minute(*.0))]
    KeyExpired(u32),
    #[error("and expired on {}", minute(*.0))]
    Expired(u32),
}

impl SignatureError {
    /// Whether the signature matches the file and yet does not verify it. A known digest does then.
    /// Older releases are signed with SHA-1, and the owner of a built-in key may have extended it.
    #[must_use]
    pub fn is_doubt(&self) -> bool {
        matches!(
            self.fault(),
            Some(Fault::WeakHash(_) | Fault::KeyExpired(_))
        )
    }

    fn fault(&self) -> Option<&Fault> {
        match self {
            Self::Faulty { fault, .. } => Some(fault),
            _ => None,
        }
    }

    pub(super) fn hint(&self) -> &'static str {
        match (self, self.fault()) {
            (Self::UnknownKey { .. }, _) => {
                "if you trust that key, pass it with `--keyring`; otherwise get the archive and its signature from another origin"
            }
            (_, Some(Fault::KeyExpired(_))) => {
                "the owner may have extended the key: pass a newer copy of it with `--keyring`"
            }
            (Self::Unsupported(_), _) | (_, Some(Fault::WeakHash(_))) => {
                "verify the digest instead: `--verify digest`, and `--sha256` if pybuild does not know the digest"
            }
            (Self::Archive(_), _) => "check the path and its permissions",
            // The hint names no way to ignore these.
            (_, Some(Fault::OtherFile | Fault::KeyRevoked(_) | Fault::WrongSeries { .. })) => {
                "get the archive and its signature again, from another origin"
            }
            _ => {
                "get the archive and its signature again; `--verify digest` verifies the digest alone"
            }
        }
    }
}
