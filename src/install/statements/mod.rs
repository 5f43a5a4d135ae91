//! Statements about an installation in the formats of other tools, beside its record.

mod cyclonedx;
mod openvex;
mod provenance;
mod subject;

use std::io;
use std::path::Path;

pub(super) use subject::Subject;

use super::record::write_json;

const SBOM: &str = "sbom.cdx.json";
const PROVENANCE: &str = "provenance.json";
const VEX: &str = "openvex.json";

/// The files of the statements in the folder of a record.
pub(crate) const FILES: [&str; 3] = [SBOM, PROVENANCE, VEX];

/// Writes the SBOM, the provenance and, if a patch fixes a vulnerability, the VEX document.
pub(super) fn write(subject: &Subject<'_>, folder: &Path) -> io::Result<()> {
    write_json(&folder.join(SBOM), &cyclonedx::sbom(subject)?)?;
    write_json(&folder.join(PROVENANCE), &provenance::statement(subject)?)?;
    match openvex::document(subject) {
        Some(document) => write_json(&folder.join(VEX), &document),
        None => Ok(()),
    }
}
