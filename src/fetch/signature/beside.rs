//! The file beside an archive that holds its signature.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::file::LARGEST;

/// The ending of the name of an archive's signature.
pub(in crate::fetch) const ENDING: &str = ".asc";

/// The path of the signature of the archive at `path`.
pub(crate) fn signature_beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ENDING);
    name.into()
}

/// Reads at most a signature's worth of `path`; `None` when it is not there.
pub(in crate::fetch) fn read_small(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    match fs_err::File::open(path) {
        Ok(file) => file
            .take(LARGEST + 1)
            .read_to_end(&mut bytes)
            .map(|_| Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
