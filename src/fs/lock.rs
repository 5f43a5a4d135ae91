//! Locks between processes, on files. The system gives back what a dead process held, so nobody waits
//! for the dead; and a file system that has no locks gives an error, never a wait without end.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::failpoint;
use crate::progress::Reporter;

/// Held by the process that works in a scratch folder; one that nobody holds is litter.
const IN_USE: &str = "in-use";

/// How long a waiting process sleeps between two looks. Waiting in the system instead could not be
/// told from hanging there, as it does on some network file systems.
const LOOK_AGAIN: Duration = Duration::from_millis(40);

/// How many interruptions by signals are borne.
const MOST_INTERRUPTIONS: u32 = 100;

/// What to do about [`LockError`].
pub const HINT: &str = "the file system there has no working locks, as it happens with NFS: use a folder on a local disk, or have the lock service mended";

/// A file that cannot be locked. It comes inside of an [`io::Error`].
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be locked", path.display())]
pub struct LockError {
    path: PathBuf,
    source: io::Error,
}

impl LockError {
    fn of(path: &Path, source: io::Error) -> io::Error {
        let path = path.to_owned();
        io::Error::new(source.kind(), Self { path, source })
    }

    /// Whether this is one.
    #[must_use]
    pub fn is(error: &io::Error) -> bool {
        let inner = error.get_ref();
        inner
            .and_then(|error| error.downcast_ref::<Self>())
            .is_some()
    }
}

/// Takes the lock of an open file if nobody has it.
///
/// # Errors
/// [`LockError`] when locks do not work there.
pub fn try_take(file: &File, path: &Path) -> io::Result<bool> {
    let mut interruptions = 0;
    loop {
        let taken = match failpoint::lock_fault() {
            Some(fault) => Err(TryLockError::Error(fault)),
            None => file.try_lock(),
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
            Err(TryLockError::Error(error)) => return Err(LockError::of(path, error)),
        }
    }
}

/// Opens the file at `path`, which is made when it is not there, and takes its lock. Where another
/// process has it, says once who that is and `what` it does, and waits.
///
/// # Errors
/// When it cannot be opened; [`LockError`].
pub fn open_locked(path: &Path, what: &str, reporter: &dyn Reporter) -> io::Result<fs_err::File> {
    let open = || {
        fs_err::OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
    };
    wait_for(path, open, what, reporter)
}

/// The same for a folder, which has to be there.
///
/// # Errors
/// When it cannot be opened; [`LockError`], also where only files can be locked, as with NFS.
pub fn lock_folder(path: &Path, what: &str, reporter: &dyn Reporter) -> io::Result<fs_err::File> {
    wait_for(path, || fs_err::File::open(path), what, reporter)
}

fn wait_for(
    path: &Path,
    open: impl Fn() -> io::Result<fs_err::File>,
    what: &str,
    reporter: &dyn Reporter,
) -> io::Result<fs_err::File> {
    let mut said = false;
    loop {
        let file = open()?;
        if !try_take(file.file(), path)? {
            if !said {
                let holder = holder_of(file.file())
                    .map_or(String::new(), |process| format!(" (process {process})"));
                reporter.note(&format!("waiting for another pybuild{holder} that {what}"));
                said = true;
            }
            std::thread::sleep(LOOK_AGAIN);
        } else if is_at(file.file(), path)? {
            return Ok(file);
        }
        // Else whoever had the lock has renamed or deleted what it was on.
    }
}

fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let opened = file.metadata()?;
    Ok(path
        .symlink_metadata()
        .is_ok_and(|there| (there.dev(), there.ino()) == (opened.dev(), opened.ino())))
}

/// The process that has the lock, where the system tells (`/proc/locks`, see proc(5)).
fn holder_of(file: &File) -> Option<u32> {
    let inode = file.metadata().ok()?.ino().to_string();
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    // `1: FLOCK  ADVISORY  WRITE 1234 08:01:5678 0 EOF`. The device is left out of it: some file
    // systems show another one there than in stat(2).
    locks.lines().find_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        let is_whole = words.next()? == "FLOCK";
        let process: u32 = words.nth(2)?.parse().ok()?;
        let of_file = words.next()?.rsplit(':').next()? == inode;
        (is_whole && of_file && process != std::process::id()).then_some(process)
    })
}

/// A lock file that goes when it is given back.
#[derive(Debug)]
pub struct LockFile {
    path: PathBuf,
    _file: fs_err::File,
}

impl LockFile {
    /// As [`open_locked`].
    ///
    /// # Errors
    /// As there.
    pub fn take(path: PathBuf, what: &str, reporter: &dyn Reporter) -> io::Result<Self> {
        let file = open_locked(&path, what, reporter)?;
        Ok(Self { path, _file: file })
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        // Before the lock is given back: who waits for it finds that it is another file's.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// A folder that belongs to this process, and that is gone when it is dropped; what a killed process
/// left of one is found by [`sweep_folders`]. Nobody else can look into it.
#[derive(Debug)]
pub struct ScratchFolder {
    folder: tempfile::TempDir,
    _lock: File,
}

impl ScratchFolder {
    /// A new folder in `base`, which has to exist; its name begins with `prefix`.
    ///
    /// # Errors
    /// When it cannot be made; [`LockError`].
    pub fn new(base: &Path, prefix: &str) -> io::Result<Self> {
        loop {
            let folder = tempfile::Builder::new()
                .prefix(prefix)
                .permissions(std::fs::Permissions::from_mode(0o700))
                .tempdir_in(base)?;
            let path = folder.path().join(IN_USE);
            let lock = match fs_err::File::create(&path) {
                Ok(lock) => lock.into_parts().0,
                // Another process may sweep it as long as it is not locked.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            if try_take(&lock, &path)? && is_at(&lock, &path)? {
                return Ok(Self {
                    folder,
                    _lock: lock,
                });
            }
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Lets it stay; nobody sweeps it from now on.
    #[must_use]
    pub fn keep(self) -> PathBuf {
        let path = self.folder.keep();
        let _ = fs_err::remove_file(path.join(IN_USE));
        path
    }
}

/// Removes the scratch folders in `base` whose process is gone, after `end` has seen to what may still
/// work there. One that was kept on purpose stays.
pub fn sweep_folders(base: &Path, prefix: &str, end: impl Fn(&Path)) {
    for entry in std::fs::read_dir(base).into_iter().flatten().flatten() {
        if !entry.file_name().to_string_lossy().starts_with(prefix) {
            continue;
        }
        let path = entry.path();
        match fs_err::OpenOptions::new()
            .write(true)
            .open(path.join(IN_USE))
        {
            Ok(lock) => {
                if try_take(lock.file(), &path).is_ok_and(|free| free) {
                    end(&path);
                    let _ = fs_err::remove_dir_all(&path);
                }
            }
            // Killed before it had a lock, or kept, and then it is not empty.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let _ = fs_err::remove_dir(&path);
            }
            Err(_) => {}
        }
    }
}

/// A new file that is locked, in `base`; its name begins with `prefix`.
///
/// # Errors
/// When it cannot be made; [`LockError`].
pub fn scratch_file(base: &Path, prefix: &str) -> io::Result<tempfile::NamedTempFile> {
    loop {
        let file = tempfile::Builder::new().prefix(prefix).tempfile_in(base)?;
        if try_take(file.as_file(), file.path())? && is_at(file.as_file(), file.path())? {
            return Ok(file);
        }
    }
}

/// Removes the files in `base` that are `litter` by name and size and that nobody has locked.
pub fn sweep_files(base: &Path, litter: impl Fn(&str, u64) -> bool) {
    for entry in std::fs::read_dir(base).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let is_leftover = |size| litter(&name.to_string_lossy(), size);
        let path = entry.path();
        let Ok(file) = fs_err::OpenOptions::new().write(true).open(&path) else {
            continue;
        };
        let size = || file.metadata().map_or(u64::MAX, |metadata| metadata.len());
        // It is looked at again under the lock: its owner may have been about to write.
        if is_leftover(size()) && try_take(file.file(), &path).is_ok_and(|free| free) {
            let still_there = is_at(file.file(), &path).is_ok_and(|there| there);
            if still_there && is_leftover(size()) {
                let _ = fs_err::remove_file(&path);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::{
        LOOK_AGAIN, LockFile, ScratchFolder, holder_of, is_at, open_locked, sweep_files,
        sweep_folders, try_take,
    };
    use crate::testing::Said;

    #[test]
    fn who_waits_says_for_whom_and_gets_the_file_that_is_there_then() {
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
    fn who_waits_says_so_once_however_often_it_looks() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let said = Said::default();
        let first = LockFile::take(path.clone(), "is first", &said).unwrap();
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| open_locked(&path, "counts", &said).unwrap());
            while said.notes().is_empty() {
                std::thread::yield_now();
            }
            std::thread::sleep(LOOK_AGAIN * 4);
            drop(first);
            drop(waiter.join().unwrap());
        });
        assert_eq!(said.notes().lines().count(), 1, "{}", said.notes());
    }

    #[test]
    fn only_the_process_that_has_this_very_lock_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let file = fs_err::File::create(&path).unwrap();
        // This process is waited for by nobody here, and whoever else has locks has others.
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
            eprintln!("left out: there is no /proc/locks with anything in it, or no flock");
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
    fn a_lock_on_a_file_that_is_gone_or_another_is_told_from_one_that_counts() {
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

    #[test]
    fn only_what_nobody_holds_is_swept() {
        let dir = tempfile::tempdir().unwrap();
        let mine = ScratchFolder::new(dir.path(), "a-").unwrap();
        let kept = ScratchFolder::new(dir.path(), "a-").unwrap();
        fs_err::write(kept.path().join("file"), "").unwrap();
        let kept = kept.keep();
        let killed = dir.path().join("a-killed");
        fs_err::create_dir(&killed).unwrap();
        fs_err::write(killed.join("in-use"), "").unwrap();
        let young = dir.path().join("a-young");
        fs_err::create_dir(&young).unwrap();
        let other = dir.path().join("b-other");
        fs_err::create_dir(&other).unwrap();
        let mode = fs_err::metadata(mine.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        let ended = std::cell::RefCell::new(Vec::new());
        sweep_folders(dir.path(), "a-", |path| {
            ended.borrow_mut().push(path.to_owned());
        });
        assert_eq!(*ended.borrow(), [killed.as_path()]);
        assert!(mine.path().exists() && kept.exists() && other.exists());
        assert!(!killed.exists() && !young.exists());

        let held = super::scratch_file(dir.path(), "copy-").unwrap();
        let free = dir.path().join("copy-free");
        fs_err::write(&free, "half").unwrap();
        let partial = dir.path().join("x.part");
        fs_err::write(&partial, "half").unwrap();
        sweep_files(dir.path(), |name, _| name.starts_with("copy-"));
        assert!(held.path().exists() && partial.exists() && !free.exists());
    }
}
