//! The inputs of a build as its record shows them.

use serde::{Deserialize, Serialize};

use super::verified::{VerifiedChanges, VerifiedSource};
use crate::digest::Sha256;
use crate::plan::verification::Proof;
use crate::plan::{PatchOrigin, Plan, WheelLocation};

/// One input of a build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InputRecord {
    /// The file name, or the folder's path for an unpacked tree.
    pub(crate) name: String,
    /// `None` for an unpacked tree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sha256: Option<Sha256>,
    /// Its path, its address or the option that names it.
    pub(crate) from: String,
    /// The proofs of a release archive.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) proofs: Vec<Proof>,
}

impl InputRecord {
    fn new(name: String, sha256: Option<Sha256>, from: &str) -> Self {
        Self {
            name,
            sha256,
            from: from.to_owned(),
            proofs: Vec::new(),
        }
    }

    pub(crate) fn of_source(source: &VerifiedSource) -> Self {
        match source {
            VerifiedSource::Archive(archive) => Self {
                proofs: archive.proofs().to_vec(),
                ..Self::new(
                    archive.name().to_owned(),
                    Some(archive.sha256()),
                    archive.origin(),
                )
            },
            VerifiedSource::Tree(path) => Self::new(path.display().to_string(), None, "--source"),
        }
    }

    /// The wheels, and the user's patches that the plan applies. A patch of which the header excludes
    /// this release is no input.
    pub(crate) fn of_changes<'a>(
        plan: &'a Plan,
        changes: &'a VerifiedChanges,
    ) -> impl Iterator<Item = Self> + 'a {
        let wheels = changes.wheels().iter().map(|wheel| {
            let input = wheel.input();
            let from = match &input.location {
                WheelLocation::Path(path) => path.display().to_string(),
                WheelLocation::Url(address) => address.to_string(),
            };
            Self::new(input.file_name.clone(), Some(input.sha256), &from)
        });
        let patches = plan.patches().iter();
        let patches = patches
            .filter(|patch| patch.origin == PatchOrigin::File)
            .map(|patch| Self::new(patch.name.clone(), Some(patch.sha256), "--patch"));
        let packages = changes.packages().iter();
        let packages = packages.map(|package| {
            Self::new(
                package.name().to_owned(),
                Some(package.sha256()),
                package.from(),
            )
        });
        wheels.chain(patches).chain(packages)
    }
}
