//! Uninstallation: removes exactly the files that an installation brought into its prefix.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::bytecode::source_of;
use super::dist_info::record_in;
use super::error::Error;
use super::manifest::{Item, Manifest};
use super::record::{self, Record};
use super::statements;
use crate::fs::list::names_in;
use crate::plan::version::PythonVersion;
use crate::progress::{self, Level, Reporter};
use crate::timeline;
use crate::transaction::Transaction;
use crate::transaction::journal::is_below;

/// The fate of each file of an installation that is uninstalled. All paths are below the prefix.
#[derive(Debug, Default)]
pub struct Uninstallation {
    /// Files and links to remove, the record's own among them.
    pub removed: BTreeSet<PathBuf>,
    /// Files that were changed after the installation; they stay.
    changed: Vec<PathBuf>,
    /// Files that another installation in the prefix lists too; they stay.
    shared: Vec<PathBuf>,
    /// Shared links, and the targets that the other installation gave them.
    relinked: Vec<(PathBuf, PathBuf)>,
    /// Shared files with the content of this installation, and a file in the same folder with the
    /// content of the other one: `bin/pip3`, `bin/pip3.11`.
    restored: Vec<(PathBuf, PathBuf)>,
    /// Projects in site-packages that were installed later; they stay.
    packages: Vec<String>,
    /// Folders to remove if they are empty then; the empty path is the prefix.
    folders: BTreeSet<PathBuf>,
}

impl Uninstallation {
    /// Plans the uninstallation of `version`. Nothing is changed.
    pub fn plan(prefix: &Path, version: PythonVersion) -> Result<Self, Error> {
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
        // No pybuild writes a list that leads out of the prefix.
        if !manifest.paths().all(is_below) {
            return Err(not_understood());
        }
        let mut plan = Self {
            folders: record::made_folders(prefix, &name).map_err(unreadable)?,
            ..Self::default()
        };
        plan.folders.retain(|folder| is_below(folder));
        plan.sort(prefix, &manifest, &others)
            .and_then(|()| plan.add_compiled(prefix, version))
            .map_err(unreadable)?;
        plan.add_package_folders();
        plan.add_record_files(prefix, &record);
        Ok(plan)
    }

    /// Decides the fate of each listed file.
    fn sort(
        &mut self,
        prefix: &Path,
        manifest: &Manifest,
        others: &[(String, Manifest)],
    ) -> io::Result<()> {
        let later = self.add_later_packages(prefix, manifest);
        let mut changed_compiled = Vec::new();
        for (path, item) in manifest.items() {
            let file = prefix.join(path);
            if file.symlink_metadata().is_err() || later.contains(path) {
                continue;
            }
            let found = Item::at(&file)?;
            let is_unchanged = found.is_some_and(|found| found.holds_the_same(item));
            if let Some((_, other)) = others.iter().find(|(_, other)| other.contains(path)) {
                if is_unchanged {
                    match (item, other.get(path)) {
                        (Item::Link(ours), Some(Item::Link(theirs))) if ours != theirs => {
                            self.relinked.push((path.to_owned(), theirs.clone()));
                        }
                        _ => {
                            let twin = twin_of(path, other, prefix)?;
                            self.restored
                                .extend(twin.map(|twin| (path.to_owned(), twin)));
                        }
                    }
                }
                self.shared.push(path.to_owned());
            } else if is_unchanged {
                self.removed.insert(path.to_owned());
            } else if source_of(path).is_some() {
                changed_compiled.push(path.to_owned());
            } else {
                self.changed.push(path.to_owned());
            }
        }
        // Python may write a compiled file again at any time, so it goes with its source.
        for path in changed_compiled {
            match source_of(&path) {
                Some(source) if self.removed.contains(&source) => drop(self.removed.insert(path)),
                _ => self.changed.push(path),
            }
        }
        Ok(())
    }

    /// Finds projects that were installed later, such as a newer pip; returns the files in their
    /// `RECORD`s.
    fn add_later_packages(&mut self, prefix: &Path, manifest: &Manifest) -> BTreeSet<PathBuf> {
        let mut files = BTreeSet::new();
        let folders: BTreeSet<PathBuf> = manifest.paths().filter_map(site_packages).collect();
        for folder in folders {
            for name in names_in(&prefix.join(&folder)).unwrap_or_default() {
                let metadata = folder.join(&name);
                let name = name.to_string_lossy();
                let project = name
                    .strip_suffix(".dist-info")
                    .or_else(|| name.strip_suffix(".egg-info"));
                let is_ours = || manifest.paths().any(|path| path.starts_with(&metadata));
                if let Some(project) = project.filter(|_| !is_ours()) {
                    self.packages.push(project.replacen('-', " ", 1));
                    let entries = record_in(&prefix.join(&metadata)).into_iter();
                    let paths = entries.map(|entry| entry.path(&folder));
                    files.extend(paths.filter(|path| is_below(path)));
                }
            }
        }
        files
    }

    /// Adds the files that Python compiled from sources that are removed (PEP 3147; beside the source
    /// for 2.7). Otherwise no folder would ever be empty.
    fn add_compiled(&mut self, prefix: &Path, version: PythonVersion) -> io::Result<()> {
        let (major, minor) = version.series();
        let tags = ["", "t"].map(|end| format!(".cpython-{major}{minor}{end}."));
        let sources = self.removed.iter();
        let folders: BTreeSet<PathBuf> = sources
            .filter(|path| path.extension().is_some_and(|ending| ending == "py"))
            .filter_map(|path| Some(path.parent()?.to_owned()))
            .collect();
        for folder in folders {
            for (place, tagged) in [(folder.join("__pycache__"), true), (folder, false)] {
                for name in names_in(&prefix.join(&place))? {
                    let path = place.join(name);
                    let name = path.to_string_lossy();
                    let is_of_this_python = !tagged || tags.iter().any(|tag| name.contains(tag));
                    if is_of_this_python
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

    /// Adds the folders of removed packages: a hotpatch may have made them after the installation.
    fn add_package_folders(&mut self) {
        for path in &self.removed {
            if let Some(site) = site_packages(path) {
                let folders = path.ancestors().skip(1);
                let folders = folders.take_while(|folder| **folder != *site);
                self.folders.extend(folders.map(Path::to_owned));
            }
        }
    }

    /// Adds the record files and the originals of a hotpatch.
    fn add_record_files(&mut self, prefix: &Path, record: &Record) {
        let folder = record::folder(record.plan.python());
        let names = [record::FILES, record::FOLDERS, record::LOG, record::RECORD];
        let names = names
            .into_iter()
            .chain(timeline::FILES)
            .chain(statements::FILES);
        let patches = record.patches.iter().map(String::as_str);
        for name in names.chain(patches) {
            let path = folder.join(name);
            if is_below(&path) && prefix.join(&path).symlink_metadata().is_ok() {
                self.removed.insert(path);
            }
        }
        self.folders.insert(folder);
        let hotpatch = record::hotpatch_folder(record.plan.python());
        for entry in walkdir::WalkDir::new(prefix.join(&hotpatch))
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
        self.folders.extend(hotpatch.parent().map(Path::to_owned));
    }

    /// Reports the files that stay, and why.
    pub fn report(&self, prefix: &Path, reporter: &dyn Reporter) {
        let report = |event: Event<'_>| reporter.report(&event);
        for path in &self.changed {
            report(Event::Changed(prefix.join(path)));
        }
        for (path, other) in self.relinked.iter().chain(&self.restored) {
            let is_link = self.relinked.iter().any(|(link, _)| link == path);
            report(Event::Restored {
                path: prefix.join(path),
                other,
                is_link,
            });
        }
        let is_named = |path: &Path| {
            let mut named = self.relinked.iter().chain(&self.restored);
            named.any(|(other, _)| other == path)
        };
        let shared = self.shared.iter().map(PathBuf::as_path);
        let shared: Vec<&Path> = shared.filter(|path| !is_named(path)).collect();
        if !shared.is_empty() {
            report(Event::Shared(&shared));
        }
        if !self.packages.is_empty() {
            report(Event::LaterPackages(&self.packages));
        }
    }
}

/// A file that stays in the prefix.
enum Event<'a> {
    Changed(PathBuf),
    Restored {
        path: PathBuf,
        other: &'a Path,
        is_link: bool,
    },
    Shared(&'a [&'a Path]),
    LaterPackages(&'a [String]),
}

impl progress::Event for Event<'_> {
    fn level(&self) -> Level {
        match self {
            Self::Changed(_) => Level::Warning,
            _ => Level::Note,
        }
    }
}

impl fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed(path) => {
                let path = path.display();
                write!(f, "{path} was changed after it was installed, and stays")
            }
            Self::Restored {
                path,
                other,
                is_link,
            } => {
                let verb = if *is_link { "points at" } else { "is" };
                let (path, other) = (path.display(), other.display());
                write!(f, "{path} {verb} {other} of the installation that stays")
            }
            Self::Shared(paths) => {
                let paths: Vec<String> = paths
                    .iter()
                    .map(|path| path.display().to_string())
                    .collect();
                write!(
                    f,
                    "files that another installation in the prefix lists too stay: {}",
                    paths.join(", ")
                )
            }
            Self::LaterPackages(names) => {
                let (plural, verb) = match names.len() {
                    1 => ("", "stays"),
                    _ => ("s", "stay"),
                };
                write!(
                    f,
                    "{} package{plural} in site-packages came later and {verb}: {}",
                    names.len(),
                    names.join(", ")
                )
            }
        }
    }
}

/// Removes an installation from its prefix, all of it or nothing.
///
/// # Errors
/// As [`Uninstallation::plan`], and when the prefix cannot be changed, which leaves it unchanged.
pub fn uninstall(
    prefix: &Path,
    version: PythonVersion,
    reporter: &dyn Reporter,
) -> Result<Uninstallation, Error> {
    // Opening a transaction would make a prefix that is not there.
    Uninstallation::plan(prefix, version)?;
    let mut transaction = Transaction::begin(prefix, reporter)?;
    let plan = Uninstallation::plan(prefix, version)?;
    let failed = |source| Error::of_records(prefix, source);
    for (path, target) in &plan.relinked {
        let link = transaction.staging_path(path)?;
        std::os::unix::fs::symlink(target, link).map_err(failed)?;
    }
    for (path, twin) in &plan.restored {
        let copy = transaction.staging_path(path)?;
        fs_err::copy(prefix.join(twin), copy).map_err(failed)?;
    }
    // The record last.
    let last = record::folder(version).join(record::RECORD);
    for path in plan.removed.iter().filter(|path| **path != last) {
        transaction.remove(path);
    }
    transaction.remove(&last);
    transaction.remove_if_empty(plan.folders.iter().cloned());
    transaction.commit()?;
    Ok(plan)
}

/// Another file of `installation` in the folder of `path` that was installed with the same content and
/// still has it; `None` if the file at `path` has that content itself.
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

/// `lib/python3.11/site-packages` of a path below it.
fn site_packages(path: &Path) -> Option<PathBuf> {
    let mut folders = path.ancestors();
    let folder = folders.find(|folder| folder.ends_with("site-packages"))?;
    Some(folder.to_owned())
}
