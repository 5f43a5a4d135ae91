//! Compatibility patches: which of pybuild's own, and of the person's that have a header, apply to a
//! release on a host, and why.
//!
//! Ranges and conditions decide, never a list of exact versions: what mends 3.7.3 mends 3.7.1.

mod condition;
mod embedded;
mod header;

use std::collections::BTreeSet;

pub use condition::{Component, HostFacts};
pub use header::{FlagVariable, Flags, Header, HeaderError};
use serde::{Deserialize, Serialize};

use super::plan::{PatchFile, PatchOrigin, PlannedPatch};
use super::version::PythonVersion;
use crate::digest::Sha256;
use crate::error::{ExitStatus, Explain};
use crate::progress::Reporter;

/// Which of pybuild's own patches may be applied.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CompatPolicy {
    /// Every one that fits.
    #[default]
    All,
    /// `--no-compat-patch`: every one that fits but these.
    Without(BTreeSet<String>),
    /// `--no-compat-patches`.
    None,
}

impl CompatPolicy {
    /// Whether nothing is left out.
    #[must_use]
    pub fn is_all(&self) -> bool {
        *self == Self::All
    }

    /// The names of pybuild's own patches that are for this release and are not left out, whatever
    /// the host.
    #[must_use]
    pub fn patches_for(&self, python: PythonVersion) -> Vec<&'static str> {
        let patches = built_in().unwrap_or_default().into_iter();
        patches
            .filter(|patch| !self.leaves_out(patch.name))
            .filter(|patch| patch.header.range_of(python).is_some())
            .map(|patch| patch.name)
            .collect()
    }

    fn leaves_out(&self, name: &str) -> bool {
        match self {
            Self::All => false,
            Self::Without(names) => names.contains(name),
            Self::None => true,
        }
    }
}

/// Why no choice could be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A patch's header cannot be used.
    #[error("the patch {patch} cannot be used")]
    Header {
        /// The patch: a name, or a file's path.
        patch: String,
        /// Why.
        source: HeaderError,
    },
    /// A patch of the person's cannot be read.
    #[error("the patch {} cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl Explain for Error {
    fn exit_status(&self) -> ExitStatus {
        ExitStatus::Input
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Header { .. } => {
                "README.md, \"Patches of your own\", shows the form; a plain diff without a header is \
                 always applied"
                    .to_owned()
            }
            Self::Unreadable { path, .. } => format!("see that {} can be read", path.display()),
        })
    }
}

/// One of pybuild's own patches.
#[derive(Debug, Clone)]
pub struct BuiltIn {
    /// The file's name without its ending.
    pub name: &'static str,
    /// The whole file.
    pub content: &'static [u8],
    /// What it says of itself.
    pub header: Header,
    /// Its diff; empty for one that has flags alone.
    pub diff: &'static [u8],
}

/// All of pybuild's own patches, by name.
///
/// # Errors
/// [`Error::Header`] for one that this pybuild was built with and that cannot be used.
pub fn built_in() -> Result<Vec<BuiltIn>, Error> {
    embedded::FILES
        .iter()
        .map(|(name, content)| {
            let (header, diff) = Header::split(content).map_err(|source| Error::Header {
                patch: (*name).to_owned(),
                source,
            })?;
            Ok(BuiltIn {
                name,
                content,
                header,
                diff,
            })
        })
        .collect()
}

/// The names of pybuild's own patches.
pub fn names() -> impl Iterator<Item = &'static str> {
    embedded::FILES.iter().map(|(name, _)| *name)
}

/// The whole file of the built-in patch of this name; `None` when there is none.
#[must_use]
pub fn built_in_file(name: &str) -> Option<&'static [u8]> {
    let mut files = embedded::FILES.iter();
    let (_, content) = files.find(|(known, _)| *known == name)?;
    Some(content)
}

/// The patches that a release needs on a host: pybuild's own that fit, by name, then the person's in
/// their order. Those that do not fit, or are left out, are told.
///
/// # Errors
/// [`Error`] for a header that cannot be used, or a patch that cannot be read.
pub fn choose(
    python: PythonVersion,
    host: &HostFacts,
    policy: &CompatPolicy,
    given: &[PatchFile],
    reporter: &dyn Reporter,
) -> Result<Vec<PlannedPatch>, Error> {
    let mut chosen = Vec::new();
    for patch in built_in()? {
        let Some(because) = patch.header.applies(python, host) else {
            continue;
        };
        if policy.leaves_out(patch.name) {
            reporter.note(&format!(
                "left out as you asked: {} ({because})",
                patch.name
            ));
            continue;
        }
        chosen.push(PlannedPatch {
            name: patch.name.to_owned(),
            origin: PatchOrigin::BuiltIn,
            sha256: Sha256::of(patch.content),
            because,
            what: Some(patch.header.what),
            error: Some(patch.header.error),
            upstream: Some(patch.header.upstream).filter(|name| !name.is_empty()),
            flags: patch.header.flags,
        });
    }
    for patch in given {
        chosen.extend(of_the_person(patch, python, host, reporter)?);
    }
    Ok(chosen)
}

/// A patch with a header has to fit; one without is always applied.
fn of_the_person(
    patch: &PatchFile,
    python: PythonVersion,
    host: &HostFacts,
    reporter: &dyn Reporter,
) -> Result<Option<PlannedPatch>, Error> {
    let name = patch.path.display().to_string();
    let content = fs_err::read(&patch.path).map_err(|source| Error::Unreadable {
        path: patch.path.clone(),
        source,
    })?;
    let mut planned = PlannedPatch {
        name: name.clone(),
        origin: PatchOrigin::File,
        sha256: patch.sha256,
        because: "it was given with --patch".to_owned(),
        what: None,
        error: None,
        upstream: None,
        flags: Flags::default(),
    };
    if Header::is_in(&content) {
        let header = Header::split(&content)
            .map_err(|source| Error::Header {
                patch: name.clone(),
                source,
            })?
            .0;
        let Some(because) = header.applies(python, host) else {
            reporter.note(&format!(
                "the patch {name} is not for CPython {python} on this host, by its own header"
            ));
            return Ok(None);
        };
        planned.because = because;
        planned.what = Some(header.what);
        planned.error = Some(header.error);
        planned.upstream = Some(header.upstream).filter(|name| !name.is_empty());
        planned.flags = header.flags;
    }
    Ok(Some(planned))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{built_in, names};

    #[test]
    fn every_file_of_the_folder_is_built_in_and_can_be_used() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/patches");
        let files: BTreeSet<String> = fs_err::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        let embedded: Vec<String> = names().map(|name| format!("{name}.patch")).collect();
        assert_eq!(files.into_iter().collect::<Vec<_>>(), embedded);
        for patch in built_in().unwrap() {
            assert!(!patch.header.error.is_empty(), "{}", patch.name);
        }
    }
}
