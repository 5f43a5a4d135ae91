//! The interpreter's own site-packages: brought to the pins by the bundled pip, without the network.
//!
//! pip installs into a scratch root, as it does for a package; what it made takes the place of what
//! was there in one transaction, so that site-packages never holds half a pip.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::kept::{Kept, OUT, Part};
use super::projects::{claims, files_below, files_of, is_loose, projects_on, unclaimed};
use super::{Error, Target};
use crate::digest::Sha256;
use crate::environment::Environment;
use crate::fs::durable::remove_if_there;
use crate::hotpatch::change::{is_compiled, take_after};
use crate::hotpatch::originals::{Item, Originals, ensure_folders};
use crate::install::dead_script;
use crate::plan::Pins;
use crate::process::Runner;
use crate::progress::Reporter;
use crate::python::Program;
use crate::source::ensurepip::Bundled;
use crate::transaction::Transaction;

/// What is to happen in site-packages.
#[derive(Debug, Clone, Default)]
pub struct InstalledChange {
    /// What is there of the projects now, below the prefix.
    old: BTreeSet<PathBuf>,
    /// What is to be there, and where it is now.
    new: BTreeMap<PathBuf, PathBuf>,
    /// Files that the change leaves alone, but that another version of the projects may replace.
    beside: BTreeSet<PathBuf>,
}

impl InstalledChange {
    /// What the bundled pip makes of the pins in a scratch root; site-packages stays as it is.
    ///
    /// # Errors
    /// When pip fails, or installs outside the prefix.
    pub fn make(
        target: &Target,
        pins: &Pins,
        scratch: &Path,
        environment: &Environment,
        runner: &Runner,
    ) -> Result<Self, Error> {
        let root = scratch.join("root");
        let init = target.stdlib().join("ensurepip/__init__.py");
        let text = fs_err::read_to_string(&init).map_err(Error::file(&init))?;
        let bundled =
            Bundled::read(&text).map_err(|source| Error::file(&init)(io::Error::other(source)))?;
        let folder = target.stdlib().join("ensurepip/_bundled");
        let pip = folder.join(bundled.pip.file_name("pip"));
        let projects = pins.wheels().map(|wheel| wheel.project.clone()).collect();
        let old = files_of(target, &projects)?;
        let mut command = target
            .command(scratch, environment)
            .with_program(Program::RunPip)
            .with_argument(pip.as_os_str())
            .with_arguments([
                "install",
                "--no-index",
                "--no-deps",
                "--no-cache-dir",
                "--ignore-installed",
            ])
            .with_argument("--find-links")
            .with_argument(folder.as_os_str())
            .with_argument("--root")
            .with_argument(root.as_os_str());
        if !is_compiled_there(target) {
            command = command.with_argument("--no-compile");
        }
        if let Some(scripts) = scripts_wanted(target, &old) {
            command = command.with_variable("ENSUREPIP_OPTIONS", scripts);
        }
        for wheel in pins.wheels() {
            command = command.with_argument(format!("{}=={}", wheel.project, wheel.version));
        }
        runner.run("pip install", &command, |_| {})?;
        let new = files_in(&root, target)?;
        let own = target.below_prefix(target.purelib());
        for path in old.iter().chain(new.keys()) {
            ensure_folders(target.prefix(), path, &own)?;
        }
        let mut beside = unclaimed(target, &projects, new.keys()).map_err(Error::file(&root))?;
        beside.retain(|path| !old.contains(path) && !new.contains_key(path));
        let change = Self { old, new, beside };
        change.ensure_scripts_run(target)?;
        Ok(change)
    }

    /// Finds out whether the new scripts will run in the prefix.
    fn ensure_scripts_run(&self, target: &Target) -> Result<(), Error> {
        let now = |path: &Path| {
            let below = target.below_prefix(path);
            match self.new.get(&below) {
                Some(from) => Some(from.clone()),
                None => Some(path.to_owned()).filter(|_| !self.old.contains(&below)),
            }
        };
        for path in self.new.keys() {
            let script = target.prefix().join(path);
            if script.parent() == Some(target.scripts())
                && let Some(dead) = dead_script(&script, &now).map_err(Error::file(&script))?
            {
                return Err(Error::Script(dead));
            }
        }
        Ok(())
    }

    /// The paths that change, below the prefix.
    pub fn paths(&self) -> impl Iterator<Item = &Path> + Clone {
        let new = self.new.keys().filter(|path| !self.old.contains(*path));
        self.old.iter().chain(new).map(PathBuf::as_path)
    }

    /// The paths of files that the change leaves alone, but that another version of the projects may
    /// replace.
    pub fn beside(&self) -> impl Iterator<Item = &Path> {
        self.beside.iter().map(PathBuf::as_path)
    }

    /// The digests of the new files that are not in a project's own folder.
    ///
    /// # Errors
    /// When one cannot be read.
    pub(super) fn loose(&self, target: &Target) -> Result<BTreeMap<PathBuf, Sha256>, Error> {
        let loose = self.new.iter().filter(|(path, _)| is_loose(target, path));
        loose
            .map(|(path, from)| {
                let digest = Sha256::of_file(from).map_err(Error::file(from))?;
                Ok((path.clone(), digest))
            })
            .collect()
    }

    /// Puts what is new in the place of what is old, all of it or nothing. New files have owner and
    /// mode of the file that they replace, or else of the folder of all packages.
    ///
    /// # Errors
    /// When the prefix cannot be changed.
    pub fn apply(&self, target: &Target, reporter: &dyn Reporter) -> Result<(), Error> {
        let purelib = fs_err::metadata(target.purelib()).map_err(Error::file(target.purelib()))?;
        for (path, from) in &self.new {
            match std::fs::metadata(target.prefix().join(path)) {
                Ok(model) => take_after(from, &model),
                Err(_) => level(from, &purelib),
            }
            .map_err(Error::file(from))?;
        }
        self.swap(target, reporter)
    }

    fn swap(&self, target: &Target, reporter: &dyn Reporter) -> Result<(), Error> {
        // The user may have removed it, with all packages.
        let existing = target.purelib().ancestors().find(|folder| folder.is_dir());
        let model = existing.unwrap_or(target.prefix());
        let model = fs_err::metadata(model).map_err(Error::file(model))?;
        let mut transaction = Transaction::begin(target.prefix(), reporter)?;
        for path in self.old.iter().filter(|path| !self.new.contains_key(*path)) {
            let folders = path.ancestors().skip(1).map(Path::to_owned);
            transaction.may_go(folders.filter(|folder| !folder.as_os_str().is_empty()));
            transaction.remove(path);
        }
        let mut made = BTreeSet::new();
        for (path, from) in &self.new {
            let folders = path.ancestors().skip(1);
            let folders = folders.map(|folder| target.prefix().join(folder));
            made.extend(folders.take_while(|folder| !folder.exists()));
            transaction.add(path, from)?;
        }
        transaction.commit()?;
        for folder in made {
            take_after(&folder, &model).map_err(Error::file(&folder))?;
        }
        Ok(())
    }

    /// What puts back what is on the originals, and removes the other files of the projects that are there
    /// now; `out` is a new folder in the prefix.
    fn back_to(
        originals: &Originals,
        now: BTreeSet<PathBuf>,
        prefix: &Path,
        out: &Path,
    ) -> Result<Self, Error> {
        let mut change = Self {
            old: now,
            ..Self::default()
        };
        for (number, (path, item)) in originals.items().iter().enumerate() {
            if *item != Item::Absent {
                change.old.remove(path);
            }
            if item.is_at(&prefix.join(path)) {
                continue;
            }
            let from = out.join(number.to_string());
            match item {
                Item::Absent => continue,
                Item::File(file) => file
                    .restore(&originals.copy_of(file), &from)
                    .map_err(Error::file(&from))?,
                Item::Link { to } => {
                    std::os::unix::fs::symlink(to, &from).map_err(Error::file(&from))?;
                }
            }
            change.new.insert(path.clone(), from);
        }
        Ok(change)
    }
}

impl Kept<'_> {
    /// Puts back what site-packages held when this originals was filled.
    pub(super) fn put_installed_back(&mut self, stood: &Originals) -> Result<(), Error> {
        if stood.items().is_empty() {
            return Ok(());
        }
        let target = self.target().clone();
        let now = self.brought_since(stood)?;
        let out = self.made_folder(OUT)?;
        // What a killed process left there is the kept files themselves, under other names.
        for entry in fs_err::read_dir(&out).map_err(Error::file(&out))?.flatten() {
            remove_if_there(&entry.path()).map_err(Error::file(&out))?;
        }
        let change = InstalledChange::back_to(stood, now, target.prefix(), &out)?;
        change.swap(&target, self.reporter())?;
        let _ = fs_err::remove_dir_all(out);
        Ok(())
    }

    /// The files of the projects on this originals that are there now, whoever brought them. A file outside
    /// the projects' folders that neither a hotpatch nor pip wrote as it is now belongs to the user: it
    /// stays and is reported, unless an original belongs there.
    fn brought_since(&self, stood: &Originals) -> Result<BTreeSet<PathBuf>, Error> {
        let target = self.target();
        let mut now = files_of(target, &projects_on(stood))?;
        let absent = stood.items().iter();
        let absent = absent.filter(|(_, item)| **item == Item::Absent);
        now.extend(absent.map(|(path, _)| path.clone()));
        let claims = claims(target, &projects_on(stood)).map_err(Error::file(target.purelib()))?;
        let written = |path: &Path, digest: Sha256| {
            let record = self.record().and_then(|record| record.written.get(path));
            record.is_some_and(|digests| digests.contains(&digest))
                || claims.get(path).is_some_and(|claimed| {
                    let digest = URL_SAFE_NO_PAD.encode(digest.as_bytes());
                    claimed.as_ref().is_none_or(|claimed| *claimed == digest)
                })
        };
        let own = target.below_prefix(target.purelib());
        now.retain(|path| {
            if ensure_folders(target.prefix(), path, &own).is_err() {
                return false;
            }
            let file = target.prefix().join(path);
            let Ok(found) = file.symlink_metadata() else {
                return false;
            };
            let is_original = stood
                .items()
                .get(path)
                .is_some_and(|item| *item != Item::Absent);
            let is_theirs = is_original
                || !is_loose(target, path)
                || is_compiled(path)
                || (found.is_file() && Sha256::of_file(&file).is_ok_and(|it| written(path, it)));
            if !is_theirs {
                let file = file.display();
                self.reporter()
                    .warn(&format!("{file} stays: it is not as pip wrote it"));
            }
            is_theirs
        });
        Ok(now)
    }

    /// The files of the projects whose originals are kept that are there now. Those of them that are not
    /// kept came later: they are no originals.
    pub(super) fn came_later(&self) -> Result<BTreeSet<PathBuf>, Error> {
        files_of(
            self.target(),
            &projects_on(&self.originals(Part::Installed)),
        )
    }
}

/// Whether the installed pip has compiled files, as an image that was made small has not.
fn is_compiled_there(target: &Target) -> bool {
    let pip = target.purelib().join("pip");
    !pip.exists() || pip.join("__pycache__").is_dir() || pip.join("__init__.pyc").exists()
}

/// Which of `pip`, `pip3` and `pip3.X` are this interpreter's and not another's in the same folder;
/// the value is pip's own word for it (its `ENSUREPIP_OPTIONS`).
fn scripts_wanted(target: &Target, old: &BTreeSet<PathBuf>) -> Option<&'static str> {
    let major = target.version().series().0;
    let is_ours = |name: String| {
        let path = target.scripts().join(name);
        old.contains(&target.below_prefix(&path))
    };
    let is_free = |name: String| !target.scripts().join(name).exists();
    let nothing_installed = old.is_empty();
    if is_ours("pip".to_owned()) {
        None
    } else if is_ours(format!("pip{major}"))
        || (nothing_installed && is_free(format!("pip{major}")))
    {
        Some("install")
    } else {
        Some("altinstall")
    }
}

/// What pip put below the scratch root, by its path below the prefix.
fn files_in(root: &Path, target: &Target) -> Result<BTreeMap<PathBuf, PathBuf>, Error> {
    let mut found = BTreeMap::new();
    for from in files_below(root) {
        let inside = from.strip_prefix(root).unwrap_or(&from);
        let path = Path::new("/").join(inside);
        match path.strip_prefix(target.prefix()) {
            Ok(below) => found.insert(below.to_owned(), from),
            Err(_) => {
                return Err(Error::Outside {
                    path,
                    prefix: target.prefix().to_owned(),
                });
            }
        };
    }
    Ok(found)
}

/// Owner of the model, its permissions for reading, and the file's own for executing.
fn level(file: &Path, model: &std::fs::Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    let found = fs_err::metadata(file)?;
    if (found.uid(), found.gid()) != (model.uid(), model.gid()) {
        std::os::unix::fs::chown(file, Some(model.uid()), Some(model.gid()))?;
    }
    // The model is a folder: who may enter it may run what is to be run.
    let runs = found.permissions().mode() & 0o100 != 0;
    let keep = if runs { 0o777 } else { 0o666 };
    let mode = model.permissions().mode() & keep;
    fs_err::set_permissions(file, std::fs::Permissions::from_mode(mode))
}
