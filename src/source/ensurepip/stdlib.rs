//! A standard library whose `ensurepip` can be changed.

use std::io;
use std::path::{Path, PathBuf};

use super::error::Error;

/// The standard library of a source tree or of an installed interpreter.
#[derive(Debug, Clone, Copy)]
pub struct Stdlib<'a> {
    /// The folder that all paths in a patch are relative to.
    pub(super) root: &'a Path,
    folder: &'static str,
}

impl<'a> Stdlib<'a> {
    /// `root` is the folder with `configure`.
    pub fn of_source(root: &'a Path) -> Self {
        let folder = "Lib";
        Self { root, folder }
    }

    /// `root` is the folder with `os.py`.
    pub fn of_installation(root: &'a Path) -> Self {
        Self { root, folder: "" }
    }

    /// The path of a file of the library, relative to the root.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        Path::new(self.folder).join(name)
    }

    pub(super) fn read(&self, path: &Path) -> Result<String, Error> {
        let path = self.root.join(path);
        fs_err::read_to_string(&path).map_err(Error::file(&path))
    }

    /// The file names of the wheels in `_bundled`, sorted.
    pub(super) fn bundled_wheels(&self) -> Result<Vec<String>, Error> {
        let folder = self.root.join(self.file("ensurepip/_bundled"));
        let list = || -> io::Result<Vec<String>> {
            let mut names = Vec::new();
            for entry in fs_err::read_dir(&folder)? {
                names.extend(entry?.file_name().into_string());
            }
            names.retain(|name| Path::new(name).extension().is_some_and(|end| end == "whl"));
            names.sort();
            Ok(names)
        };
        list().map_err(Error::file(&folder))
    }
}
