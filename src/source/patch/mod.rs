//! Applies the user's patches (`--patch`) and pybuild's own (`patches/`): unified diffs of any number of
//! files, in git's form or plain, with one leading folder (`a/`, `b/`).
//!
//! All results are computed before the first file is written: either all patches apply, or nothing
//! changes.

mod error;
mod history;
mod label;
mod overlay;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub(crate) use error::Error;

use label::Label;
use overlay::Overlay;

/// A patch that is not applied yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patch {
    label: Label,
    content: Vec<u8>,
}

impl Patch {
    /// A patch of the user's, by its name in messages.
    pub fn new(name: impl Into<String>, content: impl Into<Vec<u8>>) -> Self {
        Self {
            label: Label::User(name.into()),
            content: content.into(),
        }
    }

    /// One of pybuild's own.
    pub fn built_in(name: impl Into<String>, content: impl Into<Vec<u8>>) -> Self {
        Self {
            label: Label::BuiltIn(name.into()),
            content: content.into(),
        }
    }
}

/// Applies `patches` to the tree at `root` in order; returns the paths that changed, sorted.
///
/// Context must match exactly; line numbers may be off. Files keep their modes, unless a git header
/// sets another one. A later patch may not change the lines that an earlier one changed.
///
/// # Errors
/// When a patch does not apply, or undoes another one. Nothing is changed then.
pub fn apply(root: &Path, patches: &[Patch]) -> Result<Vec<PathBuf>, Error> {
    let mut tree = Overlay::new(root);
    for patch in patches {
        tree.apply(&patch.label, &patch.content)?;
    }
    tree.write()
}
