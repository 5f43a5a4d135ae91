//! The pin: makes a tree's `ensurepip` bundle the planned wheels, as a patch that is data first.

mod error;
mod form;
mod python;
pub mod request;
mod run_pip;
#[cfg(test)]
mod tests;
mod text;
mod venv;

use std::io;
use std::path::{Path, PathBuf};

pub use error::{Error, NotUnderstood};
pub(in crate::source) use python::Edits;
pub use request::{NewWheel, PinChange, Repin};
pub use text::{Bundled, NamedWheel};

use self::run_pip::EntryPoints;
use self::text::TextRequest;
use super::change::FileChange;
use super::sbom::{self, ListedWheel};
use crate::digest::Sha256;
use crate::fs::durable::write_file;

/// A standard library whose `ensurepip` can be changed.
#[derive(Debug, Clone, Copy)]
pub struct Stdlib<'a> {
    root: &'a Path,
    folder: &'static str,
}

impl<'a> Stdlib<'a> {
    /// The one in an unpacked source tree.
    #[must_use]
    pub fn of_source(root: &'a Path) -> Self {
        Self {
            root,
            folder: "Lib",
        }
    }

    /// The one of an installed interpreter: the folder that `os.py` is in.
    #[must_use]
    pub fn of_installation(root: &'a Path) -> Self {
        Self { root, folder: "" }
    }

    /// The folder that all paths in a patch are below.
    #[must_use]
    pub fn root(&self) -> &'a Path {
        self.root
    }

    fn file(&self, name: &str) -> PathBuf {
        Path::new(self.folder).join(name)
    }
}

/// A wheel that a patch puts into `_bundled`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddedWheel {
    /// Where it goes, below the root.
    pub path: PathBuf,
    /// Where it is now.
    pub from: PathBuf,
    /// Its digest.
    pub sha256: Sha256,
}

impl AddedWheel {
    fn copy_below(&self, root: &Path) -> Result<(), Error> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            |source| Error::File { path, source }
        };
        let content = fs_err::read(&self.from).map_err(failed(&self.from))?;
        let found = Sha256::of(&content);
        if found != self.sha256 {
            return Err(Error::WheelChanged {
                path: self.from.clone(),
                expected: self.sha256,
                found,
            });
        }
        let to = root.join(&self.path);
        write_file(&to, &content, 0o644).map_err(failed(&to))
    }
}

/// Everything that makes one `ensurepip` bundle other wheels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnsurepipPatch {
    changes: Vec<FileChange>,
    added: Vec<AddedWheel>,
    removed: Vec<PathBuf>,
}

impl EnsurepipPatch {
    /// The text files that change, in the order in which they are written.
    #[must_use]
    pub fn changes(&self) -> &[FileChange] {
        &self.changes
    }

    /// The wheels that come in.
    #[must_use]
    pub fn added(&self) -> &[AddedWheel] {
        &self.added
    }

    /// The wheels that go, below the root.
    #[must_use]
    pub fn removed(&self) -> &[PathBuf] {
        &self.removed
    }

    /// The text files' changes as one unified diff, for `git apply` and `patch -p1`.
    #[must_use]
    pub fn diff(&self) -> String {
        self.changes.iter().map(FileChange::diff).collect()
    }

    /// Makes the changes below `root`: new wheels first, old ones last, so that at every moment each
    /// wheel that the text names is there. Nothing is written when a diff does not apply.
    ///
    /// # Errors
    /// When a diff does not apply, or a file cannot be read or written.
    pub fn apply(&self, root: &Path) -> Result<(), Error> {
        for change in &self.changes {
            change.try_on(root)?;
        }
        for wheel in &self.added {
            wheel.copy_below(root)?;
        }
        for change in &self.changes {
            change.apply(root)?;
        }
        for wheel in &self.removed {
            let path = root.join(wheel);
            fs_err::remove_file(&path).map_err(|source| Error::File { path, source })?;
        }
        Ok(())
    }
}

/// Makes the patch after which `stdlib` bundles what is wished. Nothing is written.
///
/// # Errors
/// When a text is not understood, or something that is to stay is not there.
pub fn repin(stdlib: Stdlib<'_>, change: &Repin) -> Result<EnsurepipPatch, Error> {
    let root = stdlib.root;
    let init = stdlib.file("ensurepip/__init__.py");
    let folder = stdlib.file("ensurepip/_bundled");
    if !root.join(&folder).is_dir() {
        return Err(Error::NothingBundled {
            path: root.join(stdlib.file("ensurepip")),
        });
    }
    let before = read(root, &init)?;
    let understood = |path: &Path| {
        let path = path.to_owned();
        |source| Error::Text { path, source }
    };
    let bundled = Bundled::read(&before).map_err(understood(&init))?;
    if bundled.setuptools.is_none() && change.setuptools.wheel().is_some() {
        return Err(Error::NoSetuptools { path: init });
    }
    let after = text::repin(&before, &text_request(change)?).map_err(understood(&init))?;
    let mut changes: Vec<FileChange> = FileChange::between(&init, &before, &after)
        .into_iter()
        .collect();
    if change.setuptools == PinChange::Remove {
        let path = stdlib.file("venv/__init__.py");
        // CPython 2.7 has no venv.
        if root.join(&path).exists() {
            let before = read(root, &path)?;
            let after = venv::drop_setuptools(&before).map_err(understood(&path))?;
            changes.extend(FileChange::between(&path, &before, &after));
        }
    }
    changes.extend(sbom_change(root, change)?);

    let named = Bundled::read(&after).map_err(understood(&init))?;
    let present = wheels_in(root, &folder)?;
    let added: Vec<AddedWheel> = change
        .new_wheels()
        .map(|wheel| AddedWheel {
            path: folder.join(wheel.wheel.name().to_string()),
            from: wheel.wheel.path().to_owned(),
            sha256: wheel.sha256,
        })
        .collect();
    for file_name in named.file_names() {
        let path = folder.join(&file_name);
        let is_new = added.iter().any(|wheel| wheel.path == path);
        if !is_new && !present.contains(&file_name) {
            return Err(Error::KeptWheelMissing {
                path: init,
                file_name,
            });
        }
    }
    let removed = present
        .into_iter()
        .filter(|file_name| is_replaced(file_name, change))
        .map(|file_name| folder.join(file_name))
        .filter(|path| added.iter().all(|wheel| wheel.path != *path))
        .collect();
    Ok(EnsurepipPatch {
        changes,
        added,
        removed,
    })
}

/// The text of an `ensurepip/__init__.py` with other wheels, and nothing else of the tree looked at:
/// the door for fuzzing, which has no wheels. How pip is run stays as it is.
///
/// # Errors
/// When the text is not understood.
pub fn renamed(
    text: &str,
    pip: Option<NamedWheel>,
    setuptools: PinChange<NamedWheel>,
) -> Result<String, NotUnderstood> {
    let change = TextRequest {
        pip,
        setuptools,
        entry_points: None,
    };
    text::repin(text, &change)
}

fn text_request(change: &Repin) -> Result<TextRequest, Error> {
    let entry_points = match &change.pip {
        Some(pip) => Some(EntryPoints::find(|file| pip.wheel.text(file))?),
        None => None,
    };
    Ok(TextRequest {
        pip: change.pip.as_ref().map(NewWheel::named),
        setuptools: match &change.setuptools {
            PinChange::Keep => PinChange::Keep,
            PinChange::Remove => PinChange::Remove,
            PinChange::Replace(wheel) => PinChange::Replace(wheel.named()),
        },
        entry_points,
    })
}

/// Whether a wheel in `_bundled` is of a project that gets another one or goes.
fn is_replaced(file_name: &str, change: &Repin) -> bool {
    match file_name.split('-').next() {
        Some("pip") => change.pip.is_some(),
        Some("setuptools") => change.setuptools != PinChange::Keep,
        _ => false,
    }
}

fn sbom_change(root: &Path, change: &Repin) -> Result<Option<FileChange>, Error> {
    let path = PathBuf::from("Misc/sbom.spdx.json");
    if !root.join(&path).exists() {
        return Ok(None);
    }
    let before = read(root, &path)?;
    let wheels: Vec<ListedWheel> = change
        .new_wheels()
        .map(NewWheel::listed)
        .collect::<Result<_, _>>()?;
    let removed: &[&str] = match change.setuptools {
        PinChange::Remove => &["setuptools"],
        PinChange::Keep | PinChange::Replace(_) => &[],
    };
    let after = sbom::bring_in_line(&before, &wheels, removed).map_err(|source| Error::Sbom {
        path: path.clone(),
        source,
    })?;
    Ok(FileChange::between(&path, &before, &after))
}

fn read(root: &Path, path: &Path) -> Result<String, Error> {
    let path = root.join(path);
    fs_err::read_to_string(&path).map_err(|source| Error::File { path, source })
}

/// The wheels in `_bundled`, sorted.
fn wheels_in(root: &Path, folder: &Path) -> Result<Vec<String>, Error> {
    let path = root.join(folder);
    let list = || -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs_err::read_dir(&path)? {
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        names.retain(|name| Path::new(name).extension().is_some_and(|end| end == "whl"));
        names.sort();
        Ok(names)
    };
    list().map_err(|source| Error::File {
        path: path.clone(),
        source,
    })
}
