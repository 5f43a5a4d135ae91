//! The record of a hotpatch: what was done to an interpreter, and what stood there before.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Error, Target};
use crate::digest::Sha256;
use crate::hotpatch::originals::Item;
use crate::install::record;
use crate::plan::Pins;
use crate::plan::version::PythonVersion;

/// The format of the record; raised when an older pybuild could not undo what a new one did.
const FORMAT: u32 = 1;

/// The record's name.
pub(super) const RECORD: &str = "hotpatch.json";

/// The folders of what was kept of any interpreter in a prefix, sorted.
pub(super) fn folders(prefix: &Path) -> Vec<PathBuf> {
    let all = prefix.join(record::hotpatches());
    let entries = std::fs::read_dir(all).into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    folders.sort();
    folders
}

/// Whether the interpreter of that series in a prefix was hotpatched.
#[must_use]
pub fn is_hotpatched(prefix: &Path, version: PythonVersion) -> bool {
    prefix
        .join(record::hotpatch_folder(version))
        .join(RECORD)
        .exists()
}

/// What was done to an interpreter, as `hotpatch.json` tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptRecord {
    format: u32,
    /// The pybuild that did it last.
    pub pybuild: String,
    /// When it did.
    pub changed: Timestamp,
    /// The interpreter.
    pub python: PythonVersion,
    /// What its `ensurepip` bundles since.
    pub pins: Pins,
    /// What its `ensurepip`, `venv` and records held before the first time.
    pub(super) ensurepip: BTreeMap<PathBuf, Item>,
    /// What its site-packages held before the first time.
    pub(super) installed: BTreeMap<PathBuf, Item>,
    /// Every text that a hotpatch wrote, or is about to; and of site-packages the files outside the
    /// projects' folders.
    pub(super) written: BTreeMap<PathBuf, Vec<Sha256>>,
    /// Folders that were not there before.
    pub(super) folders: Vec<PathBuf>,
}

impl KeptRecord {
    /// The record of an interpreter that nothing was done to yet.
    pub(super) fn new(python: PythonVersion, pins: &Pins) -> Self {
        Self {
            format: FORMAT,
            pybuild: env!("CARGO_PKG_VERSION").to_owned(),
            changed: Timestamp::now(),
            python,
            pins: pins.clone(),
            ensurepip: BTreeMap::new(),
            installed: BTreeMap::new(),
            written: BTreeMap::new(),
            folders: Vec::new(),
        }
    }

    /// The record of a target; `None` when it is not hotpatched.
    ///
    /// # Errors
    /// When there is one that is not understood, or of another release.
    pub fn of(target: &Target) -> Result<Option<Self>, Error> {
        let path = target
            .prefix()
            .join(record::hotpatch_folder(target.version()))
            .join(RECORD);
        let Some(record) = Self::read(&path)? else {
            return Ok(None);
        };
        if record.python != target.version() {
            return Err(Error::Replaced {
                prefix: target.prefix().to_owned(),
                found: target.version(),
                hotpatched: record.python,
            });
        }
        Ok(Some(record))
    }

    /// The record in a file; `None` when there is none.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, Error> {
        let text = match fs_err::read(path) {
            Ok(text) => text,
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(Error::file(path)(error)),
        };
        let record: Self = serde_json::from_slice(&text).map_err(|source| Error::Record {
            path: path.to_owned(),
            source: Some(source),
        })?;
        if record.format != FORMAT {
            let path = path.to_owned();
            return Err(Error::Record { path, source: None });
        }
        Ok(Some(record))
    }

    /// Whether the original of that path is in place, below `prefix`.
    pub(super) fn is_original(&self, prefix: &Path, path: &Path) -> bool {
        let kept = self.ensurepip.get(path).or(self.installed.get(path));
        kept.is_some_and(|item| item.is_at(&prefix.join(path)))
    }

    /// The paths that differ from what they were before the first time.
    pub fn changed_paths(&self, prefix: &Path) -> impl Iterator<Item = &Path> {
        self.paths()
            .filter(move |path| !self.is_original(prefix, path))
    }

    /// The paths of what was kept.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        let ensurepip = self.ensurepip.keys();
        ensurepip.chain(self.installed.keys()).map(PathBuf::as_path)
    }
}
