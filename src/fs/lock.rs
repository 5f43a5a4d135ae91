//! Locks between processes, on files. The kernel releases the locks of a process that ends. A file
//! system without locks gives an error instead of blocking forever.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::failpoint;
use crate::progress::{Event, Level, Reporter};

/// The time between two attempts to take a lock. A blocking lock call could not be distinguished
/// from one that hangs, as some network file systems do.
const RETRY_INTERVAL: Duration = Duration::from_millis(40);

/// The number of interruptions by signals after which taking a lock fails.
const MOST_INTERRUPTIONS: u32 = 100;

/// The hint for a [`LockError`].
pub const HINT: &str = "this file system has no working locks, which is common with NFS: use a folder on a local disk, or repair the lock service";

/// A file that cannot be locked. It is the inner error of an [`io::Error`].
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be locked", path.display())]
pub struct LockError {
    path: PathBuf,
    source: io::Error,
}

impl LockError {
    /// Whether `error` contains a `LockError`.
    pub fn is(error: &io::Error) -> bool {
        let inner = error.get_ref();
        inner.is_some_and(|error| error.downcast_ref::<Self>().is_some())
    }
}

/// Another process has the lock that this one waits for.
struct WaitingForLock<'a> {
    /// The process id, if it is known.
    holder: Option<u32>,
    /// The purpose of the lock: a verb phrase, such as `downloads an archive`.
    purpose: &'a str,
}

impl Event for WaitingForLock<'_> {
    fn level(&self) -> Level {
        Level::Note
    }
}

impl std::fmt::Display for WaitingForLock<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("waiting for another pybuild")?;
        if let Some(process) = self.holder {
            write!(f, " (process {process})")?;
        }
        write!(f, " that {}", self.purpose)
    }
}

/// Takes the lock of an open file; `false` if another process has it. Fails with a [`LockError`] if
/// the file system has no working locks.
pub fn try_take(file: &File, path: &Path) -> io::Result<bool> {
    try_with(File::try_lock, file, path)
}

/// Shares the lock of an open file with others that share it; `false` if a process has it alone.
/// Fails as [`try_take`] does.
pub fn try_share(file: &File, path: &Path) -> io::Result<bool> {
    try_with(File::try_lock_shared, file, path)
}

fn try_with(
    lock: impl Fn(&File) -> Result<(), TryLockError>,
    file: &File,
    path: &Path,
) -> io::Result<bool> {
    let mut interruptions = 0;
    loop {
        let taken = match failpoint::lock_fault() {
            Some(fault) => Err(TryLockError::Error(fault)),
            None => lock(file),
        };
        match taken {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) => return Ok(false),
            Err(TryLockError::Error(error))
                if error.kind() == io::ErrorKind::Interrupted
                    && interruptions < MOST_INTERRUPTIONS =>
            {
                interruptions += 1;
            }
            Err(TryLockError::Error(source)) => {
                let path = path.to_owned();
                return Err(io::Error::new(source.kind(), LockError { path, source }));
            }
        }
    }
}

/// Opens the file at `path`, creates it if it is absent, and takes its lock. If another process has
/// the lock, reports once that this process waits for it, and waits. `purpose` is the purpose of the
/// lock: a verb phrase.
pub fn open_locked(
    path: &Path,
    purpose: &str,
    reporter: &dyn Reporter,
) -> io::Result<fs_err::File> {
    let mut options = fs_err::OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    wait_for(path, || options.open(path), purpose, reporter)
}

/// The same for an existing folder. NFS cannot lock folders.
pub fn lock_folder(
    path: &Path,
    purpose: &str,
    reporter: &dyn Reporter,
) -> io::Result<fs_err::File> {
    wait_for(path, || fs_err::File::open(path), purpose, reporter)
}

fn wait_for(
    path: &Path,
    open: impl Fn() -> io::Result<fs_err::File>,
    purpose: &str,
    reporter: &dyn Reporter,
) -> io::Result<fs_err::File> {
    let mut is_first = true;
    loop {
        let file = open()?;
        if !try_take(file.file(), path)? {
            if is_first {
                let holder = holder_of(file.file());
                reporter.report(&WaitingForLock { holder, purpose });
                is_first = false;
            }
            std::thread::sleep(RETRY_INTERVAL);
        } else if is_at(file.file(), path)? {
            return Ok(file);
        }
        // Otherwise the last holder has renamed or deleted the file: the new one is opened.
    }
}

/// Whether the open file is still the one at `path`.
pub fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let opened = file.metadata()?;
    Ok(path
        .symlink_metadata()
        .is_ok_and(|there| (there.dev(), there.ino()) == (opened.dev(), opened.ino())))
}

/// The other process that has the lock, if `/proc/locks` lists it (proc(5)).
fn holder_of(file: &File) -> Option<u32> {
    let inode = file.metadata().ok()?.ino().to_string();
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    // `1: FLOCK  ADVISORY  WRITE 1234 08:01:5678 0 EOF`. The device is ignored: on some file systems
    // it differs from the one of stat(2).
    locks.lines().find_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        let is_whole_file = words.next()? == "FLOCK";
        let process: u32 = words.nth(2)?.parse().ok()?;
        let is_this_file = words.next()?.rsplit(':').next()? == inode;
        (is_whole_file && is_this_file && process != std::process::id()).then_some(process)
    })
}

/// A lock file that is removed when the lock is released.
#[derive(Debug)]
pub struct LockFile {
    path: PathBuf,
    _file: fs_err::File,
}

impl LockFile {
    /// See [`open_locked`].
    pub fn take(path: PathBuf, purpose: &str, reporter: &dyn Reporter) -> io::Result<Self> {
        let file = open_locked(&path, purpose, reporter)?;
        Ok(Self { path, _file: file })
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        // Before the lock is released: a waiting process then sees that the path has another file.
        let _ = std::fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::{LockFile, RETRY_INTERVAL, holder_of, is_at, open_locked, try_take};
    use crate::testing::Said;

    #[test]
    fn a_waiting_process_prints_its_purpose_and_takes_the_new_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let said = Said::default();
        let first = LockFile::take(path.clone(), "is first", &said).unwrap();
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| open_locked(&path, "counts to three", &said).unwrap());
            while said.notes().is_empty() {
                std::thread::yield_now();
            }
            assert!(said.notes().starts_with("waiting for another pybuild"));
            assert!(said.notes().ends_with("that counts to three\n"));
            drop(first);
            let file = waiter.join().unwrap();
            assert!(path.exists());
            let other = std::fs::File::open(&path).unwrap();
            assert!(!try_take(&other, &path).unwrap());
            drop(file);
            assert!(try_take(&other, &path).unwrap());
        });
    }

    #[test]
    fn a_waiting_process_reports_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let said = Said::default();
        let first = LockFile::take(path.clone(), "is first", &said).unwrap();
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| open_locked(&path, "counts", &said).unwrap());
            while said.notes().is_empty() {
                std::thread::yield_now();
            }
            std::thread::sleep(RETRY_INTERVAL * 4);
            drop(first);
            drop(waiter.join().unwrap());
        });
        assert_eq!(said.notes().lines().count(), 1, "{}", said.notes());
    }

    #[test]
    fn only_the_process_that_holds_this_lock_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let file = fs_err::File::create(&path).unwrap();
        // This process itself is never named, and no other process has this lock.
        assert!(try_take(file.file(), &path).unwrap());
        assert_eq!(holder_of(file.file()), None);
        let other = fs_err::File::create(dir.path().join("other")).unwrap();
        assert_eq!(holder_of(other.file()), None);
        drop(file);

        let listed = std::fs::read_to_string("/proc/locks").unwrap_or_default();
        let flock = std::process::Command::new("flock")
            .arg(&path)
            .args(["sh", "-c", "echo locked; read line"])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn();
        let (false, Ok(mut holder)) = (listed.is_empty(), flock) else {
            eprintln!("skipped: /proc/locks is empty, or flock is not installed");
            return;
        };
        let mut line = String::new();
        let mut output = std::io::BufReader::new(holder.stdout.take().unwrap());
        std::io::BufRead::read_line(&mut output, &mut line).unwrap();
        let file = fs_err::File::open(&path).unwrap();
        assert_eq!(holder_of(file.file()), Some(holder.id()));
        assert_eq!(holder_of(other.file()), None);
        drop(holder.stdin.take());
        holder.wait().unwrap();
    }

    #[test]
    fn a_lock_on_a_removed_or_replaced_file_does_not_count() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let lock = LockFile::take(path.clone(), "is first", &Said::default()).unwrap();
        let file = std::fs::File::open(&path).unwrap();
        assert!(is_at(&file, &path).unwrap());
        drop(lock);
        assert!(!is_at(&file, &path).unwrap());
        fs_err::write(&path, "").unwrap();
        assert!(!is_at(&file, &path).unwrap());
    }
}
