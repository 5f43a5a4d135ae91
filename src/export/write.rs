//! Writes the files of an export.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::error::Error;
use crate::fs::durable::write_beside;

/// Writes `content` to `path` atomically. A file that exists is replaced and keeps its mode; a link or a
/// device is an error.
pub fn write_file(path: &Path, content: &[u8]) -> Result<(), Error> {
    let mode = match path.symlink_metadata() {
        Ok(found) if found.is_file() => Some(found.permissions().mode()),
        Ok(_) => {
            let path = path.to_owned();
            return Err(Error::NotAFile { path });
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(source) => return Err(Error::write(path)(source)),
    };
    let written = write_beside(path, content, mode)
        .and_then(|scratch| scratch.persist(path).map_err(io::Error::from));
    written.map(drop).map_err(Error::write(path))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::write_file;
    use crate::export::error::Error;

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
