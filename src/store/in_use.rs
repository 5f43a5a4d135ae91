//! The lock that the users of a store's inputs share. While a process has it, no other removes inputs.

use std::io;
use std::time::{Duration, Instant};

use super::Store;
use crate::fs::disk::may_not_be_written;
use crate::fs::lock::{is_at, try_share, try_take};

/// The folder of lock files, and the lock's name in it.
pub(super) const LOCKS: &str = "locks";
const LOCK: &str = "inputs";

/// The longest time for which a process waits for one that is cleaning the store.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whether things are removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Removing {
    Remove,
    /// Only those that would be removed are determined.
    DryRun,
}

/// A use of the store's inputs, from the first look-up on.
#[derive(Debug)]
pub(crate) struct StoreUse(#[expect(dead_code, reason = "it is a lock")] Option<fs_err::File>);

/// The store's inputs, which no other process uses.
#[derive(Debug)]
pub(super) struct Alone(#[expect(dead_code, reason = "it is a lock")] Option<fs_err::File>);

impl Store {
    /// Keeps other processes from removing inputs while the value lives. A store that cannot be
    /// written, or not be locked, is used without a lock.
    pub(crate) fn enter(&self) -> StoreUse {
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            match self.lock_with(try_share) {
                Ok(None) => std::thread::sleep(Duration::from_millis(40)),
                Ok(lock) => return StoreUse(lock),
                Err(_) => break,
            }
        }
        StoreUse(None)
    }

    /// `None` if another process uses the inputs.
    pub(super) fn alone(&self, removing: Removing) -> io::Result<Option<Alone>> {
        if removing == Removing::DryRun && !self.root.join(LOCKS).join(LOCK).exists() {
            return Ok(Some(Alone(None)));
        }
        match self.lock_with(try_take) {
            // Nothing can be removed there either.
            Err(error) if may_not_be_written(&error) => Ok(Some(Alone(None))),
            taken => Ok(taken?.map(|lock| Alone(Some(lock)))),
        }
    }

    fn lock_with(
        &self,
        take: impl Fn(&std::fs::File, &std::path::Path) -> io::Result<bool>,
    ) -> io::Result<Option<fs_err::File>> {
        let path = self.folder(LOCKS)?.join(LOCK);
        let mut options = fs_err::OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false);
        loop {
            let file = options.open(&path)?;
            if !take(file.file(), &path)? {
                return Ok(None);
            }
            // Otherwise the file was deleted with the rest of the store.
            if is_at(file.file(), &path)? {
                return Ok(Some(file));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Removing;
    use crate::store::Store;

    #[test]
    fn users_share_the_inputs_and_exclude_a_cleaner() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::at(dir.path().to_owned());
        let (one, two) = (store.enter(), store.enter());
        assert!(store.alone(Removing::Remove).unwrap().is_none());
        drop((one, two));
        assert!(store.alone(Removing::Remove).unwrap().is_some());
        let alone = store.alone(Removing::Remove).unwrap();
        // The cleaner deletes the lock's file last.
        std::fs::remove_dir_all(dir.path().join("locks")).unwrap();
        let _use = store.enter();
        drop(alone);
        assert!(store.alone(Removing::Remove).unwrap().is_none());
    }
}
