//! Why a version request leads to no release.

use crate::error::{ExitStatus, Explain};
use crate::net::error::{HttpError, MaybeHttp as _};
use crate::plan::version::{PythonVersion, VersionRequest};
use crate::resolve::python_org;
use crate::resolve::releases::table::newest_in_table;

/// Why a version request leads to no release.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "CPython {request} has no ensurepip, so it has no pip to choose: ensurepip came with 3.4.0 and 2.7.9"
    )]
    NoEnsurepip { request: VersionRequest },
    #[error("no release of CPython {request} is known")]
    NoneKnown { request: VersionRequest },
    #[error(
        "CPython {version} is not in the table of known releases, and python.org is not asked offline"
    )]
    NotAsked { version: PythonVersion },
    #[error(
        "CPython {version} is not in the table of known releases, and python.org does not confirm it"
    )]
    NotConfirmed {
        version: PythonVersion,
        source: Box<python_org::Error>,
    },
}

impl Error {
    fn http(&self) -> Option<&HttpError> {
        match self {
            Self::NotConfirmed { source, .. } => source.http(),
            _ => None,
        }
    }
}

impl Explain for Error {
    fn exit_status(&self) -> ExitStatus {
        match self.http() {
            Some(error @ HttpError::NoRoots { .. }) => error.exit_status(),
            _ => ExitStatus::Unresolvable,
        }
    }

    fn hint(&self) -> Option<String> {
        const OTHER_PROOF: &str = "put its .asc beside the archive that `--source` names, or give \
                                   the archive's digest with `--sha256`";
        if let Some(hint) = self.http().and_then(Explain::hint) {
            return Some(hint);
        }
        match self {
            Self::NoEnsurepip { .. } | Self::NoneKnown { .. } => Some(format!(
                "the newest release that is known is `{}`",
                newest_in_table(VersionRequest::Latest)?
            )),
            Self::NotAsked { version } => Some(format!(
                "{}leave out `--offline`, {OTHER_PROOF}",
                newest_of_series(*version)
            )),
            Self::NotConfirmed { version, source } => Some(match **source {
                python_org::Error::Variable(_) => {
                    format!("correct {} or unset it", python_org::PYTHON_ORG_VARIABLE)
                }
                python_org::Error::NoSuchRelease(_) => format!(
                    "{}check the version for a typing error",
                    newest_of_series(*version)
                ),
                _ => format!(
                    "{}if the version is right, {OTHER_PROOF}",
                    newest_of_series(*version)
                ),
            }),
        }
    }
}

/// The beginning of a hint.
fn newest_of_series(version: PythonVersion) -> String {
    let (major, minor) = version.series();
    newest_in_table(VersionRequest::Series(major, minor)).map_or_else(
        || format!("no release of {major}.{minor} is in the table; "),
        |newest| format!("the newest {major}.{minor} in the table is `{newest}`; "),
    )
}
