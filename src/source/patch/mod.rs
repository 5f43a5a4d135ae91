//! Patches that are brought along, by the person (`--patch`) or by pybuild itself (`patches/`): unified
//! diffs of any number of files, in git's form or plain, with one leading folder (`a/`, `b/`).
//!
//! What comes of all of them is worked out first, so that either all apply or nothing is written.

mod error;
mod history;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};

use diffy::patch_set::{FileMode, FileOperation, FilePatch, ParseOptions, PatchKind, PatchSet};

pub use error::Error;

use crate::archive::entry_name::EntryName;
use crate::fs::durable::write_file;
use history::History;

/// A patch, read and not yet applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patch {
    label: Label,
    content: Vec<u8>,
}

impl Patch {
    /// A patch of the person's, by the name that messages are to call it.
    pub fn new(name: impl Into<String>, content: impl Into<Vec<u8>>) -> Self {
        Self {
            label: Label::Person(name.into()),
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

/// What a patch is called in messages, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Label {
    /// One of pybuild's own, by the name that `--no-compat-patch` takes.
    BuiltIn(String),
    /// The person's.
    Person(String),
}

impl std::fmt::Display for Label {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::BuiltIn(name) => write!(f, "{name} (built in)"),
            Self::Person(name) => f.write_str(name),
        }
    }
}

/// Applies `patches` to the tree at `root`, one after the other; gives the paths that changed, sorted.
///
/// Context must match exactly; line numbers may be off. Files keep their modes, unless a git header
/// gives them another one. A later patch may not change the lines that an earlier one changed.
///
/// # Errors
/// When one of them does not apply, or undoes another; then nothing is changed.
pub fn apply(root: &Path, patches: &[Patch]) -> Result<Vec<PathBuf>, Error> {
    let mut tree = Overlay {
        root,
        files: BTreeMap::new(),
        traces: Vec::new(),
    };
    for patch in patches {
        tree.apply(patch)?;
    }
    tree.write()
}

/// A tree as it will be: what is on disk, under what the patches so far made of it.
struct Overlay<'a> {
    root: &'a Path,
    files: BTreeMap<PathBuf, Option<Content>>,
    /// What the patches so far did to files, in order.
    traces: Vec<History>,
}

/// What a file will hold, and its permissions.
#[derive(Debug, Clone)]
struct Content {
    bytes: Vec<u8>,
    mode: u32,
}

impl Overlay<'_> {
    fn apply(&mut self, patch: &Patch) -> Result<(), Error> {
        let is_git = lines_that_start(&patch.content, b"diff --git ") > 0;
        let options = if is_git {
            ParseOptions::gitdiff()
        } else {
            ParseOptions::unidiff()
        };
        let mut understood = 0;
        for result in PatchSet::parse_bytes(&patch.content, options) {
            let file = result.map_err(|source| Error::Form {
                patch: patch.label.clone(),
                source,
            })?;
            understood += file.patch().as_text().map_or(0, |text| text.hunks().len());
            self.apply_file(&patch.label, &file)?;
        }
        // What stands between two files' diffs is skipped as prose, be it a hunk: they are counted.
        let found = lines_that_start(&patch.content, b"@@ -");
        if found != understood {
            return Err(Error::LostHunks {
                patch: patch.label.clone(),
                found,
                understood,
            });
        }
        Ok(())
    }

    fn apply_file(&mut self, name: &Label, file: &FilePatch<'_, [u8]>) -> Result<(), Error> {
        let operation = file.operation();
        let inside = |path: &[u8]| self.inside(name, path);
        let (from, to) = match operation {
            FileOperation::Create(path) => (None, Some(inside(below(path))?)),
            FileOperation::Delete(path) => (Some(inside(below(path))?), None),
            FileOperation::Modify { original, modified } => {
                // `diff -u x.orig x` names the file that is there in either place.
                let (original, modified) = (inside(below(original))?, inside(below(modified))?);
                let path = if self.exists(&modified) {
                    modified
                } else {
                    original
                };
                (Some(path.clone()), Some(path))
            }
            // git writes these without a leading folder.
            FileOperation::Rename { from, to } | FileOperation::Copy { from, to } => {
                (Some(inside(from)?), Some(inside(to)?))
            }
        };
        let path = to.as_ref().or(from.as_ref()).cloned().unwrap_or_default();
        let unsupported = |what| Error::Unsupported {
            patch: name.clone(),
            what,
            path: path.clone(),
        };
        let hunks = match file.patch() {
            PatchKind::Text(hunks) => hunks,
            PatchKind::Binary(_) => return Err(unsupported("changes a binary file")),
        };
        let mode = match file.new_mode() {
            None => None,
            Some(FileMode::Regular) => Some(0o644),
            Some(FileMode::Executable) => Some(0o755),
            Some(FileMode::Symlink) => return Err(unsupported("makes a symbolic link")),
            Some(FileMode::Gitlink) => return Err(unsupported("makes a submodule")),
        };
        let before = match &from {
            Some(from) => self.read(name, from)?,
            None => Content {
                bytes: Vec::new(),
                mode: 0o644,
            },
        };
        let is_new = to.is_some() && to != from;
        if is_new && (self.exists(&path) || self.is_in_the_way(&path)) {
            return Err(Error::Exists {
                patch: name.clone(),
                path,
            });
        }
        let bytes = diffy::apply_bytes(&before.bytes, hunks).map_err(|source| {
            match self.who_was_there(name, &path, hunks) {
                Some(first) => Error::SameLines {
                    first,
                    second: name.clone(),
                    path: path.clone(),
                },
                None => Error::Context {
                    patch: name.clone(),
                    path: path.clone(),
                    source,
                },
            }
        })?;
        if to.is_none() && !bytes.is_empty() {
            return Err(Error::NotEmptied {
                patch: name.clone(),
                path,
            });
        }
        if let Some(from) = &from
            && let Some(first) = self.undone(name, from, &bytes)
        {
            return Err(Error::Undoes {
                first,
                second: name.clone(),
                path,
            });
        }
        self.traces
            .push(History::new(name.clone(), path, before.bytes, hunks));
        if let Some(from) = from
            && !matches!(operation, FileOperation::Copy { .. })
        {
            self.files.insert(from, None);
        }
        if let Some(to) = to {
            let mode = mode.unwrap_or(before.mode);
            self.files.insert(to, Some(Content { bytes, mode }));
        }
        Ok(())
    }

    /// The earlier patch without which these hunks would apply.
    fn who_was_there(
        &self,
        name: &Label,
        path: &Path,
        hunks: &diffy::Patch<'_, [u8]>,
    ) -> Option<Label> {
        let mut of_others = self
            .traces
            .iter()
            .rev()
            .filter(|trace| trace.label() != name);
        of_others
            .find(|trace| trace.is_of(path) && trace.would_have_fitted(hunks))
            .map(|trace| trace.label().clone())
    }

    /// The earlier patch whose lines are no longer what it made of them.
    fn undone(&self, name: &Label, path: &Path, content: &[u8]) -> Option<Label> {
        let mut of_others = self.traces.iter().filter(|trace| trace.label() != name);
        of_others
            .find(|trace| trace.is_of(path) && !trace.still_holds_in(content))
            .map(|trace| trace.label().clone())
    }

    /// The path, when it stays inside the tree, whatever links there are on the way.
    fn inside(&self, name: &Label, path: &[u8]) -> Result<PathBuf, Error> {
        let path = Path::new(OsStr::from_bytes(path));
        let outside = || Error::Outside {
            patch: name.clone(),
            path: path.to_owned(),
        };
        // What the file system would refuse in the end is refused before anything is written.
        let written = path.as_os_str().as_bytes();
        EntryName::read(written).map_err(|_| outside())?;
        // A name that only a folder can have; a path's parts do not show it.
        if written.ends_with(b"/") || written.ends_with(b"/.") {
            return Err(outside());
        }
        let mut way = self.root.to_owned();
        for component in path.components() {
            let Component::Normal(step) = component else {
                return Err(outside());
            };
            way.push(step);
            if way.is_symlink() {
                return Err(outside());
            }
        }
        if way == self.root {
            return Err(outside());
        }
        Ok(path.components().collect())
    }

    fn exists(&self, path: &Path) -> bool {
        match self.files.get(path) {
            Some(content) => content.is_some(),
            None => self.root.join(path).is_file(),
        }
    }

    /// Whether a file cannot be where a folder is, or below another file: nothing may be written then,
    /// and what is found when files are written is found too late.
    fn is_in_the_way(&self, path: &Path) -> bool {
        let mut made = self.files.iter().filter(|(_, content)| content.is_some());
        let is_below = path
            .ancestors()
            .skip(1)
            .filter(|above| !above.as_os_str().is_empty())
            .any(|above| self.exists(above));
        is_below
            || self.root.join(path).is_dir()
            || made.any(|(other, _)| other != path && other.starts_with(path))
    }

    fn read(&self, name: &Label, path: &Path) -> Result<Content, Error> {
        let on_disk = || -> io::Result<Content> {
            let file = self.root.join(path);
            Ok(Content {
                mode: fs_err::metadata(&file)?.permissions().mode(),
                bytes: fs_err::read(&file)?,
            })
        };
        let content = match self.files.get(path) {
            Some(Some(content)) => Ok(content.clone()),
            Some(None) => Err(io::Error::from(io::ErrorKind::NotFound)),
            None => on_disk(),
        };
        content.map_err(|source| Error::Target {
            patch: name.clone(),
            path: path.to_owned(),
            source,
        })
    }

    fn write(self) -> Result<Vec<PathBuf>, Error> {
        for (path, content) in &self.files {
            let file = self.root.join(path);
            let written = match content {
                Some(content) => file
                    .parent()
                    .map_or(Ok(()), fs_err::create_dir_all)
                    .and_then(|()| write_file(&file, &content.bytes, content.mode)),
                None if file.exists() => fs_err::remove_file(&file),
                None => Ok(()),
            };
            written.map_err(|source| Error::Write { path: file, source })?;
        }
        Ok(self.files.into_keys().collect())
    }
}

/// A path without its leading folder; an absolute one stays, to be refused.
fn below(path: &[u8]) -> &[u8] {
    match path.iter().position(|byte| *byte == b'/') {
        Some(at) if at > 0 => &path[at + 1..],
        _ => path,
    }
}

fn lines_that_start(content: &[u8], prefix: &[u8]) -> usize {
    content
        .split(|byte| *byte == b'\n')
        .filter(|line| line.starts_with(prefix))
        .count()
}
