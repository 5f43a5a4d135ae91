//! The changes that patches made to files. With them, a conflict with an earlier patch is distinguished
//! from other reasons why a patch does not apply.

use std::path::PathBuf;

use diffy::Line;

use super::label::Label;

/// One patch's change of one file.
pub(super) struct History {
    pub(super) label: Label,
    pub(super) path: PathBuf,
    before: Vec<u8>,
    /// The lines of each changed place afterwards.
    places: Vec<Vec<u8>>,
}

impl History {
    pub(super) fn new(
        label: Label,
        path: PathBuf,
        before: Vec<u8>,
        hunks: &diffy::Patch<'_, [u8]>,
    ) -> Self {
        let places = hunks.hunks().iter().flat_map(|hunk| places(hunk.lines()));
        Self {
            label,
            path,
            before,
            places: places.collect(),
        }
    }

    /// Whether `hunks` would have applied before this change.
    pub(super) fn blocks(&self, hunks: &diffy::Patch<'_, [u8]>) -> bool {
        diffy::apply_bytes(&self.before, hunks).is_ok()
    }

    /// Whether `content` still has all of the change.
    pub(super) fn is_kept_in(&self, content: &[u8]) -> bool {
        // Whole lines: a place begins at the beginning of a line.
        self.places.iter().all(|lines| {
            let mut windows = content.windows(lines.len() + 1);
            content.starts_with(lines)
                || windows.any(|window| window[0] == b'\n' && &window[1..] == lines)
        })
    }
}

/// The inserted lines of each run of changes. For a run that only deletes lines: the two lines around it.
fn places(lines: &[Line<'_, [u8]>]) -> Vec<Vec<u8>> {
    let mut places = Vec::new();
    let mut before: &[u8] = b"";
    let mut inserted: Vec<u8> = Vec::new();
    let mut changed = false;
    for line in lines {
        match line {
            Line::Insert(text) => {
                inserted.extend_from_slice(text);
                changed = true;
            }
            Line::Delete(_) => changed = true,
            Line::Context(text) => {
                if changed && inserted.is_empty() {
                    inserted = [before, text].concat();
                }
                if changed {
                    places.push(std::mem::take(&mut inserted));
                }
                changed = false;
                before = text;
            }
        }
    }
    if !inserted.is_empty() {
        places.push(inserted);
    }
    places
}
