//! Whether the file systems have the space that a build needs at least, checked before downloads.
//!
//! Measured with the smallest options (`--disable-test-modules --without-static-libpython`,
//! `CFLAGS="-Os -g0"`, stripped): 3.11.2, with a `.tgz` of 25.2 MiB, needs 148 MiB for the tree and
//! 95 MiB for the staged installation; 3.13.5, with a `.tar.xz` of 21.8 MiB and a `.tgz` of about
//! 28 MiB, needs 154 MiB and 75 MiB. These are 8 and 2.7 times the archive. The figures here are
//! lower, so that a build that would succeed is never refused.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::error::{ExitStatus, Explain};
use crate::fs::disk::Refusal;

/// A size below that of every release's archive, for a release whose archive's size is not known.
pub const SMALLEST_ARCHIVE: u64 = 10 << 20;

/// A smaller archive is not a release of CPython, so the space that it needs is not known.
const LEAST_ARCHIVE: u64 = 8 << 20;

/// An amount of disk space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Amount {
    bytes: u64,
    files: u64,
}

impl Amount {
    /// The space for an archive of this size in the store.
    pub fn of_download(archive: u64) -> Self {
        Self::of_archive(archive, 1, archive.max(1))
    }

    /// The least space in the build folder for a build from an archive of this size.
    pub fn of_build(archive: u64) -> Self {
        Self::of_archive(archive, 6, 8 << 10)
    }

    /// The least space for the installation.
    pub fn of_installation(archive: u64) -> Self {
        Self::of_archive(archive, 2, 16 << 10)
    }

    fn of_archive(archive: u64, times: u64, bytes_per_file: u64) -> Self {
        if archive < LEAST_ARCHIVE {
            return Self::default();
        }
        Self {
            bytes: archive * times,
            files: archive / bytes_per_file,
        }
    }
}

/// The space that one folder needs.
#[derive(Debug, Clone, Copy)]
pub struct Need<'a> {
    /// The purpose of the folder, such as `the build folder`.
    pub what: &'static str,
    /// The folder, which may not exist yet.
    pub folder: &'a Path,
    pub amount: Amount,
    /// The option or variable that names another folder.
    pub option: &'static str,
}

/// A file system has too little space.
#[derive(Debug, thiserror::Error)]
#[error("no room for {what}: at least {needed} are needed there, and {free} are free")]
pub struct NoRoom {
    what: String,
    needed: String,
    free: String,
    options: String,
}

impl Explain for NoRoom {
    fn exit_status(&self) -> ExitStatus {
        ExitStatus::Failed
    }

    fn hint(&self) -> Option<String> {
        let instead = format!("name another folder with {}", self.options);
        Some(Refusal::Full.hint(&instead))
    }
}

/// Compares the needs on each file system with its free space.
pub fn ensure(needs: &[Need<'_>]) -> Result<(), NoRoom> {
    let mut by_file_system: BTreeMap<u64, (PathBuf, Vec<Need<'_>>)> = BTreeMap::new();
    for need in needs {
        let existing = need.folder.ancestors().find(|folder| folder.exists());
        if let Some(existing) = existing
            && let Ok(metadata) = existing.metadata()
        {
            let (_, needs) = by_file_system
                .entry(metadata.dev())
                .or_insert_with(|| (existing.to_owned(), Vec::new()));
            needs.push(*need);
        }
    }
    by_file_system
        .values()
        .try_for_each(|(existing, needs)| ensure_on(existing, needs))
}

fn ensure_on(folder: &Path, needs: &[Need<'_>]) -> Result<(), NoRoom> {
    let Ok(disk) = rustix::fs::statvfs(folder) else {
        return Ok(());
    };
    let sum = |part: fn(Amount) -> u64| needs.iter().map(|need| part(need.amount)).sum::<u64>();
    let needed_bytes = sum(|amount| amount.bytes) / compression(folder);
    let needed_files = sum(|amount| amount.files);
    let (blocks, files) = if rustix::process::geteuid().is_root() {
        (disk.f_bfree, disk.f_ffree)
    } else {
        (disk.f_bavail, disk.f_favail)
    };
    let free_bytes = blocks.saturating_mul(disk.f_frsize);
    // A file system that does not count blocks or files gives 0 as their total number.
    let (needed, free) = if disk.f_blocks > 0 && free_bytes < needed_bytes {
        let mebibytes = |bytes: u64| format!("{} MiB", bytes >> 20);
        let rounded_up = needed_bytes.next_multiple_of(1 << 20);
        (mebibytes(rounded_up), mebibytes(free_bytes))
    } else if disk.f_files > 0 && files < needed_files {
        (format!("{needed_files} files"), files.to_string())
    } else {
        return Ok(());
    };
    let places = needs.iter().filter(|need| need.amount != Amount::default());
    let (what, options): (Vec<_>, Vec<_>) = places
        .map(|need| {
            let what = format!("{} {}", need.what, need.folder.display());
            (what, need.option)
        })
        .unzip();
    Err(NoRoom {
        what: what.join(" and "),
        needed,
        free,
        options: options.join(" or "),
    })
}

/// The factor by which a file system may compress files: 1 only for those that never do (statfs(2)).
#[cfg(target_os = "linux")]
fn compression(folder: &Path) -> u64 {
    const EXT: i64 = 0xEF53;
    const XFS: i64 = 0x5846_5342;
    const TMPFS: i64 = 0x0102_1994;
    #[allow(
        clippy::useless_conversion,
        reason = "the type has 32 bits on some machines"
    )]
    let kind = rustix::fs::statfs(folder).map(|disk| i64::from(disk.f_type));
    match kind {
        Ok(EXT | XFS | TMPFS) => 1,
        _ => 4,
    }
}

#[cfg(not(target_os = "linux"))]
fn compression(_folder: &Path) -> u64 {
    4
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Amount, Need, ensure};
    use crate::error::Explain as _;

    fn need(amount: Amount) -> Need<'static> {
        Need {
            what: "the build folder",
            folder: Path::new("/nowhere/deep"),
            amount,
            option: "--build-dir",
        }
    }

    #[test]
    fn the_archive_decides_the_space_and_a_miniature_needs_none() {
        // Measured: the archive, then KiB and files of the tree and of the installation.
        for (archive, tree, tree_files, staged, staged_files) in [
            (26_437_858, 152_060, 5_372, 96_900, 5_007),
            (29_300_000, 157_720, 5_842, 77_164, 3_996),
        ] {
            let (build, installed) = (Amount::of_build(archive), Amount::of_installation(archive));
            assert!(build.bytes < (tree + staged) << 10, "{build:?}");
            assert!(build.bytes > (tree + staged) << 9, "{build:?}");
            assert!(build.files < tree_files + staged_files, "{build:?}");
            assert!(installed.bytes < staged << 10, "{installed:?}");
            assert!(installed.bytes > staged << 9, "{installed:?}");
            assert!(installed.files < staged_files, "{installed:?}");
        }
        assert_eq!(Amount::of_build(20_000), Amount::default());
    }

    #[test]
    fn the_needs_on_one_file_system_are_added_up() {
        let half = Amount {
            bytes: u64::MAX / 4,
            files: 0,
        };
        assert!(ensure(&[need(Amount::of_build(1))]).is_ok());
        let error = ensure(&[need(half), need(half)]).unwrap_err();
        let hint = error.hint().unwrap();
        assert!(hint.contains("--build-dir or --build-dir"), "{hint}");
        let files = Amount {
            bytes: 0,
            files: u64::MAX / 2,
        };
        let error = ensure(&[need(files)]).unwrap_err().to_string();
        assert!(error.contains(" files are needed"), "{error}");
    }
}
