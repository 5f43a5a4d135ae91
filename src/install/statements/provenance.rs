//! The provenance of an installation: an in-toto statement (version 1) with a SLSA predicate (version 1,
//! <https://slsa.dev/spec/v1.0/provenance>).

use std::io;

use serde_json::{Value, json};

use super::subject::Subject;

/// The subject's digest is the tree digest of docs/reproducible.md.
pub(super) fn statement(subject: &Subject<'_>) -> io::Result<Value> {
    let inputs = subject.inputs.iter();
    let dependencies: Vec<Value> = inputs
        .filter_map(|input| {
            let sha256 = input.sha256?;
            Some(json!({
                "name": input.name,
                "digest": { "sha256": sha256 },
            }))
        })
        .chain(subject.plan.patches().iter().map(|patch| {
            json!({
                "name": patch.name.rsplit('/').next(),
                "digest": { "sha256": patch.sha256 },
            })
        }))
        .collect();
    Ok(json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{
            "name": format!("cpython-{}", subject.plan.python()),
            "digest": { "sha256": subject.tree },
        }],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "urn:pybuild:build:1",
                "externalParameters": {
                    "request": serde_json::to_value(subject.plan.request())?,
                    "prefix": subject.plan.prefix(),
                    "environment": subject.plan.environment(),
                },
                "internalParameters": {
                    "compile": serde_json::to_value(subject.compile)?,
                },
                "resolvedDependencies": dependencies,
            },
            "runDetails": {
                "builder": {
                    "id": "urn:pybuild:builder",
                    "version": { "pybuild": env!("CARGO_PKG_VERSION") },
                },
            },
        },
    }))
}
