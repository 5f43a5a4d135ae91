//! The built-in table of releases.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::plan::ReleaseFile;
use crate::plan::version::{PythonVersion, VersionRequest};
use crate::resolve::python_org::archive_names;

/// Version, digest of the `.tgz`, digest of the `.tar.xz`; `-` where there is none.
pub(super) const TABLE: &str = include_str!("../releases.tsv");

pub(super) static KNOWN: LazyLock<BTreeMap<PythonVersion, Vec<ReleaseFile>>> =
    LazyLock::new(|| TABLE.lines().filter_map(parse_line).collect());

/// `None` for comments; a test proves that every other line is parsed.
fn parse_line(line: &str) -> Option<(PythonVersion, Vec<ReleaseFile>)> {
    let mut columns = line.split('\t');
    let version: PythonVersion = columns.next()?.parse().ok()?;
    let files = archive_names(version).into_iter().zip(columns);
    let files = files.filter_map(|(name, digest)| {
        let sha256 = digest.parse().ok()?;
        Some(ReleaseFile { name, sha256 })
    });
    Some((version, files.collect()))
}

/// The newest release of the table that `request` admits.
pub(super) fn newest_in_table(request: VersionRequest) -> Option<PythonVersion> {
    let mut versions = KNOWN.keys().rev().copied();
    versions.find(|version| request.admits(*version))
}
