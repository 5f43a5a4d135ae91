//! Errors of unpacking a release archive.

use std::io;
use std::path::PathBuf;

use crate::archive::entries::Refused;
use crate::error::{ExitStatus, Explain};
use crate::fs::disk;

/// Why an archive was not unpacked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The archive cannot be read to its end.
    #[error("{} cannot be unpacked{}", archive.display(), place(after.as_deref()))]
    Archive {
        /// The archive.
        archive: PathBuf,
        /// The last entry whose name was read.
        after: Option<String>,
        /// The error of reading.
        source: io::Error,
    },
    /// No release has such an entry.
    #[error("{} is refused: {refused}", archive.display())]
    Entry {
        /// The archive.
        archive: PathBuf,
        /// The entry.
        refused: Refused,
    },
    /// A file cannot be written.
    #[error("the source tree cannot be written")]
    Write(#[source] io::Error),
}

fn place(after: Option<&str>) -> String {
    after.map_or_else(String::new, |entry| format!(" from its entry `{entry}` on"))
}

impl Explain for Error {
    fn exit_status(&self) -> ExitStatus {
        match self {
            Self::Write(_) => ExitStatus::Failed,
            Self::Archive { .. } | Self::Entry { .. } => ExitStatus::Input,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Archive { .. } | Self::Entry { .. } => {
                "the file has the expected digest, so the digest is of a bad file: check where the \
                 digest came from"
            }
            Self::Write(_) => {
                let hint = disk::hint(self, "name another build folder with --build-dir");
                return hint.or(Some(
                    "check that the build folder has some 600 MB free, or name another one with \
                     --build-dir"
                        .to_owned(),
                ));
            }
        };
        Some(hint.to_owned())
    }
}
