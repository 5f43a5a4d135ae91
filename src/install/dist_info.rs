//! Installed projects, by their `*.dist-info` folders in site-packages (PEP 376).

use std::io;
use std::path::{Path, PathBuf};

use crate::fs::list::names_in;
use crate::plan::wheel_name::normalised;
use crate::plan::wheel_record::RecordEntry;

/// A project's `*.dist-info` folder.
pub(crate) struct DistInfo {
    pub folder: PathBuf,
    /// The normalised name.
    pub project: String,
    pub version: String,
}

impl DistInfo {
    /// `None` for a folder of another name.
    pub fn of(folder: PathBuf) -> Option<Self> {
        let name = folder.file_name()?.to_str()?.strip_suffix(".dist-info")?;
        let (project, version) = name.split_once('-')?;
        let (project, version) = (normalised(project), version.to_owned());
        Some(Self {
            folder,
            project,
            version,
        })
    }

    /// Those in a site-packages folder, sorted; none where there is no folder.
    pub fn all_in(site_packages: &Path) -> io::Result<Vec<Self>> {
        let names = names_in(site_packages)?.into_iter();
        Ok(names
            .filter_map(|name| Self::of(site_packages.join(name)))
            .collect())
    }

    /// Those of one project.
    pub fn of_project(site_packages: &Path, project: &str) -> io::Result<Vec<Self>> {
        let mut found = Self::all_in(site_packages)?;
        found.retain(|info| info.project == project);
        Ok(found)
    }
}

/// The entries of the `RECORD` in a metadata folder; none where there is none.
pub(crate) fn record_in(folder: &Path) -> Vec<RecordEntry> {
    let text = fs_err::read_to_string(folder.join("RECORD")).unwrap_or_default();
    text.lines().filter_map(RecordEntry::parse).collect()
}
