//! The answer of an origin that did not give the file.

use std::error::Error as _;
use std::fmt;
use std::io;

use crate::digest::Sha256;
use crate::error::{ExitStatus, Explain};
use crate::fetch::download::{DownloadError, one_of};
use crate::fetch::host_packages;
use crate::fetch::origin::label;
use crate::net::error::{HttpError, MaybeHttp};
use crate::plan::Origin;

/// An origin that was asked, and its answer.
#[derive(Debug)]
pub struct Attempt {
    pub(super) origin: String,
    pub(super) answer: Miss,
}

/// Why an origin did not give the release file.
#[derive(Debug, thiserror::Error)]
pub enum Miss {
    #[error("not there")]
    NotThere,
    #[error("not asked offline")]
    Offline,
    #[error("{name} has the digest {found} instead of {}", one_of(accepted))]
    WrongDigest {
        name: String,
        found: Sha256,
        accepted: Vec<Sha256>,
    },
    /// The archive is there; its digest is not known.
    #[error("{name} has no signature beside it, and its digest is not known")]
    NoSignature { name: String },
    #[error("not asked for an archive without a known digest")]
    NoDigest,
    /// A signature cannot be downloaded.
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error("it cannot be read")]
    Unreadable(#[source] io::Error),
    #[error(transparent)]
    Download(#[from] DownloadError),
    #[error(transparent)]
    HostPackages(#[from] host_packages::Error),
}

impl Miss {
    fn http(&self) -> Option<&HttpError> {
        match self {
            Self::Http(error) => Some(error),
            Self::Download(error) => error.http(),
            _ => None,
        }
    }

    /// Whether the address answered that it does not have the file.
    pub(super) fn is_absence(&self) -> bool {
        let is_absence = self.http().is_some_and(HttpError::is_absence);
        is_absence || matches!(self, Self::NoSignature { .. })
    }
}

impl Attempt {
    pub(super) fn new(origin: &Origin, answer: impl Into<Miss>) -> Self {
        Self {
            origin: label(origin),
            answer: answer.into(),
        }
    }
}

/// The answer that decides exit status and hint, where one has another cause than the network.
pub(super) fn decisive(attempts: &[Attempt]) -> Option<&HttpError> {
    let errors = || attempts.iter().filter_map(|attempt| attempt.answer.http());
    errors()
        .find(|error| error.exit_status() == ExitStatus::Prerequisite)
        .or_else(|| errors().find(|error| error.hint().is_some()))
}

/// The attempts as an error lists them, each on a line of its own.
pub(super) fn lines(attempts: &[Attempt]) -> String {
    attempts.iter().fold(String::new(), |text, attempt| {
        text + "\n    " + &attempt.to_string()
    })
}

impl fmt::Display for Attempt {
    /// One line: the answer and its innermost cause. The causes between are layers of the client.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let answer = self.answer.to_string();
        write!(f, "{}: {answer}", self.origin)?;
        let mut innermost = self.answer.source();
        while let Some(cause) = innermost.and_then(|error| error.source()) {
            innermost = Some(cause);
        }
        match innermost.map(ToString::to_string) {
            Some(cause) if !answer.contains(&cause) => write!(f, ": {cause}"),
            _ => Ok(()),
        }
    }
}
