//! A project's page in an index, reduced to the data that a choice needs.

use std::collections::BTreeSet;

use pep440_rs::Version;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::net::address::Address;
use crate::plan::wheel_name::{WheelName, normalised};

/// The wheels of one project that an index lists, and the versions without a wheel.
///
/// Its serialised form, in the cache, holds no user and no password: [`Address`] leaves them out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectPage {
    /// The wheels, sorted by file name.
    pub wheels: Vec<IndexWheel>,
    /// The versions of files that are not wheels, as far as their names hold one.
    #[serde(with = "versions_as_text")]
    pub other_versions: BTreeSet<Version>,
}

impl ProjectPage {
    /// Adds another page. Of two wheels with the same name, one on this machine comes last, and the
    /// last one is chosen.
    pub(super) fn extend(&mut self, other: Self) {
        self.wheels.extend(other.wheels);
        self.wheels.sort_by_cached_key(|wheel| {
            let is_local = wheel.address.to_file_path().is_some();
            (wheel.name.clone(), is_local, wheel.clone())
        });
        self.other_versions.extend(other.other_versions);
    }
}

/// A wheel, as the index lists it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct IndexWheel {
    pub name: WheelName,
    /// Its address, with the user and password of the index where they are needed.
    pub address: Address,
    /// Its digest, where the index lists one of a strong algorithm.
    pub digest: Option<Digest>,
    /// The listed digests of weak algorithms, such as `md5`.
    pub weak_digests: Vec<String>,
    /// `Requires-Python`, unchanged (PEP 503).
    pub requires_python: Option<String>,
    /// The reason why the file was yanked (PEP 592), or an empty text.
    pub yanked: Option<String>,
}

/// A file as a page lists it, in either form.
#[derive(Debug, Default)]
pub(super) struct ListedFile {
    /// The reference without its fragment.
    pub(super) reference: String,
    /// The file name, where the page has it beside the reference.
    pub(super) file_name: Option<String>,
    /// Algorithms and digests.
    pub(super) hashes: Vec<(String, String)>,
    pub(super) requires_python: Option<String>,
    pub(super) yanked: Option<String>,
}

/// Collects the listed files that belong to the project.
pub(super) struct PageBuilder<'a> {
    pub(super) project: &'a str,
    /// The address of the index; its user and password are used for files on the same server.
    index: &'a Address,
    /// References are relative to this.
    pub(super) base: Address,
    /// The number of listed files of any kind.
    pub(super) listed: usize,
    page: ProjectPage,
}

/// The endings of release files, beside `.whl`.
const OTHER_FORMS: [&str; 8] = [
    ".tar.gz", ".zip", ".tar.bz2", ".tar.xz", ".tgz", ".egg", ".exe", ".msi",
];

impl<'a> PageBuilder<'a> {
    pub(super) fn new(project: &'a str, index: &'a Address, base: Address) -> Self {
        Self {
            project,
            index,
            base,
            listed: 0,
            page: ProjectPage::default(),
        }
    }

    /// Skips links to anything but this project's files: pages have other links too.
    pub(super) fn take(&mut self, file: ListedFile) {
        let Ok(address) = self.base.join(&file.reference) else {
            return;
        };
        // A page from another host must not name files of this machine.
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

    pub(super) fn finish(self) -> ProjectPage {
        let mut page = self.page;
        // The order of the page must not decide between two similar wheels.
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
    //! Versions are written as text, which does not depend on the library's own form.

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
