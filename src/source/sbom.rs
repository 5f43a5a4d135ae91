//! The source's own list of what it brings along, `Misc/sbom.spdx.json` (SPDX 2.3 in JSON): where it
//! lists the bundled wheels, it is brought in line with the new ones. Only what differs is touched,
//! so that the diff says what changed and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::ensurepip::Edits;
use crate::digest::Sha256;
use crate::plan::wheel_name::normalised;

/// Why the list cannot be brought in line.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not JSON, or not in SPDX's form.
    #[error("it is not an SPDX document in JSON")]
    Json(#[from] serde_json::Error),
}

/// A wheel as the list describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedWheel {
    /// The project, in PEP 503's normal form.
    pub project: String,
    /// The version.
    pub version: String,
    /// The wheel's file name.
    pub file_name: String,
    /// The wheel's digest.
    pub sha256: Sha256,
    /// The address of the wheel, when it came from one.
    pub address: Option<String>,
    /// The projects that it brings along, in normal form, with their versions.
    pub vendored: BTreeMap<String, String>,
}

/// The projects and versions in a list of vendored projects, in the form of a requirements file with
/// exact versions: pip's `pip/_vendor/vendor.txt`.
#[must_use]
pub fn vendored(text: &str) -> BTreeMap<String, String> {
    text.lines()
        .map(|line| line.split('#').next().unwrap_or_default())
        .filter_map(|line| line.split_once("=="))
        .map(|(project, version)| (normalised(project.trim()), version.trim().to_owned()))
        .collect()
}

/// The list with the new wheels in the place of the old ones, and without the projects in `removed`.
///
/// A package's version, address, SHA-256 and external references are set; checksums of other kinds
/// go, since they are the old wheel's. What the old wheel brought along stays where the new one
/// brings the same version, and goes where it does not. A list that does not name the projects stays
/// as it is.
///
/// # Errors
/// When the text is not an SPDX document.
pub fn bring_in_line(
    text: &str,
    wheels: &[ListedWheel],
    removed: &[&str],
) -> Result<String, Error> {
    let document: Document<'_> = serde_json::from_str(text)?;
    let packages: Vec<Package<'_>> = parse_all(&document.packages)?;
    let files: Vec<FileEntry<'_>> = parse_all(&document.files)?;
    let relationships: Vec<Relationship> = parse_all(&document.relationships)?;
    let mut edits = InText {
        text,
        edits: Edits::default(),
    };
    let mut gone: BTreeSet<&str> = BTreeSet::new();
    for package in &packages {
        let project = normalised(&package.name);
        if removed.contains(&project.as_str()) {
            gone.insert(&package.id);
        }
        let Some(wheel) = wheels.iter().find(|wheel| wheel.project == project) else {
            continue;
        };
        edits.set_package(package, wheel)?;
        let depends = relationships.iter().filter(|relationship| {
            relationship.kind == "DEPENDS_ON" && relationship.from == package.id
        });
        for dependency in depends {
            let still_there = packages.iter().any(|other| {
                other.id == dependency.to
                    && wheel.vendored.get(&normalised(&other.name)) == other.version_text().as_ref()
            });
            if !still_there {
                gone.insert(&dependency.to);
            }
        }
    }
    for file in &files {
        let path: String = serde_json::from_str(file.file_name.get())?;
        let Some((folder, name)) = path.rsplit_once('/') else {
            continue;
        };
        if !folder.ends_with("ensurepip/_bundled") {
            continue;
        }
        let project = normalised(name.split('-').next().unwrap_or_default());
        if removed.contains(&project.as_str()) {
            gone.insert(&file.id);
        } else if let Some(wheel) = wheels.iter().find(|wheel| wheel.project == project) {
            edits.set_text(file.file_name, &format!("{folder}/{}", wheel.file_name));
            edits.set_checksums(&file.checksums, wheel)?;
        }
    }
    edits.delete_items(&document.packages, |index| {
        gone.contains(packages[index].id.as_str())
    });
    edits.delete_items(&document.files, |index| {
        gone.contains(files[index].id.as_str())
    });
    edits.delete_items(&document.relationships, |index| {
        let relationship = &relationships[index];
        gone.contains(relationship.from.as_str()) || gone.contains(relationship.to.as_str())
    });
    Ok(edits.edits.apply(text))
}

/// The parts that matter, each as it stands in the text.
#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow, default)]
    files: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    packages: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    relationships: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Package<'a> {
    #[serde(rename = "SPDXID")]
    id: String,
    name: String,
    #[serde(borrow, rename = "versionInfo")]
    version: Option<&'a RawValue>,
    #[serde(borrow, rename = "downloadLocation")]
    location: Option<&'a RawValue>,
    #[serde(borrow, rename = "packageFileName")]
    file_name: Option<&'a RawValue>,
    #[serde(borrow, default)]
    checksums: Vec<&'a RawValue>,
    #[serde(borrow, default, rename = "externalRefs")]
    references: Vec<&'a RawValue>,
}

impl Package<'_> {
    fn version_text(&self) -> Option<String> {
        serde_json::from_str(self.version?.get()).ok()
    }
}

#[derive(Deserialize)]
struct FileEntry<'a> {
    #[serde(rename = "SPDXID")]
    id: String,
    #[serde(borrow, rename = "fileName")]
    file_name: &'a RawValue,
    #[serde(borrow, default)]
    checksums: Vec<&'a RawValue>,
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
    value: &'a RawValue,
}

#[derive(Deserialize)]
struct Reference<'a> {
    #[serde(rename = "referenceType")]
    kind: String,
    #[serde(borrow, rename = "referenceLocator")]
    locator: &'a RawValue,
}

fn parse_all<'a, T: Deserialize<'a>>(items: &[&'a RawValue]) -> Result<Vec<T>, serde_json::Error> {
    items
        .iter()
        .map(|item| serde_json::from_str(item.get()))
        .collect()
}

/// Changes to values, each where it stands in the text.
struct InText<'a> {
    text: &'a str,
    edits: Edits,
}

impl InText<'_> {
    /// Where a value that was borrowed from the text stands in it.
    fn span(&self, value: &RawValue) -> Range<usize> {
        let start = value.get().as_ptr() as usize - self.text.as_ptr() as usize;
        start..start + value.get().len()
    }

    fn set_text(&mut self, value: &RawValue, new: &str) {
        let new = serde_json::Value::from(new).to_string();
        self.edits.replace(self.span(value), new);
    }

    fn set_package(
        &mut self,
        package: &Package<'_>,
        wheel: &ListedWheel,
    ) -> Result<(), serde_json::Error> {
        // SPDX 2.3, 7.7.1: what no attempt was made to find out is NOASSERTION.
        let location = wheel.address.as_deref().unwrap_or("NOASSERTION");
        for (value, new) in [
            (package.version, wheel.version.as_str()),
            (package.location, location),
            (package.file_name, wheel.file_name.as_str()),
        ] {
            if let Some(value) = value {
                self.set_text(value, new);
            }
        }
        self.set_checksums(&package.checksums, wheel)?;
        for reference in parse_all::<Reference<'_>>(&package.references)? {
            let old: String = serde_json::from_str(reference.locator.get())?;
            let new = match reference.kind.as_str() {
                "purl" => with_purl_version(&old, &wheel.version),
                "cpe23Type" => with_cpe_version(&old, &wheel.version),
                _ => continue,
            };
            self.set_text(reference.locator, &new);
        }
        Ok(())
    }

    fn set_checksums(
        &mut self,
        items: &[&RawValue],
        wheel: &ListedWheel,
    ) -> Result<(), serde_json::Error> {
        let checksums: Vec<Checksum<'_>> = parse_all(items)?;
        let is_sha256 = |index: usize| checksums[index].algorithm == "SHA256";
        for (index, checksum) in checksums.iter().enumerate() {
            if is_sha256(index) {
                self.set_text(checksum.value, &wheel.sha256.to_string());
            }
        }
        self.delete_items(items, |index| !is_sha256(index));
        Ok(())
    }

    /// Takes items out of a list, each with the comma that parts it from its neighbour.
    fn delete_items(&mut self, items: &[&RawValue], is_deleted: impl Fn(usize) -> bool) {
        let kept_until = (0..items.len())
            .rev()
            .find(|index| !is_deleted(*index))
            .map_or(0, |last| last + 1);
        for index in (0..kept_until).filter(|index| is_deleted(*index)) {
            let start = self.span(items[index]).start;
            let end = self.span(items[index + 1]).start;
            self.edits.delete(start..end);
        }
        if let ([.., last], true) = (items, kept_until < items.len()) {
            let start = match kept_until.checked_sub(1) {
                Some(kept) => self.span(items[kept]).end,
                None => self.span(items[0]).start,
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
    use super::{ListedWheel, bring_in_line, vendored};
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
    fn the_wheel_s_entries_change_and_nothing_else() {
        let new = bring_in_line(LIST, &[pip("six==1.0  # a\n  certifi==5.0\n")], &[]).unwrap();
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
    fn what_the_new_wheel_does_not_bring_along_goes() {
        let new = bring_in_line(LIST, &[pip("certifi==5.0\nsix==2.0\n")], &[]).unwrap();
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
    fn a_wheel_without_an_address_has_none_asserted() {
        let wheel = ListedWheel {
            address: None,
            ..pip("")
        };
        let new = bring_in_line(LIST, &[wheel], &[]).unwrap();
        assert!(
            new.contains("\"downloadLocation\": \"NOASSERTION\""),
            "{new}"
        );
    }

    #[test]
    fn a_project_that_goes_takes_its_entries_along() {
        let new = bring_in_line(LIST, &[], &["pip"]).unwrap();
        let document: serde_json::Value = serde_json::from_str(&new).unwrap();
        assert_eq!(document["packages"].as_array().unwrap().len(), 3);
        assert_eq!(document["files"].as_array().unwrap().len(), 1);
        assert!(!new.contains("ID-pip"));
    }

    #[test]
    fn a_list_without_the_wheel_stays() {
        let list = "{\"packages\": [], \"files\": [], \"relationships\": []}";
        assert_eq!(
            bring_in_line(list, &[pip("")], &["setuptools"]).unwrap(),
            list
        );
        assert!(bring_in_line("[", &[pip("")], &[]).is_err());
    }
}
