//! Step 4: pins and patches a source tree, and keeps each patch for the record.

use std::path::{Path, PathBuf};

use super::Error;
use super::ensurepip::{EnsurepipPatch, Stdlib};
use super::original::OriginalEnsurepip;
use super::patch::{self, Patch};
use super::provenance::{Provenance, content_of, pin_names};
use super::unpack::{SourceTree, unwritable};
use super::vendored::vendored;
use crate::fetch::{InputRecord, VerifiedChanges};
use crate::plan::compat::Header;
use crate::plan::{PatchOrigin, Plan, PlannedPatch};
use crate::progress::{Reporter, Unit};

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

/// Pins what the `ensurepip` below `root` bundles; returns the diff, or `None` if nothing is pinned.
pub(crate) fn pin(
    root: &Path,
    plan: &Plan,
    changes: &VerifiedChanges,
) -> Result<Option<String>, Error> {
    if plan.pins().change_nothing() {
        return Ok(None);
    }
    let pinned = EnsurepipPatch::for_pins(Stdlib::of_source(root), plan.pins(), changes.wheels())?;
    pinned.apply(root)?;
    Ok(Some(pinned.diff()))
}

/// Pins what `ensurepip` bundles, then applies the patches that the plan names. The original files are
/// set aside in the new folder `aside`.
pub(crate) fn apply_patches(
    tree: SourceTree,
    aside: PathBuf,
    reporter: &dyn Reporter,
) -> Result<PatchedTree, Error> {
    let SourceTree { root, plan, inputs } = tree;
    let phase = reporter.begin("patch", Unit::Steps, None);
    let library = root.join("Lib");
    OriginalEnsurepip::set_aside(&library, &aside).map_err(unwritable)?;
    let changes = inputs.changes();
    let pin = pin(&root, &plan, changes)?;
    let original = OriginalEnsurepip::new(aside, &library).map_err(unwritable)?;
    let planned: Vec<(&PlannedPatch, &[u8])> = plan
        .patches()
        .iter()
        .map(|patch| (patch, content_of(patch, changes)))
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
    let untouched = original.is_only_change_of(&library).map_err(unwritable)?;
    phase.finish(&summary(&plan));
    let source = InputRecord::of_source(inputs.source());
    let provenance = Provenance::new(plan, source, vendored(&root), changes, pin);
    Ok(PatchedTree {
        root,
        provenance: provenance.with_original(untouched.then_some(original)),
    })
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
