//! The change of the interpreter's own site-packages. The new pip installs the wheels into a scratch
//! root, without the network; the files become part of the hotpatch's transaction.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::digest::Sha256;
use crate::environment::Environment;
use crate::fs::durable::{set_mode, set_owner, take_after};
use crate::fs::list::files_below;
use crate::hotpatch::change::ChangeList;
use crate::hotpatch::error::Error;
use crate::hotpatch::originals::ensure_folders;
use crate::hotpatch::projects::{files_of, is_loose, unclaimed};
use crate::hotpatch::target::Target;
use crate::install::dead_script;
use crate::plan::Pins;
use crate::process::Runner;
use crate::python::Program;
use crate::source::ensurepip::{Bundled, EnsurepipPatch};

/// The change of site-packages. All paths are below the prefix.
#[derive(Debug, Default)]
pub(crate) struct InstalledChange {
    /// The files of the projects that are there now.
    old: BTreeSet<PathBuf>,
    /// The new files, and their scratch paths.
    new: BTreeMap<PathBuf, PathBuf>,
    /// The old and new paths.
    changed: BTreeSet<PathBuf>,
    /// Files that the change leaves alone, but that another version of the projects may replace.
    pub(super) beside: BTreeSet<PathBuf>,
}

impl InstalledChange {
    /// Lets pip install the pins into a scratch root, as it will be bundled after the patch.
    ///
    /// # Errors
    /// When pip fails, or installs outside the prefix.
    pub fn make(
        target: &Target,
        pin: &EnsurepipPatch,
        pins: &Pins,
        scratch: &Path,
        environment: &Environment,
        runner: &Runner,
    ) -> Result<Self, Error> {
        let root = scratch.join("root");
        let (pip, wheels) = wheels_in(scratch, target, pin)?;
        let projects = pins.wheels().map(|wheel| wheel.project.clone()).collect();
        let old = files_of(target, &projects)?;
        let mut command = target
            .command(scratch, environment)
            .with_program(Program::RunPip)
            .with_argument(&pip)
            .with_arguments([
                "install",
                "--no-index",
                "--no-deps",
                "--no-cache-dir",
                "--ignore-installed",
            ])
            .with_argument("--find-links")
            .with_argument(&wheels)
            .with_argument("--root")
            .with_argument(&root);
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
        let changed: BTreeSet<PathBuf> = old.iter().chain(new.keys()).cloned().collect();
        let own = target.below_prefix(&target.purelib);
        for path in &changed {
            ensure_folders(&target.prefix, path, &own)?;
        }
        let mut beside = unclaimed(target, &projects, new.keys()).map_err(Error::file(&root))?;
        beside.retain(|path| !changed.contains(path));
        let change = Self {
            old,
            new,
            changed,
            beside,
        };
        change.ensure_scripts_run(target)?;
        Ok(change)
    }

    /// Ensures that the new scripts will run in the prefix.
    fn ensure_scripts_run(&self, target: &Target) -> Result<(), Error> {
        let now = |path: &Path| {
            let below = target.below_prefix(path);
            match self.new.get(&below) {
                Some(from) => Some(from.clone()),
                None => Some(path.to_owned()).filter(|_| !self.old.contains(&below)),
            }
        };
        for path in self.new.keys() {
            let script = target.prefix.join(path);
            if script.parent() == Some(&target.scripts)
                && let Some(dead) = dead_script(&script, &now).map_err(Error::file(&script))?
            {
                return Err(Error::Script(dead));
            }
        }
        Ok(())
    }

    /// The paths that change.
    pub(super) fn paths(&self) -> &BTreeSet<PathBuf> {
        &self.changed
    }

    /// The digests of the new files outside the projects' own folders.
    pub(super) fn loose(&self, target: &Target) -> Result<BTreeMap<PathBuf, Sha256>, Error> {
        let loose = self.new.iter().filter(|(path, _)| is_loose(target, path));
        loose
            .map(|(path, from)| {
                let digest = Sha256::of_file(from).map_err(Error::file(from))?;
                Ok((path.clone(), digest))
            })
            .collect()
    }

    /// Adds the removal of the old files and the new files. New files get owner and mode of the file
    /// that they replace, or else of site-packages.
    pub(super) fn add_to(&self, changes: &mut ChangeList, target: &Target) -> Result<(), Error> {
        for path in &self.old {
            changes.remove(path.clone());
        }
        // The user may have removed site-packages.
        let existing = target.purelib.ancestors().find(|folder| folder.is_dir());
        let folder = existing.unwrap_or(&target.prefix);
        let folder = fs_err::metadata(folder).map_err(Error::file(folder))?;
        for (path, from) in &self.new {
            match std::fs::metadata(target.prefix.join(path)) {
                Ok(model) => take_after(from, &model),
                Err(_) => take_after_folder(from, &folder),
            }
            .map_err(Error::file(from))?;
            changes.add_file(path.clone(), from.clone());
        }
        Ok(())
    }
}

/// A scratch folder with the wheels that the patched `ensurepip` bundles; the path of its pip, and the
/// folder.
fn wheels_in(
    scratch: &Path,
    target: &Target,
    pin: &EnsurepipPatch,
) -> Result<(PathBuf, PathBuf), Error> {
    let init = Path::new("ensurepip/__init__.py");
    let file = target.stdlib.join(init);
    let text = match pin.changes().iter().find(|change| change.path() == init) {
        Some(change) => change.after().to_owned(),
        None => fs_err::read_to_string(&file).map_err(Error::file(&file))?,
    };
    let bundled =
        Bundled::read(&text).map_err(|source| Error::file(&file)(io::Error::other(source)))?;
    let wheels = scratch.join("wheels");
    fs_err::create_dir(&wheels).map_err(Error::file(&wheels))?;
    for name in bundled.file_names() {
        let path = Path::new("ensurepip/_bundled").join(&name);
        let added = pin.added().iter().find(|wheel| wheel.path == path);
        let from = added.map_or_else(|| target.stdlib.join(path), |wheel| wheel.from.clone());
        fs_err::copy(&from, wheels.join(name)).map_err(Error::file(&from))?;
    }
    Ok((wheels.join(bundled.pip.file_name("pip")), wheels))
}

/// Whether the installed pip has compiled files. The one in an image that was made small has none.
fn is_compiled_there(target: &Target) -> bool {
    let pip = target.purelib.join("pip");
    !pip.exists() || pip.join("__pycache__").is_dir() || pip.join("__init__.pyc").exists()
}

/// Selects the scripts `pip`, `pip3` and `pip3.X` that are this interpreter's and not another's in the
/// same folder, as a value of pip's `ENSUREPIP_OPTIONS`.
fn scripts_wanted(target: &Target, old: &BTreeSet<PathBuf>) -> Option<&'static str> {
    let major = target.version.series().0;
    let is_ours = |name: &str| old.contains(&target.below_prefix(&target.scripts.join(name)));
    let with_major = format!("pip{major}");
    let is_free = || old.is_empty() && !target.scripts.join(&with_major).exists();
    if is_ours("pip") {
        None
    } else if is_ours(&with_major) || is_free() {
        Some("install")
    } else {
        Some("altinstall")
    }
}

/// The files that pip put below the scratch root, by path below the prefix.
fn files_in(root: &Path, target: &Target) -> Result<BTreeMap<PathBuf, PathBuf>, Error> {
    let mut found = BTreeMap::new();
    for from in files_below(root) {
        let path = Path::new("/").join(from.strip_prefix(root).unwrap_or(&from));
        let Ok(below) = path.strip_prefix(&target.prefix) else {
            let prefix = target.prefix.clone();
            return Err(Error::Outside { path, prefix });
        };
        found.insert(below.to_owned(), from);
    }
    Ok(found)
}

/// Gives a file the owner of a folder and its permissions, but for executing.
fn take_after_folder(file: &Path, folder: &std::fs::Metadata) -> io::Result<()> {
    // A user who may enter the folder may run a program.
    let is_program = fs_err::metadata(file)?.mode() & 0o100 != 0;
    let mask = if is_program { 0o777 } else { 0o666 };
    set_owner(file, folder.uid(), folder.gid())?;
    set_mode(file, folder.mode() & mask)
}
