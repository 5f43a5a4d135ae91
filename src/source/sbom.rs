//! Updates `Misc/sbom.spdx.json` (SPDX 2.3 in JSON), the source tree's own list of third-party software,
//! where it lists the bundled wheels. The text is edited in place, so that its diff is small.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::edits::Edits;
use crate::digest::Sha256;
use crate::plan::wheel_name::normalised;

/// Why the list cannot be updated.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("it is not an SPDX document in JSON")]
    Json(#[from] serde_json::Error),
}

/// A wheel as the list describes it.
pub struct ListedWheel {
    /// The project, in PEP 503's normal form.
    pub project: String,
    pub version: String,
    pub file_name: String,
    pub sha256: Sha256,
    pub address: Option<String>,
    /// The vendored projects, in normal form, with their versions.
    pub vendored: BTreeMap<String, String>,
}

/// The projects and versions in pip's `pip/_vendor/vendor.txt`, a requirements file with exact versions.
pub fn vendored(text: &str) -> BTreeMap<String, String> {
    text.lines()
        .map(|line| line.split('#').next().unwrap_or_default())
        .filter_map(|line| line.split_once("=="))
        .map(|(project, version)| (normalised(project.trim()), version.trim().to_owned()))
        .collect()
}

/// The list with the new wheels instead of the old ones, and without the projects in `removed`.
///
/// Sets a package's version, address, SHA-256 and external references, and removes its other
/// checksums, which are of the old wheel. A vendored project stays if the new wheel vendors the same
/// version. A list that does not name the projects stays unchanged.
pub fn updated(text: &str, wheels: &[ListedWheel], removed: &[&str]) -> Result<String, Error> {
    let document: Document<'_> = serde_json::from_str(text)?;
    let wheel_of = |project: &str| wheels.iter().find(|wheel| wheel.project == project);
    let mut list = List {
        text,
        edits: Edits::default(),
    };
    let mut gone: BTreeSet<&str> = BTreeSet::new();
    for Located { value: package, .. } in &document.packages {
        let project = normalised(&package.name);
        let wheel = wheel_of(&project);
        if removed.contains(&project.as_str()) {
            gone.insert(&package.id);
        } else if let Some(wheel) = wheel {
            list.set_package(package, wheel);
        } else {
            continue;
        }
        for Located {
            value: dependency, ..
        } in &document.relationships
        {
            let is_vendored = |other: &Located<'_, Package<'_>>| {
                let version = other.value.version.as_ref().map(|version| &version.value);
                let vendored = wheel.map(|wheel| &wheel.vendored);
                other.value.id == dependency.to
                    && vendored
                        .is_some_and(|all| all.get(&normalised(&other.value.name)) == version)
            };
            if dependency.kind == "DEPENDS_ON"
                && dependency.from == package.id
                && !document.packages.iter().any(is_vendored)
            {
                gone.insert(&dependency.to);
            }
        }
    }
    for Located { value: file, .. } in &document.files {
        let Some((folder, name)) = file.name.value.rsplit_once('/') else {
            continue;
        };
        if !folder.ends_with("ensurepip/_bundled") {
            continue;
        }
        let project = normalised(name.split('-').next().unwrap_or_default());
        if removed.contains(&project.as_str()) {
            gone.insert(&file.id);
        } else if let Some(wheel) = wheel_of(&project) {
            list.set(&file.name, &format!("{folder}/{}", wheel.file_name));
            list.set_checksums(&file.checksums, wheel);
        }
    }
    list.delete_items(&document.packages, |package| gone.contains(&*package.id));
    list.delete_items(&document.files, |file| gone.contains(&*file.id));
    list.delete_items(&document.relationships, |relationship| {
        gone.contains(&*relationship.from) || gone.contains(&*relationship.to)
    });
    Ok(list.edits.apply(text))
}

/// The parts of the document that an update reads.
#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow, default)]
    files: Vec<Located<'a, File<'a>>>,
    #[serde(borrow, default)]
    packages: Vec<Located<'a, Package<'a>>>,
    #[serde(borrow, default)]
    relationships: Vec<Located<'a, Relationship>>,
}

#[derive(Deserialize)]
struct Package<'a> {
    #[serde(rename = "SPDXID")]
    id: String,
    name: String,
    #[serde(borrow, rename = "versionInfo")]
    version: Option<Located<'a, String>>,
    #[serde(borrow, rename = "downloadLocation")]
    location: Option<Located<'a, String>>,
    #[serde(borrow, rename = "packageFileName")]
    file_name: Option<Located<'a, String>>,
    #[serde(borrow, default)]
    checksums: Vec<Located<'a, Checksum<'a>>>,
    #[serde(borrow, default, rename = "externalRefs")]
    references: Vec<Reference<'a>>,
}

#[derive(Deserialize)]
struct File<'a> {
    #[serde(rename = "SPDXID")]
    id: String,
    #[serde(borrow, rename = "fileName")]
    name: Located<'a, String>,
    #[serde(borrow, default)]
    checksums: Vec<Located<'a, Checksum<'a>>>,
}

#[derive(Deserialize)]
struct Relationship {
    #[serde(rename = "spdxElementId")]
    from: String,
    #[serde(rename = "relationshipType")]
    kind: String,
    #[serde(rename = "relatedSpdxElement")]
    to: String,
}

#[derive(Deserialize)]
struct Checksum<'a> {
    algorithm: String,
    #[serde(borrow, rename = "checksumValue")]
    value: Located<'a, String>,
}

#[derive(Deserialize)]
struct Reference<'a> {
    #[serde(rename = "referenceType")]
    kind: String,
    #[serde(borrow, rename = "referenceLocator")]
    locator: Located<'a, String>,
}

/// A value with its place in the text.
struct Located<'a, T> {
    raw: &'a RawValue,
    value: T,
}

impl<'de: 'a, 'a, T: Deserialize<'a>> Deserialize<'de> for Located<'a, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?;
        let value = serde_json::from_str(raw.get()).map_err(D::Error::custom)?;
        Ok(Self { raw, value })
    }
}

/// The text of the list and its edits.
struct List<'a> {
    text: &'a str,
    edits: Edits,
}

impl List<'_> {
    fn span<T>(&self, located: &Located<'_, T>) -> Range<usize> {
        let value = located.raw.get();
        let start = value.as_ptr() as usize - self.text.as_ptr() as usize;
        start..start + value.len()
    }

    fn set(&mut self, value: &Located<'_, String>, new: &str) {
        let new = serde_json::Value::from(new).to_string();
        self.edits.replace(self.span(value), new);
    }

    fn set_package(&mut self, package: &Package<'_>, wheel: &ListedWheel) {
        // SPDX 2.3, 7.7.1: NOASSERTION is for a location that nobody looked for.
        let location = wheel.address.as_deref().unwrap_or("NOASSERTION");
        for (value, new) in [
            (&package.version, wheel.version.as_str()),
            (&package.location, location),
            (&package.file_name, wheel.file_name.as_str()),
        ] {
            if let Some(value) = value {
                self.set(value, new);
            }
        }
        self.set_checksums(&package.checksums, wheel);
        for Reference { kind, locator } in &package.references {
            match kind.as_str() {
                "purl" => self.set(locator, &with_purl_version(&locator.value, &wheel.version)),
                "cpe23Type" => self.set(locator, &with_cpe_version(&locator.value, &wheel.version)),
                _ => {}
            }
        }
    }

    fn set_checksums(&mut self, checksums: &[Located<'_, Checksum<'_>>], wheel: &ListedWheel) {
        for Located {
            value: checksum, ..
        } in checksums
        {
            if checksum.algorithm == "SHA256" {
                self.set(&checksum.value, &wheel.sha256.to_string());
            }
        }
        self.delete_items(checksums, |checksum| checksum.algorithm != "SHA256");
    }

    /// Deletes items of a JSON array, each with a comma beside it.
    fn delete_items<T>(&mut self, items: &[Located<'_, T>], is_deleted: impl Fn(&T) -> bool) {
        let kept_until = items
            .iter()
            .rposition(|item| !is_deleted(&item.value))
            .map_or(0, |last| last + 1);
        for index in (0..kept_until).filter(|index| is_deleted(&items[*index].value)) {
            let start = self.span(&items[index]).start;
            let end = self.span(&items[index + 1]).start;
            self.edits.delete(start..end);
        }
        if let [.., last] = &items[kept_until..] {
            let start = match kept_until.checked_sub(1) {
                Some(kept) => self.span(&items[kept]).end,
                None => self.span(&items[0]).start,
            };
            self.edits.delete(start..self.span(last).end);
        }
    }
}

/// `pkg:pypi/pip@24.0` with another version (the package URL specification).
fn with_purl_version(purl: &str, version: &str) -> String {
    let name = purl.split('@').next().unwrap_or(purl);
    let version = version.replace('+', "%2B");
    match purl.split_once('?') {
        Some((_, qualifiers)) => format!("{name}@{version}?{qualifiers}"),
        None => format!("{name}@{version}"),
    }
}

/// `cpe:2.3:a:pypa:pip:24.0:*:…` with another version (NIST IR 7695, 6.2).
fn with_cpe_version(cpe: &str, version: &str) -> String {
    let mut parts: Vec<&str> = cpe.split(':').collect();
    let escaped = version.replace('+', "\\+").replace('!', "\\!");
    if let Some(part) = parts.get_mut(5) {
        *part = &escaped;
    }
    parts.join(":")
}

#[cfg(test)]
mod tests {
    use super::{ListedWheel, updated, vendored};
    use crate::digest::Sha256;

    const LIST: &str = r#"{
  "SPDXID": "SPDXRef-DOCUMENT",
  "files": [
    {
      "SPDXID": "SPDXRef-FILE-a",
      "checksums": [
        { "algorithm": "SHA1", "checksumValue": "0a" },
        { "algorithm": "SHA256", "checksumValue": "0b" }
      ],
      "fileName": "Lib/ensurepip/_bundled/pip-1.0-py3-none-any.whl"
    },
    { "SPDXID": "SPDXRef-FILE-b", "checksums": [], "fileName": "Modules/b.c" }
  ],
  "packages": [
    { "SPDXID": "ID-expat", "name": "expat", "versionInfo": "1.0" },
    {
      "SPDXID": "ID-pip",
      "checksums": [
        { "algorithm": "SHA256", "checksumValue": "0c" }
      ],
      "downloadLocation": "https://old.example/pip-1.0-py3-none-any.whl",
      "externalRefs": [
        { "referenceLocator": "cpe:2.3:a:pypa:pip:1.0:*:*:*:*:*:*:*", "referenceType": "cpe23Type" },
        { "referenceLocator": "pkg:pypi/pip@1.0", "referenceType": "purl" }
      ],
      "name": "pip",
      "versionInfo": "1.0"
    },
    { "SPDXID": "ID-certifi", "name": "certifi", "versionInfo": "5.0" },
    { "SPDXID": "ID-six", "name": "Six", "versionInfo": "1.0" }
  ],
  "relationships": [
    { "relatedSpdxElement": "ID-six", "relationshipType": "DEPENDS_ON", "spdxElementId": "ID-pip" },
    { "relatedSpdxElement": "ID-certifi", "relationshipType": "DEPENDS_ON", "spdxElementId": "ID-pip" },
    { "relatedSpdxElement": "SPDXRef-FILE-b", "relationshipType": "CONTAINS", "spdxElementId": "ID-expat" }
  ],
  "spdxVersion": "SPDX-2.3"
}
"#;

    fn pip(vendor: &str) -> ListedWheel {
        ListedWheel {
            project: "pip".to_owned(),
            version: "24.0".to_owned(),
            file_name: "pip-24.0-py3-none-any.whl".to_owned(),
            sha256: Sha256::of(b"wheel"),
            address: Some("https://new.example/pip-24.0-py3-none-any.whl".to_owned()),
            vendored: vendored(vendor),
        }
    }

    #[test]
    fn only_the_entries_of_the_wheel_change() {
        let new = updated(LIST, &[pip("six==1.0  # a\n  certifi==5.0\n")], &[]).unwrap();
        let digest = Sha256::of(b"wheel").to_string();
        let expected = LIST
            .replace(
                "{ \"algorithm\": \"SHA1\", \"checksumValue\": \"0a\" },\n        ",
                "",
            )
            .replace("0b", &digest)
            .replace("0c", &digest)
            .replace(
                "https://old.example/pip-1.0",
                "https://new.example/pip-24.0",
            )
            .replace("_bundled/pip-1.0", "_bundled/pip-24.0")
            .replace("pip:1.0", "pip:24.0")
            .replace("pip@1.0", "pip@24.0")
            .replace(
                "\"name\": \"pip\",\n      \"versionInfo\": \"1.0\"",
                "\"name\": \"pip\",\n      \"versionInfo\": \"24.0\"",
            );
        assert_eq!(new, expected);
    }

    #[test]
    fn projects_that_the_new_wheel_does_not_vendor_are_removed() {
        let new = updated(LIST, &[pip("certifi==5.0\nsix==2.0\n")], &[]).unwrap();
        let document: serde_json::Value = serde_json::from_str(&new).unwrap();
        let names: Vec<&str> = document["packages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|package| package["name"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["expat", "pip", "certifi"]);
        assert_eq!(document["relationships"].as_array().unwrap().len(), 2);
        assert!(!new.contains("ID-six"));
    }

    #[test]
    fn a_wheel_without_an_address_has_the_location_noassertion() {
        let wheel = ListedWheel {
            address: None,
            ..pip("")
        };
        let new = updated(LIST, &[wheel], &[]).unwrap();
        assert!(
            new.contains("\"downloadLocation\": \"NOASSERTION\""),
            "{new}"
        );
    }

    #[test]
    fn a_removed_project_has_no_entries() {
        let new = updated(LIST, &[], &["pip"]).unwrap();
        let document: serde_json::Value = serde_json::from_str(&new).unwrap();
        // What it vendors goes too.
        assert_eq!(document["packages"].as_array().unwrap().len(), 1);
        assert_eq!(document["files"].as_array().unwrap().len(), 1);
        assert!(!new.contains("ID-pip"));
    }

    #[test]
    fn a_list_without_the_wheel_stays_unchanged() {
        let list = "{\"packages\": [], \"files\": [], \"relationships\": []}";
        assert_eq!(updated(list, &[pip("")], &["setuptools"]).unwrap(), list);
        assert!(updated("[", &[pip("")], &[]).is_err());
    }
}
