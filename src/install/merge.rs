//! An installation comes into a prefix that holds something already.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::dist_info::DistInfo;
use super::error::Error;
use super::foreign::FilesInTheWay;
use super::leftovers::{Recorded, other_bundled_wheels, stale_byte_code, stale_libraries};
use super::manifest::{Item, Manifest};
use super::record::{self, Record};
use crate::fs::list::files_below;
use crate::parallel::in_parallel;
use crate::plan::version::PythonVersion;
use crate::progress::{self, Level, Reporter};
use crate::transaction::{self, Transaction, counted, shown};

/// Files of an earlier interpreter that stay.
struct StaleLibraries<'a> {
    paths: Vec<PathBuf>,
    record: &'a Record,
}

impl progress::Event for StaleLibraries<'_> {
    fn level(&self) -> Level {
        Level::Warning
    }
}

impl fmt::Display for StaleLibraries<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} of an earlier Python {} stay in {}, and programs may load them: {}",
            counted(&self.paths),
            self.record.plan.python().short(),
            self.record.plan.prefix().path().display(),
            shown(&self.paths)
        )
    }
}

/// The staged tree of a new installation and what decides about files that are there.
pub(super) struct Merge<'a> {
    pub root: &'a Path,
    pub record: &'a Record,
    pub manifest: &'a Manifest,
    /// The folders of the tree.
    pub folders: BTreeSet<PathBuf>,
    pub in_the_way: FilesInTheWay,
    pub reporter: &'a dyn Reporter,
}

impl Merge<'_> {
    /// Puts the tree into the prefix in one transaction. `folder_list` is the staged list of folders.
    pub fn run(self, folder_list: &Path) -> Result<(), Error> {
        let (root, record, manifest) = (self.root, self.record, self.manifest);
        let prefix = record.plan.prefix().path();
        let mut transaction = Transaction::begin(prefix, self.reporter)?;
        let unreadable = |source| Error::of_records(prefix, source);
        let earlier = record::manifests(prefix).map_err(unreadable)?;
        let made_before = made_before(prefix, &earlier).map_err(unreadable)?;
        let is_ours = |path: &Path| earlier.iter().any(|(_, files)| files.contains(path));
        let mut packages = package_folders(manifest);
        let other_versions = other_versions(prefix, &packages);
        let mut replaced = BTreeSet::new();
        for info in &other_versions {
            let recorded = Recorded::of(prefix, info);
            packages.extend(recorded.folders);
            replaced.extend(recorded.files);
        }
        packages.extend(other_versions);
        replaced.extend(other_bundled_wheels(prefix, manifest));
        // Scripts such as pip3 may be those of another series by now.
        replaced.retain(|path| !is_ours(path));
        if self.in_the_way == FilesInTheWay::Stop {
            let paths: Vec<PathBuf> = manifest
                .paths()
                .filter(|path| !is_ours(path))
                .filter(|path| !packages.iter().any(|folder| path.starts_with(folder)))
                .map(|path| prefix.join(path))
                .filter(|path| path.symlink_metadata().is_ok())
                .collect();
            if !paths.is_empty() {
                return Err(transaction::Error::InTheWay { paths }.into());
            }
        }
        let mut outdated = outdated(record, manifest, &earlier, &packages);
        outdated.extend(replaced.into_iter().filter(|path| {
            !manifest.contains(path) && prefix.join(path).symlink_metadata().is_ok()
        }));
        let mut stale = stale_libraries(prefix, manifest, record.plan.python());
        stale.retain(|path| !outdated.contains(path));

        // Folders of two installations are listed by both, so that the last one removes them.
        let mut made = self.folders.clone();
        made.retain(|folder| !prefix.join(folder).is_dir());
        let shared = made_before.iter();
        made.extend(
            shared
                .filter(|folder| prefix.join(folder).is_dir())
                .cloned(),
        );
        record::write_json(folder_list, &made).map_err(Error::Staging)?;

        let staged = staged_files(root)?;
        let is_there = in_parallel(&staged, |path| self.is_there(path));
        let changed = staged.into_iter().zip(is_there);
        let changed = changed.filter_map(|(path, is_there)| (!is_there).then_some(path));
        let mut files: Vec<PathBuf> = changed.collect();
        outdated.extend(stale_byte_code(prefix, manifest, &files));
        let record_folder = record::folder(record.plan.python());
        // Wheels come before the texts that name them, and the record last: without a record, nothing is
        // installed.
        files.sort_by_key(|path| match path {
            path if path.extension() == Some(OsStr::new("whl")) => 0,
            path if path == &record_folder.join(record::RECORD) => 3,
            path if path.starts_with(&record_folder) => 2,
            _ => 1,
        });
        for path in files
            .iter()
            .filter(|path| !path.starts_with(&record_folder))
        {
            transaction.add(path, &root.join(path))?;
        }
        let hotpatch = record::hotpatch_folder(record.plan.python());
        for path in outdated {
            let is_removable = |folder: &&Path| {
                !folder.as_os_str().is_empty()
                    && (made_before.contains(*folder)
                        || packages.iter().any(|package| folder.starts_with(package))
                        || folder.starts_with(&hotpatch)
                        || hotpatch.parent() == Some(*folder)
                        || folder.ends_with("__pycache__"))
            };
            let folders = path.ancestors().skip(1).filter(is_removable);
            transaction.remove_if_empty(folders.map(Path::to_owned));
            transaction.remove(&path);
        }
        for path in files.iter().filter(|path| path.starts_with(&record_folder)) {
            transaction.add(path, &root.join(path))?;
        }
        transaction.commit()?;
        if !stale.is_empty() {
            self.reporter.report(&StaleLibraries {
                paths: stale,
                record,
            });
        }
        Ok(())
    }

    /// Whether the prefix has the file or link as it is in the staged tree, so that nothing has to change:
    /// most files of the same compile with another pin. The second of its time counts, as a compiled module
    /// names that of its source.
    fn is_there(&self, path: &Path) -> bool {
        let state = |root: &Path| {
            let found = root.join(path).symlink_metadata().ok()?;
            let time = (!found.is_symlink()).then(|| found.mtime());
            Some((found.uid(), found.gid(), time))
        };
        let prefix = self.record.plan.prefix().path();
        let item = self.manifest.get(path);
        state(self.root) == state(prefix)
            && matches!(Item::at(&prefix.join(path)), Ok(Some(found)) if Some(&found) == item)
    }
}

/// The files and links of the staged tree, sorted.
fn staged_files(root: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut files = Vec::new();
    for entry in walkdir::WalkDir::new(root).sort_by_file_name() {
        let entry = entry.map_err(|error| Error::Staging(error.into()))?;
        if !entry.file_type().is_dir() {
            let path = entry.path().strip_prefix(root).unwrap_or(entry.path());
            files.push(path.to_owned());
        }
    }
    Ok(files)
}

/// The folders that earlier installations in the prefix made.
fn made_before(prefix: &Path, earlier: &[(String, Manifest)]) -> io::Result<BTreeSet<PathBuf>> {
    let mut made = BTreeSet::new();
    for (name, _) in earlier {
        made.extend(record::made_folders(prefix, name)?);
    }
    Ok(made)
}

/// The files of earlier installations of the same series, and of other versions of the projects, that
/// the new installation does not replace.
fn outdated(
    record: &Record,
    manifest: &Manifest,
    earlier: &[(String, Manifest)],
    packages: &BTreeSet<PathBuf>,
) -> BTreeSet<PathBuf> {
    let prefix = record.plan.prefix().path();
    let version = record.plan.python();
    let mut outdated = BTreeSet::new();
    // The originals of a hotpatched interpreter must not be restored into the new one.
    let mut folders = vec![record::hotpatch_folder(version)];
    for (name, files) in earlier {
        let other = name.parse::<PythonVersion>();
        if other.is_ok_and(|other| other.series() == version.series()) {
            outdated.extend(files.paths().map(Path::to_owned));
            folders.push(record::records().join(name));
        }
    }
    for folder in folders.iter().chain(packages) {
        let files = files_below(&prefix.join(folder)).into_iter();
        outdated.extend(files.filter_map(|path| Some(path.strip_prefix(prefix).ok()?.to_owned())));
    }
    outdated.retain(|path| !manifest.contains(path) && !path.starts_with(record::folder(version)));
    outdated
}

/// The folders in `site-packages` of the projects that the installation brings: `pip`,
/// `pip-24.0.dist-info` and so on. They are replaced as a whole, so that no folder mixes two versions.
fn package_folders(manifest: &Manifest) -> BTreeSet<PathBuf> {
    let site_packages = OsStr::new("site-packages");
    let folder_of = |path: &Path| {
        let site = path
            .ancestors()
            .filter(|folder| folder.ends_with(site_packages));
        let site = site.last()?;
        let mut inside = path.strip_prefix(site).ok()?.iter();
        let package = inside.next()?;
        // A file in `site-packages` itself is a module, and compiled modules of all projects lie in
        // `__pycache__`.
        inside.next()?;
        (package != OsStr::new("__pycache__")).then(|| site.join(package))
    };
    manifest.paths().filter_map(folder_of).collect()
}

/// The `*.dist-info` folders in the prefix of the same projects, of any version.
fn other_versions(prefix: &Path, packages: &BTreeSet<PathBuf>) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for info in packages.iter().cloned().filter_map(DistInfo::of) {
        let site = prefix.join(info.folder.parent().unwrap_or(Path::new("")));
        let others = DistInfo::of_project(&site, &info.project).unwrap_or_default();
        let folders = others.into_iter().map(|other| other.folder);
        found.extend(
            folders.filter_map(|folder| Some(folder.strip_prefix(prefix).ok()?.to_owned())),
        );
    }
    found
}
