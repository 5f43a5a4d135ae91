//! The installation that the statements are about.

use std::collections::BTreeMap;
use std::path::Path;

use crate::compile::CompilePlan;
use crate::digest::Sha256;
use crate::fetch::InputRecord;
use crate::host::owners::OwningPackage;
use crate::plan::Plan;
use crate::source::{SourceDate, Vendored};

/// What the statements are about.
pub(in crate::install) struct Subject<'a> {
    pub(in crate::install) plan: &'a Plan,
    pub(in crate::install) compile: &'a CompilePlan,
    pub(in crate::install) inputs: &'a [InputRecord],
    /// The staged prefix.
    pub(in crate::install) root: &'a Path,
    pub(in crate::install) tree: Sha256,
    pub(in crate::install) date: SourceDate,
    pub(in crate::install) vendored: &'a [Vendored],
    /// The packages of the system's libraries, by the libraries' names.
    pub(in crate::install) packages: &'a BTreeMap<String, OwningPackage>,
    /// The system, such as `debian` and `12`.
    pub(in crate::install) system: Option<(String, String)>,
}

impl Subject<'_> {
    /// The package URL of CPython itself.
    pub(super) fn python_purl(&self) -> String {
        format!("pkg:generic/python@{}", self.plan.python())
    }

    /// An identifier in the form of a UUID (RFC 9562, version 8) that follows from the tree.
    pub(super) fn uuid(&self, purpose: &str) -> String {
        let digest = Sha256::of(format!("{purpose} {}", self.tree).as_bytes()).to_string();
        format!(
            "urn:uuid:{}-{}-8{}-a{}-{}",
            &digest[..8],
            &digest[8..12],
            &digest[13..16],
            &digest[17..20],
            &digest[20..32]
        )
    }

    pub(super) fn timestamp(&self) -> String {
        let time = jiff::Timestamp::from_second(self.date.seconds()).unwrap_or_default();
        time.to_string()
    }
}
