//! File changes in an order that survives a crash, as far as the file system allows. Transactions
//! on a prefix and hotpatches use them.

use std::io;
use std::path::Path;

/// Removes a file if it exists.
pub fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs_err::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
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

/// Moves `from` to `to`; between file systems, copies it.
pub fn bring(from: &Path, to: &Path) -> io::Result<()> {
    match std::fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
            if from.symlink_metadata()?.is_symlink() {
                std::os::unix::fs::symlink(fs_err::read_link(from)?, to)
            } else {
                // The copy keeps the mode, but belongs to this user, as with `install`.
                fs_err::copy(from, to).map(|_| ())
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
    use super::remove_if_there;

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
}
