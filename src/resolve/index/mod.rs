//! The package index: asks which wheels of a project there are (the Simple API: PEP 503, PEP 691).

mod cache;
mod error;
mod event;
mod find_links;
mod html;
mod ini;
mod json;
mod page;
mod pip_config;
mod read;
mod restrictions;
mod settings;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub(crate) use error::IndexError;
pub(crate) use page::{IndexWheel, ProjectPage};
pub(crate) use pip_config::SystemRoot;
pub use read::read_answer;
pub(crate) use restrictions::Restrictions;
pub(crate) use settings::{IndexSettings, IndexSettingsError};

use std::path::Path;

use reqwest::StatusCode;

use crate::net::address::Address;
use crate::net::error::HttpError;
use crate::net::http::Http;
use crate::net::network::Network;
use crate::net::retry::Retries;
use crate::plan::wheel_name::normalised;
use crate::progress::Reporter;
use crate::store::Store;
use event::Event;
use find_links::FindLinks;
use page::PageBuilder;
use read::read_page;

/// JSON before HTML (PEP 691, "Version + Format Selection").
const ACCEPT: &str = "application/vnd.pypi.simple.v1+json, \
                      application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1";

/// A package index, with pip's settings for it.
pub struct Index<'a> {
    settings: &'a IndexSettings,
    http: &'a Http<'a>,
    store: &'a Store,
    network: Network,
    retries: Retries,
}

impl<'a> Index<'a> {
    /// The index that `settings` name. Answers are cached in `store`; offline, only cached answers
    /// are used.
    pub(crate) fn new(
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
            retries: Retries::PAGES,
        }
    }

    pub(crate) fn restrictions(&self) -> &'a Restrictions {
        &self.settings.restrictions
    }

    /// The wheels of `project` in the index and at the places of `find-links`. As with pip, a place
    /// that cannot be read is reported and skipped.
    pub(crate) fn page(
        &self,
        project: &str,
        reporter: &dyn Reporter,
    ) -> Result<ProjectPage, IndexError> {
        let project = normalised(project);
        if let Some(refusal) = self.settings.restrictions.refusal(&project) {
            let refusal = Box::new(refusal);
            return Err(IndexError::Refused { project, refusal });
        }
        let mut page = ProjectPage::default();
        for place in &self.settings.find_links {
            match self.linked(&project, place, reporter) {
                Ok(linked) => page.extend(linked),
                Err(error) => reporter.report(&Event::Skipped(error)),
            }
        }
        match &self.settings.no_index {
            Some(named_by) if page == ProjectPage::default() => Err(IndexError::NoIndex {
                project,
                named_by: named_by.clone(),
            }),
            Some(_) => Ok(page),
            None => {
                let index = &self.settings.address;
                let address = index.with_segment(&project).as_folder();
                page.extend(match address.to_file_path() {
                    Some(folder) => self.read_local(&project, &address, &folder)?,
                    None => self.answered(&project, &address, index, reporter)?,
                });
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

    /// An index in a local folder, which pip accepts too.
    fn read_local(
        &self,
        project: &str,
        address: &Address,
        folder: &Path,
    ) -> Result<ProjectPage, IndexError> {
        let file = fs_err::File::open(folder.join("index.html"));
        let file = file.map_err(|source| IndexError::File {
            project: project.to_owned(),
            source,
        })?;
        let builder = PageBuilder::new(project, &self.settings.address, address.clone());
        read_page(file, "text/html", builder)
    }

    /// The page at an address, or its cached answer. The user and password of `login` are used for
    /// files on its host too.
    fn answered(
        &self,
        project: &str,
        address: &Address,
        login: &Address,
        reporter: &dyn Reporter,
    ) -> Result<ProjectPage, IndexError> {
        if self.network == Network::Offline {
            return self.cached(project, address, reporter);
        }
        let page = self
            .retries
            .run(reporter, || self.ask(project, address, login))?;
        if let Err(error) = cache::save(self.store, address, project, &page) {
            reporter.report(&Event::NotCached { address, error });
        }
        Ok(page)
    }

    fn cached(
        &self,
        project: &str,
        address: &Address,
        reporter: &dyn Reporter,
    ) -> Result<ProjectPage, IndexError> {
        let cached = cache::load(self.store, address, project);
        let project = project.to_owned();
        match cached {
            Ok(Some(answer)) => {
                let asked = answer.asked;
                reporter.report(&Event::CacheUsed { address, asked });
                Ok(answer.page)
            }
            Ok(None) => Err(IndexError::NotCached {
                project,
                address: address.clone(),
            }),
            Err((path, source)) => Err(IndexError::Corrupt {
                project,
                path,
                source,
            }),
        }
    }

    fn ask(
        &self,
        project: &str,
        address: &Address,
        login: &Address,
    ) -> Result<ProjectPage, IndexError> {
        let http_error = |source| IndexError::Http {
            project: project.to_owned(),
            source: Box::new(source),
        };
        let answer = match self.http.get(address, ACCEPT) {
            Err(HttpError::Status {
                status: StatusCode::NOT_FOUND,
                ..
            }) => {
                return Err(IndexError::NoSuchProject {
                    project: project.to_owned(),
                    address: address.clone(),
                });
            }
            answer => answer.map_err(http_error)?,
        };
        // References are relative to the address that a redirect led to.
        let builder = PageBuilder::new(project, login, answer.from.clone());
        let page = read_page(answer.body, &answer.content_type, builder);
        page.map_err(|error| match error {
            IndexError::File { source, .. } => http_error(HttpError::Broken {
                address: answer.from,
                source,
            }),
            error => error,
        })
    }
}
