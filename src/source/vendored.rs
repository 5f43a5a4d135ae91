//! Third-party software inside CPython's source: from its own SBOM, and from the headers of older releases.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::plan::wheel_name::normalised;

/// A project that CPython's source contains.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Vendored {
    pub(crate) name: String,
    pub(crate) version: String,
    /// Package URLs and CPEs, as the SBOM has them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) references: Vec<String>,
}

/// A header that defines a version: the project, its CPE's vendor and product, the file, and the macros that hold
/// the version or its parts.
type Known = (
    &'static str,
    &'static str,
    &'static str,
    &'static [&'static str],
);

const HEADERS: [Known; 3] = [
    (
        "expat",
        "libexpat_project:libexpat",
        "Modules/expat/expat.h",
        &[
            "XML_MAJOR_VERSION",
            "XML_MINOR_VERSION",
            "XML_MICRO_VERSION",
        ],
    ),
    (
        "mpdecimal",
        "bytereef:mpdecimal",
        "Modules/_decimal/libmpdec/mpdecimal.h",
        &["MPD_VERSION"],
    ),
    (
        "mimalloc",
        "microsoft:mimalloc",
        "Include/internal/mimalloc/mimalloc.h",
        &["MI_MALLOC_VERSION"],
    ),
];

/// The projects in the source tree at `root`, sorted by name. Those of `ensurepip`'s wheels are not among them.
pub(crate) fn vendored(root: &Path) -> Vec<Vendored> {
    let text = fs_err::read_to_string(root.join("Misc/sbom.spdx.json"));
    let mut found = text.map(|text| of_sbom(&text)).unwrap_or_default();
    for (name, product, file, macros) in HEADERS {
        if found.contains_key(name) {
            continue;
        }
        let Ok(header) = fs_err::read(root.join(file)) else {
            continue;
        };
        if let Some(version) = version_in(&String::from_utf8_lossy(&header), macros) {
            let cpe = format!("cpe:2.3:a:{product}:{version}:*:*:*:*:*:*:*");
            let vendored = Vendored {
                name: name.to_owned(),
                version,
                references: vec![cpe],
            };
            found.insert(name.to_owned(), vendored);
        }
    }
    found.into_values().collect()
}

/// `2.5.0` of three macros, the text of one macro, or `2.1.2` of the number 212.
fn version_in(header: &str, macros: &[&str]) -> Option<String> {
    let value = |name: &&str| {
        let mut lines = header.lines().map(str::split_whitespace);
        let found = lines.find_map(|mut words| {
            let is_it = words.next() == Some("#define") && words.next() == Some(*name);
            is_it.then(|| words.next())?
        });
        found.map(|value| value.trim_matches('"').to_owned())
    };
    let parts: Vec<String> = macros.iter().map(value).collect::<Option<_>>()?;
    Some(match &parts[..] {
        [number] if number.len() == 3 && number.bytes().all(|byte| byte.is_ascii_digit()) => {
            let digits: Vec<&str> = number.split("").filter(|digit| !digit.is_empty()).collect();
            digits.join(".")
        }
        parts => parts.join("."),
    })
}

/// The parts of CPython's SBOM (SPDX 2.3 in JSON) that are read.
#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    packages: Vec<Package>,
    #[serde(default)]
    relationships: Vec<Relationship>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Package {
    #[serde(rename = "SPDXID")]
    id: String,
    name: String,
    #[serde(default)]
    version_info: String,
    #[serde(default)]
    external_refs: Vec<Reference>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reference {
    reference_locator: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Relationship {
    spdx_element_id: String,
    related_spdx_element: String,
    #[serde(rename = "relationshipType")]
    kind: String,
}

fn of_sbom(text: &str) -> BTreeMap<String, Vendored> {
    let Ok(document) = serde_json::from_str::<Document>(text) else {
        return BTreeMap::new();
    };
    let is_bundled =
        |package: &&Package| ["pip", "setuptools"].contains(&&*normalised(&package.name));
    let bundled: BTreeSet<&String> = document
        .packages
        .iter()
        .filter(is_bundled)
        .map(|package| &package.id)
        .collect();
    let of_bundled = document.relationships.iter().filter(|relationship| {
        relationship.kind == "DEPENDS_ON" && bundled.contains(&relationship.spdx_element_id)
    });
    let left_out: BTreeSet<&String> = of_bundled
        .map(|relationship| &relationship.related_spdx_element)
        .chain(bundled.iter().copied())
        .collect();
    let packages = document.packages.iter();
    packages
        .filter(|package| !left_out.contains(&package.id))
        .map(|package| {
            let references = package.external_refs.iter();
            let vendored = Vendored {
                name: package.name.clone(),
                version: package.version_info.clone(),
                references: references
                    .map(|found| found.reference_locator.clone())
                    .collect(),
            };
            (package.name.clone(), vendored)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{of_sbom, vendored, version_in};

    #[test]
    fn headers_name_versions_in_three_forms() {
        let three = "#define A 2\n#define B  5\n# define C 1\n#define C 0\n";
        assert_eq!(
            version_in(three, &["A", "B", "C"]).as_deref(),
            Some("2.5.0")
        );
        assert_eq!(
            version_in("#define V \"2.4.2\"\n", &["V"]).as_deref(),
            Some("2.4.2")
        );
        assert_eq!(
            version_in("#define V 212 // x\n", &["V"]).as_deref(),
            Some("2.1.2")
        );
        assert_eq!(version_in("#define W 1\n", &["V"]), None);
    }

    #[test]
    fn the_wheels_of_ensurepip_are_left_out() {
        let text = r#"{"packages": [
            {"SPDXID": "1", "name": "pip", "versionInfo": "24.0"},
            {"SPDXID": "2", "name": "rich", "versionInfo": "13"},
            {"SPDXID": "3", "name": "expat", "versionInfo": "2.6.3",
             "externalRefs": [{"referenceLocator": "cpe:x"}]}],
            "relationships": [{"spdxElementId": "1", "relatedSpdxElement": "2", "relationshipType": "DEPENDS_ON"}]}"#;
        let found = of_sbom(text);
        assert_eq!(found.keys().collect::<Vec<_>>(), ["expat"]);
        assert_eq!(found["expat"].references, ["cpe:x"]);
        assert!(of_sbom("no JSON").is_empty());
    }

    #[test]
    fn an_old_release_is_read_by_its_headers() {
        let dir = tempfile::tempdir().unwrap();
        assert!(vendored(dir.path()).is_empty());
        let folder = dir.path().join("Modules/_decimal/libmpdec");
        fs_err::create_dir_all(&folder).unwrap();
        fs_err::write(
            folder.join("mpdecimal.h"),
            "#define MPD_VERSION \"2.5.0\"\n",
        )
        .unwrap();
        let found = vendored(dir.path());
        assert_eq!(
            (&*found[0].name, &*found[0].version),
            ("mpdecimal", "2.5.0")
        );
    }
}
