//! What a disk refuses, however right all else is: room, or being written at all. The way out is the same
//! in every step, so it is told in one place.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::path::Path;

/// Why nothing can be written where everybody who may write there could.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// There is no room.
    Full,
    /// There is room, but not for this user.
    Quota,
    /// The file system is mounted read-only.
    ReadOnly,
}

/// What programs say of each, in the C locale (strerror(3)): glibc's words, and musl's where they differ.
const WORDS: [(&str, Refusal); 4] = [
    ("No space left on device", Refusal::Full),
    ("Disk quota exceeded", Refusal::Quota),
    ("Quota exceeded", Refusal::Quota),
    ("Read-only file system", Refusal::ReadOnly),
];

impl Refusal {
    /// What lies behind an error: it, or one of its causes, is such a refusal.
    #[must_use]
    pub fn behind(error: &(dyn Error + 'static)) -> Option<Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(refusal) = error.downcast_ref().and_then(Self::of) {
                return Some(refusal);
            }
            next = error.source();
        }
        None
    }

    fn of(error: &io::Error) -> Option<Self> {
        match error.kind() {
            ErrorKind::StorageFull => Some(Self::Full),
            ErrorKind::QuotaExceeded => Some(Self::Quota),
            ErrorKind::ReadOnlyFilesystem => Some(Self::ReadOnly),
            _ => None,
        }
    }

    /// What a program complains of in what it printed. That a file system is read-only is no reason
    /// why a program fails as long as it says so of some place that it merely tries.
    #[must_use]
    pub fn told_in(text: &str) -> Option<Self> {
        WORDS
            .iter()
            .filter(|(_, refusal)| *refusal != Self::ReadOnly)
            .find_map(|(words, refusal)| text.contains(words).then_some(*refusal))
    }

    /// The refusal of a disk on which nothing more can be written; as root, what is set aside for root
    /// counts as room.
    fn of_disk_of(folder: &Path) -> Option<Self> {
        let disk = rustix::fs::statvfs(folder).ok()?;
        let blocks = if rustix::process::geteuid().is_root() {
            disk.f_bfree
        } else {
            disk.f_bavail
        };
        // What has no such numbers says 0 of all of them (btrfs has no count of files).
        let is_full = (disk.f_blocks > 0 && blocks == 0) || (disk.f_files > 0 && disk.f_ffree == 0);
        is_full.then_some(Self::Full)
    }

    /// As the cause of what a program could not do, which worked in this folder.
    fn of_program_in(self, folder: &Path) -> io::Error {
        let folder = folder.display();
        let (kind, text) = match self {
            Self::Full => (
                ErrorKind::StorageFull,
                format!("No space left on device, where it worked in {folder}"),
            ),
            Self::Quota => (
                ErrorKind::QuotaExceeded,
                format!("Disk quota exceeded, where it worked in {folder}"),
            ),
            Self::ReadOnly => (
                ErrorKind::ReadOnlyFilesystem,
                format!("Read-only file system, where it worked in {folder}"),
            ),
        };
        io::Error::new(kind, text)
    }

    /// What to do about it; `instead` is what else the person can do, as in "name another folder".
    #[must_use]
    pub fn hint(self, instead: &str) -> String {
        match self {
            Self::Full => format!("the disk is full: make room there, or {instead}"),
            Self::Quota => {
                format!("your quota on that disk is used up: make room there, or {instead}")
            }
            Self::ReadOnly => {
                format!("that file system is mounted read-only: mount it for writing, or {instead}")
            }
        }
    }
}

/// Why a program that worked in `folder` failed, if it was the disk: by what it printed, which `told` was
/// read from, or else, as some say no more than "I/O error" (dash's `printf` does), by the disk itself.
#[must_use]
pub fn cause(told: Option<Refusal>, folder: &Path) -> Option<io::Error> {
    let refusal = told.or_else(|| Refusal::of_disk_of(folder))?;
    Some(refusal.of_program_in(folder))
}

/// What to do about an error that a refusal of the disk lies behind; see [`Refusal::hint`].
#[must_use]
pub fn hint(error: &(dyn Error + 'static), instead: &str) -> Option<String> {
    Refusal::behind(error).map(|refusal| refusal.hint(instead))
}

/// Whether it is the store's owner, or how it is mounted, that keeps this process from writing.
#[must_use]
pub fn may_not_be_written(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied
    )
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::Path;

    use super::Refusal;
    use crate::fetch;
    use crate::process::CommandError;

    #[test]
    fn a_refusal_is_found_behind_the_errors_of_steps() {
        for (number, refusal) in [
            (rustix::io::Errno::NOSPC, Refusal::Full),
            (rustix::io::Errno::DQUOT, Refusal::Quota),
            (rustix::io::Errno::ROFS, Refusal::ReadOnly),
        ] {
            let error = fetch::Error::Store {
                path: "/cache".into(),
                source: io::Error::from_raw_os_error(number.raw_os_error()),
            };
            assert_eq!(Refusal::behind(&error), Some(refusal));
            let log = CommandError::Log {
                path: "/log".into(),
                source: refusal.of_program_in(Path::new("/")),
            };
            assert_eq!(
                Refusal::behind(&crate::compile::Error::Command(log)),
                Some(refusal)
            );
        }
        let other = fetch::Error::Store {
            path: "/cache".into(),
            source: io::Error::from(io::ErrorKind::PermissionDenied),
        };
        assert_eq!(Refusal::behind(&other), None);
    }

    #[test]
    fn what_programs_say_is_understood() {
        let said = "cp: error writing 'python': No space left on device";
        assert_eq!(Refusal::told_in(said), Some(Refusal::Full));
        assert_eq!(Refusal::told_in("cp: cannot stat 'python'"), None);
    }
}
