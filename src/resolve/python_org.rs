//! python.org's release data: its releases, and the digests of their source archives.
//!
//! The format is that of pythondotorg's second API (`apps/downloads/serializers.py` there). The bills
//! of materials beside the archives are SPDX 2.3 (`sbom.py` of CPython's release-tools).

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::digest::Sha256;
use crate::environment::Environment;
use crate::net::address::{Address, InvalidAddress};
use crate::net::error::{HttpError, MaybeHttp};
use crate::net::http::Http;
use crate::net::retry::Retries;
use crate::plan::ReleaseFile;
use crate::plan::version::PythonVersion;
use crate::progress::Reporter;

const PYTHON_ORG: &str = "https://www.python.org/";

/// Names another address with python.org's data.
pub(crate) const PYTHON_ORG_VARIABLE: &str = "PYBUILD_PYTHON_ORG";

/// python.org's whole list of releases is a few hundred kilobytes.
const LARGEST_ANSWER: u64 = 16 << 20;

/// Why python.org did not give its release data.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{PYTHON_ORG_VARIABLE} cannot be used")]
    Variable(#[source] InvalidAddress),
    /// Digests that came without TLS could have been changed on their way.
    #[error("{address} is not asked for digests, because it is not protected by HTTPS")]
    Unprotected {
        /// The address asked, or the target of a redirect.
        address: Address,
    },
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error("{address} answered something that is not release data")]
    NotReleaseData {
        address: Address,
        source: serde_json::Error,
    },
    #[error("python.org has no release {0}")]
    NoSuchRelease(PythonVersion),
    #[error("python.org gives no SHA-256 digest for the source of {0}")]
    NoDigest(PythonVersion),
}

impl MaybeHttp for Error {
    fn http(&self) -> Option<&HttpError> {
        match self {
            Self::Http(error) => Some(error),
            _ => None,
        }
    }
}

/// python.org, or a server in its place.
#[derive(Debug, Clone)]
pub(crate) struct PythonOrg {
    base: Address,
}

#[derive(Deserialize)]
struct ReleaseEntry {
    name: String,
    resource_uri: String,
}

#[derive(Deserialize)]
struct FileEntry {
    url: String,
    /// Missing before 2025's migration, and empty for many an older release.
    #[serde(default)]
    sha256_sum: String,
}

#[derive(Deserialize)]
struct BillOfMaterials {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Package {
    #[serde(default)]
    package_file_name: String,
    #[serde(default)]
    checksums: Vec<Checksum>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Checksum {
    algorithm: String,
    checksum_value: String,
}

impl PythonOrg {
    /// python.org, unless [`PYTHON_ORG_VARIABLE`] names another address.
    pub(crate) fn of(environment: &Environment) -> Result<Self, Error> {
        let base = match environment.variable(PYTHON_ORG_VARIABLE) {
            Some(named) => named.parse(),
            None => Address::published(PYTHON_ORG),
        };
        Ok(Self {
            base: base.map_err(Error::Variable)?.as_folder(),
        })
    }

    pub(crate) fn base(&self) -> &Address {
        &self.base
    }

    /// The folder of a release's files. Pre-releases are in that of their final release.
    pub(crate) fn folder_at(base: &Address, python: PythonVersion) -> Address {
        let folder = base.with_segment("ftp").with_segment("python");
        folder.with_segment(&python.final_release().to_string())
    }

    /// The published final releases, in no particular order.
    pub(crate) fn final_releases(
        &self,
        http: &Http,
        reporter: &dyn Reporter,
    ) -> Result<Vec<PythonVersion>, Error> {
        let query = "api/v2/downloads/release/?is_published=true&pre_release=false";
        let entries: Vec<ReleaseEntry> = self.ask(http, reporter, query)?;
        let versions = entries.iter().filter_map(ReleaseEntry::version);
        Ok(versions.filter(|version| version.is_final()).collect())
    }

    /// The source archives of a release with their digests, the `.tgz` first. At least one.
    pub(crate) fn source_files(
        &self,
        version: PythonVersion,
        http: &Http,
        reporter: &dyn Reporter,
    ) -> Result<Vec<ReleaseFile>, Error> {
        let query = format!("api/v2/downloads/release/?name=Python%20{version}");
        let entries: Vec<ReleaseEntry> = self.ask(http, reporter, &query)?;
        let identifier = entries
            .iter()
            .find(|entry| entry.version() == Some(version))
            .and_then(ReleaseEntry::identifier)
            .ok_or(Error::NoSuchRelease(version))?;
        let query = format!("api/v2/downloads/release_file/?release={identifier}");
        let entries: Vec<FileEntry> = self.ask(http, reporter, &query)?;
        let mut files = Vec::new();
        for name in archive_names(version) {
            let ending = format!("/{name}");
            let Some(entry) = entries.iter().find(|entry| entry.url.ends_with(&ending)) else {
                continue;
            };
            let digest = match entry.sha256_sum.parse::<Sha256>() {
                Ok(digest) => Some(digest),
                Err(_) => self.digest_from_materials(version, &name, http, reporter)?,
            };
            files.extend(digest.map(|sha256| ReleaseFile { name, sha256 }));
        }
        if files.is_empty() {
            return Err(Error::NoDigest(version));
        }
        Ok(files)
    }

    /// Releases from 2024 on have a bill of materials beside each archive, which holds its digest.
    fn digest_from_materials(
        &self,
        version: PythonVersion,
        name: &str,
        http: &Http,
        reporter: &dyn Reporter,
    ) -> Result<Option<Sha256>, Error> {
        let path = format!("ftp/python/{}/{name}.spdx.json", version.final_release());
        let bill: BillOfMaterials = match self.ask(http, reporter, &path) {
            Ok(bill) => bill,
            Err(Error::Http(error)) if error.is_absence() => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(bill
            .packages
            .iter()
            .filter(|package| package.package_file_name == name)
            .flat_map(|package| &package.checksums)
            .filter(|checksum| checksum.algorithm == "SHA256")
            .find_map(|checksum| checksum.checksum_value.parse().ok()))
    }

    fn ask<T: DeserializeOwned>(
        &self,
        http: &Http,
        reporter: &dyn Reporter,
        reference: &str,
    ) -> Result<T, Error> {
        let address = self.base.join(reference).map_err(Error::Variable)?;
        ensure_protected(&address)?;
        let (accept, retries) = ("application/json", Retries::PAGES);
        let (from, body) = http.read(&address, accept, LARGEST_ANSWER, retries, reporter)?;
        ensure_protected(&from)?;
        serde_json::from_slice(&body).map_err(|source| Error::NotReleaseData { address, source })
    }
}

impl ReleaseEntry {
    /// Releases are called `Python 3.13.5`; other entries, such as the install manager, are no CPython.
    fn version(&self) -> Option<PythonVersion> {
        self.name.strip_prefix("Python ")?.trim().parse().ok()
    }

    /// `.../release/1042/` is release 1042.
    fn identifier(&self) -> Option<u64> {
        let uri = self.resource_uri.trim_end_matches('/');
        uri.rsplit('/').next()?.parse().ok()
    }
}

/// The names of a release's source archives on python.org: the `.tgz` first, because it unpacks
/// faster.
pub(crate) fn archive_names(version: PythonVersion) -> [String; 2] {
    ["tgz", "tar.xz"].map(|ending| format!("Python-{version}.{ending}"))
}

/// Digests from an unprotected address prove nothing, except from this very host.
fn ensure_protected(address: &Address) -> Result<(), Error> {
    let is_loopback = match address.secret_url().host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    };
    if address.is_https() || is_loopback {
        return Ok(());
    }
    Err(Error::Unprotected {
        address: address.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::ensure_protected;

    #[test]
    fn only_https_and_this_host_are_trusted() {
        for (address, trusted) in [
            ("https://www.python.org/", true),
            ("http://127.0.0.1:8080/", true),
            ("http://[::1]:8080/", true),
            ("http://localhost/", true),
            ("http://www.python.org/", false),
            ("http://localhost.example/", false),
            ("http://127.0.0.1.example/", false),
            ("file:///etc/passwd", false),
        ] {
            let answer = ensure_protected(&address.parse().unwrap());
            assert_eq!(answer.is_ok(), trusted, "{address}");
        }
    }
}
