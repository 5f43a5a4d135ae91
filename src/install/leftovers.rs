//! Files of an earlier interpreter in the prefix that pybuild did not install and that would affect the
//! new one.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::bytecode::source_of;
use super::dist_info::record_in;
use super::manifest::Manifest;
use crate::digest::Sha256;
use crate::fs::list::names_in;
use crate::plan::version::PythonVersion;
use crate::plan::wheel_name::WheelName;
use crate::transaction::journal::is_below;

/// The other wheels of pip and setuptools in the folder from which the new `ensurepip` takes its own.
/// From 3.10 on it may choose any that is there. Wheels of other projects are the user's.
pub(super) fn other_bundled_wheels(prefix: &Path, manifest: &Manifest) -> Vec<PathBuf> {
    let folders = manifest.paths().filter_map(Path::parent);
    let folders: BTreeSet<&Path> = folders
        .filter(|folder| folder.ends_with("ensurepip/_bundled"))
        .collect();
    let files = folders.iter().flat_map(|folder| files_in(prefix, folder));
    files
        .filter(|path| {
            let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
            let wheel = name.parse::<WheelName>();
            wheel.is_ok_and(|wheel| ["pip", "setuptools"].contains(&wheel.project()))
        })
        .filter(|path| !manifest.contains(path))
        .collect()
}

/// The parts of an installed project; all paths are below the prefix.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    /// Folders in site-packages.
    pub folders: BTreeSet<PathBuf>,
    /// Other files that still have their recorded content: scripts, modules and .pth files.
    pub files: BTreeSet<PathBuf>,
}

impl Recorded {
    /// Reads the `RECORD` in the metadata folder `info`.
    pub fn of(prefix: &Path, info: &Path) -> Self {
        let mut recorded = Self::default();
        let site_packages = info.parent().unwrap_or(Path::new(""));
        for entry in record_in(&prefix.join(info)) {
            let path = entry.path(site_packages);
            if !is_below(&path) {
                continue;
            }
            let inside = path.strip_prefix(site_packages).ok();
            let mut parts = inside.into_iter().flat_map(Path::iter);
            match (parts.next(), parts.next()) {
                (Some(folder), Some(_)) if folder != OsStr::new("__pycache__") => {
                    recorded.folders.insert(site_packages.join(folder));
                }
                _ => {
                    let is_as_recorded = if entry.hash.is_empty() {
                        inside.is_some()
                    } else {
                        let found = Sha256::of_file(&prefix.join(&path));
                        found.is_ok_and(|found| entry.has_digest(found))
                    };
                    if is_as_recorded {
                        recorded.files.insert(path);
                    }
                }
            }
        }
        recorded
    }
}

/// Libraries and extension modules of an earlier interpreter of the series, sorted. The new one, or a
/// program that embeds it, may load them.
pub(super) fn stale_libraries(
    prefix: &Path,
    manifest: &Manifest,
    version: PythonVersion,
) -> Vec<PathBuf> {
    let library = format!("libpython{}", version.short());
    let is_libpython = |path: &PathBuf| {
        let name = path.file_name().and_then(OsStr::to_str);
        let rest = name.and_then(|name| name.strip_prefix(&library));
        rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    let lib = Path::new("lib");
    let libraries = files_in(prefix, lib).filter(is_libpython);
    let modules = lib.join(format!("python{}/lib-dynload", version.short()));
    let modules =
        files_in(prefix, &modules).filter(|path| path.extension() == Some(OsStr::new("so")));
    let found: BTreeSet<PathBuf> = libraries.chain(modules).collect();
    let stale = found.into_iter().filter(|path| !manifest.contains(path));
    stale.collect()
}

/// Compiled modules in the prefix that Python itself wrote, of sources that change. All files of a release have
/// one time, so Python would take such a module for that of a new source with the same size.
pub(super) fn stale_byte_code(
    prefix: &Path,
    manifest: &Manifest,
    changed: &[PathBuf],
) -> BTreeSet<PathBuf> {
    let sources: BTreeSet<&Path> = changed
        .iter()
        .map(PathBuf::as_path)
        .filter(|path| path.extension() == Some(OsStr::new("py")))
        .collect();
    let folders: BTreeSet<&Path> = sources.iter().filter_map(|path| path.parent()).collect();
    let places = folders
        .iter()
        .flat_map(|folder| [folder.join("__pycache__"), (*folder).to_owned()]);
    let files = places.flat_map(|place| files_in(prefix, &place));
    let of_changed =
        |path: &PathBuf| source_of(path).is_some_and(|source| sources.contains(&*source));
    files
        .filter(|path| !manifest.contains(path) && of_changed(path))
        .collect()
}

/// The paths in a folder below the prefix.
fn files_in(prefix: &Path, folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let folder = folder.to_owned();
    let names = names_in(&prefix.join(&folder)).unwrap_or_default();
    names.into_iter().map(move |name| folder.join(name))
}
