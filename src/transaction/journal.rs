//! The journal of a transaction: what is to change, written before anything does.

use std::collections::BTreeSet;
use std::io;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

/// One path below the prefix that changes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Change {
    pub path: PathBuf,
    /// Whether something was there before; it lies in `old/N` while the transaction is open.
    pub replaces: bool,
    /// Whether something takes its place; it lies in `new/N` until it does.
    pub adds: bool,
}

/// The format of the journal: raised when an older pybuild would undo or finish wrongly what a newer one
/// began. The names of the journal's files stay, whatever the format.
const FORMAT: u32 = 1;

/// A journal that this pybuild does not understand. It comes inside of an [`io::Error`].
#[derive(Debug, thiserror::Error)]
#[error("{} is the journal of another version of pybuild: its format is {found}, and this one knows {FORMAT}", path.display())]
pub(crate) struct OtherFormat {
    path: PathBuf,
    found: u32,
}

impl OtherFormat {
    /// Whether this is one.
    pub fn is(error: &io::Error) -> bool {
        let inner = error.get_ref();
        inner
            .and_then(|error| error.downcast_ref::<Self>())
            .is_some()
    }
}

/// What is to change, in order.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Journal {
    #[serde(default = "first_format")]
    format: u32,
    pub changes: Vec<Change>,
    /// Folders that were not there before, parents first.
    pub folders: Vec<PathBuf>,
    /// Folders that go afterwards if they are empty then; the empty path is the prefix itself.
    #[serde(default)]
    pub may_go: BTreeSet<PathBuf>,
}

/// Journals had none at first.
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
    /// `None` when there is none.
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
        if found != FORMAT {
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

/// Whether a path is relative and leads nowhere else. The empty one is.
pub(crate) fn is_below(path: &Path) -> bool {
    path.components()
        .all(|part| matches!(part, Component::Normal(_)))
}
