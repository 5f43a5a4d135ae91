//! Compatibility patches: chooses the built-in patches, and the user's patches that have a header, that
//! apply to a release on a host, and states why.
//!
//! Ranges and conditions decide, never a list of exact versions: a fix for 3.7.3 fixes 3.7.1 too.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::digest::Sha256;
use crate::error::{ExitStatus, Explain};
use crate::plan::compat::{CompatPolicy, Header, HostFacts, InvalidPatch, built_in};
use crate::plan::version::PythonVersion;
use crate::plan::{NamedFile, PatchOrigin, PlannedPatch};
use crate::progress::{self, Level, Reporter};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Header(#[from] InvalidPatch),
    /// A patch of the user cannot be read.
    #[error("the patch {} cannot be read", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
}

impl Explain for Error {
    fn exit_status(&self) -> ExitStatus {
        ExitStatus::Input
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Header(_) => {
                "see \"Patches of your own\" in docs/compatibility.md for the format; a plain diff without a header \
                 is always applied"
                    .to_owned()
            }
            Self::Unreadable { path, .. } => format!("make {} readable", path.display()),
        })
    }
}

/// A patch of the user, and the path at which it can be read.
pub struct GivenPatch<'a> {
    pub file: &'a NamedFile,
    pub path: PathBuf,
}

/// The choices that are reported, each with the patch's name.
enum Event<'a> {
    /// `--no-compat-patch` or `--no-compat-patches` excludes a patch that applies.
    LeftOut(&'a str, String),
    /// The header of the user's patch excludes this release or host.
    DoesNotApply(&'a str, PythonVersion),
    /// The header uses the former name of `fixed-in`.
    OldKey(&'a str),
}

impl progress::Event for Event<'_> {
    fn level(&self) -> Level {
        match self {
            Self::LeftOut(..) | Self::DoesNotApply(..) => Level::Note,
            Self::OldKey(_) => Level::Warning,
        }
    }
}

impl fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LeftOut(name, because) => write!(f, "left out by request: {name} ({because})"),
            Self::DoesNotApply(name, python) => write!(
                f,
                "skipped the patch {name}: its header excludes CPython {python} on this host"
            ),
            Self::OldKey(name) => write!(
                f,
                "the header of {name} has the key `mended`, which the next release of pybuild will \
                 not read: rename it to `fixed-in`"
            ),
        }
    }
}

/// Chooses the patches for a release on a host: the built-in ones by name, then the user's in order.
pub fn choose(
    python: PythonVersion,
    host: &HostFacts,
    policy: &CompatPolicy,
    given: &[GivenPatch<'_>],
    reporter: &dyn Reporter,
) -> Result<Vec<PlannedPatch>, Error> {
    let mut chosen = Vec::new();
    for patch in built_in()? {
        let Some(because) = patch.header.applies(python, host) else {
            continue;
        };
        if policy.leaves_out(patch.name) {
            reporter.report(&Event::LeftOut(patch.name, because));
            continue;
        }
        let (name, sha256) = (patch.name.to_owned(), Sha256::of(patch.content));
        let origin = PatchOrigin::BuiltIn;
        chosen.push(planned(name, origin, sha256, because, Some(patch.header)));
    }
    for patch in given {
        chosen.extend(of_the_user(patch, python, host, reporter)?);
    }
    Ok(chosen)
}

/// A patch without a header is always applied.
fn of_the_user(
    patch: &GivenPatch<'_>,
    python: PythonVersion,
    host: &HostFacts,
    reporter: &dyn Reporter,
) -> Result<Option<PlannedPatch>, Error> {
    let name = patch.file.name();
    let content = fs_err::read(&patch.path).map_err(|source| Error::Unreadable {
        path: patch.path.clone(),
        source,
    })?;
    if !Header::is_in(&content) {
        let because = "named with --patch".to_owned();
        return Ok(Some(planned(
            name,
            PatchOrigin::File,
            patch.file.sha256,
            because,
            None,
        )));
    }
    let (header, _) = Header::split(&content).map_err(|source| InvalidPatch {
        patch: name.clone(),
        source,
    })?;
    if header.has_old_name() {
        reporter.report(&Event::OldKey(&name));
    }
    let Some(because) = header.applies(python, host) else {
        reporter.report(&Event::DoesNotApply(&name, python));
        return Ok(None);
    };
    Ok(Some(planned(
        name,
        PatchOrigin::File,
        patch.file.sha256,
        because,
        Some(header),
    )))
}

fn planned(
    name: String,
    origin: PatchOrigin,
    sha256: Sha256,
    because: String,
    header: Option<Header>,
) -> PlannedPatch {
    let (what, error, upstream, fixes, flags) = match header {
        Some(header) => (
            Some(header.what),
            Some(header.error),
            Some(header.upstream).filter(|name| !name.is_empty()),
            header.fixes,
            header.flags,
        ),
        None => Default::default(),
    };
    PlannedPatch {
        name,
        origin,
        sha256,
        because,
        what,
        error,
        upstream,
        fixes,
        flags,
    }
}
