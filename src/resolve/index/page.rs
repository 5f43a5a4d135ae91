//! What an index says of one project, reduced to what a choice hangs on.

use std::collections::BTreeSet;

use pep440_rs::Version;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::net::address::Address;
use crate::plan::wheel_name::{WheelName, normalised};

/// The wheels of one project that an index has, and the versions that it has without a wheel.
///
/// Serialised, as it is in the cache, it holds no user and no password: [`Address`] leaves them out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectPage {
    /// The wheels, sorted by file name.
    pub wheels: Vec<IndexWheel>,
    /// The versions of files that are not wheels, as far as their names say one.
    #[serde(with = "versions_as_text")]
    pub other_versions: BTreeSet<Version>,
}

impl ProjectPage {
    /// Adds what another page lists. Of two wheels with the same name, one on this machine comes last,
    /// which is the one that is taken.
    pub fn extend(&mut self, other: Self) {
        self.wheels.extend(other.wheels);
        self.wheels.sort_by_cached_key(|wheel| {
            let is_local = wheel.address.to_file_path().is_some();
            (wheel.name.clone(), is_local, wheel.clone())
        });
        self.other_versions.extend(other.other_versions);
    }
}

/// One wheel, as the index lists it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct IndexWheel {
    /// Its file name.
    pub name: WheelName,
    /// Where it is.
    pub address: Address,
    /// Its digest, where the index lists one that proves something.
    pub digest: Option<Digest>,
    /// The names of the digests that the index lists and that prove nothing, such as `md5`.
    pub weak_digests: Vec<String>,
    /// `Requires-Python`, word for word (PEP 503).
    pub requires_python: Option<String>,
    /// Why the file was yanked (PEP 592); empty when nobody said why.
    pub yanked: Option<String>,
}

/// One file as a page lists it, whatever the page's form.
#[derive(Debug, Default)]
pub(super) struct ListedFile {
    /// The reference as written, without its fragment.
    pub reference: String,
    /// The file name, where the page says it beside the reference.
    pub file_name: Option<String>,
    /// Digests, with the names of their algorithms.
    pub hashes: Vec<(String, String)>,
    pub requires_python: Option<String>,
    pub yanked: Option<String>,
}

/// Takes listed files in, one by one, and keeps what belongs to the project.
pub(super) struct PageBuilder<'a> {
    project: &'a str,
    /// The address of the index, whose user and password hold for its own server.
    index: &'a Address,
    /// What references are relative to.
    pub base: Address,
    /// How many files were listed, of whatever kind.
    pub listed: usize,
    page: ProjectPage,
}

/// What a release file's name may end in, beside `.whl`.
const OTHER_FORMS: [&str; 8] = [
    ".tar.gz", ".zip", ".tar.bz2", ".tar.xz", ".tgz", ".egg", ".exe", ".msi",
];

impl<'a> PageBuilder<'a> {
    pub fn new(project: &'a str, index: &'a Address, base: Address) -> Self {
        Self {
            project,
            index,
            base,
            listed: 0,
            page: ProjectPage::default(),
        }
    }

    /// What is no file, or not this project's, is passed over: pages link to other things too.
    pub fn take(&mut self, file: ListedFile) {
        let Ok(address) = self.base.join(&file.reference) else {
            return;
        };
        // A page that came over the network has no say about files of this machine.
        if address.to_file_path().is_some() && self.base.to_file_path().is_none() {
            return;
        }
        let Some(file_name) = file.file_name.or_else(|| address.file_name()) else {
            return;
        };
        if let Ok(name) = file_name.parse::<WheelName>() {
            self.listed += 1;
            if name.project() == self.project {
                self.page.wheels.push(IndexWheel {
                    name,
                    address: address.with_login_of(self.index),
                    digest: strongest(&file.hashes),
                    weak_digests: weak(file.hashes),
                    requires_python: file.requires_python,
                    yanked: file.yanked,
                });
            }
        } else if let Some(stem) = OTHER_FORMS
            .iter()
            .find_map(|form| file_name.strip_suffix(form))
        {
            self.listed += 1;
            self.page.other_versions.extend(self.version_in(stem));
        }
    }

    /// The version in `pip-1.0` or `pip-1.0-py2.7`; the project's own name may hold hyphens.
    fn version_in(&self, stem: &str) -> Option<Version> {
        stem.match_indices('-')
            .find(|(at, _)| normalised(&stem[..*at]) == self.project)
            .and_then(|(at, _)| stem[at + 1..].split('-').next()?.parse().ok())
    }

    pub fn finish(self) -> ProjectPage {
        let mut page = self.page;
        // The order in which an index lists its files must not decide between two that are alike.
        page.wheels.sort();
        page
    }
}

fn strongest(hashes: &[(String, String)]) -> Option<Digest> {
    Digest::ALGORITHMS.into_iter().find_map(|algorithm| {
        let mut named = hashes.iter().filter(|(name, _)| name == algorithm);
        named.find_map(|(name, text)| Digest::read(name, text.trim()))
    })
}

fn weak(hashes: Vec<(String, String)>) -> Vec<String> {
    let names = hashes.into_iter().map(|(name, _)| name);
    names
        .filter(|name| !Digest::ALGORITHMS.contains(&name.as_str()))
        .collect()
}

mod versions_as_text {
    //! Versions are written as text, however the library that reads them would do it.

    use std::collections::BTreeSet;

    use pep440_rs::Version;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(
        versions: &BTreeSet<Version>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(versions.iter().map(ToString::to_string))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeSet<Version>, D::Error> {
        Vec::<String>::deserialize(deserializer)?
            .iter()
            .map(|text| text.parse().map_err(serde::de::Error::custom))
            .collect()
    }
}
