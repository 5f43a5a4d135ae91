//! Compatibility patches: chooses the built-in patches, and the user's patches that have a header, that
//! apply to a release on a host, and states why.
//!
//! Ranges and conditions decide, never a list of exact versions: a fix for 3.7.3 fixes 3.7.1 too.

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

/// The built-in patches that may be applied.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CompatPolicy {
    /// Every patch that fits.
    #[default]
    All,
    /// `--no-compat-patch`: every patch that fits, except these.
    Without(BTreeSet<String>),
    /// `--no-compat-patches`.
    None,
}

impl CompatPolicy {
    /// Whether every patch that fits is applied.
    #[must_use]
    pub fn is_all(&self) -> bool {
        *self == Self::All
    }

    /// The names of the built-in patches that are for this release and are not left out, on any host.
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

/// Why the patches cannot be chosen.
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
    /// A patch of the user cannot be read.
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
                "see \"Patches of your own\" in README.md for the format; a plain diff without a header \
                 is always applied"
                    .to_owned()
            }
            Self::Unreadable { path, .. } => format!("make {} readable", path.display()),
        })
    }
}

/// A built-in patch.
#[derive(Debug, Clone)]
pub struct BuiltIn {
    /// The file's name without its ending.
    pub name: &'static str,
    /// The whole file.
    pub content: &'static [u8],
    /// Its header.
    pub header: Header,
    /// Its diff; empty if the patch only adds flags.
    pub diff: &'static [u8],
}

/// All built-in patches, sorted by name.
///
/// # Errors
/// [`Error::Header`] if a built-in patch has a wrong header, which a test rules out.
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

/// The names of the built-in patches.
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

/// The patches that a release needs on a host: the built-in ones that fit, by name, then the user's in
/// their order. Prints which patches are left out and which of the user's do not fit.
///
/// # Errors
/// [`Error`] if a header cannot be used, or a patch cannot be read.
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
            reporter.note(&format!("left out by request: {} ({because})", patch.name));
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
        chosen.extend(of_the_user(patch, python, host, reporter)?);
    }
    Ok(chosen)
}

/// A patch with a header has to fit. A patch without a header is always applied.
fn of_the_user(
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
        because: "named with --patch".to_owned(),
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
        if header.has_old_name() {
            reporter.warn(&format!(
                "the header of {name} has the key `mended`, which the next release of pybuild will \
                 not read: rename it to `fixed-in`"
            ));
        }
        let Some(because) = header.applies(python, host) else {
            reporter.note(&format!(
                "skipped the patch {name}: its header excludes CPython {python} on this host"
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
