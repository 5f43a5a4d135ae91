//! The results of patches in memory, above the files of a tree.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};

use diffy::patch_set::{FileMode, FileOperation, FilePatch, ParseOptions, PatchKind, PatchSet};

use super::error::Error;
use super::history::History;
use super::label::Label;
use crate::archive::entries::EntryName;
use crate::fs::durable::write_file;

pub(super) struct Overlay<'a> {
    root: &'a Path,
    /// The changed files; `None` for a deleted one.
    files: BTreeMap<PathBuf, Option<Content>>,
    /// The changes so far, in order.
    history: Vec<History>,
}

#[derive(Clone)]
struct Content {
    bytes: Vec<u8>,
    mode: u32,
}

impl<'a> Overlay<'a> {
    pub(super) fn new(root: &'a Path) -> Self {
        Self {
            root,
            files: BTreeMap::new(),
            history: Vec::new(),
        }
    }

    pub(super) fn apply(&mut self, label: &Label, content: &[u8]) -> Result<(), Error> {
        let options = if lines_that_start(content, b"diff --git ") > 0 {
            ParseOptions::gitdiff()
        } else {
            ParseOptions::unidiff()
        };
        let mut understood = 0;
        for file in PatchSet::parse_bytes(content, options) {
            let file = file.map_err(|source| Error::Form {
                patch: label.clone(),
                source,
            })?;
            understood += file.patch().as_text().map_or(0, |text| text.hunks().len());
            self.apply_file(label, &file)?;
        }
        // The parser skips text between two files' diffs, even a hunk. So the hunks are counted.
        let found = lines_that_start(content, b"@@ -");
        if found != understood {
            return Err(Error::LostHunks {
                patch: label.clone(),
                found,
                understood,
            });
        }
        Ok(())
    }

    fn apply_file(&mut self, label: &Label, file: &FilePatch<'_, [u8]>) -> Result<(), Error> {
        let inside = |path: &[u8]| self.inside(label, path);
        let operation = file.operation();
        let (from, to) = match operation {
            FileOperation::Create(path) => (None, Some(inside(below(path))?)),
            FileOperation::Delete(path) => (Some(inside(below(path))?), None),
            FileOperation::Modify { original, modified } => {
                // `diff -u x.orig x` can have the existing file on either side.
                let (original, modified) = (inside(below(original))?, inside(below(modified))?);
                let exists = self.exists(&modified);
                let path = if exists { modified } else { original };
                (Some(path.clone()), Some(path))
            }
            // git writes these without a leading folder.
            FileOperation::Rename { from, to } | FileOperation::Copy { from, to } => {
                (Some(inside(from)?), Some(inside(to)?))
            }
        };
        let path = to.as_ref().or(from.as_ref()).cloned().unwrap_or_default();
        let supported = match (file.patch(), file.new_mode()) {
            (PatchKind::Binary(_), _) => Err("changes a binary file"),
            (_, Some(FileMode::Symlink)) => Err("makes a symbolic link"),
            (_, Some(FileMode::Gitlink)) => Err("makes a submodule"),
            (PatchKind::Text(hunks), Some(FileMode::Regular)) => Ok((hunks, Some(0o644))),
            (PatchKind::Text(hunks), Some(FileMode::Executable)) => Ok((hunks, Some(0o755))),
            (PatchKind::Text(hunks), None) => Ok((hunks, None)),
        };
        let (hunks, mode) = match supported {
            Ok(supported) => supported,
            Err(what) => {
                return Err(Error::Unsupported {
                    patch: label.clone(),
                    what,
                    path,
                });
            }
        };
        let before = match &from {
            Some(from) => self.read(label, from)?,
            None => Content {
                bytes: Vec::new(),
                mode: 0o644,
            },
        };
        let is_new = to.is_some() && to != from;
        if is_new && (self.exists(&path) || self.is_blocked(&path)) {
            return Err(Error::Exists {
                patch: label.clone(),
                path,
            });
        }
        let bytes = match diffy::apply_bytes(&before.bytes, hunks) {
            Ok(bytes) => bytes,
            Err(source) => {
                let conflict = self
                    .earlier(label, &path)
                    .rfind(|change| change.blocks(hunks));
                return Err(match conflict.map(|change| change.label.clone()) {
                    Some(first) => Error::SameLines {
                        first,
                        second: label.clone(),
                        path,
                    },
                    None => Error::Context {
                        patch: label.clone(),
                        path,
                        source,
                    },
                });
            }
        };
        if to.is_none() && !bytes.is_empty() {
            return Err(Error::NotEmptied {
                patch: label.clone(),
                path,
            });
        }
        if let Some(from) = &from
            && let Some(undone) = self
                .earlier(label, from)
                .find(|change| !change.is_kept_in(&bytes))
        {
            return Err(Error::Undoes {
                first: undone.label.clone(),
                second: label.clone(),
                path,
            });
        }
        self.history
            .push(History::new(label.clone(), path, before.bytes, hunks));
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

    /// The changes that other patches made to a file.
    fn earlier(&self, label: &Label, path: &Path) -> impl DoubleEndedIterator<Item = &History> {
        let is_other = move |change: &&History| change.label != *label && change.path == path;
        self.history.iter().filter(is_other)
    }

    /// The path, if it is inside the tree and goes through no link.
    fn inside(&self, label: &Label, path: &[u8]) -> Result<PathBuf, Error> {
        let path = Path::new(OsStr::from_bytes(path));
        let outside = || Error::Outside {
            patch: label.clone(),
            path: path.to_owned(),
        };
        // A name that the file system would refuse must be refused before anything is written.
        let written = path.as_os_str().as_bytes();
        EntryName::read(written).map_err(|_| outside())?;
        // Only a folder can have such a name; the components of a path do not show it.
        if written.ends_with(b"/") || written.ends_with(b"/.") {
            return Err(outside());
        }
        let mut target = self.root.to_owned();
        for component in path.components() {
            let Component::Normal(step) = component else {
                return Err(outside());
            };
            target.push(step);
            if target.is_symlink() {
                return Err(outside());
            }
        }
        if target == self.root {
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

    /// Whether a file cannot be written because a folder has its path, or a file the path of one of
    /// its folders. Found here, because when files are written it is too late.
    fn is_blocked(&self, path: &Path) -> bool {
        let mut folders = path
            .ancestors()
            .skip(1)
            .filter(|above| *above != Path::new(""));
        let mut written = self.files.iter().filter(|(_, content)| content.is_some());
        folders.any(|folder| self.exists(folder))
            || self.root.join(path).is_dir()
            || written.any(|(other, _)| other != path && other.starts_with(path))
    }

    fn read(&self, label: &Label, path: &Path) -> Result<Content, Error> {
        let on_disk = || -> io::Result<Content> {
            let file = self.root.join(path);
            Ok(Content {
                mode: fs_err::metadata(&file)?.permissions().mode(),
                bytes: fs_err::read(&file)?,
            })
        };
        let content = match self.files.get(path) {
            Some(content) => content.clone().ok_or(io::ErrorKind::NotFound.into()),
            None => on_disk(),
        };
        content.map_err(|source| Error::Target {
            patch: label.clone(),
            path: path.to_owned(),
            source,
        })
    }

    /// Writes the changed files; returns their paths.
    pub(super) fn write(self) -> Result<Vec<PathBuf>, Error> {
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

/// A path without its leading folder. An absolute one stays, so that it is refused.
fn below(path: &[u8]) -> &[u8] {
    match path.iter().position(|byte| *byte == b'/') {
        Some(at) if at > 0 => &path[at + 1..],
        _ => path,
    }
}

fn lines_that_start(content: &[u8], prefix: &[u8]) -> usize {
    let lines = content.split(|byte| *byte == b'\n');
    lines.filter(|line| line.starts_with(prefix)).count()
}
