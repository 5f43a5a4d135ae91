//! File changes that are atomic and reach the disk in a known order, as far as the file system allows.

use std::fs::{FileTimes, Metadata, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

/// Removes a file if it exists.
pub fn remove_if_there(path: &Path) -> io::Result<()> {
    absent_is_fine(fs_err::remove_file(path))
}

/// Removes a folder and its content, if it exists.
pub fn remove_folder_if_there(path: &Path) -> io::Result<()> {
    absent_is_fine(fs_err::remove_dir_all(path))
}

fn absent_is_fine(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Writes a new or an existing file atomically.
pub fn write_file(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    write_beside(path, content, Some(mode))?.persist(path)?;
    Ok(())
}

/// Replaces the content of an existing file atomically. Its mode and owner stay.
pub fn replace_file(path: &Path, content: &[u8]) -> io::Result<()> {
    let before = fs_err::metadata(path)?;
    let scratch = write_beside(path, content, Some(before.mode()))?;
    take_after(scratch.path(), &before)?;
    scratch.persist(path)?;
    Ok(())
}

/// Writes a synced file in the folder of `path`, to be renamed to it. Without a mode, it has the mode of
/// any new file.
pub fn write_beside(
    path: &Path,
    content: &[u8],
    mode: Option<u32>,
) -> io::Result<tempfile::NamedTempFile> {
    let mut scratch = tempfile::Builder::new()
        .prefix(".pybuild-")
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(path.parent().unwrap_or(Path::new(".")))?;
    scratch.write_all(content)?;
    if let Some(mode) = mode {
        // Set after creation: the process's umask must not change the modes of a tree.
        let permissions = Permissions::from_mode(mode & 0o7777);
        scratch.as_file().set_permissions(permissions)?;
    }
    scratch.as_file().sync_all()?;
    Ok(scratch)
}

/// Gives the file or folder at `path` the owner and the mode of another.
pub fn take_after(path: &Path, like: &Metadata) -> io::Result<()> {
    set_owner(path, like.uid(), like.gid())?;
    // After the owner: changing that may take bits away.
    set_mode(path, like.mode())
}

/// Sets the owner unless it is the same already, as only root may set any.
pub fn set_owner(path: &Path, user: u32, group: u32) -> io::Result<()> {
    let found = fs_err::metadata(path)?;
    if (found.uid(), found.gid()) != (user, group) {
        std::os::unix::fs::chown(path, Some(user), Some(group))?;
    }
    Ok(())
}

/// Sets the permission bits unless they are the same already, as only the owner may set them.
pub fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    let mode = mode & 0o7777;
    if fs_err::metadata(path)?.mode() & 0o7777 != mode {
        fs_err::set_permissions(path, Permissions::from_mode(mode))?;
    }
    Ok(())
}

/// Makes `to` a second name of the file or link `from`, or a copy of it where the file system or the
/// kernel refuses links.
pub fn keep(from: &Path, to: &Path) -> io::Result<()> {
    if std::fs::hard_link(from, to).is_ok() {
        return Ok(());
    }
    copy(from, to)
}

/// Copies a file with its mode and times, and with its owner where this process may set it. A link
/// stays a link.
pub fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let found = fs_err::symlink_metadata(from)?;
    if found.is_symlink() {
        return std::os::unix::fs::symlink(fs_err::read_link(from)?, to);
    }
    fs_err::copy(from, to)?;
    let times = FileTimes::new().set_modified(found.modified()?);
    fs_err::File::open(to)?.file().set_times(times)?;
    if set_owner(to, found.uid(), found.gid()).is_ok() {
        set_mode(to, found.mode())?;
    }
    Ok(())
}

/// Renames to a free path. If the path is no longer free, nothing is replaced, as far as the file
/// system supports this.
pub fn rename_to_nothing(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        use rustix::io::Errno;
        match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {}
            Err(error) => {
                let error = io::Error::from(error);
                let text = format!("{} cannot be created: {error}", to.display());
                return Err(io::Error::new(error.kind(), text));
            }
            Ok(()) => return Ok(()),
        }
    }
    fs_err::rename(from, to)
}

/// Moves `from` to `to`; between file systems, copies it. The copy keeps the mode, but belongs to this
/// user, as with `install`.
pub fn bring(from: &Path, to: &Path) -> io::Result<()> {
    match std::fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
            if from.symlink_metadata()?.is_symlink() {
                std::os::unix::fs::symlink(fs_err::read_link(from)?, to)
            } else {
                fs_err::copy(from, to).map(drop)
            }
        }
        // Once more, for an error that names the paths.
        Err(_) => fs_err::rename(from, to),
        Ok(()) => Ok(()),
    }
}

/// Syncs the file system of `path`.
pub fn sync_file_system(path: &Path) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    rustix::fs::syncfs(fs_err::File::open(path)?)?;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        let _ = path;
        rustix::fs::sync();
    }
    Ok(())
}

/// Syncs the entries of a folder.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    fs_err::File::open(path)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::{copy, keep, remove_if_there};

    #[test]
    fn an_absent_file_is_no_error_and_a_file_that_cannot_be_removed_is_one() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs_err::write(&file, "").unwrap();
        remove_if_there(&file).unwrap();
        assert!(!file.exists());
        remove_if_there(&file).unwrap();
        // A folder is no file.
        assert!(remove_if_there(dir.path()).is_err());
        assert!(dir.path().is_dir());
    }

    #[test]
    fn a_copy_has_mode_and_time_and_a_link_stays_a_link() {
        use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        fs_err::write(path("a"), "content").unwrap();
        fs_err::set_permissions(path("a"), std::fs::Permissions::from_mode(0o751)).unwrap();
        let times = std::fs::FileTimes::new().set_modified(std::time::UNIX_EPOCH);
        let file = fs_err::File::open(path("a")).unwrap();
        file.file().set_times(times).unwrap();
        symlink("nowhere", path("link")).unwrap();
        for name in ["a", "link"] {
            for (number, make) in [keep, copy].into_iter().enumerate() {
                let to = path(&format!("{name}{number}"));
                make(&path(name), &to).unwrap();
                let (from, to) = (path(name).symlink_metadata(), to.symlink_metadata());
                let (from, to) = (from.unwrap(), to.unwrap());
                assert_eq!((from.mode(), from.len()), (to.mode(), to.len()));
                assert!(from.is_symlink() || from.mtime() == to.mtime());
                assert_eq!(from.ino() == to.ino(), number == 0, "{name}");
            }
        }
    }
}
