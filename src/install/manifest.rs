//! The manifest: the files and links of an installation. It is part of the record.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::digest::Sha256;
use crate::parallel::in_parallel;

/// Every file and link of an installation, by its path below the prefix.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Manifest(BTreeMap<PathBuf, Item>);

/// One file or link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Item {
    /// A file: its permission bits in octal and its digest.
    File(String, Sha256),
    /// A symbolic link and where it points.
    Link(PathBuf),
}

impl Item {
    /// The file or link at `path`; `None` when there is neither.
    ///
    /// # Errors
    /// When it cannot be read; the error names it.
    pub fn at(path: &Path) -> io::Result<Option<Self>> {
        let found = match fs_err::symlink_metadata(path) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(if found.is_symlink() {
            Some(Self::Link(fs_err::read_link(path)?))
        } else if found.is_file() {
            let mode = found.permissions().mode() & 0o7777;
            Some(Self::File(format!("{mode:04o}"), Sha256::of_file(path)?))
        } else {
            None
        })
    }

    /// Whether `other` has the same content, whatever its permission bits.
    #[must_use]
    pub fn holds_the_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::File(_, digest), Self::File(_, other)) => digest == other,
            (Self::Link(to), Self::Link(other)) => to == other,
            _ => false,
        }
    }
}

impl Manifest {
    /// The files and links below `root`.
    ///
    /// # Errors
    /// When something there cannot be read; the error names it.
    pub fn of_tree(root: &Path) -> io::Result<Self> {
        let entries = walkdir::WalkDir::new(root).into_iter();
        let paths: Vec<PathBuf> = entries
            .map(|entry| Ok(entry?.into_path()))
            .collect::<io::Result<_>>()?;
        let items = paths.iter().zip(in_parallel(&paths, |path| Item::at(path)));
        let below = |path: &Path| path.strip_prefix(root).unwrap_or(path).to_owned();
        let items =
            items.filter_map(|(path, item)| Some(item.transpose()?.map(|it| (below(path), it))));
        Ok(Self(items.collect::<io::Result<_>>()?))
    }

    /// The digest of the tree: the SHA-256 of a listing of its modes, digests and links. The lines are those
    /// of `find -printf '%04m  %p\n'`, of `sha256sum` and of `find -printf '%p -> %l\n'` in the prefix,
    /// sorted as bytes.
    pub(crate) fn digest(&self) -> Sha256 {
        let mut lines: Vec<Vec<u8>> = Vec::with_capacity(2 * self.0.len());
        for (path, item) in &self.0 {
            let path = [b"./", path.as_os_str().as_bytes()].concat();
            let path = path.as_slice();
            match item {
                Item::File(mode, digest) => {
                    lines.push([mode.as_bytes(), b"  ", path].concat());
                    lines.push([digest.to_string().as_bytes(), b"  ", path].concat());
                }
                Item::Link(to) => lines.push([path, b" -> ", to.as_os_str().as_bytes()].concat()),
            }
        }
        lines.sort();
        let mut listing = lines.join(&b'\n');
        listing.push(b'\n');
        Sha256::of(&listing)
    }

    /// Sets or removes the item at `path` below the prefix.
    pub(crate) fn set(&mut self, path: &Path, item: Option<Item>) {
        match item {
            Some(item) => drop(self.0.insert(path.to_owned(), item)),
            None => drop(self.0.remove(path)),
        }
    }

    /// The paths, sorted.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.0.keys().map(PathBuf::as_path)
    }

    /// The paths and items, sorted.
    pub fn items(&self) -> impl Iterator<Item = (&Path, &Item)> {
        self.0.iter().map(|(path, item)| (path.as_path(), item))
    }

    /// The installation's item at `path`.
    #[must_use]
    pub fn get(&self, path: &Path) -> Option<&Item> {
        self.0.get(path)
    }

    /// Whether `path` (below the prefix) belongs to the installation.
    #[must_use]
    pub fn contains(&self, path: &Path) -> bool {
        self.0.contains_key(path)
    }

    /// The number of files and links.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::process::Command;

    use super::Manifest;

    /// The commands of docs/reproducible.md.
    const LISTING: &str = "{ find . -type f -printf '%04m  %p\\n'; find . -type f -exec sha256sum {} +; \
                           find . -type l -printf '%p -> %l\\n'; } | LC_ALL=C sort | sha256sum";

    #[test]
    fn find_and_sha256sum_compute_the_same_digest() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        fs_err::create_dir_all(path("lib/empty")).unwrap();
        for (name, mode) in [
            ("lib/a b", 0o644),
            ("lib/\u{fc}", 0o755),
            ("z", 0o4755),
            ("lib-x", 0o600),
        ] {
            fs_err::write(path(name), name).unwrap();
            fs_err::set_permissions(path(name), std::fs::Permissions::from_mode(mode)).unwrap();
        }
        symlink("../z", path("lib/link")).unwrap();
        let shell = Command::new("sh")
            .args(["-c", LISTING])
            .current_dir(dir.path())
            .output();
        let printed = String::from_utf8(shell.unwrap().stdout).unwrap();
        let digest = Manifest::of_tree(dir.path()).unwrap().digest();
        assert_eq!(printed.split(' ').next(), Some(&*digest.to_string()));
    }
}
