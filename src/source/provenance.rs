//! The provenance of a tree: its plan, its inputs and its patches.

use std::path::Path;

use super::original::OriginalEnsurepip;
use super::vendored::Vendored;
use crate::fetch::{InputRecord, VerifiedChanges, VerifiedPackage};
use crate::plan::compat;
use crate::plan::{PatchOrigin, Pin, Pins, Plan, PlannedPatch};

/// The name of the pin's diff in the record.
const ENSUREPIP_DIFF: &str = "ensurepip.diff";

/// The plan of a tree, its inputs and its patches. Each later tree of the build carries it along, so
/// that no step can take the plan of another build.
#[derive(Debug)]
pub(crate) struct Provenance {
    plan: Plan,
    inputs: Vec<InputRecord>,
    patches: Vec<AppliedPatch>,
    /// What the source contains of other projects.
    vendored: Vec<Vendored>,
    /// Wheels to install after those of `ensurepip`.
    packages: Vec<VerifiedPackage>,
    original: Option<OriginalEnsurepip>,
}

/// A patch as it is kept in the record's folder.
#[derive(Debug)]
pub(crate) struct AppliedPatch {
    pub(crate) file_name: String,
    pub(crate) content: Vec<u8>,
}

impl Provenance {
    /// The provenance of a tree of `source`, which contains `vendored`, with the changes of `plan`. `pin` is the
    /// diff of the pin, if there is one.
    pub(crate) fn new(
        plan: Plan,
        source: InputRecord,
        vendored: Vec<Vendored>,
        changes: &VerifiedChanges,
        pin: Option<String>,
    ) -> Self {
        let mut inputs = vec![source];
        inputs.extend(InputRecord::of_changes(&plan, changes));
        let pin = pin.map(|diff| AppliedPatch {
            file_name: ENSUREPIP_DIFF.to_owned(),
            content: diff.into_bytes(),
        });
        let numbered = plan.patches().iter().enumerate();
        let patches = numbered.map(|(number, patch)| AppliedPatch {
            file_name: recorded_name(number, patch),
            content: content_of(patch, changes).to_owned(),
        });
        let patches = pin.into_iter().chain(patches).collect();
        Self {
            plan,
            inputs,
            patches,
            vendored,
            packages: changes.packages().to_vec(),
            original: None,
        }
    }

    /// The wheels to install after those of `ensurepip`.
    pub(crate) fn packages(&self) -> &[VerifiedPackage] {
        &self.packages
    }

    pub(crate) fn vendored(&self) -> &[Vendored] {
        &self.vendored
    }

    pub(super) fn with_original(self, original: Option<OriginalEnsurepip>) -> Self {
        Self { original, ..self }
    }

    /// The release's own `ensurepip`; `None` if it is not known, or if a patch changes it too.
    pub(crate) fn original(&self) -> Option<&OriginalEnsurepip> {
        self.original.as_ref()
    }

    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }

    pub(crate) fn into_plan(self) -> Plan {
        self.plan
    }

    /// The source is the first input.
    pub(crate) fn source(&self) -> &InputRecord {
        &self.inputs[0]
    }

    pub(crate) fn inputs(&self) -> &[InputRecord] {
        &self.inputs
    }

    /// The diff of the pin; `None` if nothing is pinned.
    pub(crate) fn pin_diff(&self) -> Option<String> {
        let mut patches = self.patches.iter();
        let pin = patches.find(|patch| patch.file_name == ENSUREPIP_DIFF)?;
        Some(String::from_utf8_lossy(&pin.content).into_owned())
    }

    /// In the order in which they were applied.
    pub(crate) fn patches(&self) -> &[AppliedPatch] {
        &self.patches
    }
}

/// Two patches may have the same name: the number makes the names unique and keeps their order.
fn recorded_name(number: usize, patch: &PlannedPatch) -> String {
    let name = Path::new(&patch.name).file_name().unwrap_or_default();
    let name = name.to_string_lossy();
    let ending = match patch.origin {
        PatchOrigin::BuiltIn => ".patch",
        PatchOrigin::File => "",
    };
    format!("{:02}-{name}{ending}", number + 1)
}

/// The whole file of a patch. Every patch of a plan is built in or was fetched.
pub(super) fn content_of<'a>(patch: &PlannedPatch, changes: &'a VerifiedChanges) -> &'a [u8] {
    match patch.origin {
        PatchOrigin::BuiltIn => compat::built_in_file(&patch.name).unwrap_or_default(),
        PatchOrigin::File => {
            let mut given = changes.patches().iter();
            given
                .find(|given| given.name() == patch.name)
                .map_or(&[][..], |given| given.content())
        }
    }
}

/// The changed pins in words: `pip 24.0`, `no setuptools`.
pub(crate) fn pin_names(pins: &Pins) -> Vec<String> {
    [("pip", &pins.pip), ("setuptools", &pins.setuptools)]
        .into_iter()
        .filter_map(|(name, pin)| match pin {
            Pin::Bundled => None,
            Pin::Removed => Some(format!("no {name}")),
            Pin::Wheel(wheel) => Some(format!("{name} {}", wheel.version)),
        })
        .collect()
}
