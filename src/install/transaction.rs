//! A change to a prefix that other things live in: all of it or nothing, whatever happens on the way.
//!
//! Everything new is brought into `PREFIX/.pybuild-transaction` first, so that the change itself is
//! nothing but renames within one file system. The journal there is written before the first rename;
//! it and the files that lie beside it tell at any moment how to go back. Renaming the journal is
//! the commit. What a killed process left is rolled back, or cleaned up, by the next one.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Error;
use crate::interrupt::{HeldFolder, uninterrupted};

const FOLDER: &str = ".pybuild-transaction";
const JOURNAL: &str = "journal.json";
const COMMITTED: &str = "committed.json";
const LOCK: &str = "lock";

/// One path below the prefix that changes.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Change {
    path: PathBuf,
    /// Whether something was there before; it lies in `old/N` while the transaction is open.
    replaces: bool,
    /// Whether something takes its place; it lies in `new/N` until it does.
    adds: bool,
}

/// What is to change, in order.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Journal {
    changes: Vec<Change>,
    /// Folders that were not there before, parents first.
    folders: Vec<PathBuf>,
}

/// An open change to a prefix. Dropped without [`Transaction::commit`], nothing has changed.
pub struct Transaction {
    prefix: PathBuf,
    journal: Journal,
    /// Held as long as the transaction is open; the system lets go of it when the process ends.
    _lock: File,
    /// As long as nothing in the prefix has changed, a signal may simply clear everything away.
    held: Option<HeldFolder>,
    open: bool,
}

impl Transaction {
    /// Opens a transaction on `prefix`, after undoing or finishing what a killed process left.
    ///
    /// # Errors
    /// [`Error::Busy`] when another process has one open; [`Error::Prefix`].
    pub fn begin(prefix: &Path) -> Result<Self, Error> {
        let lock = lock(prefix)?;
        let open = || {
            settle(prefix)?;
            discard(prefix)?;
            for name in ["new", "old"] {
                fs_err::create_dir_all(prefix.join(FOLDER).join(name))?;
            }
            Ok(())
        };
        open().map_err(|source| prefix_error(prefix, source))?;
        Ok(Self {
            prefix: prefix.to_owned(),
            journal: Journal::default(),
            _lock: lock,
            held: Some(HeldFolder::new(prefix.join(FOLDER))),
            open: true,
        })
    }

    /// Brings a file or link in that is to stand at `path` below the prefix; `from` may be moved.
    ///
    /// # Errors
    /// [`Error::InTheWay`] when a folder stands there; [`Error::Prefix`].
    pub fn add(&mut self, path: &Path, from: &Path) -> Result<(), Error> {
        let replaces = match self.prefix.join(path).symlink_metadata() {
            Ok(metadata) if metadata.is_dir() => {
                return Err(Error::InTheWay {
                    paths: vec![self.prefix.join(path)],
                });
            }
            Ok(_) => true,
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
                return Err(Error::InTheWay {
                    paths: vec![self.prefix.join(path)],
                });
            }
            Err(_) => false,
        };
        let new = self.new_path(self.journal.changes.len());
        bring(from, &new).map_err(|source| prefix_error(&self.prefix, source))?;
        self.journal.changes.push(Change {
            path: path.to_owned(),
            replaces,
            adds: true,
        });
        Ok(())
    }

    /// Takes away what stands at `path` below the prefix, if anything does.
    pub fn remove(&mut self, path: &Path) {
        if self
            .prefix
            .join(path)
            .symlink_metadata()
            .is_ok_and(|metadata| !metadata.is_dir())
        {
            self.journal.changes.push(Change {
                path: path.to_owned(),
                replaces: true,
                adds: false,
            });
        }
    }

    /// Makes the change. The last path added appears last.
    ///
    /// # Errors
    /// [`Error::Prefix`]; then everything is as it was.
    pub fn commit(mut self) -> Result<(), Error> {
        let _whole = uninterrupted();
        self.held = None;
        self.open = false;
        let swapped = self.swap();
        let settled = match &swapped {
            Ok(()) => Ok(()),
            Err(_) => settle(&self.prefix),
        };
        if settled.is_ok() {
            // What is left to do is tidying, and the next process would do it too.
            let _ = clean_up(&self.prefix);
        }
        swapped.map_err(|source| prefix_error(&self.prefix, source))
    }

    fn swap(&mut self) -> io::Result<()> {
        let folder = self.prefix.join(FOLDER);
        self.journal.folders = self.missing_folders();
        let scratch = folder.join("journal.scratch");
        fs_err::write(&scratch, serde_json::to_vec(&self.journal)?)?;
        sync_file_system(&self.prefix)?;
        fs_err::rename(&scratch, folder.join(JOURNAL))?;
        sync_folder(&folder)?;
        for path in &self.journal.folders {
            fs_err::create_dir(self.prefix.join(path))?;
        }
        for (number, change) in self.journal.changes.iter().enumerate() {
            let path = self.prefix.join(&change.path);
            if change.replaces {
                fs_err::rename(&path, folder.join("old").join(number.to_string()))?;
            }
            if change.adds {
                fs_err::rename(self.new_path(number), &path)?;
            }
        }
        sync_file_system(&self.prefix)?;
        fs_err::rename(folder.join(JOURNAL), folder.join(COMMITTED))?;
        sync_folder(&folder)
    }

    fn missing_folders(&self) -> Vec<PathBuf> {
        let mut missing = std::collections::BTreeSet::new();
        for change in self.journal.changes.iter().filter(|change| change.adds) {
            for folder in change.path.ancestors().skip(1) {
                if folder.as_os_str().is_empty() || self.prefix.join(folder).is_dir() {
                    break;
                }
                missing.insert(folder.to_owned());
            }
        }
        missing.into_iter().collect()
    }

    fn new_path(&self, number: usize) -> PathBuf {
        self.prefix
            .join(FOLDER)
            .join("new")
            .join(number.to_string())
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if self.open {
            // Nothing has changed yet. What cannot be cleared away now, the next process clears.
            let _ = clean_up(&self.prefix);
        }
    }
}

/// Undoes or finishes what a killed process left in `prefix`; says whether there was anything.
///
/// # Errors
/// [`Error::Busy`] when that process is still at work; [`Error::Prefix`].
pub fn recover(prefix: &Path) -> Result<bool, Error> {
    if !prefix.join(FOLDER).is_dir() {
        return Ok(false);
    }
    let _lock = lock(prefix)?;
    settle(prefix)
        .and_then(|()| clean_up(prefix))
        .map_err(|source| prefix_error(prefix, source))?;
    Ok(true)
}

fn lock(prefix: &Path) -> Result<File, Error> {
    let folder = prefix.join(FOLDER);
    let open = || {
        fs_err::create_dir_all(&folder)?;
        fs_err::File::create(folder.join(LOCK))
    };
    let file = open().map_err(|source| prefix_error(prefix, source))?;
    let (file, _) = file.into_parts();
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(Error::Busy {
            prefix: prefix.to_owned(),
        }),
        Err(std::fs::TryLockError::Error(source)) => Err(prefix_error(prefix, source)),
    }
}

/// Leaves the prefix as it was before the transaction, or as it is after it when that was made.
fn settle(prefix: &Path) -> io::Result<()> {
    let folder = prefix.join(FOLDER);
    if folder.join(COMMITTED).exists() {
        return Ok(());
    }
    let text = match fs_err::read(folder.join(JOURNAL)) {
        Ok(text) => text,
        // Nothing was renamed yet.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let journal: Journal = serde_json::from_slice(&text)?;
    for (number, change) in journal.changes.iter().enumerate().rev() {
        let path = prefix.join(&change.path);
        let old = folder.join("old").join(number.to_string());
        let new = folder.join("new").join(number.to_string());
        if old.symlink_metadata().is_ok() {
            fs_err::rename(&old, &path)?;
        } else if !change.replaces && new.symlink_metadata().is_err() {
            match fs_err::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
    }
    for created in journal.folders.iter().rev() {
        // Somebody else may have put something there meanwhile; then it stays.
        let _ = fs_err::remove_dir(prefix.join(created));
    }
    sync_file_system(prefix)?;
    fs_err::remove_file(folder.join(JOURNAL))
}

/// Removes the transaction's folder and what the change left empty.
fn clean_up(prefix: &Path) -> io::Result<()> {
    discard(prefix)?;
    fs_err::remove_dir_all(prefix.join(FOLDER))
}

/// Throws away what a settled transaction needs no more, and folders that it left empty.
fn discard(prefix: &Path) -> io::Result<()> {
    let folder = prefix.join(FOLDER);
    if let Ok(text) = fs_err::read(folder.join(COMMITTED)) {
        let journal: Journal = serde_json::from_slice(&text)?;
        for change in journal.changes.iter().filter(|change| !change.adds) {
            for parent in change.path.ancestors().skip(1) {
                if parent.as_os_str().is_empty() || fs_err::remove_dir(prefix.join(parent)).is_err()
                {
                    break;
                }
            }
        }
    }
    for name in ["new", "old"] {
        match fs_err::remove_dir_all(folder.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    match fs_err::remove_file(folder.join(COMMITTED)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Moves `from` to `to`, or copies it where they are on different file systems.
pub(super) fn bring(from: &Path, to: &Path) -> io::Result<()> {
    match std::fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
            if from.symlink_metadata()?.is_symlink() {
                std::os::unix::fs::symlink(fs_err::read_link(from)?, to)
            } else {
                // The mode goes along; the owner is whoever runs this, as with `install`.
                fs_err::copy(from, to).map(|_| ())
            }
        }
        Err(_) => fs_err::rename(from, to),
        Ok(()) => Ok(()),
    }
}

pub(super) fn sync_file_system(path: &Path) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        let folder = fs_err::File::open(path)?;
        rustix::fs::syncfs(&folder)?;
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        let _ = path;
        rustix::fs::sync();
    }
    Ok(())
}

fn sync_folder(path: &Path) -> io::Result<()> {
    fs_err::File::open(path)?.sync_all()
}

fn prefix_error(prefix: &Path, source: io::Error) -> Error {
    Error::Prefix {
        prefix: prefix.to_owned(),
        source,
    }
}
