//! Step 4: pins and patches a source tree, and keeps each patch for the record.

use std::path::{Path, PathBuf};

use super::Error;
use super::ensurepip::{EnsurepipPatch, Stdlib};
use super::patch::{self, Patch};
use super::unpack::SourceTree;
use crate::fetch::VerifiedInputs;
use crate::plan::compat::{self, Header};
use crate::plan::{PatchOrigin, Pin, Pins, Plan, PlannedPatch};
use crate::progress::{Reporter, Unit};

/// The name of the pin's diff in the record.
const ENSUREPIP_DIFF: &str = "ensurepip.diff";

/// The plan of a tree, its inputs and its patches. Each later tree of the build carries it along, so
/// that no step can take the plan of another build.
#[derive(Debug)]
pub(crate) struct Provenance {
    plan: Plan,
    inputs: VerifiedInputs,
    patches: Vec<AppliedPatch>,
}

impl Provenance {
    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }

    pub(crate) fn into_plan(self) -> Plan {
        self.plan
    }

    pub(crate) fn inputs(&self) -> &VerifiedInputs {
        &self.inputs
    }

    /// In the order in which they were applied.
    pub(crate) fn patches(&self) -> &[AppliedPatch] {
        &self.patches
    }
}

/// A patch as it is kept in the record's folder.
#[derive(Debug)]
pub(crate) struct AppliedPatch {
    pub(crate) file_name: String,
    pub(crate) content: Vec<u8>,
}

/// A source tree with its pins and patches applied, ready to be compiled.
#[derive(Debug)]
pub(crate) struct PatchedTree {
    root: PathBuf,
    provenance: Provenance,
}

impl PatchedTree {
    /// The folder that holds `configure`, and the provenance of the tree.
    pub(crate) fn into_parts(self) -> (PathBuf, Provenance) {
        (self.root, self.provenance)
    }
}

/// Pins what `ensurepip` bundles, then applies the patches that the plan names.
pub(crate) fn apply_patches(
    tree: SourceTree,
    reporter: &dyn Reporter,
) -> Result<PatchedTree, Error> {
    let SourceTree { root, plan, inputs } = tree;
    let phase = reporter.begin("patch", Unit::Steps, None);
    let mut patches = Vec::new();
    if !plan.pins().change_nothing() {
        let stdlib = Stdlib::of_source(&root);
        let pinned = EnsurepipPatch::for_pins(stdlib, plan.pins(), inputs.wheels())?;
        pinned.apply(&root)?;
        patches.push(AppliedPatch {
            file_name: ENSUREPIP_DIFF.to_owned(),
            content: pinned.diff().into_bytes(),
        });
    }
    let planned: Vec<(&PlannedPatch, &[u8])> = plan
        .patches()
        .iter()
        .map(|patch| (patch, content_of(patch, &inputs)))
        .collect();
    let diffs: Vec<Patch> = planned
        .iter()
        .map(|(patch, content)| (patch, without_header(content)))
        // A patch that only adds flags has no diff.
        .filter(|(_, diff)| !diff.trim_ascii().is_empty())
        .map(|(patch, diff)| match patch.origin {
            PatchOrigin::BuiltIn => Patch::built_in(&patch.name, diff),
            PatchOrigin::File => Patch::new(&patch.name, diff),
        })
        .collect();
    patch::apply(&root, &diffs)?;
    for (number, (patch, content)) in planned.into_iter().enumerate() {
        // Two patches may have the same name: the number makes the names unique and keeps their order.
        let name = Path::new(&patch.name).file_name().unwrap_or_default();
        let name = name.to_string_lossy();
        let ending = match patch.origin {
            PatchOrigin::BuiltIn => ".patch",
            PatchOrigin::File => "",
        };
        patches.push(AppliedPatch {
            file_name: format!("{:02}-{name}{ending}", number + 1),
            content: content.to_owned(),
        });
    }
    phase.finish(&summary(&plan));
    let provenance = Provenance {
        plan,
        inputs,
        patches,
    };
    Ok(PatchedTree { root, provenance })
}

/// The whole file of a patch. Every patch of a plan is built in or was fetched.
fn content_of<'a>(patch: &PlannedPatch, inputs: &'a VerifiedInputs) -> &'a [u8] {
    match patch.origin {
        PatchOrigin::BuiltIn => compat::built_in_file(&patch.name).unwrap_or_default(),
        PatchOrigin::File => {
            let mut given = inputs.patches().iter();
            given
                .find(|given| given.path() == Path::new(&patch.name))
                .map_or(&[][..], |given| given.content())
        }
    }
}

fn without_header(content: &[u8]) -> &[u8] {
    Header::split(content).map_or(content, |(_, diff)| diff)
}

fn summary(plan: &Plan) -> String {
    let mut parts = pin_names(plan.pins());
    if parts.is_empty() {
        parts.push("ensurepip as it was released".to_owned());
    }
    let own = |patch: &&PlannedPatch| patch.origin == PatchOrigin::File;
    let built_in = plan.patches().iter().filter(|patch| !own(patch));
    parts.extend(built_in.map(|patch| patch.name.clone()));
    match plan.patches().iter().filter(own).count() {
        0 => {}
        count => parts.push(format!("patches of yours: {count}")),
    }
    parts.join(", ")
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
