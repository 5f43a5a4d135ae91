//! What can be wrong with a signature, a keyring, or the want of a signature.

use std::fmt;
use std::io;
use std::path::PathBuf;

use jiff::Timestamp;
use pgp::crypto::hash::HashAlgorithm;

use crate::digest::Sha256;
use crate::error::{ExitStatus, Explain};
use crate::fetch::attempt::{Attempt, decisive, lines};
use crate::plan::verification::Fingerprint;
use crate::plan::version::PythonVersion;

/// A key that is known, as an error shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    /// Whose it is.
    pub name: String,
    /// The primary key's fingerprint.
    pub fingerprint: Fingerprint,
}

impl fmt::Display for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.fingerprint)
    }
}

fn day(time: &Timestamp) -> impl fmt::Display {
    time.strftime("%Y-%m-%d %H:%M UTC")
}

/// What is wrong with a signature.
#[derive(Debug, thiserror::Error)]
pub enum SignatureError {
    /// It is something else.
    #[error("it is not an OpenPGP signature: {0}")]
    NotASignature(&'static str),
    /// It may have been one.
    #[error("it is not an OpenPGP signature that can be read")]
    Malformed(#[source] Box<pgp::errors::Error>),
    /// It signs text, a key, or nothing.
    #[error("it is not a signature of a file")]
    NotOfAFile,
    /// It does not say when it was made, so nothing can be said of the key at that time.
    #[error("it does not say when it was made")]
    Undated,
    /// Nobody that is believed made it.
    #[error(
        "it was made by the key {issuer}, which is neither a release manager's nor in a keyring that was given"
    )]
    UnknownKey {
        /// Fingerprint or key ID, as far as it names one.
        issuer: String,
    },
    /// A release manager's key, but of other releases.
    #[error("it was made by {signer}, who signs {series} and not {release}")]
    WrongSeries {
        /// Who made it.
        signer: Signer,
        /// What they sign.
        series: String,
        /// What it should have been.
        release: PythonVersion,
    },
    /// It signs something else.
    #[error(
        "what {signer} signed on {} is another file: this one or its signature was changed",
        day(made)
    )]
    Mismatch {
        /// Who made it.
        signer: Signer,
        /// When.
        made: Timestamp,
    },
    /// It proves little.
    #[error("it was made by {signer}, but with {hash}, which can be forged")]
    WeakHash {
        /// Who made it.
        signer: Signer,
        /// With which hash.
        hash: HashAlgorithm,
    },
    /// It is made with something that is not known.
    #[error("it was made with an unknown hash algorithm")]
    UnknownHash,
    /// It has a condition that is not understood.
    #[error("it was made by {signer} under a condition that pybuild does not understand")]
    NotUnderstood {
        /// Who made it.
        signer: Signer,
    },
    /// The key is for something else.
    #[error("it was made by {signer} with a key that is not for signing")]
    NotForSigning {
        /// Whose key it is.
        signer: Signer,
    },
    /// The owner took the key back.
    #[error("it was made by {signer}, whose key was revoked on {}", day(revoked))]
    Revoked {
        /// Whose key it is.
        signer: Signer,
        /// When it was revoked.
        revoked: Timestamp,
    },
    /// The key was not made yet.
    #[error(
        "it was made by {signer} on {}, before the key was made on {}",
        day(made),
        day(created)
    )]
    MadeBefore {
        /// Whose key it is.
        signer: Signer,
        /// When the signature was made.
        made: Timestamp,
        /// When the key was made.
        created: Timestamp,
    },
    /// The key's time was over.
    #[error(
        "it was made by {signer} on {}, after the key expired on {}",
        day(made),
        day(expired)
    )]
    MadeAfter {
        /// Whose key it is.
        signer: Signer,
        /// When the signature was made.
        made: Timestamp,
        /// When the key expired.
        expired: Timestamp,
    },
    /// The signature's own time is over.
    #[error("it was made by {signer} and expired on {}", day(expired))]
    Expired {
        /// Who made it.
        signer: Signer,
        /// When it expired.
        expired: Timestamp,
    },
    /// The archive cannot be read.
    #[error("the archive cannot be read")]
    Archive(#[source] io::Error),
}

impl SignatureError {
    /// Whether it fits the file and merely proves nothing: where a digest does, it does no harm.
    /// The older releases are signed with SHA-1, and keys have been prolonged since theirs were
    /// built in.
    #[must_use]
    pub fn is_doubt(&self) -> bool {
        matches!(self, Self::WeakHash { .. } | Self::MadeAfter { .. })
    }

    /// What to do next.
    pub(super) fn hint(&self) -> &'static str {
        match self {
            Self::UnknownKey { .. } => {
                "if that key is to be trusted, give it with `--keyring`; otherwise get the archive and its signature from somebody else"
            }
            Self::MadeAfter { .. } => {
                "the key may have been prolonged: give a newer copy of it with `--keyring`"
            }
            Self::WeakHash { .. } => {
                "let the digest decide: `--verify digest`, with `--sha256` where pybuild does not know it"
            }
            Self::Archive(_) => "check the path and who may read it",
            // Nothing to be passed over.
            Self::Mismatch { .. } | Self::Revoked { .. } | Self::WrongSeries { .. } => {
                "get the archive and its signature again, from somebody else"
            }
            _ => {
                "get the archive and its signature again; `--verify digest` goes by the digest alone"
            }
        }
    }
}

/// Why a source could not be proven by a signature.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A signature is there, and it is bad.
    #[error("the signature {signature} does not prove the source of CPython {release}")]
    Bad {
        /// Where the signature is.
        signature: String,
        /// The release.
        release: PythonVersion,
        /// What is wrong with it.
        source: Box<SignatureError>,
    },
    /// A signature is demanded, and nobody has it.
    #[error(
        "a signature of {name} is demanded, and nobody has it:{}",
        lines(attempts)
    )]
    Missing {
        /// The archive.
        name: String,
        /// What each origin answered.
        attempts: Vec<Attempt>,
    },
    /// A signature is demanded of a release that has none.
    #[error(
        "CPython {0} has no OpenPGP signature: PEP 761 ended them with 3.14, in favour of Sigstore"
    )]
    NoneMade(PythonVersion),
    /// A keyring cannot be read.
    #[error("the keyring {} cannot be read", path.display())]
    KeyringUnreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A keyring is not what it was when the request was read.
    #[error("the keyring {} was changed meanwhile: its digest is {found} instead of {expected}", path.display())]
    KeyringChanged {
        /// The file.
        path: PathBuf,
        /// The digest it has now.
        found: Sha256,
        /// The digest it had.
        expected: Sha256,
    },
    /// A keyring is something else.
    #[error("{} is not a keyring of OpenPGP public keys", path.display())]
    NotAKeyring {
        /// The file.
        path: PathBuf,
        /// What reading it gave.
        source: Box<pgp::errors::Error>,
    },
    /// There is no key in it.
    #[error("the keyring {} holds no OpenPGP public key", path.display())]
    EmptyKeyring {
        /// The file.
        path: PathBuf,
    },
    /// A signature could not be read where it was looked for.
    #[error("the signature {} cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Explain for Error {
    fn exit_status(&self) -> ExitStatus {
        ExitStatus::Input
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Bad { source, .. } => source.hint(),
            Self::Missing { attempts, .. } => match decisive(attempts).and_then(Explain::hint) {
                Some(hint) => return Some(hint),
                None => {
                    "put the .asc beside the archive, name a mirror that has it with `--mirror`, or let the digest decide with `--verify any`"
                }
            },
            Self::NoneMade(_) => {
                "leave out `--verify signature`: the digest decides; a mirror that you signed yourself needs `--keyring`"
            }
            Self::KeyringUnreadable { .. } | Self::Unreadable { .. } => {
                "check the path and who may read it"
            }
            Self::KeyringChanged { .. } => "run the same command again to take it as it is now",
            Self::NotAKeyring { .. } | Self::EmptyKeyring { .. } => {
                "export the keys with `gpg --armor --export FINGERPRINT`"
            }
        };
        Some(hint.to_owned())
    }
}
