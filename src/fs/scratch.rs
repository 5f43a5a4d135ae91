//! Scratch files and folders of a running process, and the removal of those that a killed process left.

use std::fs::File;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::fs::lock::{is_at, try_take};

/// The file whose lock the owner of a scratch folder holds.
pub const IN_USE: &str = "in-use";

/// A private folder of this process that is removed when it is dropped. [`sweep_folders`] removes
/// those of killed processes.
#[derive(Debug)]
pub struct ScratchFolder {
    folder: tempfile::TempDir,
    _lock: File,
}

impl ScratchFolder {
    /// A new folder in `base`, which has to exist; its name begins with `prefix`.
    pub fn new(base: &Path, prefix: &str) -> io::Result<Self> {
        loop {
            let folder = tempfile::Builder::new()
                .prefix(prefix)
                .permissions(std::fs::Permissions::from_mode(0o700))
                .tempdir_in(base)?;
            let path = folder.path().join(IN_USE);
            let lock = match fs_err::File::create(&path) {
                Ok(lock) => lock.into_parts().0,
                // Another process swept the folder before it was locked.
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

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Keeps the folder: it is neither removed nor swept.
    pub fn keep(self) -> PathBuf {
        let path = self.folder.keep();
        let _ = fs_err::remove_file(path.join(IN_USE));
        path
    }
}

/// Lets ext4 place each new folder in `base` in another part of the disk: see `T` in chattr(1). The folders
/// need names that differ each time. Other file systems refuse the flag.
///
/// Otherwise they come beside folders that were removed shortly before. For some minutes an ext4 without a
/// journal, as in small virtual machines, tests each inode of those for each new file (`recently_deleted` in
/// Linux' `fs/ext4/ialloc.c`). Unpacking the 9,200 files of an interpreter took 3.2 s there, and takes 0.3 s.
pub fn place_folders_apart(base: &Path) {
    #[cfg(target_os = "linux")]
    if let Ok(base) = File::open(base)
        && let Ok(flags) = rustix::fs::ioctl_getflags(&base)
    {
        let _ = rustix::fs::ioctl_setflags(&base, flags | rustix::fs::IFlags::TOPDIR);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = base;
}

/// Removes the scratch folders in `base` whose process has ended, after `end` has ended its leftover
/// processes. Kept folders stay.
pub fn sweep_folders(base: &Path, prefix: &str, end: impl Fn(&Path)) {
    for entry in std::fs::read_dir(base).into_iter().flatten().flatten() {
        if !entry.file_name().to_string_lossy().starts_with(prefix) {
            continue;
        }
        let path = entry.path();
        let lock = path.join(IN_USE);
        match fs_err::OpenOptions::new().write(true).open(lock) {
            Ok(lock) if try_take(lock.file(), &path).unwrap_or(false) => {
                end(&path);
                let _ = fs_err::remove_dir_all(&path);
            }
            // The process was killed before it had the lock, or the folder is kept and not empty.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let _ = fs_err::remove_dir(&path);
            }
            _ => {}
        }
    }
}

/// A new locked file in `base`; its name begins with `prefix`.
pub fn scratch_file(base: &Path, prefix: &str) -> io::Result<tempfile::NamedTempFile> {
    loop {
        let file = tempfile::Builder::new().prefix(prefix).tempfile_in(base)?;
        if try_take(file.as_file(), file.path())? && is_at(file.as_file(), file.path())? {
            return Ok(file);
        }
    }
}

/// Removes the files in `base` for whose name and size `is_leftover` holds and that no process has
/// locked.
pub fn sweep_files(base: &Path, is_leftover: impl Fn(&str, u64) -> bool) {
    for entry in std::fs::read_dir(base).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let path = entry.path();
        let Ok(file) = fs_err::OpenOptions::new().write(true).open(&path) else {
            continue;
        };
        let is_leftover = || {
            let size = file.metadata().map_or(u64::MAX, |metadata| metadata.len());
            is_leftover(&name.to_string_lossy(), size)
        };
        // It is checked again under the lock: its owner may have written to it meanwhile.
        if is_leftover()
            && try_take(file.file(), &path).unwrap_or(false)
            && is_at(file.file(), &path).unwrap_or(false)
            && is_leftover()
        {
            let _ = fs_err::remove_file(&path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::{ScratchFolder, scratch_file, sweep_files, sweep_folders};

    #[test]
    fn only_files_without_an_owner_are_swept() {
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

        let held = scratch_file(dir.path(), "copy-").unwrap();
        let free = dir.path().join("copy-free");
        fs_err::write(&free, "half").unwrap();
        let partial = dir.path().join("x.part");
        fs_err::write(&partial, "half").unwrap();
        sweep_files(dir.path(), |name, _| name.starts_with("copy-"));
        assert!(held.path().exists() && partial.exists() && !free.exists());
    }
}
