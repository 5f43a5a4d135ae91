//! Why an index did not say which wheels of a project there are.

use std::io;

use reqwest::StatusCode;

use super::{LARGEST_PAGE, Refusal};
use crate::error::{ExitStatus, Explain};
use crate::net::address::Address;
use crate::net::http::HttpError;

/// Why an index did not say which wheels of a project there are.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The index answered 404.
    #[error("the package index has no project {project}: {address} answered 404")]
    NoSuchProject {
        /// The project.
        project: String,
        /// The address asked.
        address: Address,
    },
    /// The index gave no answer, or another one than a page.
    #[error("the package index cannot be asked for the versions of {project}")]
    Http {
        /// The project.
        project: String,
        /// What happened.
        source: Box<HttpError>,
    },
    /// What was answered is not a page of an index.
    #[error("what {address} answered is not a page of a package index")]
    NotAPage {
        /// The address that answered.
        address: Address,
        /// What is wrong with it.
        source: PageProblem,
    },
    /// The page of an index in a local folder cannot be read.
    #[error("the package index cannot be asked for the versions of {project}")]
    File {
        /// The project.
        project: String,
        /// What reading gave; names the file.
        source: io::Error,
    },
    /// pip's `no-index`, and there is nothing else to look for wheels in.
    #[error("no package index may be asked about {project}: {named_by} says so")]
    NoIndex {
        /// The project.
        project: String,
        /// The option and its file, or the variable.
        named_by: String,
    },
    /// A restriction that pybuild cannot honour otherwise.
    #[error("no wheel of {project} can be taken from a package index: {} {}", refusal.named_by, refusal.demand)]
    Refused {
        /// The project.
        project: String,
        /// The restriction.
        refusal: Box<Refusal>,
    },
    /// `--offline`, and the index was not asked about the project before.
    #[error(
        "the package index may not be asked about {project} (--offline), and no earlier answer of {address} is kept"
    )]
    NotKept {
        /// The project.
        project: String,
        /// The address that would have been asked.
        address: Address,
    },
    /// `--offline`, and the earlier answer that is kept cannot be used.
    #[error(
        "the package index may not be asked about {project} (--offline), and its earlier answer {} cannot be used",
        path.display()
    )]
    Corrupt {
        /// The project.
        project: String,
        /// The file in the store.
        path: std::path::PathBuf,
        /// What is wrong with it.
        source: io::Error,
    },
}

/// Why an answer is not a page of an index.
#[derive(Debug, thiserror::Error)]
pub enum PageProblem {
    /// A content type that no index answers with.
    #[error("its content type is `{0}`")]
    ContentType(String),
    /// JSON that is broken or says something else.
    #[error("its JSON is not a project's page")]
    Json(#[source] serde_json::Error),
    /// HTML such as the page of a network that wants a login.
    #[error("it links to no release file")]
    NoFiles,
    /// A version of the API that was not there when this was written.
    #[error("it has version {0} of the API, and pybuild knows version 1")]
    ApiVersion(String),
    /// No page is that large.
    #[error("it is larger than {} MiB", LARGEST_PAGE >> 20)]
    TooLarge,
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
        Some(match self {
            Self::NoSuchProject { .. } => {
                "check the index's address: that of PyPI and its mirrors ends in /simple/"
                    .to_owned()
            }
            Self::Http { source, .. } if is_refusal(source) => {
                "give user and password in the index's address or in ~/.netrc".to_owned()
            }
            Self::Http { source, .. } => source
                .hint()
                .unwrap_or(
                    "check the network and the proxy settings, name another index with \
                     --index-url, or pin the path of a .whl",
                )
                .to_owned(),
            Self::NotAPage { .. } => "check the index's address, and whether the network wants a \
                                      login; --index-url names another index"
                .to_owned(),
            Self::File { .. } => "a package index in a folder has a page PROJECT/index.html for \
                                  each project"
                .to_owned(),
            Self::NoIndex { project, .. } => format!(
                "give the path of a {project} wheel, name a folder of wheels with PIP_FIND_LINKS, or \
                 allow the index for this run with PIP_NO_INDEX=0"
            ),
            Self::Refused { project, .. } => format!(
                "give the path of a {project} wheel that you verified, or leave that setting out for \
                 this run"
            ),
            Self::NotKept { project, .. } | Self::Corrupt { project, .. } => {
                format!("run once without --offline, or give the path of a {project} wheel")
            }
        })
    }
}

/// Whether the server wants to know who asks, or does not like who asked.
fn is_refusal(error: &HttpError) -> bool {
    matches!(
        error,
        HttpError::Status {
            status: StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN,
            ..
        }
    )
}
