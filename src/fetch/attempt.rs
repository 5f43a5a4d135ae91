//! An origin's answer, where it is not the file that was asked for.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use super::download::DownloadError;
use super::host_packages;
use crate::digest::Sha256;
use crate::error::ExitStatus;
use crate::net::http::HttpError;

/// An origin that was asked, and what it answered.
#[derive(Debug)]
pub struct Attempt {
    /// The origin, in words.
    pub origin: String,
    /// Its answer.
    pub answer: Miss,
}

/// What helps, where the answer of one of them says that it is not the network.
pub(super) fn hint(attempts: &[Attempt]) -> Option<&str> {
    attempts
        .iter()
        .find_map(|attempt| attempt.answer.http()?.hint())
}

/// What the process ends with when none of them gave the release.
pub(super) fn exit_status(attempts: &[Attempt]) -> ExitStatus {
    let mut errors = attempts.iter().filter_map(|attempt| attempt.answer.http());
    let prerequisite = |error: &&HttpError| error.exit_status() == ExitStatus::Prerequisite;
    errors
        .find(prerequisite)
        .map_or(ExitStatus::Input, HttpError::exit_status)
}

impl Miss {
    /// What asking an address gave, where that is what went wrong.
    fn http(&self) -> Option<&HttpError> {
        match self {
            Self::Http(error) | Self::Download(DownloadError::Http(error)) => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // One line each: what happened and its innermost cause. What lies between is how the
        // client is built.
        let answer = self.answer.to_string();
        write!(f, "{}: {answer}", self.origin)?;
        let mut innermost = self.answer.source();
        while let Some(cause) = innermost.and_then(StdError::source) {
            innermost = Some(cause);
        }
        match innermost.map(ToString::to_string) {
            Some(cause) if !answer.contains(&cause) => write!(f, ": {cause}"),
            _ => Ok(()),
        }
    }
}

/// Why an origin did not give the release file.
#[derive(Debug, thiserror::Error)]
pub enum Miss {
    /// Neither archive is there.
    #[error("not there")]
    NotThere,
    /// It would have needed the network.
    #[error("not asked offline")]
    Offline,
    /// A file of a mirror is something else.
    #[error("{name} has the digest {found} instead of {}", super::one_of(accepted))]
    WrongDigest {
        /// The file.
        name: String,
        /// The digest it has.
        found: Sha256,
        /// The digests of which it should have one.
        accepted: Vec<Sha256>,
    },
    /// The archive is there, but no digest of it is known, and its signature is not there.
    #[error("{name} has no signature beside it, and nobody knows its digest")]
    NoSignature {
        /// The archive.
        name: String,
    },
    /// Without a digest, it cannot be found there.
    #[error("not asked for an archive of which nobody knows the digest")]
    NoDigest,
    /// A signature cannot be had.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// A file of a mirror cannot be read.
    #[error("it cannot be read")]
    Unreadable(#[source] io::Error),
    /// An address did not give it.
    #[error(transparent)]
    Download(#[from] DownloadError),
    /// The host's package manager did not give it.
    #[error(transparent)]
    HostPackages(#[from] host_packages::Error),
}
