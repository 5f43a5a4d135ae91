//! pip's `find-links`: folders of wheels, and pages that link to wheels, in addition to the index or
//! instead of it.

use std::path::{Path, PathBuf};

use crate::environment::Environment;
use crate::net::address::Address;
use crate::resolve::index::error::IndexError;
use crate::resolve::index::html;
use crate::resolve::index::page::{ListedFile, PageBuilder, ProjectPage};
use crate::resolve::index::pip_config::PipConfig;
use crate::resolve::index::read::read_page;

/// A place with wheels of any project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FindLinks {
    /// A folder of files, or one file: a page, or a wheel.
    Path(PathBuf),
    /// A page on another host, or a wheel.
    Address(Address),
}

/// The configured places; a warning for each that cannot be used.
pub(super) fn configured(
    config: &PipConfig,
    environment: &Environment,
) -> (Vec<FindLinks>, Vec<String>) {
    let (mut places, mut warnings) = (Vec::new(), Vec::new());
    if let Some(value) = config.get("find-links") {
        for text in value.text.split_whitespace() {
            match place(text, environment) {
                Some(place) => places.push(place),
                None => warnings.push(format!(
                    "{} names a place that is neither an existing path nor an address, so it is \
                     not used",
                    value.named_by
                )),
            }
        }
    }
    (places, warnings)
}

fn place(text: &str, environment: &Environment) -> Option<FindLinks> {
    let path = environment.expanded(text);
    if path.exists() {
        return Some(FindLinks::Path(path));
    }
    let address: Address = text.parse().ok()?;
    match address.to_file_path() {
        Some(path) => path.exists().then_some(FindLinks::Path(path)),
        None => Some(FindLinks::Address(address)),
    }
}

/// The wheels of `project` in a folder, on a page, or at a path.
pub(super) fn read_path(project: &str, path: &Path) -> Result<ProjectPage, IndexError> {
    let failed = |source| IndexError::File {
        project: project.to_owned(),
        source,
    };
    let mut paths = vec![path.to_owned()];
    if path.is_dir() {
        let entries = fs_err::read_dir(path).map_err(failed)?;
        let entries = entries.map(|entry| Ok(entry?.path()));
        paths = entries.collect::<Result<_, _>>().map_err(failed)?;
        paths.sort();
    }
    let mut page = ProjectPage::default();
    for path in paths {
        let Some(address) = Address::of_path(&path) else {
            continue;
        };
        let is_page = path
            .extension()
            .is_some_and(|end| end == "html" || end == "htm");
        if !is_page {
            page.extend(single(project, &address, Vec::new()));
            continue;
        }
        let file = fs_err::File::open(&path).map_err(failed)?;
        let builder = PageBuilder::new(project, &address, address.clone());
        match read_page(file, "text/html", builder) {
            Ok(listed) => page.extend(listed),
            // A folder may hold pages without links to files.
            Err(IndexError::NotAPage { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(page)
}

/// The wheel at an address that ends in a wheel's name.
pub(super) fn direct(project: &str, address: &Address) -> Option<ProjectPage> {
    if Path::new(&address.file_name()?).extension() != Some("whl".as_ref()) {
        return None;
    }
    let fragment = address.secret_url().fragment().unwrap_or_default();
    Some(single(project, address, html::hashes(fragment)))
}

/// The page of a single file.
fn single(project: &str, address: &Address, hashes: Vec<(String, String)>) -> ProjectPage {
    let mut builder = PageBuilder::new(project, address, address.clone());
    builder.take(ListedFile {
        file_name: address.file_name(),
        hashes,
        ..ListedFile::default()
    });
    builder.finish()
}
