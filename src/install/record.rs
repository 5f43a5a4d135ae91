//! The record: the inputs, the tools, the checks and the time of a build. A prefix without it is not
//! an installation.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::check_report::CheckReport;
use super::manifest::Manifest;
use crate::compile::isolation::Isolation;
use crate::digest::Sha256;
use crate::fetch::InputRecord;
use crate::host::toolchain::Toolchain;
use crate::plan::version::PythonVersion;
use crate::plan::{InstallPrefix, Plan};
use crate::process::Timing;

/// The record of one installation, in `PREFIX/share/pybuild/VERSION/record.json`. The same folder holds
/// `files.json` (the [`Manifest`]), `folders.json` (see [`FOLDERS`]), `build.log`, the patches and the
/// timeline of `--timings`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The version of the pybuild that made it.
    pub(crate) pybuild: String,
    /// The end of the checks.
    pub(crate) finished: Timestamp,
    pub(crate) plan: Plan,
    pub(crate) inputs: Vec<InputRecord>,
    /// The file names of the applied patches, in order.
    pub(crate) patches: Vec<String>,
    pub(crate) tools: Toolchain,
    /// The modules whose libraries were found, with the libraries' versions. Earlier versions have none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) libraries: BTreeMap<String, String>,
    /// Earlier versions have the plan's environment here.
    #[serde(
        rename = "environment",
        default,
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub(crate) earlier_environment: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) isolation: Option<Isolation>,
    /// `--build-user`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) build_user: Option<String>,
    pub(crate) checks: CheckReport,
    /// [`Manifest::digest`]. Earlier versions have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tree: Option<Sha256>,
    /// The duration of every command.
    pub(crate) timings: Vec<Timing>,
}

impl Record {
    /// The caller's environment variables that the build's commands saw.
    pub(crate) fn environment(&self) -> &BTreeMap<String, String> {
        if self.plan.environment().is_empty() {
            &self.earlier_environment
        } else {
            self.plan.environment()
        }
    }

    /// The path of the interpreter.
    pub(crate) fn python(&self) -> PathBuf {
        let name = format!("python{}", self.plan.python().short());
        self.plan.prefix().path().join("bin").join(name)
    }

    /// The absolute path of the record's folder.
    pub(crate) fn folder(&self) -> PathBuf {
        self.plan.prefix().path().join(folder(self.plan.python()))
    }
}

/// The folder of the record, relative to the prefix.
pub(crate) fn folder(version: PythonVersion) -> PathBuf {
    records().join(version.to_string())
}

/// The folder of all records, relative to the prefix.
pub(crate) fn records() -> PathBuf {
    PathBuf::from("share/pybuild")
}

/// The record, which is written last.
pub(crate) const RECORD: &str = "record.json";
/// The manifest.
pub(crate) const FILES: &str = "files.json";
/// The list of the folders that pybuild made: uninstalling removes them if they are empty. The empty
/// path is the prefix itself.
pub(crate) const FOLDERS: &str = "folders.json";
pub(crate) const LOG: &str = "build.log";

/// A file of a record that this pybuild does not understand, as the inner error of an [`io::Error`].
#[derive(Debug, thiserror::Error)]
#[error("this pybuild does not understand a file in {}", folder.display())]
pub(super) struct UnknownFormat {
    pub(super) folder: PathBuf,
    source: serde_json::Error,
}

fn parse<T: serde::de::DeserializeOwned>(folder: PathBuf, text: &[u8]) -> io::Result<T> {
    serde_json::from_slice(text)
        .map_err(|source| io::Error::other(UnknownFormat { folder, source }))
}

/// The record of `version` if this pybuild understands it and the interpreter is there.
pub(crate) fn find(prefix: &InstallPrefix, version: PythonVersion) -> Option<Record> {
    read_in(prefix.path(), version).filter(|record| record.python().exists())
}

/// The record of `version` if this pybuild understands it. The interpreter may be gone.
pub(crate) fn read_in(prefix: &Path, version: PythonVersion) -> Option<Record> {
    let text = fs_err::read(prefix.join(folder(version)).join(RECORD)).ok()?;
    let record: Record = serde_json::from_slice(&text).ok()?;
    record.plan.has_known_format().then_some(record)
}

/// The versions that are installed in a prefix, sorted.
pub(crate) fn installed(prefix: &Path) -> io::Result<Vec<PythonVersion>> {
    let mut found: Vec<PythonVersion> = record_folders(prefix)?
        .into_iter()
        .filter(|name| prefix.join(records()).join(name).join(RECORD).exists())
        .filter_map(|name| name.parse().ok())
        .collect();
    found.sort();
    Ok(found)
}

/// The folders that pybuild made for the installation `name`; none if it has no list of them.
pub(crate) fn made_folders(prefix: &Path, name: &str) -> io::Result<BTreeSet<PathBuf>> {
    let folder = prefix.join(records()).join(name);
    match fs_err::read(folder.join(FOLDERS)) {
        Ok(text) => parse(folder, &text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeSet::new()),
        Err(error) => Err(error),
    }
}

/// The names in the folder of all records, sorted.
fn record_folders(prefix: &Path) -> io::Result<Vec<String>> {
    let entries = match fs_err::read_dir(prefix.join(records())) {
        Ok(entries) => entries,
        Err(error) if is_absent(&error) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut names = entries
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<io::Result<Vec<String>>>()?;
    names.sort();
    Ok(names)
}

fn is_absent(error: &io::Error) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory)
}

/// The manifests of all installations in a prefix: the files that pybuild installed there.
pub(crate) fn manifests(prefix: &Path) -> io::Result<Vec<(String, Manifest)>> {
    let mut found = Vec::new();
    for name in record_folders(prefix)? {
        let folder = prefix.join(records()).join(&name);
        match fs_err::read(folder.join(FILES)) {
            Ok(text) => found.push((name, parse(folder, &text)?)),
            // A foreign file or folder.
            Err(error) if is_absent(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// Writes `value` as indented JSON.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> io::Result<()> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    fs_err::write(path, text)
}

/// The folder of the originals of all hotpatched interpreters, relative to the prefix.
pub(crate) fn hotpatches() -> PathBuf {
    records().join("hotpatch")
}

/// The folder of the originals of one series, relative to the prefix: interpreters of different series
/// can share a prefix.
pub(crate) fn hotpatch_folder(version: PythonVersion) -> PathBuf {
    hotpatches().join(version.short())
}
