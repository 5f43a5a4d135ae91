//! Whether file systems have the least room that a build takes, asked before anything is fetched.
//!
//! Measured with everything left out that can be left out (`--disable-test-modules
//! --without-static-libpython`, `CFLAGS="-Os -g0"`, stripped): 3.11.2, whose `.tgz` has 25.2 MiB, takes
//! 148 MiB for the tree and 95 MiB for the staged installation; 3.13.5, whose `.tar.xz` has 21.8 MiB and
//! whose `.tgz` has some 28 MiB, 154 MiB and 75 MiB. That is at least 8 times and 2.7 times the archive, and
//! any other build takes more. The figures here are below that, so that no build is refused that would
//! succeed.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::error::{ExitStatus, Explain};
use crate::fs::disk::Refusal;

/// What is assumed where the size of a release's archive is not known: less than any of them has.
pub const SMALLEST_ARCHIVE: u64 = 10 << 20;

/// A smaller archive is not a release of CPython, and nothing is known of what it takes.
const LEAST_ARCHIVE: u64 = 8 << 20;

/// What is going to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Amount {
    bytes: u64,
    files: u64,
}

impl Amount {
    /// What an archive of this size takes in the store.
    #[must_use]
    pub fn of_download(archive: u64) -> Self {
        Self::of_archive(archive, 1, archive.max(1))
    }

    /// What a build from an archive of this size writes into its build folder, at least.
    #[must_use]
    pub fn of_build(archive: u64) -> Self {
        Self::of_archive(archive, 6, 8 << 10)
    }

    /// What the installation takes, at least.
    #[must_use]
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

    fn plus(self, other: Self) -> Self {
        Self {
            bytes: self.bytes + other.bytes,
            files: self.files + other.files,
        }
    }
}

/// Something that will be written, and where.
#[derive(Debug, Clone, Copy)]
pub struct Need<'a> {
    /// What the folder is, such as `the build folder`.
    pub what: &'static str,
    /// The folder, which may not exist yet.
    pub folder: &'a Path,
    /// How much.
    pub amount: Amount,
    /// How to name another folder.
    pub option: &'static str,
}

/// A file system has less room than what will be written there.
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

/// Adds up what will be written to each file system, and compares that with what is free there.
///
/// # Errors
/// [`NoRoom`], for the first file system that has less.
pub fn ensure(needs: &[Need<'_>]) -> Result<(), NoRoom> {
    let mut by_file_system: BTreeMap<u64, (PathBuf, Vec<Need<'_>>)> = BTreeMap::new();
    for need in needs {
        let existing = need.folder.ancestors().find(|folder| folder.exists());
        let Some(existing) = existing else { continue };
        let Ok(metadata) = existing.metadata() else {
            continue;
        };
        let (_, needs) = by_file_system
            .entry(metadata.dev())
            .or_insert_with(|| (existing.to_owned(), Vec::new()));
        needs.push(*need);
    }
    for (existing, needs) in by_file_system.values() {
        ensure_on(existing, needs)?;
    }
    Ok(())
}

fn ensure_on(folder: &Path, needs: &[Need<'_>]) -> Result<(), NoRoom> {
    let needed = needs
        .iter()
        .fold(Amount::default(), |sum, need| sum.plus(need.amount));
    let Ok(disk) = rustix::fs::statvfs(folder) else {
        return Ok(());
    };
    let needed_bytes = needed.bytes / compression(folder);
    let is_root = rustix::process::geteuid().is_root();
    let (blocks, files) = if is_root {
        (disk.f_bfree, disk.f_ffree)
    } else {
        (disk.f_bavail, disk.f_favail)
    };
    let free_bytes = blocks.saturating_mul(disk.f_frsize);
    // A file system without such a count says that it has none at all.
    let (needed, free) = if disk.f_blocks > 0 && free_bytes < needed_bytes {
        (
            mebibytes(needed_bytes.next_multiple_of(1 << 20)),
            mebibytes(free_bytes),
        )
    } else if disk.f_files > 0 && files < needed.files {
        (format!("{} files", needed.files), files.to_string())
    } else {
        return Ok(());
    };
    let places = needs.iter().filter(|need| need.amount != Amount::default());
    let what: Vec<String> = places
        .clone()
        .map(|need| format!("{} {}", need.what, need.folder.display()))
        .collect();
    let options: Vec<&str> = places.map(|need| need.option).collect();
    Err(NoRoom {
        what: what.join(" and "),
        needed,
        free,
        options: options.join(" or "),
    })
}

fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}

/// By how much a file system may compress what is written: only some are known not to (statfs(2)).
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
    fn an_archive_says_how_much_a_build_takes_and_a_miniature_nothing() {
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
    fn what_is_written_to_one_file_system_is_added_up() {
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
