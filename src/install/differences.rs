//! The differences between two trees, and between an installation and its manifest.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::error::Error;
use super::manifest::{Item, Manifest};
use super::record;
use crate::parallel::in_parallel;
use crate::plan::version::PythonVersion;

/// A path at which two trees differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) path: PathBuf,
    pub(crate) kind: DifferenceKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DifferenceKind {
    Missing,
    Added,
    /// The content of a file, the target of a link, or one in place of the other.
    Content,
    /// The permission bits.
    Mode,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            DifferenceKind::Missing => "missing",
            DifferenceKind::Added => "added",
            DifferenceKind::Content => "changed",
            DifferenceKind::Mode => "mode",
        };
        write!(f, "{kind:8}{}", self.path.display())
    }
}

/// The paths at which `found` is not as `wanted`, sorted.
pub(crate) fn differences(wanted: &Manifest, found: &Manifest) -> Vec<Difference> {
    let paths: BTreeSet<&Path> = wanted.paths().chain(found.paths()).collect();
    let differs = |path: &Path| {
        let kind = match (wanted.get(path), found.get(path)) {
            (Some(wanted), Some(found)) if wanted == found => return None,
            (Some(wanted), Some(found)) if wanted.holds_the_same(found) => DifferenceKind::Mode,
            (Some(_), Some(_)) => DifferenceKind::Content,
            (Some(_), None) => DifferenceKind::Missing,
            (None, _) => DifferenceKind::Added,
        };
        let path = path.to_owned();
        Some(Difference { path, kind })
    };
    paths.into_iter().filter_map(differs).collect()
}

/// An installation, compared with its manifest. Files that came later do not count.
pub(crate) struct Verification {
    /// The files as they are.
    pub(crate) found: Manifest,
    pub(crate) differences: Vec<Difference>,
}

/// Reads every file of the installation.
pub(crate) fn verify(prefix: &Path, version: PythonVersion) -> Result<Verification, Error> {
    let unreadable = |source: io::Error| Error::of_records(prefix, source);
    let manifests = record::manifests(prefix).map_err(unreadable)?;
    let name = version.to_string();
    let wanted = manifests.into_iter().find(|(other, _)| *other == name);
    let (_, wanted) = wanted.ok_or_else(|| Error::Record {
        folder: prefix.join(record::folder(version)),
    })?;
    let paths: Vec<&Path> = wanted.paths().collect();
    let items = in_parallel(&paths, |path| Item::at(&prefix.join(path)));
    let mut found = Manifest::default();
    for (path, item) in paths.iter().zip(items) {
        found.set(path, item.map_err(unreadable)?);
    }
    let differences = differences(&wanted, &found);
    Ok(Verification { found, differences })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::path::Path;

    use super::differences;
    use crate::install::Manifest;

    #[test]
    fn each_kind_of_difference_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let (one, other) = (dir.path().join("one"), dir.path().join("other"));
        for root in [&one, &other] {
            fs_err::create_dir(root).unwrap();
            for name in ["same", "content", "mode", "kind"] {
                fs_err::write(root.join(name), name).unwrap();
            }
            symlink("a", root.join("link")).unwrap();
        }
        let manifest = |root: &Path| Manifest::of_tree(root).unwrap();
        assert_eq!(differences(&manifest(&one), &manifest(&other)), []);
        fs_err::write(other.join("content"), "x").unwrap();
        let executable = std::fs::Permissions::from_mode(0o755);
        fs_err::set_permissions(other.join("mode"), executable).unwrap();
        for name in ["link", "kind"] {
            fs_err::remove_file(other.join(name)).unwrap();
            symlink("b", other.join(name)).unwrap();
        }
        fs_err::write(one.join("missing"), "").unwrap();
        fs_err::write(other.join("new"), "").unwrap();
        let found = differences(&manifest(&one), &manifest(&other));
        let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
        let expected = [
            "changed content",
            "changed kind",
            "changed link",
            "missing missing",
            "mode    mode",
            "added   new",
        ];
        assert_eq!(lines, expected);
    }
}
