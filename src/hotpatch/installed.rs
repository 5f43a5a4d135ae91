//! The interpreter's own site-packages: brought to the pins by the bundled pip, without the network.
//!
//! pip installs into a scratch root, as it does for a package; what it made takes the place of what
//! was there in one transaction, so that site-packages never holds half a pip.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use super::arrangement::take_after;
use super::kept::{Kept, OUT};
use super::shelf::{Item, Shelf};
use super::{Error, Target};
use crate::command::Runner;
use crate::durable::remove_if_there;
use crate::environment::Environment;
use crate::install::Transaction;
use crate::progress::Reporter;
use crate::python::Program;
use crate::resolve::plan::Pins;
use crate::resolve::wheel_name::normalised;
use crate::source::ensurepip::Bundled;

/// What is to happen in site-packages.
#[derive(Debug, Clone, Default)]
pub struct InstalledChange {
    /// What is there of the projects now, below the prefix.
    old: BTreeSet<PathBuf>,
    /// What is to be there, and where it is now.
    new: BTreeMap<PathBuf, PathBuf>,
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
        Ok(Self { old, new })
    }

    /// The paths that change, below the prefix.
    pub fn paths(&self) -> impl Iterator<Item = &Path> + Clone {
        let new = self.new.keys().filter(|path| !self.old.contains(*path));
        self.old.iter().chain(new).map(PathBuf::as_path)
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
        let purelib = fs_err::metadata(target.purelib()).map_err(Error::file(target.purelib()))?;
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
            take_after(&folder, &purelib).map_err(Error::file(&folder))?;
        }
        Ok(())
    }

    /// What puts back what is on the shelf; `out` is a new folder in the prefix.
    fn back_to(shelf: &Shelf, old: BTreeSet<PathBuf>, out: &Path) -> Result<Self, Error> {
        let mut change = Self {
            old,
            new: BTreeMap::new(),
        };
        for (number, (path, item)) in shelf.items().iter().enumerate() {
            let from = out.join(number.to_string());
            match item {
                Item::Absent => {
                    change.old.insert(path.clone());
                    continue;
                }
                Item::File(file) => file
                    .restore(&shelf.copy_of(file), &from)
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
    /// Puts back what site-packages held when this shelf was filled.
    pub(super) fn put_installed_back(&mut self, stood: &Shelf) -> Result<(), Error> {
        if stood.items().is_empty() {
            return Ok(());
        }
        let target = self.target().clone();
        let projects = projects_on(stood);
        let old = files_of(&target, &projects)?;
        let out = self.made_folder(OUT)?;
        // What a killed process left there is the kept files themselves, under other names.
        for entry in fs_err::read_dir(&out).map_err(Error::file(&out))?.flatten() {
            remove_if_there(&entry.path()).map_err(Error::file(&out))?;
        }
        let change = InstalledChange::back_to(stood, old, &out)?;
        change.swap(&target, self.reporter())?;
        let _ = fs_err::remove_dir_all(out);
        Ok(())
    }
}

/// The files in the prefix that belong to these installed projects, below the prefix:
/// what their `RECORD` names, and whatever else lies in their folders.
///
/// # Errors
/// When a folder cannot be read.
fn files_of(target: &Target, projects: &BTreeSet<String>) -> Result<BTreeSet<PathBuf>, Error> {
    let purelib = target.purelib();
    let mut found = BTreeSet::new();
    for project in projects {
        for info in dist_infos(purelib, project).map_err(Error::file(purelib))? {
            let record = fs_err::read_to_string(info.join("RECORD")).unwrap_or_default();
            let mut folders = BTreeSet::from([info]);
            for line in record.lines() {
                let Some(path) = recorded_path(line, purelib) else {
                    continue;
                };
                if let Ok(inside) = path.strip_prefix(purelib)
                    && let Some(first) = inside.iter().next().filter(|_| inside.iter().count() > 1)
                    && first != "__pycache__"
                {
                    folders.insert(purelib.join(first));
                }
                if path.symlink_metadata().is_ok() {
                    found.insert(path);
                }
            }
            for folder in folders {
                found.extend(files_below(&folder));
            }
        }
    }
    let prefix = target.prefix();
    Ok(found
        .into_iter()
        .filter_map(|path| Some(path.strip_prefix(prefix).ok()?.to_owned()))
        .collect())
}

/// The projects whose files, old or new, are on a shelf.
fn projects_on(shelf: &Shelf) -> BTreeSet<String> {
    let folders = shelf.items().keys().flat_map(|path| path.iter());
    folders.filter_map(project_of).collect()
}

/// `pip` of `pip-24.0.dist-info`.
fn project_of(folder: &OsStr) -> Option<String> {
    let (name, _) = folder
        .to_str()?
        .strip_suffix(".dist-info")?
        .split_once('-')?;
    Some(normalised(name))
}

/// The `*.dist-info` folders of a project, sorted.
pub(super) fn dist_infos(site_packages: &Path, project: &str) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let entries = match fs_err::read_dir(site_packages) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let path = entry?.path();
        if path.file_name().and_then(project_of).as_deref() == Some(project) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// The path that a line of `RECORD` names (PEP 376): relative to site-packages, or absolute.
pub(crate) fn recorded_path(line: &str, purelib: &Path) -> Option<PathBuf> {
    let path = line.rsplitn(3, ',').nth(2)?.trim_matches('"');
    let mut clean = PathBuf::new();
    for part in purelib.join(path).components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir => {
                clean.pop();
            }
            other => clean.push(other),
        }
    }
    Some(clean)
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    walkdir::WalkDir::new(folder)
        .into_iter()
        .filter_map(Result::ok)
        .filter(|entry| !entry.file_type().is_dir())
        .map(walkdir::DirEntry::into_path)
        .collect()
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::recorded_path;

    #[test]
    fn paths_of_a_record_are_read() {
        let purelib = Path::new("/p/lib/python3.11/site-packages");
        for (line, path) in [
            (
                "pip/__init__.py,sha256=abc,357",
                "/p/lib/python3.11/site-packages/pip/__init__.py",
            ),
            ("../../../bin/pip3,sha256=abc,1", "/p/bin/pip3"),
            (
                "\"pip/a,b.py\",,",
                "/p/lib/python3.11/site-packages/pip/a,b.py",
            ),
            ("/p/bin/pip,,", "/p/bin/pip"),
        ] {
            assert_eq!(recorded_path(line, purelib).unwrap(), Path::new(path));
        }
        assert_eq!(recorded_path("nonsense", purelib), None);
    }
}
