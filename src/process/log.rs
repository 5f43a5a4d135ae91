//! The log of the commands of one run. It is created with its first text, so an empty log never
//! exists.

use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use crate::failpoint::crash_point;
use crate::fs::disk::may_not_be_written;
use crate::fs::scratch;
use crate::process::signals::HeldLog;

/// The prefix of the name of a log that has no text yet.
const NEW: &str = ".new-";

/// Earlier versions create empty logs, and may still be running: only old ones are removed.
const OLD: Duration = Duration::from_secs(24 * 60 * 60);

/// A log that may not exist yet.
#[derive(Debug)]
pub(super) struct Log {
    /// The candidate paths: the first one that can be written is used.
    places: Vec<PathBuf>,
    open: OnceLock<Open>,
    writing: Mutex<()>,
}

#[derive(Debug)]
struct Open {
    path: PathBuf,
    file: std::fs::File,
    _held: HeldLog,
}

impl Log {
    pub fn at(places: Vec<PathBuf>) -> Self {
        Self {
            places,
            open: OnceLock::new(),
            writing: Mutex::default(),
        }
    }

    /// The path of the log; before it exists, the first candidate.
    pub fn path(&self) -> &Path {
        let open = self.open.get().map(|open| open.path.as_path());
        open.or_else(|| self.places.first().map(PathBuf::as_path))
            .unwrap_or(Path::new(""))
    }

    /// Appends `text`. An error comes with the path.
    pub fn write(&self, text: &[u8]) -> Result<(), (PathBuf, io::Error)> {
        let _one_at_a_time = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = self.open.get() {
            let written = (&open.file).write_all(text);
            return written.map_err(|error| (open.path.clone(), error));
        }
        let mut places = self.places.iter().peekable();
        while let Some(place) = places.next() {
            match create(place, text) {
                Ok(file) => {
                    let _ = self.open.set(Open {
                        path: place.clone(),
                        file,
                        _held: HeldLog::new(place.clone()),
                    });
                    return Ok(());
                }
                Err(error) if may_not_be_written(&error) && places.peek().is_some() => {}
                Err(error) => return Err((place.clone(), error)),
            }
        }
        Ok(())
    }
}

/// Creates a log that begins with `text`, under a temporary name first.
fn create(path: &Path, text: &[u8]) -> io::Result<std::fs::File> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs_err::create_dir_all(folder)?;
    let mut file = scratch::scratch_file(folder, NEW)?;
    crash_point("log.created");
    file.write_all(text)?;
    // Temporary files are private; a log is not.
    let readable = std::fs::Permissions::from_mode(0o644);
    file.as_file().set_permissions(readable)?;
    Ok(file.persist(path)?)
}

/// Removes the logs without text that killed processes left in a folder: unfinished new logs, and empty
/// logs of earlier versions.
pub fn sweep_logs(folder: &Path) {
    let is_old = |name: &str| {
        let changed = fs_err::metadata(folder.join(name)).and_then(|metadata| metadata.modified());
        changed.is_ok_and(|time| {
            let age = SystemTime::now().duration_since(time).unwrap_or_default();
            age > OLD
        })
    };
    scratch::sweep_files(folder, |name, size| {
        name.starts_with(NEW) || (size == 0 && is_old(name))
    });
}

#[cfg(test)]
mod tests {
    use std::fs::FileTimes;
    use std::os::unix::fs::PermissionsExt as _;
    use std::time::SystemTime;

    use super::{Log, NEW, OLD, sweep_logs};

    #[test]
    fn a_log_exists_from_its_first_text_on() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("logs/one.log");
        let log = Log::at(vec![path.clone()]);
        assert!(!dir.path().join("logs").exists());
        log.write(b"first\n").unwrap();
        log.write(b"second\n").unwrap();
        assert_eq!(log.path(), path);
        assert_eq!(fs_err::read_to_string(&path).unwrap(), "first\nsecond\n");
        let mode = fs_err::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o644);
        let names = fs_err::read_dir(dir.path().join("logs")).unwrap();
        assert_eq!(names.count(), 1);
    }

    #[test]
    fn empty_logs_are_swept_and_logs_with_text_stay() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let long_ago = SystemTime::now() - 2 * OLD;
        for (name, text) in [
            ("killed.log", "text"),
            ("old-empty.log", ""),
            ("old.log", "text"),
        ] {
            fs_err::write(path(name), text).unwrap();
            if name.starts_with("old") {
                let file = std::fs::File::options().write(true).open(path(name));
                let times = FileTimes::new().set_modified(long_ago);
                file.unwrap().set_times(times).unwrap();
            }
        }
        fs_err::write(path("new-empty.log"), "").unwrap();
        let unfinished = format!("{NEW}x");
        fs_err::write(path(&unfinished), "half").unwrap();
        let in_use = crate::fs::scratch::scratch_file(dir.path(), NEW).unwrap();
        sweep_logs(dir.path());
        let left = ["killed.log", "old.log", "new-empty.log"].map(path);
        assert!(left.iter().all(|path| path.exists()) && in_use.path().exists());
        assert!(!path("old-empty.log").exists() && !path(&unfinished).exists());
    }
}
