//! What `--undo` goes by: the originals of an interpreter, and the record of what was done to it.
//!
//! The record is there before the first change, and its going is the end of an undo. What lies beside
//! it without a record is litter.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::installed::InstalledChange;
use super::kept_record::{KeptRecord, RECORD};
use super::projects::files_below;
use super::stage::{BEGAN, UNDER_WAY, UnderWay};
use super::{Error, InterpreterLock, Target};
use crate::digest::Sha256;
use crate::failpoint::crash_point;
use crate::fs::durable::{remove_if_there, sync_folder};
use crate::hotpatch::change::{Change, is_compiled, sweep};
use crate::hotpatch::originals::{Item, Originals, copy, link_or_copy};
use crate::install::{Manifest, record};
use crate::plan::Pins;
use crate::progress::Reporter;

pub(super) const ORIGINALS: &str = "originals";
/// What stood there when the run began that is under way.
pub(super) const BEFORE: &str = "before";
/// What is about to be moved back into site-packages.
pub(super) const OUT: &str = "out";

/// Which part of an interpreter a path belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Part {
    Ensurepip,
    Installed,
}

impl Part {
    /// The folder of what was kept of it the first time.
    pub fn originals(self) -> &'static str {
        match self {
            Self::Ensurepip => "originals/ensurepip",
            Self::Installed => "originals/installed",
        }
    }

    /// The folder of what stood there when the run began that is under way.
    pub fn before(self) -> &'static str {
        match self {
            Self::Ensurepip => "before/ensurepip",
            Self::Installed => "before/installed",
        }
    }
}

/// The paths that a change is about, below the prefix.
#[derive(Default)]
struct Planned<'a> {
    /// They are replaced or removed.
    changed: Vec<&'a Path>,
    /// They stay, but another version of the projects may replace them later.
    beside: Vec<&'a Path>,
    /// Of projects whose originals are kept already: these paths were free then.
    came_later: BTreeSet<PathBuf>,
    /// The digests of files that are written.
    written: BTreeMap<PathBuf, Sha256>,
}

impl Planned<'_> {
    fn keep(&self, prefix: &Path, on: &mut Originals) -> Result<(), Error> {
        for path in &self.changed {
            on.keep(prefix, path, link_or_copy)?;
        }
        for path in &self.beside {
            on.keep(prefix, path, copy)?;
        }
        Ok(())
    }
}

/// The kept originals of one interpreter, held by one process.
pub struct Kept<'r> {
    reporter: &'r dyn Reporter,
    target: Target,
    pub(super) record: Option<KeptRecord>,
    /// Folders that were not there before the first time.
    pub(super) folders: Vec<PathBuf>,
    /// Whether there was a record when this run began.
    pub(super) was_hotpatched: bool,
    /// What stood there when this run began to change it.
    pub(super) before: Vec<(Part, Originals)>,
    _lock: InterpreterLock,
}

impl<'r> Kept<'r> {
    /// What is kept of this interpreter, whose `lock` it is, after clearing away what a killed process
    /// left half done.
    ///
    /// # Errors
    /// When the record is not understood or not of this interpreter.
    pub fn open(
        target: &Target,
        lock: InterpreterLock,
        reporter: &'r dyn Reporter,
    ) -> Result<Self, Error> {
        let ensurepip = target.stdlib().join("ensurepip");
        crate::transaction::recover(target.prefix(), reporter)?;
        let record = KeptRecord::of(target)?;
        let venv = target.stdlib().join("venv");
        let mut swept = vec![
            ensurepip.join("_bundled"),
            ensurepip.join("__pycache__"),
            ensurepip,
            venv.join("__pycache__"),
            venv,
        ];
        swept.push(target.prefix().join(record::folder(target.version())));
        sweep(&swept);
        let folders = record.as_ref().map(|record| record.folders.clone());
        let mut kept = Self {
            reporter,
            target: target.clone(),
            was_hotpatched: record.is_some(),
            record,
            folders: folders.unwrap_or_default(),
            before: Vec::new(),
            _lock: lock,
        };
        kept.finish()?;
        kept.was_hotpatched = kept.record.is_some();
        Ok(kept)
    }

    /// The record, if the interpreter was hotpatched.
    #[must_use]
    pub fn record(&self) -> Option<&KeptRecord> {
        self.record.as_ref()
    }

    pub(super) fn folder(&self) -> PathBuf {
        self.target
            .prefix()
            .join(record::hotpatch_folder(self.target.version()))
    }

    /// A folder beside the originals for what is needed for moments.
    pub(super) fn made_folder(&mut self, name: &str) -> Result<PathBuf, Error> {
        let folder = self.folder().join(name);
        let prefix = self.target.prefix().to_owned();
        let mut missing: Vec<PathBuf> = folder
            .ancestors()
            .take_while(|folder| !folder.is_dir() && *folder != prefix)
            .map(Path::to_owned)
            .collect();
        missing.reverse();
        let like = fs_err::metadata(&prefix).map_err(Error::file(&prefix))?;
        for path in missing {
            let make = || -> io::Result<()> {
                fs_err::create_dir(&path)?;
                // A prefix of somebody else stays theirs, what is kept in it too.
                let found = fs_err::metadata(&path)?;
                if (found.uid(), found.gid()) != (like.uid(), like.gid()) {
                    std::os::unix::fs::chown(&path, Some(like.uid()), Some(like.gid()))?;
                }
                Ok(())
            };
            make().map_err(Error::file(&path))?;
            self.folders.push(self.target.below_prefix(&path));
        }
        Ok(folder)
    }

    /// Keeps what stands at these paths before anything is changed there, and says so in the record.
    /// What was kept the first time stays; what stands there now is kept for going back, too.
    ///
    /// # Errors
    /// When something cannot be read or kept.
    fn keep(&mut self, part: Part, planned: &Planned<'_>, pins: &Pins) -> Result<(), Error> {
        let prefix = self.target.prefix().to_owned();
        let mut before = Originals::new(self.made_folder(part.before())?, BTreeMap::new());
        planned.keep(&prefix, &mut before)?;
        self.before.push((part, before));
        self.made_folder(part.originals())?;
        let mut originals = self.originals(part);
        for path in &planned.came_later {
            originals.note_absent(path);
        }
        planned.keep(&prefix, &mut originals)?;
        let items = originals.items().clone();
        let new = || KeptRecord::new(self.target.version(), pins);
        let mut record = self.record.clone().unwrap_or_else(new);
        match part {
            Part::Ensurepip => record.ensurepip = items,
            Part::Installed => record.installed = items,
        }
        for (path, digest) in &planned.written {
            let known = record.written.entry(path.clone()).or_default();
            if !known.contains(digest) {
                known.push(*digest);
            }
        }
        env!("CARGO_PKG_VERSION").clone_into(&mut record.pybuild);
        record.changed = Timestamp::now();
        record.pins = pins.clone();
        self.folders.dedup();
        record.folders.clone_from(&self.folders);
        self.begin()?;
        self.write(record)
    }

    /// Writes down what there is to go back to, before the record says what is about to be.
    fn begin(&self) -> Result<(), Error> {
        let (record, began) = (self.folder().join(RECORD), self.folder().join(BEGAN));
        if self.was_hotpatched && !began.exists() {
            link_or_copy(&record, &began).map_err(Error::file(&began))?;
        }
        let before = self.before.iter();
        let under_way = UnderWay {
            before: before
                .map(|(part, originals)| (*part, originals.items().clone()))
                .collect(),
            was_hotpatched: self.was_hotpatched,
            folders: self.folders.clone(),
        };
        self.write_synced(UNDER_WAY, &under_way)
    }

    /// What was kept of one part the first time.
    pub(super) fn originals(&self, part: Part) -> Originals {
        let record = self.record.as_ref();
        let items = match part {
            Part::Ensurepip => record.map(|record| record.ensurepip.clone()),
            Part::Installed => record.map(|record| record.installed.clone()),
        };
        let folder = self.folder().join(part.originals());
        Originals::new(folder, items.unwrap_or_default())
    }

    /// Makes the change of `ensurepip`, with what stands there kept first. The installation's own
    /// record is kept too: [`Kept::update_manifest`] changes it.
    ///
    /// # Errors
    /// When something cannot be kept or written.
    pub fn arrange(&mut self, change: &Change, pins: &Pins) -> Result<(), Error> {
        let papers = self.manifest_path();
        let manifest = self.target.prefix().join(&papers).exists();
        let papers = manifest.then_some(papers.as_path());
        // All of `ensurepip`: the user may remove what does not change, too.
        let whole = files_below(&self.target.stdlib().join("ensurepip"));
        let whole: Vec<PathBuf> = whole
            .iter()
            .map(|path| self.target.below_prefix(path))
            .collect();
        let whole = whole.iter().map(PathBuf::as_path);
        let planned = Planned {
            changed: change.paths().chain(papers).chain(whole).collect(),
            written: change.texts(),
            ..Planned::default()
        };
        self.keep(Part::Ensurepip, &planned, pins)?;
        change.bring_about(self.target.prefix())
    }

    /// Makes the change of site-packages, with what stands there kept first.
    ///
    /// # Errors
    /// When something cannot be kept or written.
    pub fn install(&mut self, change: &InstalledChange, pins: &Pins) -> Result<(), Error> {
        let planned = Planned {
            changed: change.paths().collect(),
            beside: change.beside().collect(),
            came_later: self.came_later()?,
            written: change.loose(&self.target)?,
        };
        self.keep(Part::Installed, &planned, pins)?;
        change.apply(&self.target, self.reporter)
    }

    /// Brings the list of files of an installation that pybuild made in line with what stands there.
    /// Compiled files stay in it: Python makes them anew.
    ///
    /// # Errors
    /// When the list cannot be read or written.
    pub fn update_manifest(&self) -> Result<(), Error> {
        let prefix = self.target.prefix();
        let path = self.manifest_path();
        let file = prefix.join(&path);
        let Some(record) = &self.record else {
            return Ok(());
        };
        let text = match fs_err::read(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(Error::file(&file)(error)),
        };
        let manifest: Manifest = serde_json::from_slice(&text).map_err(|source| Error::Record {
            path: file.clone(),
            source: Some(source),
        })?;
        let changed = record
            .paths()
            .filter(|changed| !is_compiled(changed) && **changed != *path)
            .chain(record.installed.keys().map(PathBuf::as_path))
            // A foreign file that was only kept is not the installation's.
            .filter(|changed| manifest.contains(changed) || !record.is_original(prefix, changed))
            .collect::<Vec<_>>();
        let manifest = manifest
            .refreshed(prefix, changed.into_iter())
            .map_err(Error::file(&file))?;
        let mut after = serde_json::to_string_pretty(&manifest)
            .map_err(|error| Error::file(&file)(error.into()))?;
        after.push('\n');
        if after.as_bytes() == text {
            return Ok(());
        }
        Change::of_text(path, after).bring_about(prefix)
    }

    /// The list of files of an installation that pybuild made, below the prefix.
    fn manifest_path(&self) -> PathBuf {
        record::folder(self.target.version()).join(record::FILES)
    }

    fn write(&mut self, record: KeptRecord) -> Result<(), Error> {
        self.write_synced(RECORD, &record)?;
        self.record = Some(record);
        Ok(())
    }

    fn write_synced(&self, name: &str, value: &impl Serialize) -> Result<(), Error> {
        let path = self.folder().join(name);
        let scratch = self.folder().join(format!("{name}.scratch"));
        let write = || -> io::Result<()> {
            record::write_json(&scratch, value)?;
            // What is kept must be on the disk before anything says so, and both before a change.
            let parts = [Part::Ensurepip, Part::Installed];
            let parts = parts
                .iter()
                .flat_map(|part| [part.originals(), part.before()]);
            for folder in parts.chain([ORIGINALS, BEFORE]) {
                match sync_folder(&self.folder().join(folder)) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
            fs_err::File::open(&scratch)?.sync_all()?;
            fs_err::rename(&scratch, &path)?;
            sync_folder(&self.folder())
        };
        write().map_err(|error| {
            let _ = remove_if_there(&scratch);
            Error::file(&path)(error)
        })?;
        crash_point("hotpatch.recorded");
        Ok(())
    }

    /// Finds out whether what was kept belongs to what stands there now.
    ///
    /// # Errors
    /// [`Error::ChangedSince`], [`Error::KeptDamaged`], [`Error::InTheWay`].
    pub fn ensure_undoable(&self) -> Result<(), Error> {
        let prefix = self.target.prefix();
        let own = self.target.below_prefix(self.target.purelib());
        for part in [Part::Ensurepip, Part::Installed] {
            self.originals(part).verify()?;
            self.originals(part).ensure_free(prefix, &own)?;
        }
        let Some(record) = &self.record else {
            return Ok(());
        };
        let texts = record.written.iter();
        for (path, digests) in texts.filter(|(path, _)| record.ensurepip.contains_key(*path)) {
            let file = prefix.join(path);
            let found = match Sha256::of_file(&file) {
                Ok(found) => found,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(Error::file(&file)(error)),
            };
            let original = match record.ensurepip.get(path) {
                Some(Item::File(kept)) => kept.sha256() == found,
                _ => false,
            };
            if !original && !digests.contains(&found) {
                return Err(Error::ChangedSince { path: file });
            }
        }
        Ok(())
    }

    /// Who is told.
    pub(super) fn reporter(&self) -> &'r dyn Reporter {
        self.reporter
    }

    /// The interpreter.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.target
    }
}
