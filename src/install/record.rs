//! The record: what was built from what, with what, and when. No record: not installed.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::check::CheckReport;
use super::manifest::Manifest;
use crate::compile::isolation::Isolation;
use crate::digest::Sha256;
use crate::host::toolchain::Toolchain;
use crate::plan;
use crate::plan::verification::Proof;
use crate::plan::version::PythonVersion;
use crate::plan::{InstallPrefix, Plan};
use crate::process::Timing;

/// The record of one installation, kept in `PREFIX/share/pybuild/VERSION/`.
///
/// Beside `record.json` stand `files.json` (the [`Manifest`]), `folders.json` (see [`FOLDERS`]),
/// `build.log` and the patches.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Record {
    /// The pybuild that made it.
    pub pybuild: String,
    /// When the installation was checked and ready.
    pub finished: Timestamp,
    /// What was planned.
    pub plan: Plan,
    /// What each input was, in the order of the flow.
    pub inputs: Vec<InputRecord>,
    /// The patches that were applied, in order; files beside this one.
    pub patches: Vec<String>,
    /// The compiler and its kin.
    pub tools: Toolchain,
    /// The plan has it now; records of earlier versions have it here.
    #[serde(
        rename = "environment",
        default,
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub earlier_environment: BTreeMap<String, String>,
    /// Whether the build's commands were kept from the network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isolation: Option<Isolation>,
    /// `--build-user`: as whom they ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build_user: Option<String>,
    /// What the staged interpreter answered.
    pub checks: CheckReport,
    /// Every command that was run, with its time.
    pub timings: Vec<Timing>,
}

impl Record {
    /// What the build's commands saw of the environment that pybuild was started in.
    #[must_use]
    pub fn environment(&self) -> &BTreeMap<String, String> {
        if self.plan.environment.is_empty() {
            &self.earlier_environment
        } else {
            &self.plan.environment
        }
    }

    /// The interpreter.
    #[must_use]
    pub fn python(&self) -> PathBuf {
        let name = format!("python{}", self.plan.python.short());
        self.plan.prefix.path().join("bin").join(name)
    }
}

/// One input, as it was used.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct InputRecord {
    /// Its file name, or the folder's path for an unpacked tree.
    pub name: String,
    /// Its digest; `None` for an unpacked tree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Sha256>,
    /// Where it came from.
    pub from: String,
    /// What it proved itself with, where it is the archive of a release.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proofs: Vec<Proof>,
}

/// The folder of the record, relative to the prefix.
#[must_use]
pub fn folder(version: PythonVersion) -> PathBuf {
    records().join(version.to_string())
}

/// The folder of all records in a prefix, relative to it.
#[must_use]
pub fn records() -> PathBuf {
    PathBuf::from("share/pybuild")
}

/// The record file's name; it is written last.
pub const RECORD: &str = "record.json";
/// The manifest's name.
pub const FILES: &str = "files.json";
/// The name of the list of folders that pybuild made: they may go when they are empty. The empty path
/// is the prefix itself.
pub const FOLDERS: &str = "folders.json";
/// The log's name.
pub const LOG: &str = "build.log";

/// A list of an installation that this pybuild does not understand. It comes inside of an [`io::Error`].
#[derive(Debug, thiserror::Error)]
#[error("{} holds what this pybuild does not understand", folder.display())]
pub(super) struct NotUnderstood {
    /// The record's folder.
    pub folder: PathBuf,
    source: serde_json::Error,
}

/// Reads a list in a record's folder.
fn read_list<T: serde::de::DeserializeOwned>(folder: PathBuf, text: &[u8]) -> io::Result<T> {
    serde_json::from_slice(text)
        .map_err(|source| io::Error::other(NotUnderstood { folder, source }))
}

/// The record of `version` in the prefix; `None` when there is none that this pybuild understands,
/// or when the interpreter that it speaks of is gone.
#[must_use]
pub fn find(prefix: &InstallPrefix, version: PythonVersion) -> Option<Record> {
    let record = read(&prefix.path().join(folder(version)))?;
    record.python().exists().then_some(record)
}

/// The record of `version` in the prefix, whatever became of the interpreter; `None` when there is none
/// that this pybuild understands.
#[must_use]
pub fn read_in(prefix: &Path, version: PythonVersion) -> Option<Record> {
    read(&prefix.join(folder(version)))
}

/// The versions that are installed in a prefix, sorted.
///
/// # Errors
/// When the folder of the records cannot be read.
pub fn installed(prefix: &Path) -> io::Result<Vec<PythonVersion>> {
    let mut found: Vec<PythonVersion> = record_folders(prefix)?
        .into_iter()
        .filter(|name| prefix.join(records()).join(name).join(RECORD).exists())
        .filter_map(|name| name.parse().ok())
        .collect();
    found.sort();
    Ok(found)
}

/// The folders that pybuild made for the installation of that name in a prefix; none when it does not
/// say.
///
/// # Errors
/// When the list is there but cannot be read.
pub fn made_folders(prefix: &Path, name: &str) -> io::Result<BTreeSet<PathBuf>> {
    let folder = prefix.join(records()).join(name);
    match fs_err::read(folder.join(FOLDERS)) {
        Ok(text) => read_list(folder, &text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeSet::new()),
        Err(error) => Err(error),
    }
}

/// What is in the folder of all records, sorted.
fn record_folders(prefix: &Path) -> io::Result<Vec<String>> {
    let entries = match fs_err::read_dir(prefix.join(records())) {
        Ok(entries) => entries,
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(Vec::new());
        }
        Err(error) => return Err(error),
    };
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

fn read(folder: &Path) -> Option<Record> {
    let text = fs_err::read(folder.join(RECORD)).ok()?;
    let record: Record = serde_json::from_slice(&text).ok()?;
    (record.plan.format == plan::FORMAT).then_some(record)
}

/// The manifests of all installations in a prefix: what in it is pybuild's.
///
/// # Errors
/// When a record is there but its manifest cannot be read.
pub fn manifests(prefix: &Path) -> io::Result<Vec<(String, Manifest)>> {
    let mut found = Vec::new();
    for name in record_folders(prefix)? {
        let folder = prefix.join(records()).join(&name);
        match fs_err::read(folder.join(FILES)) {
            Ok(text) => found.push((name, read_list(folder, &text)?)),
            // Something of somebody else's, whatever it is.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// Writes `value` as JSON that people can read too.
///
/// # Errors
/// When the file cannot be written.
pub fn write_json(path: &Path, value: &impl Serialize) -> io::Result<()> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    fs_err::write(path, text)
}

/// The folder of the originals of all hotpatched interpreters, relative to the prefix.
#[must_use]
pub fn hotpatches() -> PathBuf {
    records().join("hotpatch")
}

/// The folder of what was kept, relative to the prefix. It is the series' own: two interpreters of
/// different series can share a prefix.
#[must_use]
pub fn hotpatch_folder(version: PythonVersion) -> PathBuf {
    hotpatches().join(version.short())
}
