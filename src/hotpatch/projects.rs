//! The files of installed projects: those in site-packages, their scripts, and files that other versions
//! may replace.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use crate::fs::list::files_below;
use crate::hotpatch::error::Error;
use crate::hotpatch::originals::Original;
use crate::hotpatch::target::Target;
use crate::install::dist_info::{DistInfo, record_in};
use crate::plan::wheel_record::RecordEntry;

/// The `dist-info` folders of these projects in site-packages.
fn dist_infos(target: &Target, projects: &BTreeSet<String>) -> Result<Vec<DistInfo>, Error> {
    let mut found = DistInfo::all_in(&target.purelib).map_err(Error::file(&target.purelib))?;
    found.retain(|info| projects.contains(&info.project));
    Ok(found)
}

/// The files of these installed projects in the prefix, below it: those that their `RECORD` lists, and
/// all others in their folders.
pub(super) fn files_of(
    target: &Target,
    projects: &BTreeSet<String>,
) -> Result<BTreeSet<PathBuf>, Error> {
    let purelib = &target.purelib;
    let mut found = BTreeSet::new();
    for info in dist_infos(target, projects)? {
        let entries = record_in(&info.folder);
        let mut folders = BTreeSet::from([info.folder]);
        for path in entries.iter().map(|entry| entry.path(purelib)) {
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
        found.extend(folders.iter().flat_map(|folder| files_below(folder)));
    }
    let below = found.iter().map(|path| path.strip_prefix(&target.prefix));
    Ok(below.flatten().map(Path::to_owned).collect())
}

/// The projects whose files are among these originals.
pub(super) fn projects_of(originals: &BTreeMap<PathBuf, Original>) -> BTreeSet<String> {
    let folders = originals.keys().flat_map(|path| path.iter());
    let infos = folders.filter_map(|folder| DistInfo::of(folder.into()));
    infos.map(|info| info.project).collect()
}

/// The entries in the `RECORD`s of these projects, by path below the prefix.
pub(super) fn claims(
    target: &Target,
    projects: &BTreeSet<String>,
) -> Result<BTreeMap<PathBuf, RecordEntry>, Error> {
    let infos = dist_infos(target, projects)?;
    let entries = infos.iter().flat_map(|info| record_in(&info.folder));
    Ok(entries
        .map(|entry| (target.below_prefix(&entry.path(&target.purelib)), entry))
        .collect())
}

/// The files at which other versions of these projects may install theirs: scripts, and all in the
/// folders of the new files.
pub(super) fn unclaimed<'a>(
    target: &Target,
    projects: &BTreeSet<String>,
    new: impl Iterator<Item = &'a PathBuf>,
) -> io::Result<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(&target.scripts).into_iter().flatten() {
        let entry = entry?;
        let name = entry.file_name();
        let is_script = |project| may_be_script_of(project, &name.to_string_lossy());
        if !entry.file_type()?.is_dir() && projects.iter().any(|project| is_script(project)) {
            found.insert(entry.path());
        }
    }
    let purelib = target.below_prefix(&target.purelib);
    let folders: BTreeSet<&OsStr> = new
        .filter(|path| !is_loose(target, path))
        .filter_map(|path| path.strip_prefix(&purelib).ok()?.iter().next())
        .collect();
    for folder in folders {
        found.extend(files_below(&target.purelib.join(folder)));
    }
    Ok(found.iter().map(|path| target.below_prefix(path)).collect())
}

/// Whether some version of this project may install a script of that name: `pip`, `pip3`, `pip3.11`,
/// `easy_install-3.6`.
fn may_be_script_of(project: &str, name: &str) -> bool {
    let stem = match project {
        "setuptools" => "easy_install",
        other => other,
    };
    let is_version = |rest: &str| {
        rest.bytes()
            .all(|it| it.is_ascii_digit() || b"-.".contains(&it))
    };
    name.strip_prefix(stem).is_some_and(is_version)
}

/// Whether a path, below the prefix, is outside the projects' own folders: a script, or a file in
/// site-packages itself.
pub(super) fn is_loose(target: &Target, path: &Path) -> bool {
    let inside = path.strip_prefix(target.below_prefix(&target.purelib));
    let Ok(inside) = inside else { return true };
    inside.iter().count() < 2 || inside.starts_with("__pycache__")
}
