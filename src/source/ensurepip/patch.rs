//! The pin as data: the text changes and the wheels that make one `ensurepip` bundle other wheels.

use std::path::{Path, PathBuf};

use super::super::change::FileChange;
use super::super::sbom::{self, ListedWheel};
use super::bundled::{Bundled, PinChange, PinChanges};
use super::error::Error;
use super::new_wheel::NewWheel;
use super::run_pip::EntryPoints;
use super::stdlib::Stdlib;
use super::{text, venv, without_pip};
use crate::digest::Sha256;
use crate::fetch::VerifiedWheel;
use crate::fs::durable::write_file;
use crate::plan::{Pin, Pins};

/// A wheel that a patch adds to `_bundled`.
#[derive(Debug)]
pub struct AddedWheel {
    /// The target, relative to the root.
    pub path: PathBuf,
    /// The wheel's present path.
    pub from: PathBuf,
    pub sha256: Sha256,
}

impl AddedWheel {
    /// The content, which must have the digest still.
    pub fn read(&self) -> Result<Vec<u8>, Error> {
        let content = fs_err::read(&self.from).map_err(Error::file(&self.from))?;
        let found = Sha256::of(&content);
        if found == self.sha256 {
            return Ok(content);
        }
        Err(Error::WheelChanged {
            path: self.from.clone(),
            expected: self.sha256,
            found,
        })
    }
}

/// Everything that one `ensurepip` needs to bundle other wheels. Paths are relative to the root.
#[derive(Debug)]
pub struct EnsurepipPatch {
    changes: Vec<FileChange>,
    added: Vec<AddedWheel>,
    removed: Vec<PathBuf>,
}

impl EnsurepipPatch {
    /// Makes the patch for a plan's pins. Writes nothing.
    pub fn for_pins(
        stdlib: Stdlib<'_>,
        pins: &Pins,
        wheels: &[VerifiedWheel],
    ) -> Result<Self, Error> {
        if pins.pip == Pin::Removed {
            return Self::without_pip(stdlib);
        }
        let changes = PinChanges::open(pins, |input| {
            let wheel = wheels.iter().find(|wheel| wheel.input() == input);
            // All of them are there; an empty path would be an error of reading the wheel.
            wheel.map_or(Path::new(""), VerifiedWheel::path)
        })?;
        Self::new(stdlib, &changes)
    }

    /// Makes the patch that removes every bundled wheel.
    fn without_pip(stdlib: Stdlib<'_>) -> Result<Self, Error> {
        let init = stdlib.file("ensurepip/__init__.py");
        let before = stdlib.read(&init)?;
        let mut changes =
            Vec::from_iter(FileChange::between(&init, &before, without_pip::ENSUREPIP));
        let venv = stdlib.file("venv/__init__.py");
        // CPython 2.7 has no venv. A tree that has no pip any more stays as it is.
        if !changes.is_empty() && stdlib.root.join(&venv).exists() {
            let before = stdlib.read(&venv)?;
            let after = without_pip::venv(&before).map_err(Error::text(&venv))?;
            changes.extend(FileChange::between(&venv, &before, &after));
        }
        changes.extend(sbom_change(stdlib, &[], &["pip", "setuptools"])?);
        let folder = stdlib.file("ensurepip/_bundled");
        let present = if stdlib.root.join(&folder).is_dir() {
            stdlib.bundled_wheels()?
        } else {
            Vec::new()
        };
        Ok(Self {
            changes,
            added: Vec::new(),
            removed: present.iter().map(|name| folder.join(name)).collect(),
        })
    }

    pub(super) fn new(stdlib: Stdlib<'_>, pins: &PinChanges<NewWheel>) -> Result<Self, Error> {
        let init = stdlib.file("ensurepip/__init__.py");
        let folder = stdlib.file("ensurepip/_bundled");
        if !stdlib.root.join(&folder).is_dir() {
            let path = stdlib.root.join(stdlib.file("ensurepip"));
            return Err(Error::NothingBundled { path });
        }
        let before = stdlib.read(&init)?;
        let bundled = Bundled::read(&before).map_err(Error::text(&init))?;
        if bundled.setuptools.is_none() && pins.setuptools.wheel().is_some() {
            return Err(Error::NoSetuptools { path: init });
        }
        let entry_points = match &pins.pip {
            Some(pip) => Some(EntryPoints::find(|file| pip.wheel.text(file))?),
            None => None,
        };
        let names = pins.map(|wheel| wheel.bundled.clone());
        let after = text::changed(&before, &names, entry_points.as_ref());
        let after = after.map_err(Error::text(&init))?;
        let mut changes = Vec::from_iter(FileChange::between(&init, &before, &after));
        if pins.setuptools.is_removal() {
            let path = stdlib.file("venv/__init__.py");
            // CPython 2.7 has no venv.
            if stdlib.root.join(&path).exists() {
                let before = stdlib.read(&path)?;
                let after = venv::without_setuptools(&before).map_err(Error::text(&path))?;
                changes.extend(FileChange::between(&path, &before, &after));
            }
        }
        let listed = pins
            .wheels()
            .map(NewWheel::listed)
            .collect::<Result<Vec<_>, _>>()?;
        let unlisted: &[&str] = if pins.setuptools.is_removal() {
            &["setuptools"]
        } else {
            &[]
        };
        changes.extend(sbom_change(stdlib, &listed, unlisted)?);

        let mut present = stdlib.bundled_wheels()?;
        let added: Vec<AddedWheel> = pins
            .wheels()
            .map(|wheel| AddedWheel {
                path: folder.join(wheel.wheel.name().to_string()),
                from: wheel.wheel.path().to_owned(),
                sha256: wheel.sha256,
            })
            .collect();
        let is_added = |name: &str| added.iter().any(|wheel| wheel.path == folder.join(name));
        for file_name in bundled.with(&names).file_names() {
            if !is_added(&file_name) && !present.contains(&file_name) {
                let path = init;
                return Err(Error::KeptWheelMissing { path, file_name });
            }
        }
        present.retain(|name| is_replaced(name, pins) && !is_added(name));
        Ok(Self {
            removed: present.iter().map(|name| folder.join(name)).collect(),
            changes,
            added,
        })
    }

    /// The text files that change, in the order in which they are written.
    pub fn changes(&self) -> &[FileChange] {
        &self.changes
    }

    pub fn added(&self) -> &[AddedWheel] {
        &self.added
    }

    pub fn removed(&self) -> &[PathBuf] {
        &self.removed
    }

    /// The changes of text files as one unified diff, for `git apply` and `patch -p1`.
    pub fn diff(&self) -> String {
        self.changes.iter().map(FileChange::diff).collect()
    }

    /// Changes the tree at `root`. New wheels are written first and old ones removed last, so that
    /// every wheel that the text names exists at any time. Nothing is written if a diff does not
    /// apply.
    pub fn apply(&self, root: &Path) -> Result<(), Error> {
        for change in &self.changes {
            change.try_on(root)?;
        }
        for wheel in &self.added {
            let to = root.join(&wheel.path);
            write_file(&to, &wheel.read()?, 0o644).map_err(Error::file(&to))?;
        }
        for change in &self.changes {
            change.apply(root)?;
        }
        for wheel in &self.removed {
            let path = root.join(wheel);
            fs_err::remove_file(&path).map_err(Error::file(&path))?;
            // `make install` cannot copy the files of an empty folder. One with other files stays.
            if let Some(folder) = path.parent() {
                let _ = std::fs::remove_dir(folder);
            }
        }
        Ok(())
    }
}

/// Whether a wheel in `_bundled` is of a project that is replaced or removed.
fn is_replaced(file_name: &str, pins: &PinChanges<NewWheel>) -> bool {
    match file_name.split('-').next() {
        Some("pip") => pins.pip.is_some(),
        Some("setuptools") => !matches!(pins.setuptools, PinChange::Keep),
        _ => false,
    }
}

fn sbom_change(
    stdlib: Stdlib<'_>,
    wheels: &[ListedWheel],
    removed: &[&str],
) -> Result<Option<FileChange>, Error> {
    let path = PathBuf::from("Misc/sbom.spdx.json");
    if !stdlib.root.join(&path).exists() {
        return Ok(None);
    }
    let before = stdlib.read(&path)?;
    match sbom::updated(&before, wheels, removed) {
        Ok(after) => Ok(FileChange::between(&path, &before, &after)),
        Err(source) => Err(Error::Sbom { path, source }),
    }
}
