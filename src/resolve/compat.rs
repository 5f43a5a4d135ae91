//! Compatibility patches: chooses the built-in patches, and the user's patches that have a header, that
//! apply to a release on a host, and states why.
//!
//! Ranges and conditions decide, never a list of exact versions: a fix for 3.7.3 fixes 3.7.1 too.

use crate::digest::Sha256;
use crate::error::{ExitStatus, Explain};
use crate::plan::compat::{CompatPolicy, Flags, Header, HostFacts, InvalidPatch, built_in};
use crate::plan::version::PythonVersion;
use crate::plan::{PatchFile, PatchOrigin, PlannedPatch};
use crate::progress::Reporter;

/// Why the patches cannot be chosen.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// See [`InvalidPatch`].
    #[error(transparent)]
    Header(#[from] InvalidPatch),
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
            Self::Header(_) => {
                "see \"Patches of your own\" in README.md for the format; a plain diff without a header \
                 is always applied"
                    .to_owned()
            }
            Self::Unreadable { path, .. } => format!("make {} readable", path.display()),
        })
    }
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
            .map_err(|source| InvalidPatch {
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
