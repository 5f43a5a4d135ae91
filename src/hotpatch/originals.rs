//! The original of a path: what was there before the first hotpatch, as the record keeps it.

use std::fs::FileTimes;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::digest::Sha256;
use crate::fs::durable::{keep, set_mode, set_owner};
use crate::hotpatch::error::Error;

/// The original of one path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum Original {
    Absent,
    File(KeptFile),
    /// A symbolic link.
    Link {
        to: PathBuf,
    },
}

/// A file with everything that is restored with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptFile {
    /// The name of the kept file, a number: scanners would find an old pip by its real name.
    kept: u32,
    sha256: Sha256,
    /// Permission bits, in octal.
    mode: String,
    owner: u32,
    group: u32,
    modified: Timestamp,
}

impl Original {
    /// Keeps the file or link at `path`. `place` makes the kept file and returns its path.
    pub fn keep(
        path: &Path,
        number: u32,
        place: impl FnOnce() -> Result<PathBuf, Error>,
    ) -> Result<Self, Error> {
        let failed = |error| Error::file(path)(error);
        let found = match fs_err::symlink_metadata(path) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::Absent),
            Err(error) => return Err(failed(error)),
        };
        if found.is_symlink() {
            let to = fs_err::read_link(path).map_err(failed)?;
            return Ok(Self::Link { to });
        }
        let modified = found.modified().map_err(failed)?;
        Ok(Self::File(KeptFile {
            kept: number,
            sha256: Sha256::of_file(&place()?).map_err(failed)?,
            mode: mode_of(&found),
            owner: found.uid(),
            group: found.gid(),
            modified: Timestamp::try_from(modified)
                .map_err(io::Error::other)
                .map_err(failed)?,
        }))
    }

    /// Whether exactly this is at `path`.
    pub fn is_at(&self, path: &Path) -> bool {
        let found = path.symlink_metadata();
        match self {
            Self::Absent => found.is_err(),
            Self::Link { to } => fs_err::read_link(path).is_ok_and(|found| found == *to),
            Self::File(file) => found.is_ok_and(|found| {
                found.is_file()
                    && (found.uid(), found.gid()) == (file.owner, file.group)
                    && mode_of(&found) == file.mode
                    && found.modified().ok() == Some(file.modified.into())
                    && file.is_content_of(path)
            }),
        }
    }

    /// The number of the kept file.
    pub fn number(&self) -> Option<u32> {
        match self {
            Self::File(file) => Some(file.kept),
            Self::Absent | Self::Link { .. } => None,
        }
    }
}

impl KeptFile {
    /// The path of the kept file.
    pub fn kept_in(&self, folder: &Path) -> PathBuf {
        folder.join(self.kept.to_string())
    }

    pub fn is_content_of(&self, path: &Path) -> bool {
        Sha256::of_file(path).is_ok_and(|found| found == self.sha256)
    }

    /// Makes `to` the original of the file `kept`, with mode, owner and times.
    pub fn restore(&self, kept: &Path, to: &Path) -> io::Result<()> {
        keep(kept, to)?;
        set_owner(to, self.owner, self.group)?;
        set_mode(to, u32::from_str_radix(&self.mode, 8).unwrap_or(0o644))?;
        if fs_err::metadata(to)?.modified()? != std::time::SystemTime::from(self.modified) {
            let times = FileTimes::new().set_modified(self.modified.into());
            // Opened for reading: the owner may set the times of a file that nobody may write.
            fs_err::File::open(to)?.file().set_times(times)?;
        }
        Ok(())
    }
}

fn mode_of(found: &std::fs::Metadata) -> String {
    format!("{:04o}", found.permissions().mode() & 0o7777)
}

pub(super) fn is_compiled(path: &Path) -> bool {
    path.extension()
        .is_some_and(|ending| ending == "pyc" || ending == "pyo")
}

/// Ensures that the folders above `path` are folders, or absent; in `own`, below the prefix, none of them
/// may be a link, which could lead to files of the user.
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

    use super::Original;

    #[test]
    fn a_kept_file_is_restored_with_mode_and_times() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a");
        let kept = dir.path().join("0");
        fs_err::write(&file, "content").unwrap();
        fs_err::set_permissions(&file, std::fs::Permissions::from_mode(0o751)).unwrap();
        let before = fs_err::metadata(&file).unwrap();
        let place = || {
            super::keep(&file, &kept).unwrap();
            Ok(kept.clone())
        };
        let original = Original::keep(&file, 0, place).unwrap();
        assert!(original.is_at(&file));
        let absent = Original::keep(&dir.path().join("b"), 1, || panic!()).unwrap();
        assert_eq!(absent, Original::Absent);

        let Original::File(original) = original else {
            panic!()
        };
        assert_eq!(original.kept_in(dir.path()), kept);
        fs_err::remove_file(&file).unwrap();
        let back = dir.path().join("back");
        original.restore(&kept, &back).unwrap();
        // A kept file that lost everything but its content, as in an image that was packed by hand.
        fs_err::remove_file(&kept).unwrap();
        fs_err::write(&kept, "content").unwrap();
        let again = dir.path().join("again");
        original.restore(&kept, &again).unwrap();
        for path in [back, again] {
            let after = fs_err::metadata(&path).unwrap();
            assert_eq!(fs_err::read(&path).unwrap(), b"content");
            assert_eq!(after.mode(), before.mode());
            assert_eq!(after.modified().unwrap(), before.modified().unwrap());
        }
        assert!(original.is_content_of(&kept));
        fs_err::write(&kept, "changed").unwrap();
        assert!(!original.is_content_of(&kept));
    }
}
