//! Why an input cannot be fetched.

use std::io;
use std::path::PathBuf;

use crate::digest::Sha256;
use crate::error::{ExitStatus, Explain};
use crate::fetch::attempt::{Attempt, decisive, lines};
use crate::fetch::context::FetchContext;
use crate::fetch::download::{DownloadError, one_of};
use crate::fetch::signature;
use crate::net::address::Address;
use crate::net::network::Network;
use crate::store::cache_hint;

/// Why an input cannot be fetched.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "the source of CPython {version} cannot be fetched from anywhere:{}",
        lines(attempts)
    )]
    NoOrigin {
        version: String,
        /// In the order in which the origins were asked.
        attempts: Vec<Attempt>,
        network: Network,
    },
    /// `--source` names another file than the release.
    #[error(
        "{source_given} is not CPython {version}: its digest is {found} instead of {}",
        one_of(accepted)
    )]
    WrongSource {
        source_given: String,
        version: String,
        found: Sha256,
        accepted: Vec<Sha256>,
    },
    #[error("{name} from {origin} has the right digest, but is neither gzip nor xz")]
    NotCompressed { name: String, origin: String },
    /// `--source DIR`.
    #[error("{} is not a folder", path.display())]
    NoTree { path: PathBuf },
    #[error("{} cannot be read", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    /// A file that the command line names has changed since the request was read.
    #[error("{} has changed since pybuild read it first: its digest is {found} instead of {expected}", path.display())]
    Changed {
        path: PathBuf,
        found: Sha256,
        expected: Sha256,
    },
    #[error("{file_name} cannot be fetched")]
    Wheel {
        file_name: String,
        source: Box<DownloadError>,
    },
    #[error("{file_name} is not in the store, and {address} is not asked offline")]
    WheelNotAsked { file_name: String, address: Address },
    #[error(transparent)]
    Signature(#[from] signature::Error),
    #[error("the cache folder {} cannot be used", path.display())]
    Store { path: PathBuf, source: io::Error },
}

impl Error {
    /// The error that decides exit status and hint.
    fn inner(&self) -> Option<&dyn Explain> {
        match self {
            Self::NoOrigin {
                attempts,
                network: Network::Online,
                ..
            } => decisive(attempts).map(|error| error as &dyn Explain),
            Self::Wheel { source, .. } => Some(&**source),
            Self::Signature(error) => Some(error),
            _ => None,
        }
    }
}

impl Explain for Error {
    fn exit_status(&self) -> ExitStatus {
        self.inner().map_or(ExitStatus::Input, Explain::exit_status)
    }

    fn hint(&self) -> Option<String> {
        if let Some(inner) = self.inner() {
            return inner.hint();
        }
        let hint = match self {
            Self::NoOrigin {
                network: Network::Offline,
                ..
            } => {
                "leave out `--offline`, or name the archive with `--source` or a folder that has \
                 it with `--mirror`"
            }
            Self::NoOrigin { .. } => {
                "check the network (HTTPS_PROXY names a proxy), or name an archive with \
                 `--source`, or a mirror with `--mirror` or PYBUILD_MIRROR"
            }
            Self::WrongSource { .. } => {
                "get the archive again; if it is meant to differ from the release, give its digest \
                 with `--sha256`"
            }
            Self::NotCompressed { .. } => "give the digest of the release's .tgz or .tar.xz",
            Self::NoTree { .. } | Self::Unreadable { .. } => "check the path and its permissions",
            Self::Changed { .. } => "run the same command again to use the file as it is now",
            Self::WheelNotAsked { .. } => {
                "leave out `--offline`, or name the wheel's own path instead of its version"
            }
            Self::Store { source, .. } => return Some(cache_hint(source)),
            Self::Wheel { .. } | Self::Signature(_) => return None,
        };
        Some(hint.to_owned())
    }
}

impl FetchContext<'_> {
    pub(super) fn store_error(&self, source: io::Error) -> Error {
        Error::Store {
            path: self.store.root().to_owned(),
            source,
        }
    }
}
