//! Why a prefix was not changed.

use std::io;
use std::path::{Path, PathBuf};

use crate::error::{ExitStatus, Explain};
use crate::fs::disk::{self, Refusal};
use crate::fs::lock::{self, LockError};
use crate::transaction::journal::OtherFormat;

/// Why a prefix was not changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Reading or writing failed.
    #[error("the prefix {} cannot be read or written", prefix.display())]
    Prefix {
        /// The prefix.
        prefix: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Foreign files are where pybuild's would go.
    #[error(
        "foreign files are where pybuild's would go ({}): {}",
        counted(paths),
        shown(paths)
    )]
    InTheWay {
        /// The files.
        paths: Vec<PathBuf>,
    },
    /// An older pybuild, which kept another kind of journal, was killed while it hotpatched.
    #[error("{} is of an interrupted hotpatch by an older pybuild", path.display())]
    OlderHotpatch {
        /// Its state file.
        path: PathBuf,
        /// The prefix.
        prefix: PathBuf,
    },
}

impl Error {
    /// Reading or writing in `prefix` failed, for `map_err`.
    pub fn prefix(prefix: &Path) -> impl Fn(io::Error) -> Self + use<> {
        let prefix = prefix.to_owned();
        move |source| Self::Prefix {
            prefix: prefix.clone(),
            source,
        }
    }
}

impl Explain for Error {
    fn exit_status(&self) -> ExitStatus {
        ExitStatus::Failed
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Prefix { source, .. } if LockError::is(source) => lock::HINT.to_owned(),
            Self::Prefix { source, .. } if OtherFormat::is(source) => {
                "nothing was changed; run the pybuild version that wrote it once more: it recovers the prefix".to_owned()
            }
            Self::Prefix { .. } if Refusal::behind(self).is_some() => {
                return disk::hint(self, "let a build go elsewhere with --prefix");
            }
            Self::Prefix { .. } => {
                "name another folder with --prefix, or run as a user who may write there".to_owned()
            }
            Self::InTheWay { .. } => {
                "nothing was changed; name another --prefix, or let pybuild replace them with --overwrite".to_owned()
            }
            Self::OlderHotpatch { prefix, .. } => format!(
                "nothing was changed; run the older pybuild once more to recover it: `pybuild hotpatch --undo {}`",
                prefix.display()
            ),
        })
    }
}

/// `1 file`, `7 files`.
pub(crate) fn counted(paths: &[PathBuf]) -> String {
    match paths.len() {
        1 => "1 file".to_owned(),
        n => format!("{n} files"),
    }
}

/// The first few of the paths.
pub(crate) fn shown(paths: &[PathBuf]) -> String {
    const MOST: usize = 4;
    let first = paths.iter().take(MOST);
    let mut shown: Vec<String> = first.map(|path| path.display().to_string()).collect();
    if paths.len() > MOST {
        shown.push("…".to_owned());
    }
    shown.join(", ")
}
