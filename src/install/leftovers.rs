//! Files of an earlier interpreter in the prefix that pybuild did not install, and that would disturb
//! the new one.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::manifest::Manifest;
use crate::digest::Sha256;
use crate::plan::version::PythonVersion;
use crate::plan::wheel_name::WheelName;
use crate::transaction::journal::is_below;

/// The wheels of pip and setuptools in the folder from which the new `ensurepip` takes its own. From
/// 3.10 on it may choose any that is there. Other projects' wheels are the user's.
pub(super) fn other_bundled_wheels(prefix: &Path, manifest: &Manifest) -> Vec<PathBuf> {
    let folders: BTreeSet<&Path> = manifest
        .paths()
        .filter_map(Path::parent)
        .filter(|folder| folder.ends_with("ensurepip/_bundled"))
        .collect();
    let names = folders
        .iter()
        .flat_map(|folder| names_in(prefix, folder).map(|name| folder.join(name)));
    names
        .filter(|path| {
            let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
            let wheel = name.parse::<WheelName>();
            wheel.is_ok_and(|wheel| ["pip", "setuptools"].contains(&wheel.project()))
        })
        .filter(|path| !manifest.contains(path))
        .collect()
}

/// The files outside of package folders that an installed project's `RECORD` (PEP 376) lists and that
/// are as it says: scripts, modules and .pth files. `info` is its `dist-info` folder; all paths are below
/// the prefix.
pub(super) fn recorded_files(prefix: &Path, info: &Path) -> Recorded {
    let mut recorded = Recorded::default();
    let text = fs_err::read_to_string(prefix.join(info).join("RECORD")).unwrap_or_default();
    let Some(site_packages) = info.parent() else {
        return recorded;
    };
    for line in text.lines() {
        let Some(path) = crate::plan::wheel_record::recorded_path(line, site_packages) else {
            continue;
        };
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
                let hash = line.rsplit(',').nth(1).unwrap_or_default();
                let is_as_recorded = if hash.is_empty() {
                    inside.is_some()
                } else {
                    let found = Sha256::of_file(&prefix.join(&path));
                    found.is_ok_and(|found| {
                        hash == format!("sha256={}", URL_SAFE_NO_PAD.encode(found.as_bytes()))
                    })
                };
                if is_as_recorded {
                    recorded.files.insert(path);
                }
            }
        }
    }
    recorded
}

/// The parts of an installed project; all paths are below the prefix.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    /// Folders in site-packages.
    pub folders: BTreeSet<PathBuf>,
    /// Other files.
    pub files: BTreeSet<PathBuf>,
}

/// Libraries and extension modules of an earlier interpreter of the series, sorted. The new one, or a
/// program that embeds it, may load them.
pub(super) fn stale_libraries(
    prefix: &Path,
    manifest: &Manifest,
    version: PythonVersion,
) -> Vec<PathBuf> {
    let library = format!("libpython{}", version.short());
    let is_libpython = |name: &OsStr| {
        let rest = name.to_str().and_then(|name| name.strip_prefix(&library));
        rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    let lib = Path::new("lib");
    let modules = lib.join(format!("python{}/lib-dynload", version.short()));
    let libraries = names_in(prefix, lib).filter(|name| is_libpython(name));
    let libraries = libraries.map(|name| lib.join(name));
    let modules = names_in(prefix, &modules)
        .filter(|name| Path::new(name).extension() == Some(OsStr::new("so")))
        .map(|name| modules.join(name));
    let found: BTreeSet<PathBuf> = libraries.chain(modules).collect();
    found
        .into_iter()
        .filter(|path| !manifest.contains(path))
        .collect()
}

fn names_in(prefix: &Path, folder: &Path) -> impl Iterator<Item = std::ffi::OsString> + use<> {
    let entries = fs_err::read_dir(prefix.join(folder)).into_iter().flatten();
    entries.flatten().map(|entry| entry.file_name())
}
