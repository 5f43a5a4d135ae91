//! Errors of reading an archive.

use std::io;
use std::path::PathBuf;

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
        /// What reading gave.
        source: io::Error,
    },
    /// The archive holds something that a release does not.
    #[error("{} is refused: its entry `{entry}` {what}", archive.display())]
    Entry {
        /// The archive.
        archive: PathBuf,
        /// The entry's name.
        entry: String,
        /// What is wrong with it.
        what: &'static str,
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
        Some(match self {
            Self::Archive { .. } | Self::Entry { .. } => {
                "the file had the digest that was asked for, so the digest is of a bad file: look at where it came from".to_owned()
            }
            Self::Write(_) => disk::hint(self, "name another build folder with --build-dir").unwrap_or_else(|| {
                "see that the build folder has some 600 MB free, or name another with --build-dir".to_owned()
            }),
        })
    }
}
