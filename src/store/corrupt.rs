//! The reasons why something in the store cannot be used.

use std::io;
use std::path::PathBuf;

/// Why a file in the store cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Corrupt {
    #[error("{} in the store is damaged: its content does not have its digest", path.display())]
    Damaged { path: PathBuf },
    #[error("{} in the store is damaged: {what}", path.display())]
    Malformed { path: PathBuf, what: String },
    #[error("{} in the store cannot be read", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
}
