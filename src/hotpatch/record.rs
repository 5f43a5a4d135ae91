//! The record of a hotpatch: the changes of an interpreter and its originals. `--undo` goes by it.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::digest::Sha256;
use crate::hotpatch::error::Error;
use crate::hotpatch::originals::Original;
use crate::hotpatch::target::{RECORD, Target};
use crate::plan::Pins;
use crate::plan::version::PythonVersion;
use crate::transaction::Transaction;

/// The format of the record. It is raised when an older pybuild could not undo what a new one did.
const FORMAT: u32 = 1;

/// A part of an interpreter. Each has a folder of originals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// `ensurepip`, `venv` and record files.
    Ensurepip,
    /// Site-packages and scripts.
    Installed,
}

impl Part {
    pub const ALL: [Self; 2] = [Self::Ensurepip, Self::Installed];

    /// The folder of its originals, in the interpreter's hotpatch folder.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Ensurepip => "originals/ensurepip",
            Self::Installed => "originals/installed",
        }
    }
}

/// The content of `hotpatch.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HotpatchRecord {
    format: u32,
    /// The pybuild that made the last change.
    pybuild: String,
    changed: Timestamp,
    python: PythonVersion,
    /// The wheels that `ensurepip` bundles since.
    pins: Pins,
    ensurepip: BTreeMap<PathBuf, Original>,
    installed: BTreeMap<PathBuf, Original>,
    /// The digests of every text that a hotpatch wrote, and of the files outside the projects' folders.
    pub(super) written: BTreeMap<PathBuf, Vec<Sha256>>,
    /// Folders that were not there before.
    pub(super) folders: Vec<PathBuf>,
}

impl HotpatchRecord {
    /// The record of an interpreter before its first hotpatch.
    pub(super) fn new(python: PythonVersion, pins: &Pins) -> Self {
        Self {
            format: FORMAT,
            pybuild: String::new(),
            changed: Timestamp::default(),
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
    /// [`Error::Record`]; [`Error::Replaced`] for a record of another release.
    pub fn of(target: &Target) -> Result<Option<Self>, Error> {
        let path = target.hotpatch_folder().join(RECORD);
        let text = match fs_err::read(&path) {
            Ok(text) => text,
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(Error::file(&path)(error)),
        };
        let record: Self = match serde_json::from_slice(&text) {
            Ok(record) => record,
            Err(source) => {
                let source = Some(source);
                return Err(Error::Record { path, source });
            }
        };
        if record.format != FORMAT {
            return Err(Error::Record { path, source: None });
        }
        if record.python != target.version {
            return Err(Error::Replaced {
                prefix: target.prefix.clone(),
                found: target.version,
                hotpatched: record.python,
            });
        }
        Ok(Some(record))
    }

    pub(super) fn originals(&self, part: Part) -> &BTreeMap<PathBuf, Original> {
        match part {
            Part::Ensurepip => &self.ensurepip,
            Part::Installed => &self.installed,
        }
    }

    fn originals_mut(&mut self, part: Part) -> &mut BTreeMap<PathBuf, Original> {
        match part {
            Part::Ensurepip => &mut self.ensurepip,
            Part::Installed => &mut self.installed,
        }
    }

    /// Keeps the file or link at `path`, below the prefix. The original of an earlier hotpatch stays.
    /// `place` is [`keep`](crate::fs::durable::keep) for a file that is replaced, and
    /// [`copy`](crate::fs::durable::copy) for one that may be written in place.
    pub(super) fn keep(
        &mut self,
        part: Part,
        path: &Path,
        place: fn(&Path, &Path) -> io::Result<()>,
        target: &Target,
        transaction: &mut Transaction,
    ) -> Result<(), Error> {
        let originals = self.originals_mut(part);
        if originals.contains_key(path) {
            return Ok(());
        }
        let numbers = originals.values().filter_map(Original::number);
        let number = numbers.max().map_or(0, |last| last + 1);
        let file = target.prefix.join(path);
        let original = Original::keep(&file, number, || {
            let folder = target.hotpatch_folder().join(part.folder());
            let kept = folder.join(number.to_string());
            let new = transaction.staging_path(&target.below_prefix(&kept))?;
            place(&file, &new).map_err(Error::file(&kept))?;
            Ok(new)
        })?;
        originals.insert(path.to_owned(), original);
        Ok(())
    }

    /// Records that nothing was at `path` at first.
    pub(super) fn note_absent(&mut self, part: Part, path: PathBuf) {
        let originals = self.originals_mut(part);
        originals.entry(path).or_insert(Original::Absent);
    }

    /// Records the digest of a file that the hotpatch writes.
    pub(super) fn note_written(&mut self, path: &Path, digest: Sha256) {
        let known = self.written.entry(path.to_owned()).or_default();
        if !known.contains(&digest) {
            known.push(digest);
        }
    }

    /// Records the new pins, and the time.
    pub(super) fn note_pins(&mut self, pins: &Pins) {
        env!("CARGO_PKG_VERSION").clone_into(&mut self.pybuild);
        self.changed = Timestamp::now();
        self.pins.clone_from(pins);
    }

    /// Whether the original of that path is in place.
    pub(super) fn is_original(&self, prefix: &Path, path: &Path) -> bool {
        let original = self.ensurepip.get(path).or(self.installed.get(path));
        original.is_some_and(|original| original.is_at(&prefix.join(path)))
    }

    /// The paths that differ from their originals.
    pub fn changed_paths(&self, prefix: &Path) -> impl Iterator<Item = &Path> {
        let paths = self.ensurepip.keys().chain(self.installed.keys());
        let paths = paths.map(PathBuf::as_path);
        paths.filter(move |path| !self.is_original(prefix, path))
    }
}
