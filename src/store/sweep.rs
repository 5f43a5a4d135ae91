//! Removal of the leftover files of killed processes, and of old partial downloads.

use std::path::Path;
use std::time::Duration;

use super::{COPY, NOTES, PARTIAL, SCRATCH, Store};
use crate::fs::scratch;
use crate::process::in_use::end_leftovers;

/// Older downloads are not resumed.
pub(super) const LONG_AGO: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The same in earlier versions, for signatures.
const SIGNATURE: &str = "signature-";

impl Store {
    /// Deletes leftover files of killed processes, old partial downloads, and the notes of hosts that
    /// are gone. Errors are ignored.
    pub(crate) fn sweep(&self) {
        scratch::sweep_folders(&self.root.join(SCRATCH), "", end_leftovers);
        scratch::sweep_files(&self.root.join(PARTIAL), |name, size| {
            name.starts_with(COPY) || (size == 0 && is_known(name))
        });
        for folder in [PARTIAL, SCRATCH, NOTES] {
            let entries = std::fs::read_dir(self.root.join(folder));
            for entry in entries.into_iter().flatten().flatten() {
                if folder == PARTIAL && !is_known(&entry.file_name().to_string_lossy()) {
                    continue;
                }
                let modified = entry.metadata().and_then(|metadata| metadata.modified());
                let age = modified.map(|time| time.elapsed().unwrap_or_default());
                if age.is_ok_and(|age| age > LONG_AGO) {
                    let _ = std::fs::remove_file(entry.path());
                    let _ = std::fs::remove_dir_all(entry.path());
                }
            }
        }
    }
}

/// Whether a file in `partial` is one that this version could have made.
pub(super) fn is_known(name: &str) -> bool {
    Path::new(name).extension() == Some("part".as_ref())
        || name.starts_with(COPY)
        || name.starts_with(SIGNATURE)
}

#[cfg(test)]
mod tests {
    use std::fs::FileTimes;
    use std::time::{Duration, SystemTime};

    use crate::store::Store;

    #[test]
    fn leftover_files_of_killed_processes_are_swept_and_files_in_use_are_not() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::at(dir.path().to_owned());
        let (folder, file) = (store.scratch("a").unwrap(), store.scratch_file().unwrap());
        let killed = store.folder("scratch").unwrap().join("b-killed");
        fs_err::create_dir(&killed).unwrap();
        fs_err::write(killed.join("in-use"), "").unwrap();
        let partial = store.partial_dir().unwrap();
        let [copy, empty, resumable] =
            ["copy-x", "x.part", "y.part"].map(|name| partial.join(name));
        fs_err::write(&copy, "half").unwrap();
        fs_err::write(&empty, "").unwrap();
        fs_err::write(&resumable, "half").unwrap();
        store.sweep();
        assert!(folder.path().exists() && file.path().exists() && resumable.exists());
        assert!(!killed.exists() && !copy.exists() && !empty.exists());
    }

    #[test]
    fn only_old_leftover_files_are_swept() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::at(dir.path().to_owned());
        let new = store.partial_dir().unwrap().join("new.part");
        let old = store.partial_dir().unwrap().join("old.part");
        let unknown = store.partial_dir().unwrap().join("old");
        fs_err::write(&new, "half").unwrap();
        let month_ago = SystemTime::now() - Duration::from_secs(30 * 24 * 3600);
        for path in [&old, &unknown] {
            let file = std::fs::File::create(path).unwrap();
            file.set_times(FileTimes::new().set_modified(month_ago))
                .unwrap();
        }
        store.sweep();
        assert!(new.exists() && !old.exists());
        assert!(unknown.exists(), "it belongs to another version");
    }
}
