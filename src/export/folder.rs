//! `-o DIR`: the diff, the wheels, and a file for `sha256sum -c`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::error::Error;
use super::patch::Export;
use super::write::write_file;
use crate::digest::Sha256;

/// The file name of the diff, for `patch -p1` and `git apply`.
pub const DIFF: &str = "ensurepip.diff";

/// The file that `sha256sum -c` reads.
const SUMS: &str = "SHA256SUMS";

/// Writes the diff, the wheels and their digests into `folder`, which is created if necessary. Other files
/// in it stay. Returns the names of the wheels, sorted.
pub fn write_folder(export: &Export, folder: &Path) -> Result<Vec<String>, Error> {
    let is_new = !folder.exists();
    fs_err::create_dir_all(folder).map_err(Error::write(folder))?;
    let mut new_files = Vec::new();
    let written = write_files(export, folder, &mut new_files);
    if written.is_err() {
        // An incomplete export is useless.
        for path in new_files {
            let _ = fs_err::remove_file(path);
        }
        if is_new {
            let _ = fs_err::remove_dir(folder);
        }
    }
    written
}

fn write_files(
    export: &Export,
    folder: &Path,
    new_files: &mut Vec<PathBuf>,
) -> Result<Vec<String>, Error> {
    let name_of = |path: &Path| path.file_name().unwrap_or_default().display().to_string();
    let mut files: BTreeMap<String, &[u8]> = export
        .added()
        .map(|(path, content)| (name_of(path), content))
        .collect();
    let wheels: Vec<String> = files.keys().cloned().collect();
    files.insert(DIFF.to_owned(), export.diff.as_bytes());
    let mut sums = String::new();
    for (name, content) in &files {
        sums.extend([&Sha256::of(content).to_string(), "  ", name, "\n"]);
    }
    let sums = (SUMS.to_owned(), sums.as_bytes());
    for (name, content) in files.into_iter().chain([sums]) {
        let path = folder.join(name);
        let is_new = !path.exists();
        write_file(&path, content)?;
        if is_new {
            new_files.push(path);
        }
    }
    Ok(wheels)
}
