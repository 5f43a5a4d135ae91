//! From a version request to one release and the digests of its archives.

mod error;
mod event;
mod table;
#[cfg(test)]
mod tests;

pub use error::Error;

use std::collections::BTreeSet;

use crate::digest::Sha256;
use crate::net::http::Http;
use crate::net::network::Network;
use crate::plan::version::{PythonVersion, VersionRequest};
use crate::plan::{DigestProof, ReleaseFile};
use crate::progress::Reporter;
use crate::resolve::python_org::{self, PythonOrg, archive_names};
use event::Event;
use table::KNOWN;

/// A release and its source archives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Release {
    pub(crate) version: PythonVersion,
    /// The accepted archives, the `.tgz` first; none where a signature has to prove the archive.
    pub(crate) files: Vec<ReleaseFile>,
    /// Where the digests come from.
    pub(crate) proof: DigestProof,
}

/// The sources of release data beside the table.
#[derive(Clone, Copy)]
pub(crate) struct ReleaseSources<'a> {
    pub(crate) python_org: &'a PythonOrg,
    pub(crate) http: &'a Http<'a>,
    pub(crate) network: Network,
    pub(crate) reporter: &'a dyn Reporter,
    pub(crate) unknown: UnknownDigest,
}

/// The policy for a release without a known digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnknownDigest {
    /// It is not built.
    Refused,
    /// Its signature has to prove it, where python.org has the release.
    SignedByPublisher,
    /// Its signature has to prove it, wherever it is.
    SignedAnywhere,
}

/// The release that `request` means. A digest that was given with `--sha256` is the only one that is
/// accepted. A release in the table needs no network. The choice for a series or `latest` is reported.
pub(crate) fn resolve_version(
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
    match (sha256, KNOWN.get(&version)) {
        (Some(sha256), known) => Ok(with_digest(version, sha256, known, sources.reporter)),
        (None, Some(files)) => Ok(Release {
            version,
            files: files.clone(),
            proof: DigestProof::BuiltInTable,
        }),
        (None, None) => ask_python_org(version, sources),
    }
}

/// The release with the digest that the user gave; it may be that of either archive.
fn with_digest(
    version: PythonVersion,
    sha256: Sha256,
    known: Option<&Vec<ReleaseFile>>,
    reporter: &dyn Reporter,
) -> Release {
    let mut published = known.into_iter().flatten();
    let files = if let Some(file) = published.find(|file| file.sha256 == sha256) {
        vec![file.clone()]
    } else {
        if known.is_some() {
            reporter.report(&Event::OtherDigest(version));
        }
        let names = archive_names(version).into_iter();
        names.map(|name| ReleaseFile { name, sha256 }).collect()
    };
    Release {
        version,
        files,
        proof: DigestProof::CommandLine,
    }
}

fn ask_python_org(version: PythonVersion, sources: &ReleaseSources<'_>) -> Result<Release, Error> {
    let asked = match sources.network {
        Network::Offline => Err(Error::NotAsked { version }),
        Network::Online => sources
            .python_org
            .source_files(version, sources.http, sources.reporter)
            .map_err(|source| Error::NotConfirmed {
                version,
                source: Box::new(source),
            }),
    };
    let has_no_digest = matches!(&asked, Err(Error::NotConfirmed { source, .. })
        if matches!(**source, python_org::Error::NoDigest(_)));
    let (files, proof) = match (asked, sources.unknown) {
        (Ok(files), _) => (files, DigestProof::PythonOrg),
        (Err(_), UnknownDigest::SignedAnywhere) => (Vec::new(), DigestProof::Signature),
        (Err(_), UnknownDigest::SignedByPublisher) if has_no_digest => {
            (Vec::new(), DigestProof::Signature)
        }
        (Err(error), _) => return Err(error),
    };
    if files.is_empty() {
        sources.reporter.report(&Event::LeftToSignature(version));
    }
    Ok(Release {
        version,
        files,
        proof,
    })
}

/// The newest final release of the table and of python.org's list together.
fn newest(
    request: VersionRequest,
    sha256: Option<Sha256>,
    sources: &ReleaseSources<'_>,
) -> Result<Release, Error> {
    let (python_org, reporter) = (sources.python_org, sources.reporter);
    let mut versions: BTreeSet<PythonVersion> = KNOWN.keys().copied().collect();
    let mut remark = "";
    match sources.network {
        Network::Offline => remark = "; python.org is not asked offline",
        Network::Online => match python_org.final_releases(sources.http, reporter) {
            Ok(published) => versions.extend(published),
            Err(error) => {
                remark = "; python.org could not be asked";
                reporter.report(&Event::NoList(error));
            }
        },
    }
    let mut refused = None;
    // A signature is not enough here: there are other releases with a digest.
    let sources = &ReleaseSources {
        unknown: UnknownDigest::Refused,
        ..*sources
    };
    let admitted = versions.into_iter().rev();
    for version in admitted.filter(|version| request.admits(*version)) {
        match release_of(version, sha256, sources) {
            Ok(release) => {
                reporter.report(&Event::Chosen {
                    version,
                    request,
                    remark,
                });
                return Ok(release);
            }
            Err(error) => {
                reporter.report(&Event::Skipped {
                    version,
                    error: &error,
                });
                refused.get_or_insert(error);
            }
        }
    }
    Err(refused.unwrap_or(Error::NoneKnown { request }))
}
