//! Errors of verifying a source by its signature.

use std::io;
use std::path::PathBuf;

use super::openpgp::Malformed;
use super::signature_error::SignatureError;
use crate::digest::Sha256;
use crate::error::{ExitStatus, Explain};
use crate::fetch::attempt::{Attempt, decisive, lines};
use crate::plan::version::PythonVersion;

/// A source could not be verified by a signature.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the signature {signature} does not verify the source of CPython {release}")]
    Bad {
        signature: String,
        release: PythonVersion,
        source: Box<SignatureError>,
    },
    #[error("no origin has the required signature of {name}:{}", lines(attempts))]
    Missing {
        name: String,
        attempts: Vec<Attempt>,
    },
    #[error(
        "CPython {0} has no OpenPGP signature: from 3.14 on, PEP 761 replaces them with Sigstore"
    )]
    NoneMade(PythonVersion),
    #[error("the keyring {} cannot be read", path.display())]
    KeyringUnreadable { path: PathBuf, source: io::Error },
    #[error("the keyring {} changed during the run: its digest is {found} instead of {expected}", path.display())]
    KeyringChanged {
        path: PathBuf,
        found: Sha256,
        expected: Sha256,
    },
    #[error("{} is not a keyring of OpenPGP public keys", path.display())]
    NotAKeyring { path: PathBuf, source: Malformed },
    #[error("the keyring {} holds no OpenPGP public key", path.display())]
    EmptyKeyring { path: PathBuf },
    #[error("the signature {} cannot be read", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
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
                    "put the .asc beside the archive, name a mirror that has it with `--mirror`, or accept a known digest with `--verify any`"
                }
            },
            Self::NoneMade(_) => {
                "leave out `--verify signature` to verify the digest, or pass the key of your own mirror with `--keyring`"
            }
            Self::KeyringUnreadable { .. } | Self::Unreadable { .. } => {
                "check the path and its permissions"
            }
            Self::KeyringChanged { .. } => "run the same command again to use the new keyring",
            Self::NotAKeyring { .. } | Self::EmptyKeyring { .. } => {
                "export the keys with `gpg --armor --export FINGERPRINT`"
            }
        };
        Some(hint.to_owned())
    }
}
