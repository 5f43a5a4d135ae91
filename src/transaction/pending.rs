//! Pending changes: for each prefix that a process is changing, a note in the cache folder. The note of
//! a killed process leads any later command to the prefix that has to be recovered.

use std::collections::BTreeSet;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use crate::error::chain;
use crate::failpoint::crash_point;
use crate::fs::durable::sync_folder;
use crate::fs::{lock, scratch};
use crate::progress::Reporter;
use crate::store::Store;
use crate::transaction::event::Event;
use crate::transaction::recovery::{is_pending, recover};

/// The notes in one cache folder.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PendingChanges<'a> {
    store: &'a Store,
}

/// The note of a prefix that this process is changing.
#[derive(Debug)]
#[must_use]
pub(crate) struct Entry {
    prefix: PathBuf,
    note: Option<NamedTempFile>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Note {
    /// Hosts and containers may share a cache folder, and each has prefixes of its own.
    host: String,
    prefix: PathBuf,
}

/// A note whose process is gone.
struct StaleNote {
    prefix: PathBuf,
    path: PathBuf,
    /// Keeps other processes from recovering the same prefix.
    _lock: fs_err::File,
}

impl<'a> PendingChanges<'a> {
    pub fn of(store: &'a Store) -> Self {
        Self { store }
    }

    /// Notes that this process is about to change `prefix`. If the note cannot be written, only
    /// commands about the prefix itself will recover it.
    pub fn enter(self, prefix: &Path, reporter: &dyn Reporter) -> Entry {
        let prefix = prefix.to_owned();
        let note = self.write(&prefix).map_err(|error| {
            reporter.report(&Event::NotNoted {
                prefix: prefix.clone(),
                cause: chain(&error),
            });
        });
        crash_point("pending.noted");
        Entry {
            prefix,
            note: note.ok(),
        }
    }

    fn write(self, prefix: &Path) -> io::Result<NamedTempFile> {
        let folder = self.store.notes()?;
        let mut file = scratch::scratch_file(&folder, "prefix-")?;
        let note = Note {
            host: this_host(),
            prefix: prefix.to_owned(),
        };
        file.write_all(&serde_json::to_vec(&note)?)?;
        file.as_file().sync_all()?;
        sync_folder(&folder)?;
        Ok(file)
    }

    /// Recovers all prefixes that killed processes left half done. One that cannot be recovered is
    /// reported, and the next command tries again.
    pub fn recover(self, reporter: &dyn Reporter) {
        for note in self.stale_notes() {
            match recover(&note.prefix, reporter) {
                Ok(_) => drop(fs_err::remove_file(&note.path)),
                Err(error) => reporter.report(&Event::NotRecovered {
                    prefix: note.prefix,
                    cause: chain(&error),
                }),
            }
        }
    }

    /// The stale notes of this user on this host, without those of prefixes that a process is changing.
    fn stale_notes(self) -> Vec<StaleNote> {
        let mut stale = Vec::new();
        let mut busy = BTreeSet::new();
        let own = rustix::process::geteuid().as_raw();
        let entries = std::fs::read_dir(self.store.notes_if_there());
        let mut paths: Vec<PathBuf> = entries
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .collect();
        paths.sort();
        for path in paths {
            let opened = fs_err::OpenOptions::new()
                .read(true)
                .write(true)
                .open(&path);
            let Ok(mut file) = opened else { continue };
            if !file.metadata().is_ok_and(|found| found.uid() == own) {
                // Another user could name any folder.
                continue;
            }
            let Ok(free) = lock::try_take(file.file(), &path) else {
                continue;
            };
            let mut text = String::new();
            let read = file.read_to_string(&mut text).ok();
            let note = read.and_then(|_| serde_json::from_str::<Note>(&text).ok());
            match note.filter(|note| note.host == this_host()) {
                Some(Note { prefix, .. }) if free => stale.push(StaleNote {
                    prefix,
                    path,
                    _lock: file,
                }),
                Some(Note { prefix, .. }) => drop(busy.insert(prefix)),
                // Its process was killed before it changed anything. A note in another form is a
                // newer pybuild's, and stays.
                None if free && text.is_empty() => drop(fs_err::remove_file(&path)),
                None => {}
            }
        }
        stale.retain(|note| !busy.contains(&note.prefix));
        stale
    }
}

impl Entry {
    /// Removes the note of a change that succeeded. Dropping the entry looks into the prefix first, and
    /// may take the change of another process there for an interrupted one.
    pub fn finish(mut self) {
        self.note.take();
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let note = self.note.take();
        if let Some(note) = note.filter(|_| is_pending(&self.prefix)) {
            // The change could be neither finished nor undone.
            let _ = note.keep();
        }
    }
}

/// Reports to a command that changes nothing that the prefix may have to be recovered.
pub(crate) fn report_pending(prefix: &Path, reporter: &dyn Reporter) {
    if is_pending(prefix) {
        let prefix = prefix.to_owned();
        reporter.report(&Event::Pending { prefix });
    }
}

fn this_host() -> String {
    let name = rustix::system::uname();
    name.nodename().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::{Note, PendingChanges, this_host};
    use crate::fs::scratch;
    use crate::store::Store;
    use crate::testing::Said;

    struct Place(tempfile::TempDir);

    impl Place {
        fn new() -> (Self, Store) {
            let place = Self(tempfile::tempdir().unwrap());
            let store = Store::at(place.path("cache"));
            (place, store)
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }
    }

    /// The note of a killed process of this host.
    fn left_behind(store: &Store, name: &str, prefix: &Path) -> PathBuf {
        let path = store.notes().unwrap().join(name);
        let note = Note {
            host: this_host(),
            prefix: prefix.to_owned(),
        };
        fs_err::write(&path, serde_json::to_vec(&note).unwrap()).unwrap();
        path
    }

    fn found(store: &Store) -> Vec<PathBuf> {
        let left = PendingChanges::of(store).stale_notes();
        left.into_iter().map(|note| note.prefix).collect()
    }

    /// A lock may look taken for a moment: processes that other tests start hold every lock of this one
    /// until they run their program.
    #[track_caller]
    fn assert_found(store: &Store, expected: &[&Path]) {
        for _ in 0..200 {
            if found(store) == expected {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        assert_eq!(found(store), expected);
    }

    #[test]
    fn a_prefix_that_a_process_is_changing_is_not_recovered() {
        let (place, store) = Place::new();
        let (busy, idle) = (place.path("busy"), place.path("idle"));
        let changing = PendingChanges::of(&store).enter(&busy, &Said::default());
        assert!(found(&store).is_empty());
        // Notes of killed processes sort before and after that of the running one.
        left_behind(&store, "a", &busy);
        left_behind(&store, "z", &busy);
        left_behind(&store, "m", &idle);
        assert_found(&store, &[&idle]);
        drop(changing);
        assert_found(&store, &[&busy, &idle, &busy]);
    }

    #[test]
    fn a_note_of_another_user_is_ignored() {
        let (place, store) = Place::new();
        let note = left_behind(&store, "a", &place.path("prefix"));
        assert_eq!(found(&store).len(), 1);
        if !rustix::process::geteuid().is_root() {
            eprintln!("left out: only root can give a file to another user");
            return;
        }
        std::os::unix::fs::chown(&note, Some(65_534), Some(65_534)).unwrap();
        assert!(found(&store).is_empty());
        assert!(note.exists());
    }

    #[test]
    fn an_empty_note_is_removed_unless_its_process_runs() {
        let (_place, store) = Place::new();
        let folder = store.notes().unwrap();
        let running = scratch::scratch_file(&folder, "prefix-").unwrap();
        let dead = folder.join("dead");
        fs_err::write(&dead, "").unwrap();
        let newer = folder.join("newer");
        fs_err::write(&newer, "of a newer pybuild").unwrap();
        assert!(found(&store).is_empty());
        assert!(running.path().exists() && newer.exists());
        assert!(!dead.exists());
    }

    #[test]
    fn a_note_stays_only_while_the_prefix_has_to_be_recovered() {
        for (left, stays) in [
            ("lib", false),
            (".pybuild-transaction", true),
            ("share/pybuild/hotpatch/3.99", false),
        ] {
            let (place, store) = Place::new();
            let prefix = place.path("prefix");
            let entry = PendingChanges::of(&store).enter(&prefix, &Said::default());
            fs_err::create_dir_all(prefix.join(left)).unwrap();
            drop(entry);
            let notes = fs_err::read_dir(store.notes_if_there()).unwrap();
            assert_eq!(notes.count(), usize::from(stays), "{left}");
        }
    }
}
