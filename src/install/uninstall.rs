//! The way back: everything that an installation brought leaves its prefix, and nothing else.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use super::Error;
use super::manifest::{Item, Manifest};
use super::record::{self, Record};
use crate::plan::version::PythonVersion;
use crate::progress::Reporter;
use crate::transaction::Transaction;
use crate::transaction::journal::is_below;

/// What becomes of each file when an installation leaves its prefix. All paths are below the prefix.
#[derive(Debug, Default)]
pub struct Leaving {
    /// Files and links that go, the record's own among them.
    pub removed: BTreeSet<PathBuf>,
    /// What was changed since it was installed; it stays.
    pub changed: Vec<PathBuf>,
    /// What another installation in the prefix lists too; it stays.
    pub shared: Vec<PathBuf>,
    /// Links among [`Leaving::shared`] that point at what goes, and where the other installation
    /// wants them to.
    pub turned: Vec<(PathBuf, PathBuf)>,
    /// Files among [`Leaving::shared`] that are of the installation that goes, and a file in the same
    /// folder with the content that the other installation had there: `bin/pip3`, `bin/pip3.11`.
    pub restored: Vec<(PathBuf, PathBuf)>,
    /// Projects in site-packages that came later; they stay.
    pub packages: Vec<String>,
    /// Folders that go if they are empty then; the empty path is the prefix.
    folders: BTreeSet<PathBuf>,
}

impl Leaving {
    /// What uninstalling `version` would come to. Nothing is changed.
    ///
    /// # Errors
    /// [`Error::NotInstalled`], [`Error::Record`]; [`Error::Prefix`] when something cannot be read.
    pub fn of(prefix: &Path, version: PythonVersion) -> Result<Self, Error> {
        let unreadable = |source| Error::of_records(prefix, source);
        let installed = record::installed(prefix).map_err(unreadable)?;
        if !installed.contains(&version) {
            return Err(Error::NotInstalled {
                what: format!("CPython {version}"),
                place: prefix.to_owned(),
                installed: installed.iter().map(ToString::to_string).collect(),
            });
        }
        let not_understood = || Error::Record {
            folder: prefix.join(record::folder(version)),
        };
        let record = record::read_in(prefix, version).ok_or_else(not_understood)?;
        let name = version.to_string();
        let (mut own, others): (Vec<_>, Vec<_>) = record::manifests(prefix)
            .map_err(unreadable)?
            .into_iter()
            .partition(|(other, _)| *other == name);
        let (_, manifest) = own.pop().ok_or_else(not_understood)?;
        // A list that leads out of the prefix was not written by any pybuild.
        if !manifest.paths().all(is_below) {
            return Err(not_understood());
        }
        let mut leaving = Self {
            folders: record::made_folders(prefix, &name).map_err(unreadable)?,
            ..Self::default()
        };
        leaving.folders.retain(|folder| is_below(folder));
        leaving
            .sort(prefix, &manifest, &others)
            .map_err(unreadable)?;
        leaving.add_compiled(prefix, version).map_err(unreadable)?;
        leaving.add_package_folders();
        leaving.add_record_files(prefix, &record);
        Ok(leaving)
    }

    /// Says of each file that is listed what becomes of it.
    fn sort(
        &mut self,
        prefix: &Path,
        manifest: &Manifest,
        others: &[(String, Manifest)],
    ) -> io::Result<()> {
        let packages = LaterPackages::find(prefix, manifest);
        let mut changed_compiled = Vec::new();
        for (path, item) in manifest.items() {
            let file = prefix.join(path);
            if file.symlink_metadata().is_err() || packages.files.contains(path) {
                continue;
            }
            let found = Item::at(&file)?;
            if let Some((_, other)) = others.iter().find(|(_, other)| other.contains(path)) {
                if let (Some(Item::Link(ours)), Some(Item::Link(theirs))) =
                    (&found, other.get(path))
                    && item.holds_the_same(&Item::Link(ours.clone()))
                    && ours != theirs
                {
                    self.turned.push((path.to_owned(), theirs.clone()));
                } else if found.is_some_and(|found| found.holds_the_same(item))
                    && let Some(twin) = twin_of(path, other, prefix)?
                {
                    self.restored.push((path.to_owned(), twin));
                }
                self.shared.push(path.to_owned());
            } else if found.is_some_and(|found| found.holds_the_same(item)) {
                self.removed.insert(path.to_owned());
            } else if source_of(path).is_some() {
                changed_compiled.push(path.to_owned());
            } else {
                self.changed.push(path.to_owned());
            }
        }
        // Python writes compiled files anew as it likes, so they go by their source.
        for path in changed_compiled {
            match source_of(&path) {
                Some(source) if self.removed.contains(&source) => {
                    self.removed.insert(path);
                }
                _ => self.changed.push(path),
            }
        }
        self.packages = packages.names;
        Ok(())
    }

    /// What Python compiled of sources that go (PEP 3147; beside the source for 2.7): nobody else has
    /// any use for it, and with it in the way no folder would ever be empty.
    fn add_compiled(&mut self, prefix: &Path, version: PythonVersion) -> io::Result<()> {
        let tag = format!("cpython-{}{}", version.series().0, version.series().1);
        let folders: BTreeSet<PathBuf> = self
            .removed
            .iter()
            .filter(|path| path.extension().is_some_and(|ending| ending == "py"))
            .filter_map(|path| Some(path.parent()?.to_owned()))
            .collect();
        for folder in folders {
            for (place, tagged) in [(folder.join("__pycache__"), true), (folder, false)] {
                for name in names_in(&prefix.join(&place))? {
                    let path = place.join(name);
                    let of_this_python =
                        !tagged || path.to_string_lossy().contains(&format!(".{tag}."));
                    if of_this_python
                        && source_of(&path).is_some_and(|source| self.removed.contains(&source))
                    {
                        self.removed.insert(path);
                    }
                }
                if tagged {
                    self.folders.insert(place);
                }
            }
        }
        Ok(())
    }

    /// The folders of the packages that go: a hotpatch may have made them after the installation.
    fn add_package_folders(&mut self) {
        for path in &self.removed {
            if let Some(site) = site_packages(path) {
                let folders = path.ancestors().skip(1);
                let folders = folders.take_while(|folder| **folder != *site);
                self.folders.extend(folders.map(Path::to_owned));
            }
        }
    }

    /// The record, and what was kept of the interpreter for undoing a hotpatch.
    fn add_record_files(&mut self, prefix: &Path, record: &Record) {
        let folder = record::folder(record.plan.python());
        let names = [record::FILES, record::FOLDERS, record::LOG, record::RECORD];
        let patches = record.patches.iter().map(String::as_str);
        for name in names.into_iter().chain(patches) {
            let path = folder.join(name);
            if is_below(&path) && prefix.join(&path).symlink_metadata().is_ok() {
                self.removed.insert(path);
            }
        }
        self.folders.insert(folder);
        let kept = crate::install::record::hotpatch_folder(record.plan.python());
        for entry in walkdir::WalkDir::new(prefix.join(&kept))
            .into_iter()
            .flatten()
        {
            let path = entry.path().strip_prefix(prefix).unwrap_or(entry.path());
            if entry.file_type().is_dir() {
                self.folders.insert(path.to_owned());
            } else {
                self.removed.insert(path.to_owned());
            }
        }
        self.folders.extend(kept.parent().map(Path::to_owned));
    }
}

/// Takes an installation out of its prefix, all of it or nothing.
///
/// # Errors
/// As [`Leaving::of`], and when the prefix cannot be changed: then it is as it was.
pub fn uninstall(
    prefix: &Path,
    version: PythonVersion,
    reporter: &dyn Reporter,
) -> Result<Leaving, Error> {
    // Without this, opening the transaction would make a prefix that is not there.
    Leaving::of(prefix, version)?;
    let mut transaction = Transaction::begin(prefix, reporter)?;
    let leaving = Leaving::of(prefix, version)?;
    for (path, target) in &leaving.turned {
        transaction.add_link(path, target)?;
    }
    for (path, twin) in &leaving.restored {
        transaction.add_copy(path, &prefix.join(twin))?;
    }
    // The record last.
    let last = record::folder(version).join(record::RECORD);
    for path in leaving.removed.iter().filter(|path| **path != last) {
        transaction.remove(path);
    }
    transaction.remove(&last);
    transaction.may_go(leaving.folders.iter().cloned());
    transaction.commit()?;
    Ok(leaving)
}

/// Another file of `installation` in the same folder that was installed with the same content as the one
/// at `path`, and still has it; `None` if the file at `path` has that content itself.
fn twin_of(path: &Path, installation: &Manifest, prefix: &Path) -> io::Result<Option<PathBuf>> {
    let Some(item @ Item::File(..)) = installation.get(path) else {
        return Ok(None);
    };
    let holds_it = |path: &Path| -> io::Result<bool> {
        let found = Item::at(&prefix.join(path))?;
        Ok(found.is_some_and(|found| found.holds_the_same(item)))
    };
    if holds_it(path)? {
        return Ok(None);
    }
    for (other, known) in installation.items() {
        if other.parent() == path.parent() && known.holds_the_same(item) && holds_it(other)? {
            return Ok(Some(other.to_owned()));
        }
    }
    Ok(None)
}

/// The source that a compiled file is made from: `a.py` of `__pycache__/a.cpython-311.opt-1.pyc`, or of
/// `a.pyc`; `None` for any other file.
fn source_of(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let stem = name
        .strip_suffix(".pyc")
        .or_else(|| name.strip_suffix(".pyo"))?;
    let folder = path.parent()?;
    if folder.ends_with("__pycache__") {
        let module = stem.split('.').next()?;
        Some(folder.parent()?.join(format!("{module}.py")))
    } else {
        Some(folder.join(format!("{stem}.py")))
    }
}

fn names_in(folder: &Path) -> io::Result<Vec<std::ffi::OsString>> {
    match fs_err::read_dir(folder) {
        Ok(entries) => entries.map(|entry| Ok(entry?.file_name())).collect(),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(Vec::new())
        }
        Err(error) => Err(error),
    }
}

/// Projects that were installed into site-packages later, a newer pip among them.
#[derive(Default)]
struct LaterPackages {
    names: Vec<String>,
    /// What their `RECORD` lists, below the prefix.
    files: BTreeSet<PathBuf>,
}

impl LaterPackages {
    fn find(prefix: &Path, manifest: &Manifest) -> Self {
        let mut found = Self::default();
        let folders: BTreeSet<PathBuf> = manifest.paths().filter_map(site_packages).collect();
        for folder in folders {
            let mut names = names_in(&prefix.join(&folder)).unwrap_or_default();
            names.sort();
            for name in names {
                let metadata = folder.join(&name);
                let name = name.to_string_lossy();
                let project = name
                    .strip_suffix(".dist-info")
                    .or_else(|| name.strip_suffix(".egg-info"));
                let ours = || manifest.paths().any(|path| path.starts_with(&metadata));
                let Some(project) = project.filter(|_| !ours()) else {
                    continue;
                };
                found.names.push(project.replacen('-', " ", 1));
                let record = fs_err::read_to_string(prefix.join(&metadata).join("RECORD"));
                for line in record.unwrap_or_default().lines() {
                    let path = crate::plan::wheel_record::recorded_path(line, &folder);
                    found.files.extend(path.filter(|path| is_below(path)));
                }
            }
        }
        found
    }
}

/// `lib/python3.11/site-packages` of a path below it.
fn site_packages(path: &Path) -> Option<PathBuf> {
    let folder = path
        .ancestors()
        .find(|folder| folder.ends_with("site-packages"))?;
    Some(folder.to_owned())
}
