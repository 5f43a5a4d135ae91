//! From a version request to one release and the digests of its archives.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use super::python_org::{self, PythonOrg, archive_names};
use crate::digest::Sha256;
use crate::error::{ExitStatus, Explain};
use crate::net::http::{Http, HttpError};
use crate::net::network::Network;
use crate::plan::version::{PythonVersion, VersionRequest};
use crate::plan::{DigestProof, ReleaseFile};
use crate::progress::Reporter;

/// Version, digest of the `.tgz`, digest of the `.tar.xz`; `-` where there is none.
const TABLE: &str = include_str!("releases.tsv");

static KNOWN: LazyLock<BTreeMap<PythonVersion, Vec<ReleaseFile>>> =
    LazyLock::new(|| TABLE.lines().filter_map(parse_line).collect());

/// `None` for comments; that every other line is understood is what a test proves.
fn parse_line(line: &str) -> Option<(PythonVersion, Vec<ReleaseFile>)> {
    let mut columns = line.split('\t');
    let version: PythonVersion = columns.next()?.parse().ok()?;
    let files = archive_names(version)
        .into_iter()
        .zip(columns)
        .filter_map(|(name, digest)| {
            Some(ReleaseFile {
                name,
                sha256: digest.parse().ok()?,
            })
        })
        .collect();
    Some((version, files))
}

/// One release, with what its source archives have to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// The version.
    pub version: PythonVersion,
    /// The archives that are this release: the `.tgz` first; none where a signature has to say.
    pub files: Vec<ReleaseFile>,
    /// Why their digests are believed.
    pub proof: DigestProof,
}

/// Whom to ask for what the table does not know.
#[derive(Clone, Copy)]
pub struct ReleaseSources<'a> {
    /// python.org, or what stands in for it.
    pub python_org: &'a PythonOrg,
    /// The client it is asked with.
    pub http: &'a Http<'a>,
    /// Whether it may be asked.
    pub network: Network,
    /// Where the choice is said.
    pub reporter: &'a dyn Reporter,
    /// What becomes of a release of which nobody knows the digest.
    pub unknown: UnknownDigest,
}

/// What becomes of a release of which nobody knows the digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownDigest {
    /// It is not built.
    Refused,
    /// Its signature has to prove it, where python.org has the release.
    SignedByPublisher,
    /// Its signature has to prove it, wherever it is.
    SignedAnywhere,
}

/// Why a version request leads to no release.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is nothing to pin in it.
    #[error(
        "CPython {request} has no ensurepip, so it has no pip to choose: ensurepip came with 3.4.0 and 2.7.9"
    )]
    NoEnsurepip {
        /// What was asked for.
        request: VersionRequest,
    },
    /// Nothing that is known is what was asked for.
    #[error("no release of CPython {request} is known")]
    NoneKnown {
        /// What was asked for.
        request: VersionRequest,
    },
    /// The table does not know it, and python.org was not to be asked.
    #[error(
        "CPython {version} is not in the table of known releases, and nobody else is asked offline"
    )]
    NotAsked {
        /// The version asked for.
        version: PythonVersion,
    },
    /// The table does not know it, and python.org does not vouch for it.
    #[error(
        "CPython {version} is not in the table of known releases, and python.org does not vouch for it"
    )]
    NotVouchedFor {
        /// The version asked for.
        version: PythonVersion,
        /// What python.org said.
        source: Box<python_org::Error>,
    },
}

impl Explain for Error {
    fn exit_status(&self) -> ExitStatus {
        match self {
            Self::NotVouchedFor { source, .. } => match &**source {
                python_org::Error::Http(error @ HttpError::NoRoots { .. }) => error.exit_status(),
                _ => ExitStatus::Unresolvable,
            },
            _ => ExitStatus::Unresolvable,
        }
    }

    fn hint(&self) -> Option<String> {
        let newest = |request| newest_in_table(request).map(|version| version.to_string());
        match self {
            Self::NoEnsurepip { .. } | Self::NoneKnown { .. } => Some(format!(
                "the newest release that is known is `{}`",
                newest(VersionRequest::Latest)?
            )),
            Self::NotAsked { version } => Some(format!(
                "{}leave out `--offline`, put its .asc beside the archive that `--source` names, or give the archive's digest with `--sha256`",
                known_of_series(*version)
            )),
            Self::NotVouchedFor { version, source } => match **source {
                python_org::Error::Variable(_) => Some(format!(
                    "correct {} or unset it",
                    python_org::PYTHON_ORG_VARIABLE
                )),
                python_org::Error::NoSuchRelease(_) => Some(format!(
                    "{}check the version for a typing error",
                    known_of_series(*version)
                )),
                python_org::Error::Http(ref error) if error.hint().is_some() => {
                    error.hint().map(ToOwned::to_owned)
                }
                _ => Some(format!(
                    "{}if the version is right, put its .asc beside the archive that `--source` names, or give the archive's digest with `--sha256`",
                    known_of_series(*version)
                )),
            },
        }
    }
}

fn known_of_series(version: PythonVersion) -> String {
    let (major, minor) = version.series();
    newest_in_table(VersionRequest::Series(major, minor)).map_or_else(
        || format!("no release of {major}.{minor} is in the table; "),
        |newest| format!("the newest {major}.{minor} in the table is `{newest}`; "),
    )
}

fn newest_in_table(request: VersionRequest) -> Option<PythonVersion> {
    KNOWN
        .keys()
        .rev()
        .copied()
        .find(|version| request.admits(*version))
}

/// The release that `request` means. `sha256` is what was given with `--sha256`: then it alone
/// decides what the archive has to be.
///
/// A release in the table needs no network. What is chosen for a series or `latest` is said.
///
/// # Errors
/// [`Error`].
pub fn resolve_version(
    request: VersionRequest,
    sha256: Option<Sha256>,
    sources: &ReleaseSources<'_>,
) -> Result<Release, Error> {
    let last_possible = match request {
        VersionRequest::Exact(version) => Some(version),
        VersionRequest::Series(major, minor) => Some(PythonVersion::new(major, minor, u32::MAX)),
        VersionRequest::Major(_) | VersionRequest::Latest => None,
    };
    if last_possible.is_some_and(|version| !version.has_ensurepip()) {
        return Err(Error::NoEnsurepip { request });
    }
    match request {
        VersionRequest::Exact(version) => release_of(version, sha256, sources),
        _ => newest(request, sha256, sources),
    }
}

fn release_of(
    version: PythonVersion,
    sha256: Option<Sha256>,
    sources: &ReleaseSources<'_>,
) -> Result<Release, Error> {
    if let Some(sha256) = sha256 {
        return Ok(vouched_for(version, sha256, sources.reporter));
    }
    known(version).map_or_else(|| ask_python_org(version, sources), Ok)
}

fn known(version: PythonVersion) -> Option<Release> {
    Some(Release {
        version,
        files: KNOWN.get(&version)?.clone(),
        proof: DigestProof::BuiltInTable,
    })
}

/// The person's digest is the only accepted one; which of the two archives it is of need not be known.
fn vouched_for(version: PythonVersion, sha256: Sha256, reporter: &dyn Reporter) -> Release {
    let published = KNOWN.get(&version);
    let named = published
        .into_iter()
        .flatten()
        .find(|file| file.sha256 == sha256)
        .cloned();
    if published.is_some() && named.is_none() {
        reporter.warn(&format!(
            "the digest given with --sha256 is not that of CPython {version} as it was released"
        ));
    }
    let files = named.map_or_else(
        || {
            archive_names(version)
                .map(|name| ReleaseFile { name, sha256 })
                .to_vec()
        },
        |file| vec![file],
    );
    Release {
        version,
        files,
        proof: DigestProof::CommandLine,
    }
}

fn ask_python_org(version: PythonVersion, sources: &ReleaseSources<'_>) -> Result<Release, Error> {
    if sources.network == Network::Offline {
        return match sources.unknown {
            UnknownDigest::SignedAnywhere => Ok(left_to_signature(version, sources)),
            _ => Err(Error::NotAsked { version }),
        };
    }
    let asked = sources
        .python_org
        .source_files(version, sources.http, sources.reporter);
    match (asked, sources.unknown) {
        (Ok(files), _) => Ok(Release {
            version,
            files,
            proof: DigestProof::PythonOrg,
        }),
        (Err(python_org::Error::NoDigest(_)), UnknownDigest::SignedByPublisher)
        | (Err(_), UnknownDigest::SignedAnywhere) => Ok(left_to_signature(version, sources)),
        (Err(source), _) => Err(Error::NotVouchedFor {
            version,
            source: Box::new(source),
        }),
    }
}

fn left_to_signature(version: PythonVersion, sources: &ReleaseSources<'_>) -> Release {
    sources.reporter.note(&format!(
        "nobody knows the digest of CPython {version}: its signature has to prove it"
    ));
    Release {
        version,
        files: Vec::new(),
        proof: DigestProof::Signature,
    }
}

/// The newest final release of the table and of python.org's listing together.
fn newest(
    request: VersionRequest,
    sha256: Option<Sha256>,
    sources: &ReleaseSources<'_>,
) -> Result<Release, Error> {
    let mut versions: BTreeSet<PythonVersion> = KNOWN.keys().copied().collect();
    let mut remark = "";
    match sources.network {
        Network::Offline => remark = "; python.org is not asked offline",
        Network::Online => match sources
            .python_org
            .final_releases(sources.http, sources.reporter)
        {
            Ok(published) => versions.extend(published),
            Err(error) => {
                remark = "; python.org could not be asked";
                sources.reporter.detail(&format!(
                    "python.org's list of releases: {}",
                    crate::error::chain(&error)
                ));
            }
        },
    }
    let mut refused = None;
    let admitted = versions
        .into_iter()
        .rev()
        .filter(|version| request.admits(*version));
    // There are others to choose from: this one has to be known for what it is.
    let sources = &ReleaseSources {
        unknown: UnknownDigest::Refused,
        ..*sources
    };
    for version in admitted {
        match release_of(version, sha256, sources) {
            Ok(release) => {
                sources.reporter.note(&format!(
                    "CPython {version} (the newest {}that is known{remark})",
                    match request {
                        VersionRequest::Latest | VersionRequest::Exact(_) => String::new(),
                        series => format!("{series} "),
                    }
                ));
                return Ok(release);
            }
            Err(error) => {
                sources.reporter.warn(&format!(
                    "CPython {version} is passed over: {}",
                    crate::error::chain(&error)
                ));
                refused.get_or_insert(error);
            }
        }
    }
    Err(refused.unwrap_or(Error::NoneKnown { request }))
}

#[cfg(test)]
mod tests;
