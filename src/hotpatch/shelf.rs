//! What stood at each path, kept aside: numbered files, and a list of what they were.

use std::collections::BTreeMap;
use std::fs::FileTimes;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Error;
use crate::digest::Sha256;

/// What stands, or stood, at one path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Item {
    /// Nothing.
    Absent,
    /// A file.
    File(KeptFile),
    /// A symbolic link.
    Link {
        /// Where it points.
        to: PathBuf,
    },
}

/// A file, and all that is put back with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptFile {
    /// The name of the copy: names that say what it is would make scanners find an old pip.
    kept: u32,
    sha256: Sha256,
    /// Permission bits, in octal.
    mode: String,
    owner: u32,
    group: u32,
    modified: Timestamp,
}

/// A folder of kept files.
#[derive(Debug)]
pub struct Shelf {
    folder: PathBuf,
    items: BTreeMap<PathBuf, Item>,
}

impl Shelf {
    /// The shelf in `folder`, which has to exist, with what is on it.
    #[must_use]
    pub fn new(folder: PathBuf, items: BTreeMap<PathBuf, Item>) -> Self {
        Self { folder, items }
    }

    /// What is on it, by path below the prefix.
    #[must_use]
    pub fn items(&self) -> &BTreeMap<PathBuf, Item> {
        &self.items
    }

    /// Where the files are.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Keeps what stands at `path` below `prefix`. What is kept already stays as it was first.
    ///
    /// # Errors
    /// When it cannot be read, or the shelf cannot be written.
    pub fn keep(&mut self, prefix: &Path, path: &Path) -> Result<(), Error> {
        if self.items.contains_key(path) {
            return Ok(());
        }
        let file = prefix.join(path);
        let number = self.next_number();
        let item = keep(&file, &self.folder, number).map_err(Error::file(&file))?;
        self.items.insert(path.to_owned(), item);
        Ok(())
    }

    /// The copy of a file.
    #[must_use]
    pub fn copy_of(&self, file: &KeptFile) -> PathBuf {
        self.folder.join(file.kept.to_string())
    }

    /// Finds out whether each copy is still what was kept.
    ///
    /// # Errors
    /// [`Error::KeptDamaged`].
    pub fn verify(&self) -> Result<(), Error> {
        for (path, item) in &self.items {
            if let Item::File(file) = item {
                let kept = self.copy_of(file);
                if Sha256::of_file(&kept).ok() != Some(file.sha256) {
                    return Err(Error::KeptDamaged {
                        kept,
                        path: path.clone(),
                    });
                }
            }
        }
        Ok(())
    }

    /// Removes the files that are not on the list, and the folder if nothing is.
    pub(super) fn sweep(&self) {
        for entry in std::fs::read_dir(&self.folder)
            .into_iter()
            .flatten()
            .flatten()
        {
            let path = entry.path();
            let listed = self
                .items
                .values()
                .any(|item| matches!(item, Item::File(file) if self.copy_of(file) == path));
            if !listed {
                let _ = fs_err::remove_file(path);
            }
        }
        let _ = fs_err::remove_dir(&self.folder);
    }

    fn next_number(&self) -> u32 {
        let numbers = self.items.values().filter_map(|item| match item {
            Item::File(file) => Some(file.kept + 1),
            Item::Absent | Item::Link { .. } => None,
        });
        numbers.max().unwrap_or(0)
    }
}

impl KeptFile {
    /// The digest of its content.
    #[must_use]
    pub fn sha256(&self) -> Sha256 {
        self.sha256
    }

    /// Makes `scratch` the file that was kept as `copy`, with mode, owner and times.
    pub(super) fn restore(&self, copy: &Path, scratch: &Path) -> io::Result<()> {
        link_or_copy(copy, scratch)?;
        let found = fs_err::metadata(scratch)?;
        if (found.uid(), found.gid()) != (self.owner, self.group) {
            std::os::unix::fs::chown(scratch, Some(self.owner), Some(self.group))?;
        }
        // After the owner: changing that may take bits away.
        let mode = u32::from_str_radix(&self.mode, 8).unwrap_or(0o644);
        if fs_err::metadata(scratch)?.permissions().mode() & 0o7777 != mode {
            fs_err::set_permissions(scratch, std::fs::Permissions::from_mode(mode))?;
        }
        if found.modified()? != std::time::SystemTime::from(self.modified) {
            let times = FileTimes::new().set_modified(self.modified.into());
            // Opened for reading: the owner may set the times of a file that nobody may write.
            fs_err::File::open(scratch)?.file().set_times(times)?;
        }
        Ok(())
    }
}

fn keep(file: &Path, folder: &Path, number: u32) -> io::Result<Item> {
    let found = match fs_err::symlink_metadata(file) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Item::Absent),
        Err(error) => return Err(error),
    };
    if found.is_symlink() {
        return Ok(Item::Link {
            to: fs_err::read_link(file)?,
        });
    }
    let copy = folder.join(number.to_string());
    crate::durable::remove_if_there(&copy)?;
    link_or_copy(file, &copy)?;
    Ok(Item::File(KeptFile {
        kept: number,
        sha256: Sha256::of_file(&copy)?,
        mode: format!("{:04o}", found.permissions().mode() & 0o7777),
        owner: found.uid(),
        group: found.gid(),
        modified: Timestamp::try_from(found.modified()?).map_err(io::Error::other)?,
    }))
}

/// The same file under another name where the file system allows it: files are only ever replaced by
/// renaming here, so the old one stays as it is, with everything that belongs to it.
pub(super) fn link_or_copy(from: &Path, to: &Path) -> io::Result<()> {
    if std::fs::hard_link(from, to).is_ok() {
        return Ok(());
    }
    fs_err::copy(from, to)?;
    fs_err::File::open(to)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    use std::path::Path;

    use super::{Item, Shelf};
    use crate::hotpatch::Error;

    #[test]
    fn what_is_kept_comes_back_with_mode_and_times_and_a_changed_copy_is_found_out() {
        let dir = tempfile::tempdir().unwrap();
        let shelf_folder = dir.path().join("shelf");
        fs_err::create_dir(&shelf_folder).unwrap();
        let file = dir.path().join("a");
        fs_err::write(&file, "content").unwrap();
        fs_err::set_permissions(&file, std::fs::Permissions::from_mode(0o751)).unwrap();
        let before = fs_err::metadata(&file).unwrap();

        let mut shelf = Shelf::new(shelf_folder, BTreeMap::new());
        shelf.keep(dir.path(), Path::new("a")).unwrap();
        shelf.keep(dir.path(), Path::new("b")).unwrap();
        assert_eq!(shelf.items()[Path::new("b")], Item::Absent);
        shelf.verify().unwrap();
        fs_err::remove_file(&file).unwrap();
        fs_err::write(&file, "other").unwrap();
        // Kept already: the first stays.
        shelf.keep(dir.path(), Path::new("a")).unwrap();

        let Item::File(kept) = &shelf.items()[Path::new("a")] else {
            panic!()
        };
        let copy = shelf.copy_of(kept);
        let back = dir.path().join("back");
        kept.restore(&copy, &back).unwrap();
        let after = fs_err::metadata(&back).unwrap();
        assert_eq!(fs_err::read(&back).unwrap(), b"content");
        assert_eq!(after.mode(), before.mode());
        assert_eq!(after.modified().unwrap(), before.modified().unwrap());

        // A copy that lost everything but the content, as in an image that was packed by hand.
        let content = fs_err::read(&copy).unwrap();
        fs_err::remove_file(&copy).unwrap();
        fs_err::write(&copy, content).unwrap();
        fs_err::remove_file(&back).unwrap();
        kept.restore(&copy, &back).unwrap();
        let after = fs_err::metadata(&back).unwrap();
        assert_eq!(after.mode(), before.mode());
        assert_eq!(after.modified().unwrap(), before.modified().unwrap());

        fs_err::write(&copy, "changed").unwrap();
        assert!(matches!(shelf.verify(), Err(Error::KeptDamaged { .. })));
    }
}
