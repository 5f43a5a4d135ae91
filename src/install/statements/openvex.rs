//! The vulnerabilities that patches fix, as an `OpenVEX` document
//! (<https://github.com/openvex/spec/blob/main/OPENVEX-SPEC.md>, version 0.2.0).

use serde_json::{Value, json};

use super::subject::Subject;

/// `None` if no patch fixes one.
pub(super) fn document(subject: &Subject<'_>) -> Option<Value> {
    let patches = subject.plan.patches().iter();
    let statements = patches.flat_map(|patch| {
        patch.fixes.iter().map(|cve| {
            json!({
                "vulnerability": { "name": cve },
                "products": [{ "@id": subject.python_purl() }],
                "status": "fixed",
                "status_notes": format!("fixed by the patch {}", patch.name),
            })
        })
    });
    let statements: Vec<Value> = statements.collect();
    if statements.is_empty() {
        return None;
    }
    Some(json!({
        "@context": "https://openvex.dev/ns/v0.2.0",
        "@id": subject.uuid("openvex"),
        "author": "pybuild",
        "timestamp": subject.timestamp(),
        "version": 1,
        "statements": statements,
    }))
}
