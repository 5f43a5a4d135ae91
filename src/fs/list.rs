//! Listings of folders, sorted.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

/// The names in a folder; none where there is no folder.
pub(crate) fn names_in(folder: &Path) -> io::Result<Vec<OsString>> {
    let entries = match fs_err::read_dir(folder) {
        Ok(entries) => entries,
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(Vec::new());
        }
        Err(error) => return Err(error),
    };
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry?.file_name());
    }
    names.sort();
    Ok(names)
}

/// The files and links below a folder, without those that cannot be listed.
pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    walkdir::WalkDir::new(folder)
        .sort_by_file_name()
        .into_iter()
        .filter_map(Result::ok)
        .filter(|entry| !entry.file_type().is_dir())
        .map(walkdir::DirEntry::into_path)
        .collect()
}
