//! Built things in the store, by key. An entry is a folder, which is renamed into place as a whole.

use std::io::{self, Read as _, Seek as _, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::corrupt::Corrupt;
use super::entry::{self, Description};
use super::payload::{self, PayloadReader, PayloadWriter};
use super::{SCRATCH, Store};
use crate::digest::{Hasher, Sha256};
use crate::failpoint::crash_point;
use crate::fs::disk::may_not_be_written;
use crate::fs::durable::sync_folder;
use crate::fs::lock::{is_at, try_share};
use crate::fs::scratch::ScratchFolder;

/// The folder of what the built things of each kind have saved: a file for each kind, with the
/// milliseconds of each use on a line.
pub(super) const SAVED: &str = "saved";

/// A kind of built thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The staged tree of one compile.
    Compile,
    /// The files that a pin and `ensurepip` add to a compile.
    Install,
}

impl Kind {
    pub(crate) const ALL: [Self; 2] = [Self::Compile, Self::Install];

    /// The folder in the store. The name contains the format, so another version's entries are never
    /// misread.
    pub(super) fn folder(self) -> &'static str {
        match self {
            Self::Compile => "compiles-1",
            Self::Install => "installs-1",
        }
    }
}

/// A built thing in the store. No other process removes it while this value lives.
#[derive(Debug)]
pub(crate) struct BuiltEntry {
    folder: PathBuf,
    /// The file of the uses of this kind.
    saved: PathBuf,
    description: Description,
    payload: fs_err::File,
    /// The description's file, whose lock is shared by the users of the entry.
    _lock: fs_err::File,
}

/// The outcome of keeping a built thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keeping {
    Kept,
    /// The store had it already; that entry stays.
    Present,
    /// The store cannot be written.
    ReadOnly,
}

impl BuiltEntry {
    /// The description that the keeper wrote.
    pub(crate) fn about<T: DeserializeOwned>(&self) -> Result<T, Corrupt> {
        let about = serde_json::from_str(self.description.about.get());
        about.map_err(|error| Corrupt::Malformed {
            path: self.folder.join(entry::NAME),
            what: error.to_string(),
        })
    }

    /// The time that it took to build.
    pub(crate) fn cost(&self) -> Duration {
        Duration::try_from_secs_f64(self.description.seconds).unwrap_or_default()
    }

    /// The payload from its beginning. One reader at a time: readers share a position.
    pub(crate) fn payload(&self) -> Result<PayloadReader, Corrupt> {
        let path = self.folder.join(payload::NAME);
        let open = || {
            let mut file = self.payload.file().try_clone()?;
            file.rewind()?;
            Ok(file)
        };
        match open() {
            Ok(file) => Ok(PayloadReader {
                file,
                path,
                expected: self.description.payload,
                hasher: Hasher::default(),
            }),
            Err(source) => Err(Corrupt::Unreadable { path, source }),
        }
    }

    /// Counts a use, and the time that it saved. Errors are ignored.
    pub(crate) fn record_use(&self, saved: Duration) {
        let append = || {
            if let Some(folder) = self.saved.parent() {
                fs_err::create_dir_all(folder)?;
            }
            let mut options = fs_err::OpenOptions::new();
            let mut file = options.create(true).append(true).open(&self.saved)?;
            // One call: lines of several processes do not mix.
            file.write_all(format!("{}\n", saved.as_millis()).as_bytes())
        };
        let _: io::Result<()> = append();
    }
}

impl Store {
    /// The built thing with this key, marked as used now; `None` if there is none or a process is
    /// removing it. [`Store::keep_built`] replaces a corrupt one.
    pub(crate) fn built(&self, kind: Kind, key: Sha256) -> Result<Option<BuiltEntry>, Corrupt> {
        let folder = self.entry_folder(kind, key);
        let path = folder.join(entry::NAME);
        let unreadable = |source| Corrupt::Unreadable {
            path: path.clone(),
            source,
        };
        let mut lock = match fs_err::File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound && !folder.exists() => {
                return Ok(None);
            }
            Err(source) => return Err(unreadable(source)),
        };
        let is_ours =
            try_share(lock.file(), &path).and_then(|it| Ok(it && is_at(lock.file(), &path)?));
        if !is_ours.map_err(unreadable)? {
            return Ok(None);
        }
        let mut text = Vec::new();
        lock.read_to_end(&mut text).map_err(unreadable)?;
        let description = Description::read(&text, &path)?;
        let (path, payload) = open_payload(&folder)?;
        let found = payload.metadata().map_err(unreadable)?;
        if !found.is_file() || found.len() != description.payload.length {
            let what = format!(
                "it has {} bytes, and {} were written",
                found.len(),
                description.payload.length
            );
            return Err(Corrupt::Malformed { path, what });
        }
        // In a store that cannot be written, nothing is removed either.
        let _ = lock.file().set_modified(SystemTime::now());
        Ok(Some(BuiltEntry {
            saved: self.root.join(SAVED).join(kind.folder()),
            folder,
            description,
            payload,
            _lock: lock,
        }))
    }

    /// Keeps a built thing, which took `cost` to build. `write` writes the payload and returns the
    /// description. A sound entry with the same key stays, and `write` is not called; a corrupt one is
    /// replaced.
    ///
    /// # Errors
    /// When the entry cannot be written, as on a full disk. No part of it stays.
    pub(crate) fn keep_built<T: Serialize>(
        &self,
        kind: Kind,
        key: Sha256,
        cost: Duration,
        write: impl FnOnce(&mut dyn Write) -> io::Result<T>,
    ) -> io::Result<Keeping> {
        if matches!(self.built(kind, key), Ok(Some(_))) {
            return Ok(Keeping::Present);
        }
        let scratch = match self.own_scratch(kind.folder()) {
            Err(error) if may_not_be_written(&error) => return Ok(Keeping::ReadOnly),
            made => made?,
        };
        let new = scratch.path().join("entry");
        fs_err::create_dir(&new)?;
        let mut writer = PayloadWriter::new(fs_err::File::create(new.join(payload::NAME))?);
        let about = write(&mut writer)?;
        let description = Description::new(cost, writer.finish()?, &about)?;
        let mut file = fs_err::File::create(new.join(entry::NAME))?;
        file.write_all(&serde_json::to_vec_pretty(&description)?)?;
        file.sync_all()?;
        sync_folder(&new)?;
        crash_point("built.synced");
        let keeping = self.place(&new, kind, key)?;
        crash_point("built.renamed");
        sync_folder(&self.root.join(kind.folder()))?;
        Ok(keeping)
    }

    /// Renames a finished entry into place.
    fn place(&self, new: &Path, kind: Kind, key: Sha256) -> io::Result<Keeping> {
        self.folder(kind.folder())?;
        let place = self.entry_folder(kind, key);
        // A folder that is not empty is not replaced.
        let Err(error) = std::fs::rename(new, &place) else {
            return Ok(Keeping::Kept);
        };
        if !place.exists() {
            return Err(error);
        }
        match self.built(kind, key) {
            Ok(Some(_)) => return Ok(Keeping::Present),
            Ok(None) => {}
            Err(_) => self.remove_entry(&place)?,
        }
        fs_err::rename(new, &place)?;
        Ok(Keeping::Kept)
    }

    /// Removes a damaged entry. Errors are ignored.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a removed entry is not used again"
    )]
    pub(crate) fn discard_built(&self, entry: BuiltEntry) {
        let _ = self.remove_entry(&entry.folder);
    }

    /// Removes an entry: it is renamed away first, so no process finds a part of it.
    pub(super) fn remove_entry(&self, folder: &Path) -> io::Result<()> {
        let scratch = self.own_scratch("removed")?;
        let moved = scratch.path().join("entry");
        fs_err::rename(folder, &moved)?;
        if moved.is_dir() {
            return fs_err::remove_dir_all(moved);
        }
        fs_err::remove_file(moved)
    }

    /// A scratch folder on the store's file system.
    fn own_scratch(&self, purpose: &str) -> io::Result<ScratchFolder> {
        ScratchFolder::new(&self.folder(SCRATCH)?, &format!("{purpose}-"))
    }

    pub(super) fn entry_folder(&self, kind: Kind, key: Sha256) -> PathBuf {
        self.root.join(kind.folder()).join(key.to_string())
    }
}

fn open_payload(folder: &Path) -> Result<(PathBuf, fs_err::File), Corrupt> {
    let path = folder.join(payload::NAME);
    let opened = super::ensure_regular(&path).and_then(|()| fs_err::File::open(&path));
    match opened {
        Ok(file) => Ok((path, file)),
        Err(source) => Err(Corrupt::Unreadable { path, source }),
    }
}

#[cfg(test)]
mod tests;
