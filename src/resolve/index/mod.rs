//! The package index: asks which wheels of a project there are (the Simple API: PEP 503, PEP 691).

mod cache;
mod error;
mod find_links;
mod html;
mod ini;
mod json;
pub mod page;
mod pip_config;
mod restrictions;
mod settings;

use std::io::{self, Read};
use std::thread;
use std::time::{Duration, Instant};

pub use error::{IndexError, PageProblem};
pub use find_links::FindLinks;
pub use ini::Problem;
pub use page::{IndexWheel, ProjectPage};
pub use pip_config::{InvalidPipConfig, SystemRoot};
use reqwest::{StatusCode, header};
pub use restrictions::{Limit, Refusal, Restrictions};
pub use settings::{IndexSettings, IndexSettingsError};

use self::page::PageBuilder;
use crate::net::address::Address;
use crate::net::http::{Http, HttpError};
use crate::net::network::Network;
use crate::plan::wheel_name::normalised;
use crate::progress::Reporter;
use crate::store::Store;

/// JSON before HTML (PEP 691, "Version + Format Selection").
const ACCEPT: &str = "application/vnd.pypi.simple.v1+json, \
                      application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1";

/// How long is waited before each repetition of a question that failed for a passing reason.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(300),
    Duration::from_secs(1),
    Duration::from_secs(3),
];

/// A server that wants a longer pause than this is not waited for any longer than this.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// An index that has taken this long to give no answer is not asked again.
const PATIENCE: Duration = Duration::from_secs(15);

/// The largest pages known are a tenth of this, in bytes.
const LARGEST_PAGE: u64 = 64 << 20;

/// One package index, and what pip is configured to use beside it or instead of it.
pub struct Index<'a> {
    settings: &'a IndexSettings,
    http: &'a Http<'a>,
    store: &'a Store,
    network: Network,
    pauses: &'a [Duration],
}

impl<'a> Index<'a> {
    /// The index that `settings` name. Answers are kept in `store`, and taken from there where
    /// `network` is not to be used.
    #[must_use]
    pub fn new(
        settings: &'a IndexSettings,
        http: &'a Http<'a>,
        store: &'a Store,
        network: Network,
    ) -> Self {
        Self {
            settings,
            http,
            store,
            network,
            pauses: &PAUSES,
        }
    }

    /// What pip's configuration rules out.
    #[must_use]
    pub fn restrictions(&self) -> &'a Restrictions {
        &self.settings.restrictions
    }

    /// What the index has of `project`, and the places of pip's `find-links`. One of those that cannot
    /// be read is reported and passed over, as pip does.
    ///
    /// # Errors
    /// [`IndexError`]. Reasons that may pass are waited for, some seconds in all.
    pub fn page(&self, project: &str, reporter: &dyn Reporter) -> Result<ProjectPage, IndexError> {
        let project = normalised(project);
        if let Some(refusal) = self.settings.restrictions.refusal(&project) {
            let refusal = Box::new(refusal);
            return Err(IndexError::Refused { project, refusal });
        }
        let mut page = ProjectPage::default();
        for place in &self.settings.find_links {
            match self.linked(&project, place, reporter) {
                Ok(linked) => page.extend(linked),
                Err(error) => reporter.warn(&crate::error::chain(&error)),
            }
        }
        match &self.settings.no_index {
            Some(named_by) if page == ProjectPage::default() => Err(IndexError::NoIndex {
                project,
                named_by: named_by.clone(),
            }),
            Some(_) => Ok(page),
            None => {
                let address = self.settings.address.with_segment(&project).as_folder();
                page.extend(self.listed(&project, &address, reporter)?);
                Ok(page)
            }
        }
    }

    fn linked(
        &self,
        project: &str,
        place: &FindLinks,
        reporter: &dyn Reporter,
    ) -> Result<ProjectPage, IndexError> {
        match place {
            FindLinks::Path(path) => find_links::read_path(project, path),
            FindLinks::Address(address) => match find_links::direct(project, address) {
                Some(page) => Ok(page),
                None => self.answered(project, address, address, reporter),
            },
        }
    }

    /// The index's own page of a project.
    fn listed(
        &self,
        project: &str,
        address: &Address,
        reporter: &dyn Reporter,
    ) -> Result<ProjectPage, IndexError> {
        match address.to_file_path() {
            Some(folder) => self.read_local(project, address, &folder),
            None => self.answered(project, address, &self.settings.address, reporter),
        }
    }

    /// The page at an address, or its earlier answer. The user and password of `login` hold for the
    /// files of its host too.
    fn answered(
        &self,
        project: &str,
        address: &Address,
        login: &Address,
        reporter: &dyn Reporter,
    ) -> Result<ProjectPage, IndexError> {
        if self.network == Network::Offline {
            let project = project.to_owned();
            let kept = match cache::load(self.store, address, &project) {
                Ok(Some(kept)) => kept,
                Ok(None) => {
                    return Err(IndexError::NotKept {
                        project,
                        address: address.clone(),
                    });
                }
                Err(cache::Corrupt { path, source }) => {
                    return Err(IndexError::Corrupt {
                        project,
                        path,
                        source,
                    });
                }
            };
            reporter.detail(&format!(
                "{address}: the answer of {} is used",
                kept.asked.strftime("%Y-%m-%d %H:%M UTC")
            ));
            return Ok(kept.page);
        }
        let page = self.ask(project, address, login, reporter)?;
        if let Err(error) = cache::save(self.store, address, project, &page) {
            // The answer is there: that it cannot be kept is no reason to stop here.
            reporter.detail(&format!("the answer of {address} is not kept: {error}"));
        }
        Ok(page)
    }

    fn ask(
        &self,
        project: &str,
        address: &Address,
        login: &Address,
        reporter: &dyn Reporter,
    ) -> Result<ProjectPage, IndexError> {
        let started = Instant::now();
        let mut pauses = self.pauses.iter();
        loop {
            let error = match self.ask_once(project, address, login) {
                Err(IndexError::Http { source, .. }) if source.is_passing() => source,
                done => return done,
            };
            let next = pauses.next().filter(|_| started.elapsed() < PATIENCE);
            let Some(pause) = next else {
                return Err(IndexError::Http {
                    project: project.to_owned(),
                    source: error,
                });
            };
            let pause = match &*error {
                HttpError::Status {
                    retry_after: Some(wanted),
                    ..
                } => (*wanted).clamp(*pause, LONGEST_PAUSE.max(*pause)),
                _ => *pause,
            };
            reporter.detail(&format!("{error}; asking again"));
            thread::sleep(pause);
        }
    }

    fn ask_once(
        &self,
        project: &str,
        address: &Address,
        login: &Address,
    ) -> Result<ProjectPage, IndexError> {
        let failed = |source| IndexError::Http {
            project: project.to_owned(),
            source: Box::new(source),
        };
        let response = self
            .http
            .get(address, ACCEPT)
            .map_err(|source| match source {
                HttpError::Status { status, .. } if status == StatusCode::NOT_FOUND => {
                    IndexError::NoSuchProject {
                        project: project.to_owned(),
                        address: address.clone(),
                    }
                }
                source => failed(source),
            })?;
        let content_type = response
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        // After redirects, references are relative to where the answer really came from.
        let base = address.answered_from(response.url());
        let builder = PageBuilder::new(project, login, base.clone());
        read_page(response, &content_type, builder).map_err(|error| match error {
            Unread::Broken(source) => failed(HttpError::Broken {
                address: base,
                source,
            }),
            Unread::NotAPage(source) => IndexError::NotAPage {
                address: base,
                source,
            },
        })
    }

    /// An index in a folder, as pip takes one too.
    fn read_local(
        &self,
        project: &str,
        address: &Address,
        folder: &std::path::Path,
    ) -> Result<ProjectPage, IndexError> {
        let failed = |source| IndexError::File {
            project: project.to_owned(),
            source,
        };
        let file = fs_err::File::open(folder.join("index.html")).map_err(failed)?;
        let builder = PageBuilder::new(project, &self.settings.address, address.clone());
        read_page(file, "text/html", builder).map_err(|error| match error {
            Unread::Broken(source) => failed(source),
            Unread::NotAPage(source) => IndexError::NotAPage {
                address: address.clone(),
                source,
            },
        })
    }
}

/// Reads an answer that is at hand, of the page of `project` (its normalised name) at `address`: the
/// door for fuzzing, which has no server.
///
/// # Errors
/// [`IndexError::NotAPage`] and [`IndexError::File`].
pub fn read_answer(
    body: impl Read,
    content_type: &str,
    project: &str,
    address: &Address,
) -> Result<ProjectPage, IndexError> {
    let builder = PageBuilder::new(project, address, address.clone());
    read_page(body, content_type, builder).map_err(|error| match error {
        Unread::Broken(source) => IndexError::File {
            project: project.to_owned(),
            source,
        },
        Unread::NotAPage(source) => IndexError::NotAPage {
            address: address.clone(),
            source,
        },
    })
}

/// Why a body gave no page.
enum Unread {
    Broken(io::Error),
    NotAPage(PageProblem),
}

/// Reads a body in the form that its content type names, without ever holding it as a whole.
fn read_page(
    body: impl Read,
    content_type: &str,
    mut builder: PageBuilder<'_>,
) -> Result<ProjectPage, Unread> {
    let mut body = body.take(LARGEST_PAGE);
    let version = match form(content_type).map_err(Unread::NotAPage)? {
        Form::Json => json::read(&mut body, &mut builder).map_err(|error| {
            // The end before its time is what a connection that broke off looks like.
            if error.is_io() || error.is_eof() {
                Unread::Broken(error.into())
            } else {
                Unread::NotAPage(PageProblem::Json(error))
            }
        }),
        Form::Html => html::read(&mut body, &mut builder).map_err(Unread::Broken),
    };
    if body.limit() == 0 {
        return Err(Unread::NotAPage(PageProblem::TooLarge));
    }
    let version = version?;
    if let Some(other) = version
        .as_ref()
        .filter(|version| version.split('.').next() != Some("1"))
    {
        return Err(Unread::NotAPage(PageProblem::ApiVersion(other.clone())));
    }
    // Any web page is HTML; one that says its version, or is JSON, may have no file.
    if builder.listed == 0 && version.is_none() {
        return Err(Unread::NotAPage(PageProblem::NoFiles));
    }
    Ok(builder.finish())
}

enum Form {
    Json,
    Html,
}

fn form(content_type: &str) -> Result<Form, PageProblem> {
    let essence = content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    match essence.as_str() {
        "application/vnd.pypi.simple.v1+json" | "application/json" => Ok(Form::Json),
        "application/vnd.pypi.simple.v1+html" | "text/html" => Ok(Form::Html),
        other => Err(other
            .strip_prefix("application/vnd.pypi.simple.v")
            .and_then(|rest| rest.split('+').next())
            .map_or_else(
                || PageProblem::ContentType(other.to_owned()),
                |version| PageProblem::ApiVersion(version.to_owned()),
            )),
    }
}

#[cfg(test)]
pub(crate) mod loopback;
#[cfg(test)]
mod tests;
