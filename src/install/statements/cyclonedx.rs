//! The parts of an installation as a `CycloneDX` document (<https://cyclonedx.org/docs/1.6/json/>).

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use serde_json::{Value, json};

use super::subject::Subject;
use crate::fs::list::names_in;
use crate::install::dist_info::DistInfo;
use crate::plan::PatchOrigin;
use crate::plan::wheel_name::normalised;

const CPYTHON: &str = "cpython";

/// CPython, what it contains, the installed projects and what they contain, and the libraries of the system.
pub(super) fn sbom(subject: &Subject<'_>) -> io::Result<Value> {
    let mut components = vec![cpython(subject)];
    let mut of_cpython = Vec::new();
    for part in subject.vendored {
        let mut component = json!({
            "type": "library",
            "bom-ref": format!("vendored:{}", part.name),
            "name": part.name,
            "version": part.version,
        });
        for reference in &part.references {
            let key = if reference.starts_with("cpe:") {
                "cpe"
            } else {
                "purl"
            };
            component[key] = json!(reference);
        }
        of_cpython.push(component["bom-ref"].clone());
        components.push(component);
    }
    for library in libraries(subject) {
        of_cpython.push(library["bom-ref"].clone());
        components.push(library);
    }
    let mut of_tree = vec![json!(CPYTHON)];
    for project in projects(subject)? {
        of_tree.push(project["bom-ref"].clone());
        components.push(project);
    }
    Ok(json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": subject.uuid("cyclonedx"),
        "version": 1,
        "metadata": {
            "timestamp": subject.timestamp(),
            "tools": { "components": [{
                "type": "application",
                "name": "pybuild",
                "version": env!("CARGO_PKG_VERSION"),
            }] },
            "component": {
                "type": "application",
                "bom-ref": "tree",
                "name": format!("CPython {} of pybuild", subject.plan.python()),
                "version": subject.plan.python().to_string(),
                "hashes": [{ "alg": "SHA-256", "content": subject.tree }],
            },
        },
        "components": components,
        "dependencies": [
            { "ref": "tree", "dependsOn": of_tree },
            { "ref": CPYTHON, "dependsOn": of_cpython },
        ],
    }))
}

/// CPython with its source and its patches.
fn cpython(subject: &Subject<'_>) -> Value {
    let python = subject.plan.python();
    let mut component = json!({
        "type": "application",
        "bom-ref": CPYTHON,
        "name": "python",
        "version": python.to_string(),
        "purl": subject.python_purl(),
        "cpe": format!("cpe:2.3:a:python:python:{python}:*:*:*:*:*:*:*"),
        "licenses": [{ "license": { "id": "Python-2.0.1" } }],
    });
    if let Some(sha256) = subject.inputs.first().and_then(|source| source.sha256) {
        component["hashes"] = json!([{ "alg": "SHA-256", "content": sha256 }]);
    }
    let patches = subject.plan.patches().iter();
    let patches: Vec<Value> = patches
        .map(|patch| {
            let fixes = patch.fixes.iter();
            let resolves: Vec<Value> = fixes
                .map(|cve| json!({ "type": "security", "id": cve }))
                .collect();
            let mut entry = json!({
                "type": match patch.origin {
                    PatchOrigin::BuiltIn => "backport",
                    PatchOrigin::File => "unofficial",
                },
            });
            if !resolves.is_empty() {
                entry["resolves"] = json!(resolves);
            }
            entry
        })
        .collect();
    if !patches.is_empty() {
        component["pedigree"] = json!({ "patches": patches });
    }
    component
}

/// The system's libraries that the modules were linked with.
fn libraries(subject: &Subject<'_>) -> Vec<Value> {
    let component = |soname: &&str| {
        let mut component = json!({
            "type": "library",
            "bom-ref": format!("system:{soname}"),
            "name": soname,
            "properties": [{ "name": "pybuild:soname", "value": soname }],
        });
        if let Some(package) = subject.packages.get(*soname) {
            component["name"] = json!(package.name);
            component["version"] = json!(package.version);
            if let Some((system, release)) = &subject.system {
                component["purl"] = json!(format!(
                    "pkg:deb/{system}/{}@{}?arch={}&distro={system}-{release}",
                    package.name,
                    encoded(&package.version),
                    package.architecture,
                ));
            }
        }
        component
    };
    subject.compile.sonames().iter().map(component).collect()
}

/// A version in a package URL.
fn encoded(version: &str) -> String {
    url::form_urlencoded::byte_serialize(version.as_bytes()).collect()
}

/// The projects in site-packages, each with the projects that it vendors.
fn projects(subject: &Subject<'_>) -> io::Result<Vec<Value>> {
    let mut found = Vec::new();
    for library in ["lib", "lib64"] {
        for name in names_in(&subject.root.join(library)).unwrap_or_default() {
            let site = subject.root.join(library).join(name).join("site-packages");
            if !site.is_dir() {
                continue;
            }
            for project in ["pip", "setuptools"] {
                for info in DistInfo::of_project(&site, project)? {
                    let mut component = pypi(project, &info.version, project);
                    let vendored = vendored(&site.join(project).join("_vendor"), project)?;
                    if !vendored.is_empty() {
                        component["components"] = json!(vendored);
                    }
                    found.push(component);
                }
            }
        }
    }
    Ok(found)
}

fn pypi(name: &str, version: &str, reference: &str) -> Value {
    json!({
        "type": "library",
        "bom-ref": reference,
        "name": name,
        "version": version,
        "purl": format!("pkg:pypi/{}@{}", normalised(name), encoded(version)),
    })
}

/// The projects in a folder `_vendor`: by their metadata, or by pip's list of requirements.
fn vendored(folder: &Path, by: &str) -> io::Result<Vec<Value>> {
    let mut versions: BTreeSet<(String, String)> = BTreeSet::new();
    if folder.is_dir() {
        for name in names_in(folder)? {
            let name = name.to_string_lossy();
            let info = name
                .strip_suffix(".dist-info")
                .and_then(|info| info.split_once('-'));
            versions.extend(info.map(|(name, version)| (name.to_owned(), version.to_owned())));
        }
    }
    let list = fs_err::read_to_string(folder.join("vendor.txt")).unwrap_or_default();
    versions.extend(crate::source::vendored_by_pip(&list));
    let components = versions.iter();
    Ok(components
        .map(|(name, version)| pypi(name, version, &format!("{by}:{name}")))
        .collect())
}
