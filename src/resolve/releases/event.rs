//! Events of the choice of a release.

use std::fmt;

use crate::error::chain;
use crate::plan::version::{PythonVersion, VersionRequest};
use crate::progress::{self, Level};
use crate::resolve::python_org;
use crate::resolve::releases::error::Error;

/// An event of the choice of a release.
pub(super) enum Event<'a> {
    /// `--sha256` is another digest than the table's.
    OtherDigest(PythonVersion),
    LeftToSignature(PythonVersion),
    NoList(python_org::Error),
    Chosen {
        version: PythonVersion,
        request: VersionRequest,
        /// Why newer releases may exist.
        remark: &'static str,
    },
    Skipped {
        version: PythonVersion,
        error: &'a Error,
    },
}

impl progress::Event for Event<'_> {
    fn level(&self) -> Level {
        match self {
            Self::OtherDigest(_) | Self::Skipped { .. } => Level::Warning,
            Self::LeftToSignature(_) | Self::Chosen { .. } => Level::Note,
            Self::NoList(_) => Level::Detail,
        }
    }
}

impl fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherDigest(version) => write!(
                f,
                "the digest given with --sha256 is not that of CPython {version} as it was released"
            ),
            Self::LeftToSignature(version) => write!(
                f,
                "the digest of CPython {version} is not known: its signature has to prove it"
            ),
            Self::NoList(error) => write!(f, "python.org's list of releases: {}", chain(error)),
            Self::Chosen {
                version,
                request,
                remark,
            } => {
                let series = match request {
                    VersionRequest::Latest | VersionRequest::Exact(_) => String::new(),
                    series => format!("{series} "),
                };
                write!(
                    f,
                    "CPython {version} (the newest {series}that is known{remark})"
                )
            }
            Self::Skipped { version, error } => {
                write!(f, "CPython {version} is skipped: {}", chain(error))
            }
        }
    }
}
