//! A change to a prefix that other things live in: all of it or nothing, whatever happens on the way.
//!
//! Everything new is brought into `PREFIX/.pybuild-transaction` first, so that the change itself is
//! nothing but renames within one file system. The journal there is written before the first rename;
//! it and the files that lie beside it tell at any moment how to go back. Renaming the journal is
//! the commit. What a killed process left is rolled back, or cleaned up, by the next one.
//!
//! Against a loss of power: all that is new, and the journal, is synced before the journal gets its
//! name; the journal's name before the first rename; all renames before the journal's next name; and
//! that name before anything of the old state is thrown away. With a disk that keeps what it says is
//! written, the prefix is old or new then too. Outside of Linux the sync is sync(2), which may return
//! before all is written.

pub(crate) mod journal;
pub(crate) mod pending;

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use crate::failpoint::crash_point;
use crate::fs::durable::{
    bring, remove_if_there, rename_to_nothing, sync_file_system, sync_folder,
};
use crate::fs::lock;
use crate::fs::scratch;
use crate::install::Error;
use crate::process::signals::{HeldFolder, uninterrupted};
use crate::progress::Reporter;
use crate::transaction::journal::{Change, Journal};

const FOLDER: &str = ".pybuild-transaction";
const JOURNAL: &str = "journal.json";
const COMMITTED: &str = "committed.json";
const LOCK: &str = "lock";

/// What a killed process had left in a prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recovered {
    /// Nothing, or nothing that had changed anything.
    Nothing,
    /// A change that was not finished; it was undone.
    RolledBack,
    /// A change that was finished but for the clearing away.
    Finished {
        /// What it had taken away, below the prefix.
        removed: Vec<PathBuf>,
    },
}

/// An open change to a prefix. Dropped without [`Transaction::commit`], nothing has changed.
pub struct Transaction {
    prefix: PathBuf,
    journal: Journal,
    /// Held as long as the transaction is open; the system lets go of it when the process ends.
    _lock: fs_err::File,
    /// As long as nothing in the prefix has changed, a signal may simply clear everything away.
    held: Option<HeldFolder>,
    open: bool,
}

impl Transaction {
    /// Opens a transaction on `prefix`, after undoing or finishing what a killed process left, and
    /// waiting for a process that has one open.
    ///
    /// # Errors
    /// [`Error::Prefix`].
    pub fn begin(prefix: &Path, reporter: &dyn Reporter) -> Result<Self, Error> {
        let failed = |source| prefix_error(prefix, source);
        let lock = loop {
            fs_err::create_dir_all(prefix.join(FOLDER)).map_err(failed)?;
            if let Some(lock) = lock(prefix, reporter)? {
                break lock;
            }
        };
        let recovered = settle(prefix).map_err(failed)?;
        tell(&recovered, prefix, reporter);
        let open = || {
            discard(prefix)?;
            for name in ["new", "old"] {
                fs_err::create_dir_all(prefix.join(FOLDER).join(name))?;
            }
            Ok(())
        };
        if let Err(source) = open() {
            let _ = clean_up(prefix);
            return Err(failed(source));
        }
        crash_point("commit.begun");
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
        let new = self.new_place(path)?;
        bring(from, &new).map_err(|source| prefix_error(&self.prefix, source))?;
        crash_point("commit.brought");
        Ok(())
    }

    /// Places a copy of the file `from`, with its permission bits, at `path` below the prefix.
    ///
    /// # Errors
    /// As [`Transaction::add`].
    pub fn add_copy(&mut self, path: &Path, from: &Path) -> Result<(), Error> {
        let new = self.new_place(path)?;
        let copied = fs_err::copy(from, new);
        copied
            .map(drop)
            .map_err(|source| prefix_error(&self.prefix, source))
    }

    /// Lets a link to `target` stand at `path` below the prefix.
    ///
    /// # Errors
    /// As [`Transaction::add`].
    pub fn add_link(&mut self, path: &Path, target: &Path) -> Result<(), Error> {
        let new = self.new_place(path)?;
        std::os::unix::fs::symlink(target, new).map_err(|source| prefix_error(&self.prefix, source))
    }

    /// Where that which is to stand at `path` is to lie until then.
    fn new_place(&mut self, path: &Path) -> Result<PathBuf, Error> {
        let in_the_way = || Error::InTheWay {
            paths: vec![self.prefix.join(path)],
        };
        let replaces = match self.prefix.join(path).symlink_metadata() {
            Ok(metadata) if metadata.is_dir() => return Err(in_the_way()),
            Ok(_) => true,
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Err(in_the_way()),
            Err(_) => false,
        };
        let new = self.new_path(self.journal.changes.len());
        self.journal.changes.push(Change {
            path: path.to_owned(),
            replaces,
            adds: true,
        });
        Ok(new)
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

    /// Lets these folders below the prefix go when the change leaves them empty. The empty path is the
    /// prefix itself.
    pub fn may_go(&mut self, folders: impl IntoIterator<Item = PathBuf>) {
        self.journal.may_go.extend(folders);
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
            Err(_) => settle(&self.prefix).map(drop),
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
        crash_point("commit.written");
        fs_err::rename(&scratch, folder.join(JOURNAL))?;
        sync_folder(&folder)?;
        crash_point("commit.journal");
        for path in &self.journal.folders {
            fs_err::create_dir(self.prefix.join(path))?;
        }
        crash_point("commit.folders");
        for (number, change) in self.journal.changes.iter().enumerate() {
            let path = self.prefix.join(&change.path);
            if change.replaces {
                fs_err::rename(&path, folder.join("old").join(number.to_string()))?;
                crash_point("commit.aside");
            }
            if change.adds {
                rename_to_nothing(&self.new_path(number), &path)?;
                crash_point("commit.placed");
            }
        }
        crash_point("commit.all-placed");
        sync_file_system(&self.prefix)?;
        fs_err::rename(folder.join(JOURNAL), folder.join(COMMITTED))?;
        crash_point("commit.renamed");
        sync_folder(&folder)
    }

    fn missing_folders(&self) -> Vec<PathBuf> {
        let mut missing = BTreeSet::new();
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

/// Undoes or finishes what a killed process left in or beside `prefix`, and says so. Waits for a
/// process that is at work there.
///
/// # Errors
/// [`Error::Prefix`].
pub fn recover(prefix: &Path, reporter: &dyn Reporter) -> Result<Recovered, Error> {
    sweep_beside(prefix);
    if !is_pending(prefix) {
        return Ok(Recovered::Nothing);
    }
    let Some(_lock) = lock(prefix, reporter)? else {
        // It ended in order meanwhile.
        return Ok(Recovered::Nothing);
    };
    let recovered = settle(prefix)
        .and_then(|recovered| clean_up(prefix).map(|()| recovered))
        .map_err(|source| prefix_error(prefix, source))?;
    tell(&recovered, prefix, reporter);
    Ok(recovered)
}

/// Whether there is anything to [`recover`], or a process at work.
#[must_use]
pub fn is_pending(prefix: &Path) -> bool {
    prefix.join(FOLDER).is_dir()
}

fn tell(recovered: &Recovered, prefix: &Path, reporter: &dyn Reporter) {
    let prefix = prefix.display();
    match recovered {
        Recovered::Nothing => reporter.detail(&format!(
            "what an earlier pybuild left in {prefix} when it was ended was cleared away"
        )),
        Recovered::RolledBack => reporter.warn(&format!(
            "an earlier pybuild was ended while it changed {prefix}; what it left was put in order: everything is as it was before"
        )),
        Recovered::Finished { .. } => reporter.warn(&format!(
            "an earlier pybuild was ended just when it had changed {prefix}; what it left was put in order: the change is made"
        )),
    }
}

/// The lock of a prefix whose transaction folder exists; `None` when it went away meanwhile.
fn lock(prefix: &Path, reporter: &dyn Reporter) -> Result<Option<fs_err::File>, Error> {
    let path = prefix.join(FOLDER).join(LOCK);
    let what = format!("changes {}", prefix.display());
    match lock::open_locked(&path, &what, reporter) {
        Ok(lock) => Ok(Some(lock)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(prefix_error(prefix, source)),
    }
}

/// Leaves the prefix as it was before the transaction, or as it is after it when that was made.
fn settle(prefix: &Path) -> io::Result<Recovered> {
    let folder = prefix.join(FOLDER);
    if let Some(journal) = read_committed(prefix)? {
        let removed = journal.changes.into_iter().filter(|change| !change.adds);
        return Ok(Recovered::Finished {
            removed: removed.map(|change| change.path).collect(),
        });
    }
    let Some(journal) = Journal::read(&folder.join(JOURNAL))? else {
        // Nothing was renamed yet.
        return Ok(Recovered::Nothing);
    };
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
        crash_point("rollback.put-back");
    }
    for created in journal.folders.iter().rev() {
        // Somebody else may have put something there meanwhile; then it stays.
        let _ = fs_err::remove_dir(prefix.join(created));
    }
    sync_file_system(prefix)?;
    crash_point("rollback.done");
    fs_err::remove_file(folder.join(JOURNAL))?;
    Ok(Recovered::RolledBack)
}

/// Removes the transaction's folder and what the change left empty, the prefix itself included where
/// the journal says so.
fn clean_up(prefix: &Path) -> io::Result<()> {
    if read_committed(prefix)?.is_some_and(|journal| journal.may_go.contains(Path::new(""))) {
        discard_but_for_journal(prefix)?;
        if remove_prefix(prefix)? {
            return Ok(());
        }
    }
    discard(prefix)?;
    crash_point("tidy.discarded");
    fs_err::remove_dir_all(prefix.join(FOLDER))
}

/// Throws away what a settled transaction needs no more, and folders that it left empty.
fn discard(prefix: &Path) -> io::Result<()> {
    discard_but_for_journal(prefix)?;
    crash_point("tidy.old");
    remove_if_there(&prefix.join(FOLDER).join(COMMITTED))
}

fn discard_but_for_journal(prefix: &Path) -> io::Result<()> {
    let folder = prefix.join(FOLDER);
    if let Some(journal) = read_committed(prefix)? {
        // Children first.
        for path in journal.may_go.iter().rev() {
            if !path.as_os_str().is_empty() {
                // What somebody else has put something into stays.
                let _ = fs_err::remove_dir(prefix.join(path));
            }
        }
        crash_point("tidy.folders");
    }
    for name in ["new", "old"] {
        match fs_err::remove_dir_all(folder.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn read_committed(prefix: &Path) -> io::Result<Option<Journal>> {
    Journal::read(&prefix.join(FOLDER).join(COMMITTED))
}

/// Removes a prefix that holds nothing any more but the transaction's folder; says whether it is gone.
/// By one rename, so that no killed process leaves half of it under its own name.
fn remove_prefix(prefix: &Path) -> io::Result<bool> {
    let mut others = fs_err::read_dir(prefix)?
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name() != FOLDER);
    // A link to a folder is the work of a person.
    if others.next().is_some() || prefix.is_symlink() {
        return Ok(false);
    }
    let Some((parent, name)) = beside(prefix) else {
        return Ok(false);
    };
    let gone = parent.join(format!("{}{}", gone_name(&name), std::process::id()));
    if std::fs::rename(prefix, &gone).is_err() {
        // A mount point, or a parent that may not be written: it stays, empty.
        return Ok(false);
    }
    crash_point("tidy.gone");
    fs_err::remove_dir_all(gone.join(FOLDER))?;
    if fs_err::remove_dir(&gone).is_err() {
        // Something came in at the last moment.
        fs_err::rename(&gone, prefix)?;
    }
    sync_folder(parent)?;
    Ok(true)
}

/// The folder that a prefix is in, and its name there.
pub(super) fn beside(prefix: &Path) -> Option<(&Path, String)> {
    let name = prefix.file_name()?.to_string_lossy().into_owned();
    Some((prefix.parent()?, name))
}

/// How the names of scratch folders beside a prefix of that name begin: for one that is to become it.
pub(super) fn coming_name(name: &str) -> String {
    format!(".pybuild-coming-{name}.")
}

/// The same for what was the prefix.
fn gone_name(name: &str) -> String {
    format!(".pybuild-gone-{name}.")
}

/// Removes what killed processes left beside the prefix.
fn sweep_beside(prefix: &Path) {
    let Some((parent, name)) = beside(prefix) else {
        return;
    };
    scratch::sweep_folders(parent, &coming_name(&name), |_| {});
    for entry in std::fs::read_dir(parent).into_iter().flatten().flatten() {
        let of_prefix = entry
            .file_name()
            .to_string_lossy()
            .starts_with(&gone_name(&name));
        let folder = entry.path().join(FOLDER);
        if of_prefix {
            let lock = fs_err::OpenOptions::new()
                .write(true)
                .open(folder.join(LOCK));
            let free = lock.map_or(true, |lock| {
                lock::try_take(lock.file(), &folder).is_ok_and(|free| free)
            });
            if free {
                let _ = fs_err::remove_dir_all(folder);
                let _ = fs_err::remove_dir(entry.path());
            }
        }
    }
}

fn prefix_error(prefix: &Path, source: io::Error) -> Error {
    Error::Prefix {
        prefix: prefix.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests;
