//! What stood at each path, kept aside: numbered files, and a list of what they were.

use std::collections::BTreeMap;
use std::fs::FileTimes;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::digest::Sha256;
use crate::hotpatch::Error;
use crate::hotpatch::change::is_compiled;

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
pub struct Originals {
    folder: PathBuf,
    items: BTreeMap<PathBuf, Item>,
}

impl Originals {
    /// The originals in `folder`, which has to exist, with what is on it.
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

    /// Keeps the file or link at `path` below `prefix`. What is kept already stays as it was first.
    /// `place` is [`link_or_copy`] for a file that pybuild replaces, and [`copy`] for one that may be
    /// written in place.
    ///
    /// # Errors
    /// When it cannot be read, or the originals cannot be written.
    pub(super) fn keep(&mut self, prefix: &Path, path: &Path, place: Place) -> Result<(), Error> {
        if self.items.contains_key(path) {
            return Ok(());
        }
        let file = prefix.join(path);
        let number = self.next_number();
        let item = keep(&file, &self.folder, number, place).map_err(Error::file(&file))?;
        self.items.insert(path.to_owned(), item);
        Ok(())
    }

    /// Notes that nothing was at `path` at first, whatever is there now.
    pub(super) fn note_absent(&mut self, path: &Path) {
        self.items.entry(path.to_owned()).or_insert(Item::Absent);
    }

    /// Ensures that every kept file and link can be put back: no folder is at its path, and no file is
    /// at the path of a folder above it. In `own`, a folder must not be a link either: it could lead to
    /// files of the user.
    ///
    /// # Errors
    /// [`Error::InTheWay`].
    pub(super) fn ensure_free(&self, prefix: &Path, own: &Path) -> Result<(), Error> {
        for (path, item) in &self.items {
            ensure_folders(prefix, path, own)?;
            let file = prefix.join(path);
            let is_folder = file.symlink_metadata().is_ok_and(|found| found.is_dir());
            if is_folder && *item != Item::Absent {
                return Err(Error::InTheWay { path: file });
            }
        }
        Ok(())
    }

    /// Ensures that every kept file and link is in place again; compiled files aside, which Python may
    /// write at any time.
    ///
    /// # Errors
    /// [`Error::NotRestored`].
    pub(super) fn ensure_restored(&self, prefix: &Path) -> Result<(), Error> {
        for (path, item) in &self.items {
            let file = prefix.join(path);
            if *item != Item::Absent && !is_compiled(path) && !item.is_at(&file) {
                return Err(Error::NotRestored { path: file });
            }
        }
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

impl Item {
    /// Whether exactly this is at `path`.
    pub(super) fn is_at(&self, path: &Path) -> bool {
        let found = path.symlink_metadata();
        match self {
            Self::Absent => found.is_err(),
            Self::Link { to } => fs_err::read_link(path).is_ok_and(|found| found == *to),
            Self::File(file) => found.is_ok_and(|found| {
                found.is_file()
                    && (found.uid(), found.gid()) == (file.owner, file.group)
                    && mode_of(&found) == file.mode
                    && found.modified().ok() == Some(file.modified.into())
                    && Sha256::of_file(path).ok() == Some(file.sha256)
            }),
        }
    }
}

/// Ensures that the folders above `path` are folders, or are not there; in `own`, below the prefix, none
/// of them may be a link.
///
/// # Errors
/// [`Error::InTheWay`].
pub(super) fn ensure_folders(prefix: &Path, path: &Path, own: &Path) -> Result<(), Error> {
    for above in path.ancestors().skip(1) {
        let folder = prefix.join(above);
        let is_foreign_link = above != own && above.starts_with(own) && folder.is_symlink();
        if is_foreign_link || folder.metadata().is_ok_and(|found| !found.is_dir()) {
            return Err(Error::InTheWay { path: folder });
        }
    }
    Ok(())
}

fn mode_of(found: &std::fs::Metadata) -> String {
    format!("{:04o}", found.permissions().mode() & 0o7777)
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

/// Makes a kept copy of a file at a path.
pub(super) type Place = fn(&Path, &Path) -> io::Result<()>;

fn keep(file: &Path, folder: &Path, number: u32, place: Place) -> io::Result<Item> {
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
    crate::fs::durable::remove_if_there(&copy)?;
    place(file, &copy)?;
    Ok(Item::File(KeptFile {
        kept: number,
        sha256: Sha256::of_file(&copy)?,
        mode: mode_of(&found),
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
    copy(from, to)
}

/// A file of its own.
pub(super) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs_err::copy(from, to)?;
    fs_err::File::open(to)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    use std::path::Path;

    use super::{Item, Originals, link_or_copy};
    use crate::hotpatch::Error;

    #[test]
    fn what_is_kept_comes_back_with_mode_and_times_and_a_changed_copy_is_found_out() {
        let dir = tempfile::tempdir().unwrap();
        let shelf_folder = dir.path().join("originals");
        fs_err::create_dir(&shelf_folder).unwrap();
        let file = dir.path().join("a");
        fs_err::write(&file, "content").unwrap();
        fs_err::set_permissions(&file, std::fs::Permissions::from_mode(0o751)).unwrap();
        let before = fs_err::metadata(&file).unwrap();

        let mut originals = Originals::new(shelf_folder, BTreeMap::new());
        originals
            .keep(dir.path(), Path::new("a"), link_or_copy)
            .unwrap();
        originals
            .keep(dir.path(), Path::new("b"), link_or_copy)
            .unwrap();
        assert_eq!(originals.items()[Path::new("b")], Item::Absent);
        originals.verify().unwrap();
        fs_err::remove_file(&file).unwrap();
        fs_err::write(&file, "other").unwrap();
        // Kept already: the first stays.
        originals
            .keep(dir.path(), Path::new("a"), link_or_copy)
            .unwrap();

        let Item::File(kept) = &originals.items()[Path::new("a")] else {
            panic!()
        };
        let copy = originals.copy_of(kept);
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
        assert!(matches!(originals.verify(), Err(Error::KeptDamaged { .. })));
    }
}
