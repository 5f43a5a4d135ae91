//! Step 4: the source tree with its pins and patches in, and each of them as a text for the record.

use std::path::{Path, PathBuf};

use super::Error;
use super::ensurepip::{Repin, Stdlib, repin};
use super::patch::{self, Patch};
use super::unpack::SourceTree;
use crate::fetch::VerifiedInputs;
use crate::plan::compat::{self, Header};
use crate::plan::{PatchOrigin, Pin, Plan, PlannedPatch};
use crate::progress::{Reporter, Unit};

/// The file name of the pin in the record.
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
        let wish = Repin::of(plan.pins(), |input| path_of(&inputs, &input.file_name))?;
        let pinned = repin(Stdlib::of_source(&root), &wish)?;
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
        // One with flags alone has done its part when the compiler is called.
        .filter(|(_, diff)| !diff.trim_ascii().is_empty())
        .map(|(patch, diff)| match patch.origin {
            PatchOrigin::BuiltIn => Patch::built_in(&patch.name, diff),
            PatchOrigin::File => Patch::new(&patch.name, diff),
        })
        .collect();
    patch::apply(&root, &diffs)?;
    for (number, (patch, content)) in planned.into_iter().enumerate() {
        // Two patches may have the same name; the number keeps them apart, and in order.
        let name = Path::new(&patch.name).file_name().unwrap_or_default();
        let ending = match patch.origin {
            PatchOrigin::BuiltIn => ".patch",
            PatchOrigin::File => "",
        };
        patches.push(AppliedPatch {
            file_name: format!("{:02}-{}{ending}", number + 1, name.to_string_lossy()),
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

/// The patch's whole file. Every patch of a plan is built in or was fetched; an empty one would
/// change nothing.
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

/// Where the wheel was fetched to. Every wheel of a plan has been; an empty path would be told as
/// a file that cannot be read.
fn path_of<'a>(inputs: &'a VerifiedInputs, file_name: &str) -> &'a Path {
    let wheel = inputs
        .wheels()
        .iter()
        .find(|wheel| wheel.input().file_name == file_name);
    wheel.map_or(Path::new(""), |wheel| wheel.path())
}

fn summary(plan: &Plan) -> String {
    let of = |name: &str, pin: &Pin| match pin {
        Pin::Bundled => None,
        Pin::Removed => Some(format!("no {name}")),
        Pin::Wheel(wheel) => Some(format!("{name} {}", wheel.version)),
    };
    let pins = [
        of("pip", &plan.pins().pip),
        of("setuptools", &plan.pins().setuptools),
    ];
    let mut parts: Vec<String> = pins.into_iter().flatten().collect();
    if parts.is_empty() {
        parts.push("ensurepip as it was released".to_owned());
    }
    let mut own = 0;
    for patch in plan.patches() {
        match patch.origin {
            PatchOrigin::BuiltIn => parts.push(patch.name.clone()),
            PatchOrigin::File => own += 1,
        }
    }
    if own > 0 {
        parts.push(format!("patches of yours: {own}"));
    }
    parts.join(", ")
}
