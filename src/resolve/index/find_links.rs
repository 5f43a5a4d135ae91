//! pip's `find-links`: folders of wheels, and pages that link to them, beside the index or instead of it.

use std::path::{Path, PathBuf};

use super::page::{ListedFile, PageBuilder, ProjectPage};
use super::pip_config::PipConfig;
use super::{IndexError, Unread, read_page};
use crate::environment::Environment;
use crate::net::address::Address;

/// A place that wheels are looked for in, whatever their project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FindLinks {
    /// A folder of files, or one file: a page, or a wheel.
    Path(PathBuf),
    /// A page on another host, or a wheel.
    Address(Address),
}

/// The places that pip is configured with; a warning for each that is none.
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
                    "{} names a place that is not there and no address, so it is not used",
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
    let mut page = ProjectPage::default();
    let mut paths = vec![path.to_owned()];
    if path.is_dir() {
        let entries = fs_err::read_dir(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        paths = entries
            .map_err(failed)?
            .iter()
            .map(fs_err::DirEntry::path)
            .collect();
        paths.sort();
    }
    for path in paths {
        let Some(address) = Address::of_path(&path) else {
            continue;
        };
        let mut builder = PageBuilder::new(project, &address, address.clone());
        let is_page = path
            .extension()
            .is_some_and(|end| end == "html" || end == "htm");
        if !is_page {
            builder.take(ListedFile {
                file_name: address.file_name(),
                ..ListedFile::default()
            });
            page.extend(builder.finish());
            continue;
        }
        let file = fs_err::File::open(&path).map_err(failed)?;
        match read_page(file, "text/html", builder) {
            Ok(listed) => page.extend(listed),
            // A folder may hold any pages, and these need not link to files.
            Err(Unread::NotAPage(_)) => {}
            Err(Unread::Broken(source)) => return Err(failed(source)),
        }
    }
    Ok(page)
}

/// The wheel that an address names itself, where it does.
pub(super) fn direct(project: &str, address: &Address) -> Option<ProjectPage> {
    let name = address.file_name()?;
    if Path::new(&name).extension() != Some("whl".as_ref()) {
        return None;
    }
    let mut builder = PageBuilder::new(project, address, address.clone());
    builder.take(ListedFile {
        hashes: super::html::hashes(address.secret_url().fragment().unwrap_or_default()),
        file_name: Some(name),
        ..ListedFile::default()
    });
    Some(builder.finish())
}
