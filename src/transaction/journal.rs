//! The journal of a transaction: its list of changes, written before the first one is made.

use std::collections::BTreeSet;
use std::io;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The folder of a prefix's open transaction.
pub(crate) const FOLDER: &str = ".pybuild-transaction";
pub(super) const JOURNAL: &str = "journal.json";
pub(super) const COMMITTED: &str = "committed.json";
pub(super) const LOCK: &str = "lock";

/// The staging path of change `number`.
pub(super) fn new_path(prefix: &Path, number: usize) -> PathBuf {
    prefix.join(FOLDER).join("new").join(number.to_string())
}

/// The path of the file that change `number` replaces or removes.
pub(super) fn old_path(prefix: &Path, number: usize) -> PathBuf {
    prefix.join(FOLDER).join("old").join(number.to_string())
}

/// The change of one path below the prefix.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Change {
    pub path: PathBuf,
    /// Something was there before.
    pub replaces: bool,
    /// Something new takes its place.
    pub adds: bool,
    /// The changes before it are synced first.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub after_sync: bool,
}

/// The format of the journal. It is raised when an older pybuild would recover it wrongly. The names of
/// the journal's files stay.
///
/// Format 1, which also stands for none, moved a replaced file to `old/N` before it placed the new one:
/// a file may be in `old/N` and `new/N` while its path is absent.
const FORMAT: u32 = 2;

/// A journal of a newer format. It comes inside an [`io::Error`].
#[derive(Debug, thiserror::Error)]
#[error("{} is the journal of another version of pybuild: its format is {found}, and this one knows {FORMAT}", path.display())]
pub(crate) struct OtherFormat {
    path: PathBuf,
    found: u32,
}

impl OtherFormat {
    pub fn is(error: &io::Error) -> bool {
        let inner = error.get_ref();
        inner.is_some_and(<dyn std::error::Error + Send + Sync>::is::<Self>)
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Journal {
    #[serde(default = "first_format")]
    format: u32,
    pub changes: Vec<Change>,
    /// Folders that were not there before, parents first.
    pub folders: Vec<PathBuf>,
    /// Folders that are removed after the commit if they are empty; the empty path is the prefix.
    #[serde(default)]
    pub may_go: BTreeSet<PathBuf>,
}

fn first_format() -> u32 {
    1
}

impl Default for Journal {
    fn default() -> Self {
        Self {
            format: FORMAT,
            changes: Vec::new(),
            folders: Vec::new(),
            may_go: BTreeSet::new(),
        }
    }
}

impl Journal {
    /// The journal in a file; `None` when there is none.
    pub fn read(path: &Path) -> io::Result<Option<Self>> {
        #[derive(Deserialize)]
        struct Format {
            #[serde(default = "first_format")]
            format: u32,
        }
        let text = match fs_err::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let Format { format: found } = serde_json::from_slice(&text)?;
        if !(1..=FORMAT).contains(&found) {
            let path = path.to_owned();
            return Err(io::Error::other(OtherFormat { path, found }));
        }
        let journal: Self = serde_json::from_slice(&text)?;
        let changed = journal.changes.iter().map(|change| &change.path);
        let mut paths = changed.chain(&journal.folders).chain(&journal.may_go);
        if !paths.all(|path| is_below(path)) {
            let path = path.display();
            let what = format!("{path} was not written by pybuild: it leads out of the prefix");
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        Ok(Some(journal))
    }
}

/// Whether a relative path stays below the folder that it is joined to. The empty path does.
pub(crate) fn is_below(path: &Path) -> bool {
    path.components()
        .all(|part| matches!(part, Component::Normal(_)))
}
