//! Why an index did not list the wheels of a project.

use std::io;

use reqwest::StatusCode;

use crate::error::{ExitStatus, Explain};
use crate::net::address::Address;
use crate::net::error::{HttpError, MaybeHttp};
use crate::resolve::index::restrictions::Refusal;

/// The largest pages known are a tenth of this, in bytes.
pub(super) const LARGEST_PAGE: u64 = 64 << 20;

/// Why an index did not list the wheels of a project.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    #[error("the package index has no project {project}: {address} answered 404")]
    NoSuchProject { project: String, address: Address },
    /// The index gave no answer, or not a success.
    #[error("the package index cannot be asked for the versions of {project}")]
    Http {
        project: String,
        source: Box<HttpError>,
    },
    #[error("the answer of {address} is not a page of a package index")]
    NotAPage {
        address: Address,
        source: PageProblem,
    },
    /// The page of an index in a local folder cannot be read.
    #[error("the package index cannot be asked for the versions of {project}")]
    File { project: String, source: io::Error },
    /// pip's `no-index` is set, and `find-links` names no place.
    #[error("{named_by} forbids to ask a package index about {project}")]
    NoIndex { project: String, named_by: String },
    /// A restriction that pybuild can only obey by refusing.
    #[error("no wheel of {project} can be taken from a package index: {} {}", refusal.named_by, refusal.demand)]
    Refused {
        project: String,
        refusal: Box<Refusal>,
    },
    /// `--offline`, and the index was not asked about the project before.
    #[error(
        "the package index may not be asked about {project} (--offline), and no earlier answer of {address} is cached"
    )]
    NotCached { project: String, address: Address },
    /// `--offline`, and the cached answer cannot be used.
    #[error(
        "the package index may not be asked about {project} (--offline), and its cached answer {} cannot be used",
        path.display()
    )]
    Corrupt {
        project: String,
        path: std::path::PathBuf,
        source: io::Error,
    },
}

/// Why an answer is not a page of an index.
#[derive(Debug, thiserror::Error)]
pub enum PageProblem {
    #[error("its content type is `{0}`")]
    ContentType(String),
    /// The JSON is broken, or is another document.
    #[error("its JSON is not a project's page")]
    Json(#[source] serde_json::Error),
    /// HTML such as the login page of a network.
    #[error("it links to no release file")]
    NoFiles,
    /// A version of the API that pybuild does not know.
    #[error("it has version {0} of the API, and pybuild knows version 1")]
    ApiVersion(String),
    #[error("it is larger than {} MiB", LARGEST_PAGE >> 20)]
    TooLarge,
}

impl MaybeHttp for IndexError {
    fn http(&self) -> Option<&HttpError> {
        match self {
            Self::Http { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl Explain for IndexError {
    fn exit_status(&self) -> ExitStatus {
        match self {
            Self::NoSuchProject { .. } | Self::NoIndex { .. } | Self::Refused { .. } => {
                ExitStatus::Unresolvable
            }
            Self::Http { source, .. } => source.exit_status(),
            _ => ExitStatus::Input,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoSuchProject { .. } => {
                "check the index's address: that of PyPI and its mirrors ends in /simple/"
            }
            Self::Http { source, .. } => match &**source {
                HttpError::Status {
                    status: StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN,
                    ..
                } => "give user and password in the index's address or in ~/.netrc",
                source if source.hint().is_some() => return source.hint(),
                _ => {
                    "check the network and the proxy settings, name another index with \
                     --index-url, or pin the path of a .whl"
                }
            },
            Self::NotAPage { .. } => {
                "check the index's address, and whether the network wants a login; --index-url \
                 names another index"
            }
            Self::File { .. } => {
                "a package index in a folder has a page PROJECT/index.html for each project"
            }
            Self::NoIndex { project, .. } => {
                return Some(format!(
                    "give the path of a {project} wheel, name a folder of wheels with \
                     PIP_FIND_LINKS, or allow the index for this run with PIP_NO_INDEX=0"
                ));
            }
            Self::Refused { project, .. } => {
                return Some(format!(
                    "give the path of a {project} wheel that you verified, or remove that setting \
                     for this run"
                ));
            }
            Self::NotCached { project, .. } | Self::Corrupt { project, .. } => {
                return Some(format!(
                    "run once without --offline, or give the path of a {project} wheel"
                ));
            }
        };
        Some(hint.to_owned())
    }
}
