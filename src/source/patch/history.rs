//! What a patch did to a file, kept so that a later patch that touches the same lines is told from
//! one that fits no longer for another reason.

use std::path::{Path, PathBuf};

use diffy::Line;

use crate::source::patch::Label;

/// One patch's change of one file.
pub(super) struct History {
    label: Label,
    path: PathBuf,
    before: Vec<u8>,
    marks: Vec<Vec<u8>>,
}

impl History {
    /// Of hunks that were applied to `before`.
    pub(super) fn new(
        label: Label,
        path: PathBuf,
        before: Vec<u8>,
        hunks: &diffy::Patch<'_, [u8]>,
    ) -> Self {
        let marks = hunks.hunks().iter().flat_map(|hunk| marks(hunk.lines()));
        Self {
            label,
            path,
            before,
            marks: marks.collect(),
        }
    }

    /// The patch.
    pub(super) fn label(&self) -> &Label {
        &self.label
    }

    /// Whether it is the change of this file.
    pub(super) fn is_of(&self, path: &Path) -> bool {
        self.path == path
    }

    /// Whether `hunks` apply to the file as it was before.
    pub(super) fn would_have_fitted(&self, hunks: &diffy::Patch<'_, [u8]>) -> bool {
        diffy::apply_bytes(&self.before, hunks).is_ok()
    }

    /// Whether all that the patch made is in `content`.
    pub(super) fn still_holds_in(&self, content: &[u8]) -> bool {
        self.marks.iter().all(|mark| contains(content, mark))
    }
}

/// What each run of changed lines came to: the lines that were put in, and where lines were only
/// taken out, the two lines that met.
fn marks(lines: &[Line<'_, [u8]>]) -> Vec<Vec<u8>> {
    let mut marks = Vec::new();
    let mut before: &[u8] = b"";
    let mut put_in: Vec<u8> = Vec::new();
    let mut changed = false;
    for line in lines {
        match line {
            Line::Insert(text) => {
                put_in.extend_from_slice(text);
                changed = true;
            }
            Line::Delete(_) => changed = true,
            Line::Context(text) => {
                if changed && put_in.is_empty() {
                    put_in = [before, text].concat();
                }
                if changed {
                    marks.push(std::mem::take(&mut put_in));
                }
                changed = false;
                before = text;
            }
        }
    }
    if !put_in.is_empty() {
        marks.push(put_in);
    }
    marks
}

fn contains(content: &[u8], mark: &[u8]) -> bool {
    // Whole lines: a mark begins where a line begins.
    content.starts_with(mark)
        || content
            .windows(mark.len() + 1)
            .any(|window| window[0] == b'\n' && &window[1..] == mark)
}
