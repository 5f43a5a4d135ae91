//! What python.org says of its releases: which there are, and the digests of their source archives.
//!
//! The format is that of pythondotorg's second API (`apps/downloads/serializers.py` there); the
//! bills of materials beside the archives are SPDX 2.3 (`sbom.py` of CPython's release-tools).

use std::io::Read as _;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::digest::Sha256;
use crate::environment::Environment;
use crate::net::address::{Address, InvalidAddress};
use crate::net::http::{Http, HttpError};
use crate::net::retry::Retries;
use crate::plan::ReleaseFile;
use crate::plan::version::PythonVersion;
use crate::progress::Reporter;

/// Where CPython is released.
const PYTHON_ORG: &str = "https://www.python.org/";

/// Names another address that has what python.org has.
pub const PYTHON_ORG_VARIABLE: &str = "PYBUILD_PYTHON_ORG";

/// python.org's whole list of releases is a few hundred kilobytes.
const LARGEST_ANSWER: u64 = 16 << 20;

/// Why python.org did not say what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// [`PYTHON_ORG_VARIABLE`] holds something else than an address.
    #[error("{PYTHON_ORG_VARIABLE} cannot be used")]
    Variable(#[source] InvalidAddress),
    /// Anybody on the way could have changed the digests.
    #[error("{address} is not asked for digests, because it is not protected by HTTPS")]
    Unprotected {
        /// What would have been asked, or what the answer came from after a redirect.
        address: Address,
    },
    /// No answer, or none that is a success.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The answer is not what the API gives.
    #[error("{address} answered something that is not release data")]
    Garbage {
        /// What was asked.
        address: Address,
        /// What reading it gave.
        source: serde_json::Error,
    },
    /// There is no such release.
    #[error("python.org has no release {0}")]
    NoSuchRelease(PythonVersion),
    /// There is such a release, but no digest of its source.
    #[error("python.org gives no SHA-256 digest for the source of {0}")]
    NoDigest(PythonVersion),
}

/// python.org, or what stands in for it.
#[derive(Debug, Clone)]
pub struct PythonOrg {
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
    ///
    /// # Errors
    /// [`Error::Variable`].
    pub fn of(environment: &Environment) -> Result<Self, Error> {
        let base = match environment.variable(PYTHON_ORG_VARIABLE) {
            Some(named) => named.parse(),
            None => Address::published(PYTHON_ORG),
        };
        Ok(Self {
            base: base.map_err(Error::Variable)?.as_folder(),
        })
    }

    /// The address that everything is below; for [`super::plan::Origin::PythonOrg`].
    #[must_use]
    pub fn base(&self) -> &Address {
        &self.base
    }

    /// The final releases that are published, in no particular order.
    ///
    /// # Errors
    /// [`Error`]; nothing is asked over an unprotected connection.
    pub fn final_releases(
        &self,
        http: &Http,
        reporter: &dyn Reporter,
    ) -> Result<Vec<PythonVersion>, Error> {
        let query = "api/v2/downloads/release/?is_published=true&pre_release=false";
        let entries: Vec<ReleaseEntry> = self.ask(http, reporter, query)?;
        Ok(entries
            .iter()
            .filter_map(ReleaseEntry::version)
            .filter(|version| version.is_final())
            .collect())
    }

    /// The source archives of a release with their digests: the `.tgz` first.
    ///
    /// # Errors
    /// [`Error`]; never an empty list.
    pub fn source_files(
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
            let behind_slash = format!("/{name}");
            let Some(entry) = entries
                .iter()
                .find(|entry| entry.url.ends_with(&behind_slash))
            else {
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
            Err(Error::Http(HttpError::Status { status, .. })) if status.is_client_error() => {
                return Ok(None);
            }
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
        protected(&address)?;
        reporter.detail(&format!("asking {address}"));
        let body = Retries::default().run(reporter, || {
            let response = http.get(&address, "application/json")?;
            let came_from = address.answered_from(response.url());
            let mut body = Vec::new();
            response
                .take(LARGEST_ANSWER)
                .read_to_end(&mut body)
                .map_err(|source| HttpError::Broken {
                    address: address.clone(),
                    source,
                })?;
            Ok::<_, HttpError>((came_from, body))
        });
        let (came_from, body) = body?;
        // A redirect may have led elsewhere.
        protected(&came_from)?;
        serde_json::from_slice(&body).map_err(|source| Error::Garbage { address, source })
    }
}

impl ReleaseEntry {
    /// Releases are called `Python 3.13.5`; what is not (the install manager) is no CPython.
    fn version(&self) -> Option<PythonVersion> {
        self.name.strip_prefix("Python ")?.trim().parse().ok()
    }

    /// `.../release/1042/` is release 1042.
    fn identifier(&self) -> Option<u64> {
        self.resource_uri
            .trim_end_matches('/')
            .rsplit('/')
            .next()?
            .parse()
            .ok()
    }
}

/// The names that a release's source archives have on python.org: the `.tgz` first, because it
/// unpacks faster.
#[must_use]
pub fn archive_names(version: PythonVersion) -> [String; 2] {
    [
        format!("Python-{version}.tgz"),
        format!("Python-{version}.tar.xz"),
    ]
}

/// A digest that came without protection proves nothing, except from this very host.
fn protected(address: &Address) -> Result<(), Error> {
    let loopback = match address.secret_url().host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    };
    if address.is_https() || loopback {
        return Ok(());
    }
    Err(Error::Unprotected {
        address: address.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::protected;

    #[test]
    fn only_https_and_this_host_are_believed() {
        for (address, believed) in [
            ("https://www.python.org/", true),
            ("http://127.0.0.1:8080/", true),
            ("http://[::1]:8080/", true),
            ("http://localhost/", true),
            ("http://www.python.org/", false),
            ("http://localhost.example/", false),
            ("http://127.0.0.1.example/", false),
            ("file:///etc/passwd", false),
        ] {
            let answer = protected(&address.parse().unwrap());
            assert_eq!(answer.is_ok(), believed, "{address}");
        }
    }
}
