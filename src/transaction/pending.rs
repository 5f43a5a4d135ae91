//! Which prefixes are being changed: a note of each in the cache folder, held by the process that
//! changes it. By the notes of the dead, any later command finds what they left half done, whatever
//! prefix it is about itself.

use std::collections::BTreeSet;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use crate::commands::error::Error;
use crate::environment::Environment;
use crate::error::chain;
use crate::failpoint::crash_point;
use crate::fs::durable::sync_folder;
use crate::fs::lock;
use crate::fs::scratch;
use crate::hotpatch;
use crate::progress::Reporter;
use crate::store::Store;
use crate::transaction::Recovered;

/// The notes in one cache folder.
#[derive(Debug, Clone, Copy)]
pub struct PendingChanges<'a> {
    store: &'a Store,
}

/// A prefix that this process is changing, until this is dropped.
#[derive(Debug)]
#[must_use]
pub struct Entry {
    prefix: PathBuf,
    note: Option<NamedTempFile>,
}

/// What a note says.
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    /// A cache folder may be shared by hosts and containers, each of which has prefixes of its own.
    host: String,
    prefix: PathBuf,
}

/// A note whose process is gone.
struct Left {
    prefix: PathBuf,
    path: PathBuf,
    /// Its lock, so that no other process sees to the same thing.
    _lock: fs_err::File,
}

impl<'a> PendingChanges<'a> {
    /// The notes in this cache folder.
    #[must_use]
    pub fn of(store: &'a Store) -> Self {
        Self { store }
    }

    /// Notes that this process is about to change `prefix`. Where no note can be made, what a killed
    /// process leaves is found by the next command that is about the prefix.
    pub fn enter(self, prefix: &Path, reporter: &dyn Reporter) -> Entry {
        let note = self.write(prefix).map_err(|error| {
            let (prefix, error) = (prefix.display(), chain(&error));
            reporter.detail(&format!("no note can be made of {prefix}: {error}"));
        });
        crash_point("pending.noted");
        Entry {
            prefix: prefix.to_owned(),
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

    /// Puts in order what killed processes left in any prefix. What cannot be put in order is told, and
    /// is tried again by the next command.
    pub fn settle(self, environment: &Environment, reporter: &dyn Reporter) {
        for left in self.left() {
            match recover(&left.prefix, environment, reporter) {
                Ok(_) => drop(fs_err::remove_file(&left.path)),
                Err(error) => reporter.warn(&format!(
                    "an earlier pybuild was ended while it changed {}, and what it left cannot be put in order: {}",
                    left.prefix.display(),
                    chain(&error)
                )),
            }
        }
    }

    /// The notes of this user's and host's dead, but for those of prefixes that somebody else is at work on.
    fn left(self) -> Vec<Left> {
        let mut left = Vec::new();
        let mut busy = BTreeSet::new();
        let own = rustix::process::geteuid().as_raw();
        let folder = self.store.notes_if_there();
        let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
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
                // Somebody else's, who could name any folder and have what is in it run.
                continue;
            }
            let Ok(free) = lock::try_take(file.file(), &path) else {
                continue;
            };
            let mut text = String::new();
            let read = file.read_to_string(&mut text).ok();
            let note = read.and_then(|_| serde_json::from_str::<Note>(&text).ok());
            match note.filter(|note| note.host == this_host()) {
                Some(Note { prefix, .. }) if free => left.push(Left {
                    prefix,
                    path,
                    _lock: file,
                }),
                Some(Note { prefix, .. }) => drop(busy.insert(prefix)),
                // Killed before it had changed anything. What another pybuild wrote there stays.
                None if free && text.is_empty() => drop(fs_err::remove_file(&path)),
                None => {}
            }
        }
        left.retain(|left| !busy.contains(&left.prefix));
        left
    }
}

impl Entry {
    /// Ends the note of a change that succeeded. Dropping it looks into the prefix first, and may take
    /// the change of another process there for one that was left half done.
    pub fn finish(mut self) {
        self.note.take();
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let note = self.note.take();
        if let Some(note) = note.filter(|_| is_left_half_done(&self.prefix)) {
            // It could neither be finished nor undone; the next command tries again.
            let _ = note.keep();
        }
    }
}

/// Whether a process changes this prefix, or was killed while it did.
#[must_use]
pub fn is_left_half_done(prefix: &Path) -> bool {
    super::is_pending(prefix) || hotpatch::is_under_way(prefix)
}

/// Puts in order what a killed process left in `prefix`, and says so. Waits for one that is at work
/// there.
///
/// # Errors
/// When something cannot be read or written; the next command can try again.
pub fn recover(
    prefix: &Path,
    environment: &Environment,
    reporter: &dyn Reporter,
) -> Result<Recovered, Error> {
    let recovered = super::recover(prefix, reporter)?;
    hotpatch::recover(prefix, environment, reporter)?;
    Ok(recovered)
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

    /// A note as a process of this host's leaves it when it is killed.
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
        let left = PendingChanges::of(store).left();
        left.into_iter().map(|left| left.prefix).collect()
    }

    /// Other tests start processes, which hold every lock of this one until they run their program. So
    /// a lock may look taken for a moment.
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
    fn a_prefix_that_somebody_is_at_work_on_is_left_to_them() {
        let (place, store) = Place::new();
        let (busy, idle) = (place.path("busy"), place.path("idle"));
        let at_work = PendingChanges::of(&store).enter(&busy, &Said::default());
        assert!(found(&store).is_empty());
        // Two were killed there, and their notes stand before and behind the one of the living.
        left_behind(&store, "a", &busy);
        left_behind(&store, "z", &busy);
        left_behind(&store, "m", &idle);
        assert_found(&store, &[&idle]);
        drop(at_work);
        assert_found(&store, &[&busy, &idle, &busy]);
    }

    #[test]
    fn a_note_of_another_user_is_not_believed() {
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
    fn a_note_that_says_nothing_goes_unless_its_process_lives() {
        let (_place, store) = Place::new();
        let folder = store.notes().unwrap();
        let living = scratch::scratch_file(&folder, "prefix-").unwrap();
        let dead = folder.join("dead");
        fs_err::write(&dead, "").unwrap();
        let newer = folder.join("newer");
        fs_err::write(&newer, "of a newer pybuild").unwrap();
        assert!(found(&store).is_empty());
        assert!(living.path().exists() && newer.exists());
        assert!(!dead.exists());
    }

    #[test]
    fn a_note_stays_only_where_something_is_left_half_done() {
        for (left, stays) in [
            ("lib", false),
            (".pybuild-transaction", true),
            // What was kept for a hotpatch, without a record.
            ("share/pybuild/hotpatch/3.99", true),
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
