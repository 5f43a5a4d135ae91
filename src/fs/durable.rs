//! Changes of files in an order that a crash cannot turn round, as far as the file system keeps what it
//! promises: for transactions on a prefix and for hotpatches alike.

use std::io;
use std::path::Path;

/// Removes a file that need not be there.
///
/// # Errors
/// When it is there and cannot be removed.
pub fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs_err::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Renames to a path where nothing stands. Where something has come to stand there in the last moment,
/// that stays, as far as the file system can do this.
///
/// # Errors
/// When it cannot be renamed.
pub fn rename_to_nothing(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        use rustix::io::Errno;
        match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {}
            Err(error) => {
                let error = io::Error::from(error);
                let text = format!("{} cannot be put in place: {error}", to.display());
                return Err(io::Error::new(error.kind(), text));
            }
            Ok(()) => return Ok(()),
        }
    }
    fs_err::rename(from, to)
}

/// Moves `from` to `to`, or copies it where they are on different file systems.
///
/// # Errors
/// When neither can be done.
pub fn bring(from: &Path, to: &Path) -> io::Result<()> {
    match std::fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
            if from.symlink_metadata()?.is_symlink() {
                std::os::unix::fs::symlink(fs_err::read_link(from)?, to)
            } else {
                // The mode goes along; the owner is whoever runs this, as with `install`.
                fs_err::copy(from, to).map(|_| ())
            }
        }
        Err(_) => fs_err::rename(from, to),
        Ok(()) => Ok(()),
    }
}

/// Makes all that was written to the file system of `path` last.
///
/// # Errors
/// When it cannot be synced.
pub fn sync_file_system(path: &Path) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        let folder = fs_err::File::open(path)?;
        rustix::fs::syncfs(&folder)?;
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        let _ = path;
        rustix::fs::sync();
    }
    Ok(())
}

/// Makes what was renamed into or out of the folder last.
///
/// # Errors
/// When the folder cannot be opened or synced.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    fs_err::File::open(path)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::remove_if_there;

    #[test]
    fn what_is_not_there_need_not_go_and_what_cannot_go_is_told() {
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
