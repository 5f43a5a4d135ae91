//! `-o DIR`: the text's diff, the wheels, and what `sha256sum -c` proves them with.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Error, Export, write_file};
use crate::digest::Sha256;

/// The text's diff, for `patch -p1` and `git apply`.
pub const DIFF: &str = "ensurepip.diff";

/// What `sha256sum -c` reads.
const SUMS: &str = "SHA256SUMS";

/// What was put into a folder, by name and digest, sorted by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    files: BTreeMap<String, Sha256>,
}

impl Placed {
    /// The names of the wheels.
    pub fn wheels(&self) -> impl Iterator<Item = &str> {
        let names = self.files.keys().map(String::as_str);
        names.filter(|name| *name != DIFF)
    }
}

/// Writes the diff, the wheels and their digests into `folder`, which is made when it is not there.
/// What else is in it stays.
///
/// # Errors
/// When the folder or a file in it cannot be written.
pub fn write_folder(export: &Export, folder: &Path) -> Result<Placed, Error> {
    let made = !folder.exists();
    fs_err::create_dir_all(folder).map_err(|source| Error::Write {
        path: folder.to_owned(),
        source,
    })?;
    let mut new = Vec::new();
    let written = write_files(export, folder, &mut new);
    if written.is_err() {
        // A part of it is of no use to anybody.
        for path in new {
            let _ = fs_err::remove_file(path);
        }
        if made {
            let _ = fs_err::remove_dir(folder);
        }
    }
    written
}

/// Lists in `new` what was not there before.
fn write_files(export: &Export, folder: &Path, new: &mut Vec<PathBuf>) -> Result<Placed, Error> {
    let mut files = BTreeMap::new();
    let mut write = |name: &str, content: &[u8]| {
        let path = folder.join(name);
        let is_new = !path.exists();
        write_file(&path, content)?;
        if is_new {
            new.push(path);
        }
        Ok(())
    };
    let mut put = |name: String, content: &[u8]| {
        write(&name, content)?;
        files.insert(name, Sha256::of(content));
        Ok(())
    };
    for (path, content) in export.wheels_in() {
        let name = PathBuf::from(path.file_name().unwrap_or_default());
        put(name.display().to_string(), content)?;
    }
    put(DIFF.to_owned(), export.diff().as_bytes())?;
    let mut sums = String::new();
    for (name, sha256) in &files {
        sums.extend([&sha256.to_string(), "  ", name, "\n"]);
    }
    write(SUMS, sums.as_bytes())?;
    Ok(Placed { files })
}
