//! A full disk, an exceeded quota and a read-only file system: how they are recognized, and the one
//! hint for each.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::path::Path;

/// The reason why a disk cannot be written by any user, or within this user's quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    Full,
    Quota,
    ReadOnly,
}

use Refusal::{Full, Quota, ReadOnly};

/// The messages of programs in the C locale (strerror(3)): glibc's, and musl's if they differ. A
/// message about a read-only file system is not among them: programs also print one for a folder
/// that they only try.
const MESSAGES: [(&str, Refusal); 3] = [
    ("No space left on device", Full),
    ("Disk quota exceeded", Quota),
    ("Quota exceeded", Quota),
];

impl Refusal {
    /// The refusal that caused an error.
    pub fn behind(error: &(dyn Error + 'static)) -> Option<Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            match error.downcast_ref().map(io::Error::kind) {
                Some(ErrorKind::StorageFull) => return Some(Full),
                Some(ErrorKind::QuotaExceeded) => return Some(Quota),
                Some(ErrorKind::ReadOnlyFilesystem) => return Some(ReadOnly),
                _ => next = error.source(),
            }
        }
        None
    }

    /// The refusal that a program's output reports.
    pub fn in_output(text: &str) -> Option<Self> {
        let mut messages = MESSAGES.iter();
        let found = messages.find(|(message, _)| text.contains(message));
        found.map(|(_, refusal)| *refusal)
    }

    /// Whether nothing more can be written to the disk of a folder. The blocks that are reserved for
    /// root count only for root.
    fn of_disk_of(folder: &Path) -> Option<Self> {
        let disk = rustix::fs::statvfs(folder).ok()?;
        let blocks = if rustix::process::geteuid().is_root() {
            disk.f_bfree
        } else {
            disk.f_bavail
        };
        // A file system that does not count blocks or files gives 0 as their number, as btrfs does
        // for files.
        let is_full = (disk.f_blocks > 0 && blocks == 0) || (disk.f_files > 0 && disk.f_ffree == 0);
        is_full.then_some(Full)
    }

    /// The cause of the failure of a program that worked in `folder`.
    fn of_program_in(self, folder: &Path) -> io::Error {
        let (kind, message) = match self {
            Full => (ErrorKind::StorageFull, "No space left on device"),
            Quota => (ErrorKind::QuotaExceeded, "Disk quota exceeded"),
            ReadOnly => (ErrorKind::ReadOnlyFilesystem, "Read-only file system"),
        };
        io::Error::new(kind, format!("{message}, in {}", folder.display()))
    }

    /// The hint; `instead` is the other way out, such as "name another folder".
    pub fn hint(self, instead: &str) -> String {
        let first = match self {
            Full => "the disk is full: make room there",
            Quota => "your quota on that disk is used up: make room there",
            ReadOnly => "that file system is mounted read-only: mount it for writing",
        };
        format!("{first}, or {instead}")
    }
}

/// The refusal that made a program in `folder` fail: the one in its output, or else a full disk,
/// because some programs only print "I/O error" then (such as dash's `printf`).
pub fn cause(in_output: Option<Refusal>, folder: &Path) -> Option<io::Error> {
    let refusal = in_output.or_else(|| Refusal::of_disk_of(folder))?;
    Some(refusal.of_program_in(folder))
}

/// The hint for an error that a [`Refusal`] caused.
pub fn hint(error: &(dyn Error + 'static), instead: &str) -> Option<String> {
    Refusal::behind(error).map(|refusal| refusal.hint(instead))
}

/// Whether a missing permission or a read-only file system prevents writing.
pub fn may_not_be_written(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied
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
    fn a_refusal_is_found_as_the_cause_of_the_errors_of_steps() {
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
    fn the_messages_of_programs_are_recognized() {
        let output = "cp: error writing 'python': No space left on device";
        assert_eq!(Refusal::in_output(output), Some(Refusal::Full));
        assert_eq!(Refusal::in_output("cp: cannot stat 'python'"), None);
    }
}
