//! Reads a page in the form that its content type names.

use std::io::Read;

use crate::net::address::Address;
use crate::resolve::index::error::{IndexError, LARGEST_PAGE, PageProblem};
use crate::resolve::index::page::{PageBuilder, ProjectPage};
use crate::resolve::index::{html, json};

/// Reads the page of `project` (its normalised name) at `address`. Fuzz targets call this.
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
    read_page(body, content_type, builder)
}

/// Reads a page. A body that breaks off is an [`IndexError::File`].
pub(super) fn read_page(
    body: impl Read,
    content_type: &str,
    mut builder: PageBuilder<'_>,
) -> Result<ProjectPage, IndexError> {
    let broken = {
        let project = builder.project.to_owned();
        |source| IndexError::File { project, source }
    };
    let not_a_page = {
        let address = builder.base.clone();
        |source| IndexError::NotAPage { address, source }
    };
    let mut body = body.take(LARGEST_PAGE);
    let version = match Form::of(content_type) {
        Err(problem) => return Err(not_a_page(problem)),
        Ok(Form::Json) => match json::read(&mut body, &mut builder) {
            // A connection that breaks off looks like an early end.
            Err(error) if error.is_io() || error.is_eof() => Err(Err(error.into())),
            Err(error) => Err(Ok(PageProblem::Json(error))),
            Ok(version) => Ok(version),
        },
        Ok(Form::Html) => html::read(&mut body, &mut builder).map_err(Err),
    };
    let problem = match version {
        _ if body.limit() == 0 => PageProblem::TooLarge,
        Err(Err(source)) => return Err(broken(source)),
        Err(Ok(problem)) => problem,
        Ok(Some(version)) if version.split('.').next() != Some("1") => {
            PageProblem::ApiVersion(version)
        }
        // Any web page is HTML. A page with a version, which every page in JSON has, may be empty.
        Ok(None) if builder.listed == 0 => PageProblem::NoFiles,
        Ok(_) => return Ok(builder.finish()),
    };
    Err(not_a_page(problem))
}

enum Form {
    Json,
    Html,
}

impl Form {
    fn of(content_type: &str) -> Result<Self, PageProblem> {
        let essence = content_type.split(';').next().unwrap_or_default();
        match essence.trim().to_ascii_lowercase().as_str() {
            "application/vnd.pypi.simple.v1+json" | "application/json" => Ok(Self::Json),
            "application/vnd.pypi.simple.v1+html" | "text/html" => Ok(Self::Html),
            other => match other.strip_prefix("application/vnd.pypi.simple.v") {
                Some(rest) => {
                    let version = rest.split('+').next().unwrap_or_default();
                    Err(PageProblem::ApiVersion(version.to_owned()))
                }
                None => Err(PageProblem::ContentType(other.to_owned())),
            },
        }
    }
}
