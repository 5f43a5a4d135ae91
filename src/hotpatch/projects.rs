//! The files of installed projects: those in site-packages, their scripts, and what may take their place.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use super::{Error, Target};
use crate::hotpatch::originals::Originals;
use crate::plan::wheel_name::normalised;
use crate::plan::wheel_record::recorded_path;

/// The files in the prefix that belong to these installed projects, below the prefix:
/// what their `RECORD` names, and whatever else lies in their folders.
///
/// # Errors
/// When a folder cannot be read.
pub(super) fn files_of(
    target: &Target,
    projects: &BTreeSet<String>,
) -> Result<BTreeSet<PathBuf>, Error> {
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

/// The projects whose files, old or new, are on a originals.
pub(super) fn projects_on(originals: &Originals) -> BTreeSet<String> {
    let folders = originals.items().keys().flat_map(|path| path.iter());
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

pub(super) fn files_below(folder: &Path) -> Vec<PathBuf> {
    walkdir::WalkDir::new(folder)
        .into_iter()
        .filter_map(Result::ok)
        .filter(|entry| !entry.file_type().is_dir())
        .map(walkdir::DirEntry::into_path)
        .collect()
}

/// The files that the `RECORD`s of these projects name, below the prefix, and the digests that they give
/// (SHA-256 in base64, PEP 376 and PEP 427).
pub(super) fn claims(
    target: &Target,
    projects: &BTreeSet<String>,
) -> io::Result<BTreeMap<PathBuf, Option<String>>> {
    let mut claims = BTreeMap::new();
    for project in projects {
        for info in dist_infos(target.purelib(), project)? {
            let record = fs_err::read_to_string(info.join("RECORD")).unwrap_or_default();
            for line in record.lines() {
                let digest = line.rsplit(',').nth(1).unwrap_or_default();
                let digest = digest.strip_prefix("sha256=").map(str::to_owned);
                if let Some(path) = recorded_path(line, target.purelib()) {
                    claims.insert(target.below_prefix(&path), digest);
                }
            }
        }
    }
    Ok(claims)
}

/// The files that lie where other versions of these projects may install theirs: scripts, and what is in
/// the folders of the new files.
pub(super) fn unclaimed<'a>(
    target: &Target,
    projects: &BTreeSet<String>,
    new: impl Iterator<Item = &'a PathBuf>,
) -> io::Result<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(target.scripts()).into_iter().flatten() {
        let entry = entry?;
        let name = entry.file_name();
        let is_script = |project| may_be_script_of(project, &name.to_string_lossy());
        if !entry.file_type()?.is_dir() && projects.iter().any(|project| is_script(project)) {
            found.insert(entry.path());
        }
    }
    let purelib = target.below_prefix(target.purelib());
    let folders: BTreeSet<&OsStr> = new
        .filter(|path| !is_loose(target, path))
        .filter_map(|path| path.strip_prefix(&purelib).ok()?.iter().next())
        .collect();
    for folder in folders {
        found.extend(files_below(&target.purelib().join(folder)));
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

/// Whether a path, below the prefix, is not in a project's own folder: a script, or a file that lies in
/// site-packages itself.
pub(super) fn is_loose(target: &Target, path: &Path) -> bool {
    let inside = path.strip_prefix(target.below_prefix(target.purelib()));
    let Ok(inside) = inside else { return true };
    inside.iter().count() < 2 || inside.starts_with("__pycache__")
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
