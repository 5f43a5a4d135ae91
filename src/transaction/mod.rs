//! Changes to a prefix: all of them or none, whatever happens on the way.
//!
//! A transaction executes an ordered list of changes. A change adds a file or link, replaces one, or
//! removes one.
//!
//! 1. **Stage.** Each new file is brought into `PREFIX/.pybuild-transaction/new/N`, on the prefix's own
//!    file system. Each file that will be replaced is kept in `old/N`: by a hard link, or as a copy
//!    where links are refused.
//! 2. **Apply.** The journal is written. Then the list is executed: a new file is renamed over the old
//!    one, so its path is never absent; a removed file is renamed to `old/N`.
//! 3. **Commit or roll back.** The caller may check the result first. Renaming the journal to
//!    `committed.json` is the commit. Rolling back executes the list backwards; a kept file is renamed
//!    over the new one.
//!
//! The next process recovers an interrupted transaction: a journal means roll back, a committed journal
//! means that only leftover files are removed. So an order of changes that keeps a prefix usable at
//! each step keeps it usable after a kill at any moment, and during recovery. `install` and `hotpatch`
//! state their guarantees as such orders.
//!
//! Against a loss of power, the order of syncs is:
//!
//! | synced | before |
//! | --- | --- |
//! | new files, kept files and the journal's content | the journal gets its name |
//! | the journal's name | the first change |
//! | changes up to [`Transaction::sync_before_next`] | the changes after it, and the same backwards |
//! | all changes | the journal is renamed |
//! | the journal's new name | a kept file is removed |
//!
//! On systems other than Linux the sync is sync(2), which may return before all is written.

mod error;
mod event;
pub(crate) mod journal;
pub(crate) mod pending;
mod recovery;
mod whole;

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

pub(crate) use error::{Error, counted, shown};
pub(crate) use recovery::{Recovered, recover};
pub(crate) use whole::{is_vacant, place_whole};

use crate::failpoint::crash_point;
use crate::fs::durable::{
    bring, keep, rename_to_nothing, sync_file_system, sync_folder, take_after,
};
use crate::process::signals::{HeldFolder, uninterrupted};
use crate::progress::Reporter;
use journal::{COMMITTED, Change, FOLDER, JOURNAL, Journal};
use recovery::{clean_up, open};

/// A list of changes that is being made. Dropping it leaves the prefix unchanged.
pub(crate) struct Transaction {
    prefix: PathBuf,
    journal: Journal,
    /// Released by the system when the process ends.
    _lock: fs_err::File,
    /// Until the journal is written, a signal may simply remove the folder.
    held: Option<HeldFolder>,
    like_parents: bool,
    sync_before_next: bool,
    state: State,
}

#[derive(PartialEq)]
enum State {
    Staging,
    Applied,
    Ended,
}

/// A transaction whose changes are made. Dropping it rolls them back.
#[must_use]
pub(crate) struct Applied(Transaction);

impl Transaction {
    /// Opens a transaction on `prefix`, after recovering an interrupted one and waiting for a process
    /// that has one open.
    pub fn begin(prefix: &Path, reporter: &dyn Reporter) -> Result<Self, Error> {
        let lock = open(prefix, reporter)?;
        crash_point("transaction.begun");
        Ok(Self {
            prefix: prefix.to_owned(),
            journal: Journal::default(),
            _lock: lock,
            held: Some(HeldFolder::new(prefix.join(FOLDER))),
            like_parents: false,
            sync_before_next: false,
            state: State::Staging,
        })
    }

    /// Gives each new folder the owner and mode of its parent.
    pub fn make_folders_like_parents(&mut self) {
        self.like_parents = true;
    }

    /// Lets the changes that follow reach the disk only after those so far.
    pub fn sync_before_next(&mut self) {
        self.sync_before_next = true;
    }

    /// Adds or replaces the file or link at `path` below the prefix; `from` may be moved.
    pub fn add(&mut self, path: &Path, from: &Path) -> Result<(), Error> {
        let new = self.staging_path(path)?;
        bring(from, &new).map_err(Error::prefix(&self.prefix))?;
        crash_point("transaction.staged");
        Ok(())
    }

    /// Adds a change of `path` below the prefix and returns its staging path. The caller makes the new
    /// file or link there.
    ///
    /// # Errors
    /// [`Error::InTheWay`] when a folder is at `path`, or a file is where a folder of it has to be.
    pub fn staging_path(&mut self, path: &Path) -> Result<PathBuf, Error> {
        let replaces = match self.prefix.join(path).symlink_metadata() {
            Ok(found) if !found.is_dir() => true,
            Err(error) if error.kind() != io::ErrorKind::NotADirectory => false,
            _ => {
                return Err(Error::InTheWay {
                    paths: vec![self.prefix.join(path)],
                });
            }
        };
        self.push(path, replaces, true);
        Ok(self.new_path(self.journal.changes.len() - 1))
    }

    /// Removes the file or link at `path` below the prefix, if there is one.
    pub fn remove(&mut self, path: &Path) {
        let found = self.prefix.join(path).symlink_metadata();
        if found.is_ok_and(|found| !found.is_dir()) {
            self.push(path, true, false);
        }
    }

    fn push(&mut self, path: &Path, replaces: bool, adds: bool) {
        self.journal.changes.push(Change {
            path: path.to_owned(),
            replaces,
            adds,
            after_sync: std::mem::take(&mut self.sync_before_next),
        });
    }

    /// Removes these folders below the prefix after the commit if they are empty then. The empty path
    /// is the prefix itself.
    pub fn remove_if_empty(&mut self, folders: impl IntoIterator<Item = PathBuf>) {
        self.journal.may_go.extend(folders);
    }

    /// The changed paths, each with the staging path of its new file; `None` for a removal.
    pub fn changes(&self) -> impl Iterator<Item = (&Path, Option<PathBuf>)> {
        let changes = self.journal.changes.iter().enumerate();
        changes.map(|(number, change)| {
            (
                change.path.as_path(),
                change.adds.then(|| self.new_path(number)),
            )
        })
    }

    /// Makes the changes and commits them. A signal waits until this is done.
    ///
    /// # Errors
    /// When a change fails. The prefix is unchanged then.
    pub fn commit(self) -> Result<(), Error> {
        self.commit_if(|| Ok(()))
    }

    /// Makes the changes, and commits them if the check succeeds. A signal waits until this is done.
    ///
    /// # Errors
    /// When a change or the check fails. The prefix is unchanged then.
    pub fn commit_if<E: From<Error>>(
        mut self,
        check: impl FnOnce() -> Result<(), E>,
    ) -> Result<(), E> {
        let _whole = uninterrupted();
        self.make_changes()?;
        if let Err(error) = check() {
            self.end().map_err(Error::prefix(&self.prefix))?;
            return Err(error);
        }
        Ok(self.write_commit()?)
    }

    /// Makes the changes, in the order in which they were added.
    ///
    /// # Errors
    /// When a change fails. The prefix is unchanged then.
    pub fn apply(mut self) -> Result<Applied, Error> {
        let _whole = uninterrupted();
        self.make_changes()?;
        Ok(Applied(self))
    }

    fn make_changes(&mut self) -> Result<(), Error> {
        self.held = None;
        self.state = State::Applied;
        self.execute().map_err(|source| {
            // The next process recovers a change that cannot be rolled back now.
            let _ = self.end();
            Error::prefix(&self.prefix)(source)
        })
    }

    fn execute(&mut self) -> io::Result<()> {
        let folder = self.prefix.join(FOLDER);
        self.journal.folders = self.missing_folders();
        for (number, change) in self.journal.changes.iter().enumerate() {
            if change.replaces && change.adds {
                keep(&self.prefix.join(&change.path), &self.old_path(number))?;
                crash_point("transaction.kept");
            }
        }
        let scratch = folder.join("journal.scratch");
        fs_err::write(&scratch, serde_json::to_vec(&self.journal)?)?;
        sync_file_system(&self.prefix)?;
        crash_point("transaction.written");
        fs_err::rename(&scratch, folder.join(JOURNAL))?;
        sync_folder(&folder)?;
        crash_point("transaction.journal");
        for path in &self.journal.folders {
            let path = self.prefix.join(path);
            fs_err::create_dir(&path)?;
            if let Some(parent) = path.parent().filter(|_| self.like_parents) {
                take_after(&path, &fs_err::metadata(parent)?)?;
            }
        }
        crash_point("transaction.folders");
        for (number, change) in self.journal.changes.iter().enumerate() {
            if change.after_sync {
                sync_file_system(&self.prefix)?;
            }
            let (path, new) = (self.prefix.join(&change.path), self.new_path(number));
            match (change.adds, change.replaces) {
                (true, true) => fs_err::rename(new, path)?,
                (true, false) => rename_to_nothing(&new, &path)?,
                (false, _) => match fs_err::rename(path, self.old_path(number)) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    // Another process has removed it.
                    _ => {}
                },
            }
            if change.adds {
                crash_point("transaction.placed");
            } else {
                crash_point("transaction.removed");
            }
        }
        crash_point("transaction.applied");
        Ok(())
    }

    fn write_commit(&mut self) -> Result<(), Error> {
        let folder = self.prefix.join(FOLDER);
        let committed = sync_file_system(&self.prefix)
            .and_then(|()| fs_err::rename(folder.join(JOURNAL), folder.join(COMMITTED)))
            .and_then(|()| {
                crash_point("transaction.committed");
                sync_folder(&folder)
            });
        // The next process removes or rolls back the rest.
        let _ = self.end();
        committed.map_err(Error::prefix(&self.prefix))
    }

    /// Rolls back unless the journal says that the changes are committed, and removes the folder.
    fn end(&mut self) -> io::Result<()> {
        self.state = State::Ended;
        recovery::settle(&self.prefix)?;
        clean_up(&self.prefix)
    }

    fn missing_folders(&self) -> Vec<PathBuf> {
        let added = self.journal.changes.iter().filter(|change| change.adds);
        let missing: BTreeSet<PathBuf> = added
            .flat_map(|change| {
                let folders = change.path.ancestors().skip(1);
                folders.take_while(|folder| !self.prefix.join(folder).is_dir())
            })
            .map(Path::to_owned)
            .collect();
        missing.into_iter().collect()
    }

    fn new_path(&self, number: usize) -> PathBuf {
        journal::new_path(&self.prefix, number)
    }

    fn old_path(&self, number: usize) -> PathBuf {
        journal::old_path(&self.prefix, number)
    }
}

impl Applied {
    /// Keeps the changes.
    ///
    /// # Errors
    /// When the commit cannot be written. The prefix is unchanged then.
    pub fn commit(mut self) -> Result<(), Error> {
        let _whole = uninterrupted();
        self.0.write_commit()
    }

    /// Undoes the changes.
    ///
    /// # Errors
    /// When one cannot be undone: the next process tries again.
    pub fn roll_back(mut self) -> Result<(), Error> {
        let _whole = uninterrupted();
        self.0.end().map_err(Error::prefix(&self.0.prefix))
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        // The next process removes or rolls back the rest.
        match self.state {
            State::Staging => drop(clean_up(&self.prefix)),
            State::Applied => {
                let _whole = uninterrupted();
                drop(self.end());
            }
            State::Ended => {}
        }
    }
}

#[cfg(test)]
mod tests;
