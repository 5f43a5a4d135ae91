//! How far a change of an interpreter has come: told by the names of the files beside what is kept of it.
//!
//! | what is there | what it means |
//! | --- | --- |
//! | `hotpatch.json` | the record: it is hotpatched |
//! | `under-way.json` | it is being changed, and goes back to `before/` and `began.json` when that is cut short |
//! | `undoing.json` | the record, while it is put back as it was before the first time |
//! | `forgotten.json` | the record, when only what was kept is still to be removed |
//!
//! From one to the next it goes by renaming and removing alone, which no full disk refuses. `before/`,
//! `out/` and `began.json` beside the record alone are litter, and all is without any record.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Error;
use super::kept::{BEFORE, OUT, Part};
use super::kept_record::RECORD;
use crate::hotpatch::originals::Item;

/// See [`UnderWay`].
pub(super) const UNDER_WAY: &str = "under-way.json";
/// The record from before the change that is under way.
pub(super) const BEGAN: &str = "began.json";
/// The record while an undo is under way.
pub(super) const UNDOING: &str = "undoing.json";
/// The record when there is nothing left but to forget.
pub(super) const FORGOTTEN: &str = "forgotten.json";

/// What is known of a change that is under way; it is written before the first file changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct UnderWay {
    /// What stood there when it began.
    pub before: Vec<(Part, BTreeMap<PathBuf, Item>)>,
    /// Whether there was a record then.
    pub was_hotpatched: bool,
    /// Folders that were not there before, as in the record.
    pub folders: Vec<PathBuf>,
}

/// How far a change has come.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nothing is under way.
    Settled,
    /// A change or its undoing is made, but for the litter.
    Littered,
    /// It is being changed.
    Changing(UnderWay),
    /// It is being put back.
    Undoing,
    /// What was kept is being removed.
    Forgotten,
}

impl Stage {
    /// The stage that a folder of what is kept tells of; [`Stage::Settled`] where there is none.
    ///
    /// # Errors
    /// When what is under way cannot be read.
    pub fn of(folder: &Path) -> Result<Self, Error> {
        let is_there = |name: &str| folder.join(name).exists();
        let under_way = folder.join(UNDER_WAY);
        Ok(if !folder.is_dir() {
            Self::Settled
        } else if is_there(FORGOTTEN) {
            Self::Forgotten
        } else if is_there(UNDOING) {
            Self::Undoing
        } else if is_there(UNDER_WAY) {
            let text = fs_err::read(&under_way).map_err(Error::file(&under_way))?;
            let read = serde_json::from_slice(&text).map_err(|source| Error::Record {
                path: under_way,
                source: Some(source),
            });
            Self::Changing(read?)
        } else if !is_there(RECORD) {
            Self::Forgotten
        } else if [BEFORE, OUT, BEGAN].into_iter().any(is_there) {
            Self::Littered
        } else {
            Self::Settled
        })
    }
}
