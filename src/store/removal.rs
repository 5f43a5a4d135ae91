//! Removal of items of the store that no process uses.

use std::io;

use super::Store;
use super::entry;
use super::in_use::{Alone, Removing};
use super::inventory::{Category, Guard, Item};
use crate::fs::durable::remove_if_there;
use crate::fs::lock::{is_at, try_take};
use crate::fs::scratch::IN_USE;
use crate::process::in_use::end_leftovers;

/// The outcome of a removal.
#[derive(Debug, Default)]
pub(crate) struct Removal {
    pub(crate) removed: Vec<Item>,
    /// Items that a running process uses. They stay.
    pub(crate) in_use: Vec<Item>,
}

impl Removal {
    /// The bytes that were freed.
    pub(crate) fn freed(&self) -> u64 {
        self.removed.iter().map(|item| item.bytes).sum()
    }
}

/// Whether other processes use the inputs.
enum Inputs {
    Unknown,
    InUse,
    Unused(#[expect(dead_code, reason = "it is a lock")] Alone),
}

/// Removes items one by one.
pub(super) struct Remover<'a> {
    store: &'a Store,
    removing: Removing,
    /// The lock of the inputs, taken when it is first needed.
    inputs: Inputs,
    pub removal: Removal,
}

impl<'a> Remover<'a> {
    pub fn new(store: &'a Store, removing: Removing) -> Self {
        Self {
            store,
            removing,
            inputs: Inputs::Unknown,
            removal: Removal::default(),
        }
    }

    /// Removes an item unless a process uses it; returns whether it is removed.
    pub fn remove(&mut self, item: Item) -> io::Result<bool> {
        let removed = match item.category.guard() {
            Guard::Store => self.remove_input(&item)?,
            Guard::Entry => self.remove_guarded(&item, Some(entry::NAME))?,
            Guard::InUse => self.remove_guarded(&item, Some(IN_USE))?,
            Guard::Itself => self.remove_guarded(&item, None)?,
        };
        let list = if removed {
            &mut self.removal.removed
        } else {
            &mut self.removal.in_use
        };
        list.push(item);
        Ok(removed)
    }

    /// Whether no other process uses the inputs.
    fn is_alone(&mut self) -> io::Result<bool> {
        if matches!(self.inputs, Inputs::Unknown) {
            self.inputs = match self.store.alone(self.removing)? {
                Some(alone) => Inputs::Unused(alone),
                None => Inputs::InUse,
            };
        }
        Ok(matches!(self.inputs, Inputs::Unused(_)))
    }

    fn remove_input(&mut self, item: &Item) -> io::Result<bool> {
        let is_alone = self.is_alone()?;
        if is_alone && self.removing == Removing::Remove {
            remove_if_there(&item.path)?;
        }
        Ok(is_alone)
    }

    /// Removes an item with a lock file in it, or one that is a locked file itself. An item without its
    /// lock file is a kept build folder or a damaged entry, and nobody uses it.
    fn remove_guarded(&self, item: &Item, lock: Option<&str>) -> io::Result<bool> {
        let path = lock.map_or_else(|| item.path.clone(), |name| item.path.join(name));
        let lock = match fs_err::OpenOptions::new()
            .read(true)
            .write(true)
            .open(&path)
        {
            Ok(lock) => Some(lock),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(_) if self.removing == Removing::DryRun => None,
            Err(error) => return Err(error),
        };
        if let Some(lock) = &lock
            && !(try_take(lock.file(), &path)? && is_at(lock.file(), &path)?)
        {
            return Ok(false);
        }
        if self.removing == Removing::Remove {
            if item.category.guard() == Guard::InUse {
                end_leftovers(&item.path);
            }
            if item.path.is_dir() {
                self.store.remove_entry(&item.path)?;
            } else {
                remove_if_there(&item.path)?;
            }
        }
        Ok(true)
    }
}

impl Store {
    /// Removes everything that pybuild put into the store and that no process uses, and then the empty
    /// folders. The notes of changes to prefixes stay: they lead to the prefixes that must be recovered.
    pub(crate) fn clean(&self, removing: Removing) -> io::Result<Removal> {
        let mut remover = Remover::new(self, removing);
        // First, so that the lock's own file is among the items.
        remover.is_alone()?;
        for item in self.items()? {
            remover.remove(item)?;
        }
        if removing == Removing::Remove {
            self.sweep();
            for category in Category::ALL {
                // A folder with other files stays.
                let _ = std::fs::remove_dir(self.root.join(category.folder()));
            }
        }
        Ok(remover.removal)
    }
}
