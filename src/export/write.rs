//! Writes what is handed out: whole or not at all, and never over something that is no file.

use std::fs::Permissions;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::Error;

/// Writes `content` to `path`: beside it first, then in its place. A file that is there is replaced and
/// keeps its mode; a link or a device is not.
///
/// # Errors
/// [`Error::NotAFile`] and [`Error::Write`].
pub fn write_file(path: &Path, content: &[u8]) -> Result<(), Error> {
    let write_error = |source| Error::Write {
        path: path.to_owned(),
        source,
    };
    let mode = match path.symlink_metadata() {
        Ok(there) if there.is_file() => Some(there.permissions()),
        Ok(_) => {
            return Err(Error::NotAFile {
                path: path.to_owned(),
            });
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(source) => return Err(write_error(source)),
    };
    replace(path, content, mode).map_err(write_error)
}

fn replace(path: &Path, content: &[u8], mode: Option<Permissions>) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    // What any new file gets, less the process's umask.
    let mut scratch = tempfile::Builder::new()
        .prefix(".pybuild-")
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder)?;
    scratch.write_all(content)?;
    if let Some(mode) = mode {
        scratch.as_file().set_permissions(mode)?;
    }
    scratch.as_file().sync_all()?;
    scratch.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::write_file;
    use crate::export::Error;

    #[test]
    fn only_files_are_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        write_file(&file, b"one").unwrap();
        fs_err::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
        write_file(&file, b"two").unwrap();
        assert_eq!(fs_err::read(&file).unwrap(), b"two");
        let mode = fs_err::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640);

        let link = dir.path().join("link");
        std::os::unix::fs::symlink("file", &link).unwrap();
        for path in [&link, dir.path()] as [&std::path::Path; 2] {
            let error = write_file(path, b"three").unwrap_err();
            assert!(matches!(error, Error::NotAFile { .. }), "{error:?}");
        }
        let error = write_file(&dir.path().join("no/folder"), b"three").unwrap_err();
        assert!(matches!(error, Error::Write { .. }), "{error:?}");
        assert_eq!(fs_err::read(&file).unwrap(), b"two");
        assert_eq!(fs_err::read_dir(dir.path()).unwrap().count(), 2);
    }
}
