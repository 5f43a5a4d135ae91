//! Step 9: the recorded installation becomes the prefix, or part of it.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use super::error::{Error, counted, shown};
use super::foreign::FilesInTheWay;
use super::leftovers::{other_bundled_wheels, recorded_files, stale_libraries};
use super::manifest::Manifest;
use super::record::{self, Record};
use super::recorded::RecordedInstall;
use crate::failpoint::crash_point;
use crate::fs::durable::{bring, sync_file_system};
use crate::fs::scratch::ScratchFolder;
use crate::process::signals::HeldFolder;
use crate::progress::{Reporter, Unit};
use crate::transaction::{Transaction, beside, coming_name};

/// Moves the installation into its prefix: with one rename if the prefix is absent or empty, otherwise
/// with a [`Transaction`]. After an error, the prefix is unchanged.
pub(crate) fn commit(
    recorded: RecordedInstall,
    in_the_way: FilesInTheWay,
    reporter: &dyn Reporter,
) -> Result<Record, Error> {
    let mut phase = reporter.begin("commit", Unit::Steps, None);
    let (root, record, manifest) = (recorded.root(), recorded.record(), recorded.manifest());
    let prefix = record.plan.prefix();
    phase.set_current(&prefix.to_string());
    let mut made = folders_of(root).map_err(Error::Staging)?;
    if prefix.path().symlink_metadata().is_err() {
        made.insert(PathBuf::new());
    }
    let folders = root
        .join(record::folder(record.plan.python()))
        .join(record::FOLDERS);
    record::write_json(&folders, &made).map_err(Error::Staging)?;
    crash_point("commit.record-files");
    if !replace_whole(root, prefix.path())? {
        let merge = Merge {
            root,
            record,
            manifest,
            in_the_way,
            reporter,
        };
        merge.run(&folders)?;
    }
    crash_point("commit.done");
    phase.finish(&format!("{} files in {prefix}", manifest.len()));
    Ok(recorded.into_record())
}

/// The folders below `root`, relative to it.
fn folders_of(root: &Path) -> io::Result<BTreeSet<PathBuf>> {
    let mut folders = BTreeSet::new();
    for entry in walkdir::WalkDir::new(root).min_depth(1) {
        let entry = entry?;
        if entry.file_type().is_dir() {
            let path = entry.path().strip_prefix(root).unwrap_or(entry.path());
            folders.insert(path.to_owned());
        }
    }
    Ok(folders)
}

/// Renames the staged tree to an absent or empty prefix. `false` when the prefix holds something,
/// or is a mount point.
fn replace_whole(root: &Path, prefix: &Path) -> Result<bool, Error> {
    let failed = |source| Error::Prefix {
        prefix: prefix.to_owned(),
        source,
    };
    match fs_err::read_dir(prefix) {
        // A link to a folder must stay a link.
        Ok(_) if prefix.is_symlink() => return Ok(false),
        Ok(mut entries) => {
            if entries.next().is_some() {
                return Ok(false);
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    let parent = prefix.parent().unwrap_or(Path::new("/"));
    fs_err::create_dir_all(parent).map_err(failed)?;
    sync_file_system(root).map_err(Error::Staging)?;
    crash_point("replace.synced");
    match std::fs::rename(root, prefix) {
        Ok(()) => crash_point("replace.renamed"),
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
            let name = beside(prefix).map(|(_, name)| name).unwrap_or_default();
            let scratch = ScratchFolder::new(parent, &coming_name(&name)).map_err(failed)?;
            let _held = HeldFolder::new(scratch.path().to_owned());
            let copy = scratch.path().join("prefix");
            copy_tree(root, &copy).map_err(failed)?;
            sync_file_system(&copy).map_err(failed)?;
            crash_point("replace.copied");
            if let Err(error) = std::fs::rename(&copy, prefix) {
                return not_replaceable(error).map_err(failed);
            }
        }
        Err(error) => return not_replaceable(error).map_err(failed),
    }
    fs_err::File::open(parent)
        .and_then(|folder| folder.sync_all())
        .map_err(failed)?;
    Ok(true)
}

/// A mount point cannot be renamed over, and something may have come into the prefix meanwhile.
fn not_replaceable(error: io::Error) -> io::Result<bool> {
    match error.kind() {
        io::ErrorKind::ResourceBusy | io::ErrorKind::DirectoryNotEmpty => Ok(false),
        _ => Err(error),
    }
}

fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    for entry in walkdir::WalkDir::new(from) {
        let entry = entry?;
        let target = to.join(entry.path().strip_prefix(from).unwrap_or(entry.path()));
        if entry.file_type().is_dir() {
            fs_err::create_dir_all(&target)?;
        } else if entry.file_type().is_symlink() {
            std::os::unix::fs::symlink(fs_err::read_link(entry.path())?, &target)?;
        } else {
            bring(entry.path(), &target)?;
        }
    }
    Ok(())
}

/// What is put into a prefix that holds something already.
struct Merge<'a> {
    root: &'a Path,
    record: &'a Record,
    manifest: &'a Manifest,
    in_the_way: FilesInTheWay,
    reporter: &'a dyn Reporter,
}

impl Merge<'_> {
    /// Everything in one transaction; `folders` is the list of folders among the papers.
    fn run(&self, folders: &Path) -> Result<(), Error> {
        let (root, record, manifest) = (self.root, self.record, self.manifest);
        let prefix = record.plan.prefix().path();
        let mut transaction = Transaction::begin(prefix, self.reporter)?;
        let unreadable = |source| Error::of_records(prefix, source);
        let earlier = record::manifests(prefix).map_err(unreadable)?;
        let made_before = made_before(prefix, &earlier).map_err(unreadable)?;
        let mut packages = package_folders(manifest);
        let other_versions = other_versions(prefix, &packages);
        let mut replaced = BTreeSet::new();
        for info in &other_versions {
            let recorded = recorded_files(prefix, info);
            packages.extend(recorded.folders);
            replaced.extend(recorded.files);
        }
        packages.extend(other_versions);
        replaced.extend(other_bundled_wheels(prefix, manifest));
        // Scripts such as pip3 may be those of another series meanwhile.
        replaced.retain(|path| !earlier.iter().any(|(_, files)| files.contains(path)));
        if self.in_the_way == FilesInTheWay::Stop {
            let foreign: Vec<PathBuf> = manifest
                .paths()
                .filter(|path| !earlier.iter().any(|(_, ours)| ours.contains(path)))
                .filter(|path| !packages.iter().any(|folder| path.starts_with(folder)))
                .map(|path| prefix.join(path))
                .filter(|path| path.symlink_metadata().is_ok())
                .collect();
            if !foreign.is_empty() {
                return Err(Error::InTheWay { paths: foreign });
            }
        }
        let record_folder = record::folder(record.plan.python());
        let hotpatch = crate::install::record::hotpatch_folder(record.plan.python());
        let mut outdated = outdated(record, manifest, &earlier, &packages);
        outdated.extend(replaced.into_iter().filter(|path| {
            !manifest.contains(path) && prefix.join(path).symlink_metadata().is_ok()
        }));
        let mut stale = stale_libraries(prefix, manifest, record.plan.python());
        stale.retain(|path| !outdated.contains(path));
        for path in outdated {
            let ours = |folder: &Path| {
                made_before.contains(folder)
                    || packages.iter().any(|package| folder.starts_with(package))
                    || folder.starts_with(&hotpatch)
                    || hotpatch.parent() == Some(folder)
                    || folder.ends_with("__pycache__")
            };
            let parents = path.ancestors().skip(1).filter(|folder| ours(folder));
            transaction.may_go(
                parents
                    .map(Path::to_owned)
                    .filter(|folder| !is_root(folder)),
            );
            transaction.remove(&path);
        }
        // Folders that are shared by two installations are both's, so that the last one takes them along.
        let mut made = folders_of(root).map_err(Error::Staging)?;
        made.retain(|folder| !prefix.join(folder).is_dir());
        made.extend(
            made_before
                .into_iter()
                .filter(|folder| prefix.join(folder).is_dir()),
        );
        record::write_json(folders, &made).map_err(Error::Staging)?;
        let mut papers = Vec::new();
        for entry in walkdir::WalkDir::new(root).sort_by_file_name() {
            let entry = entry.map_err(|error| Error::Staging(error.into()))?;
            if entry.file_type().is_dir() {
                continue;
            }
            let path = entry.path().strip_prefix(root).unwrap_or(entry.path());
            if path.starts_with(&record_folder) {
                papers.push(path.to_owned());
            } else {
                transaction.add(path, entry.path())?;
            }
        }
        // The record last: without it, nothing is installed.
        papers.sort_by_key(|path| path.ends_with(record::RECORD));
        for path in papers {
            transaction.add(&path, &root.join(&path))?;
        }
        transaction.commit()?;
        if !stale.is_empty() {
            self.reporter.warn(&format!(
                "{} of an earlier Python {} in {} stay, and programs may load them: {}",
                counted(&stale),
                record.plan.python().short(),
                prefix.display(),
                shown(&stale)
            ));
        }
        Ok(())
    }
}

fn is_root(folder: &Path) -> bool {
    folder.as_os_str().is_empty()
}

/// The folders that earlier installations in the prefix made.
fn made_before(prefix: &Path, earlier: &[(String, Manifest)]) -> io::Result<BTreeSet<PathBuf>> {
    let mut made = BTreeSet::new();
    for (name, _) in earlier {
        made.extend(record::made_folders(prefix, name)?);
    }
    Ok(made)
}

/// What an earlier installation of the same series brought and this one does not, and what is left
/// of another pip or setuptools in the folders that this one fills.
fn outdated(
    record: &Record,
    manifest: &Manifest,
    earlier: &[(String, Manifest)],
    packages: &BTreeSet<PathBuf>,
) -> BTreeSet<PathBuf> {
    let prefix = record.plan.prefix().path();
    let version = record.plan.python();
    let mut outdated = BTreeSet::new();
    for (name, files) in earlier {
        let same_series = name
            .parse::<crate::plan::version::PythonVersion>()
            .is_ok_and(|other| other.series() == version.series());
        if same_series {
            outdated.extend(files.paths().map(Path::to_owned));
            let folder = record::records().join(name);
            outdated.extend(files_below(prefix, &folder));
        }
    }
    for folder in packages {
        outdated.extend(files_below(prefix, folder));
    }
    // What was kept of an earlier interpreter must not be put back into this one.
    outdated.extend(files_below(
        prefix,
        &crate::install::record::hotpatch_folder(version),
    ));
    outdated.retain(|path| {
        let replaced = manifest.contains(path) || path.starts_with(record::folder(version));
        !replaced
    });
    outdated
}

fn files_below(prefix: &Path, folder: &Path) -> Vec<PathBuf> {
    walkdir::WalkDir::new(prefix.join(folder))
        .into_iter()
        .filter_map(Result::ok)
        .filter(|entry| !entry.file_type().is_dir())
        .filter_map(|entry| Some(entry.path().strip_prefix(prefix).ok()?.to_owned()))
        .collect()
}

/// The folders in `site-packages` that belong to the projects that this installation brings there:
/// `pip`, `pip-24.0.dist-info` and so on. Two versions of a project in one folder would be a
/// mixture, so these folders are replaced as a whole.
fn package_folders(manifest: &Manifest) -> BTreeSet<PathBuf> {
    manifest
        .paths()
        .filter_map(|path| {
            let mut parts = path.components();
            parts
                .by_ref()
                .find(|part| part.as_os_str() == OsStr::new("site-packages"))?;
            let package = parts.next()?;
            // A file in `site-packages` itself is a module, not a folder.
            parts.next()?;
            let mut folder: PathBuf = path
                .components()
                .take_while(|part| part.as_os_str() != OsStr::new("site-packages"))
                .collect();
            folder.push("site-packages");
            folder.push(package);
            // Compiled modules of everybody lie there.
            (package.as_os_str() != OsStr::new("__pycache__")).then_some(folder)
        })
        .collect()
}

/// The `*.dist-info` folders in the prefix that are of the same projects in other versions.
fn other_versions(prefix: &Path, packages: &BTreeSet<PathBuf>) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for folder in packages {
        let Some((parent, project)) = dist_info_project(folder) else {
            continue;
        };
        let Ok(entries) = fs_err::read_dir(prefix.join(&parent)) else {
            continue;
        };
        for entry in entries.filter_map(Result::ok) {
            let path = parent.join(entry.file_name());
            if dist_info_project(&path).is_some_and(|(_, other)| other == project) {
                found.insert(path);
            }
        }
    }
    found
}

fn dist_info_project(folder: &Path) -> Option<(PathBuf, String)> {
    let name = folder.file_name()?.to_str()?.strip_suffix(".dist-info")?;
    let (project, _) = name.split_once('-')?;
    Some((folder.parent()?.to_owned(), project.to_owned()))
}
