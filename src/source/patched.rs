//! Step 4: the source tree with its pins and patches in, and each of them as a text for the record.

use std::path::{Path, PathBuf};

use super::Error;
use super::ensurepip::{Repin, Stdlib, repin};
use super::patch::{self, Patch};
use super::unpack::SourceTree;
use crate::fetch::VerifiedInputs;
use crate::progress::{Reporter, Unit};
use crate::resolve::plan::{Pin, Plan};

/// The file name of the pin in the record.
const ENSUREPIP_DIFF: &str = "ensurepip.diff";

/// A source tree in which everything is as it will be compiled.
#[derive(Debug)]
pub struct PatchedTree {
    root: PathBuf,
    patches: Vec<(String, Vec<u8>)>,
}

impl PatchedTree {
    /// What was applied, in order: file name and content.
    #[must_use]
    pub fn patches(&self) -> &[(String, Vec<u8>)] {
        &self.patches
    }

    /// The folder that holds `configure`; the tree is about to become something else.
    #[must_use]
    pub fn into_root(self) -> PathBuf {
        self.root
    }
}

/// Pins what `ensurepip` bundles, then applies the person's patches.
///
/// # Errors
/// When a text is not understood, a wheel is not what it says, or a patch does not apply.
pub fn apply_patches(
    tree: SourceTree,
    plan: &Plan,
    inputs: &VerifiedInputs,
    reporter: &dyn Reporter,
) -> Result<PatchedTree, Error> {
    let phase = reporter.begin("patch", Unit::Steps, None);
    let root = tree.into_root();
    let mut patches = Vec::new();
    if !plan.pins.change_nothing() {
        let wish = Repin::of(&plan.pins, |input| path_of(inputs, &input.file_name))?;
        let pinned = repin(Stdlib::of_source(&root), &wish)?;
        pinned.apply(&root)?;
        patches.push((ENSUREPIP_DIFF.to_owned(), pinned.diff().into_bytes()));
    }
    let given: Vec<Patch> = inputs
        .patches()
        .iter()
        .map(|patch| {
            Patch::new(
                patch.path().display().to_string(),
                patch.content().to_owned(),
            )
        })
        .collect();
    patch::apply(&root, &given)?;
    for (number, patch) in inputs.patches().iter().enumerate() {
        // Two patches may have the same name; the number keeps them apart, and in order.
        let name = patch
            .path()
            .file_name()
            .unwrap_or_default()
            .to_string_lossy();
        patches.push((
            format!("{:02}-{name}", number + 1),
            patch.content().to_owned(),
        ));
    }
    phase.finish(&summary(plan, inputs));
    Ok(PatchedTree { root, patches })
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

fn summary(plan: &Plan, inputs: &VerifiedInputs) -> String {
    let of = |name: &str, pin: &Pin| match pin {
        Pin::Bundled => None,
        Pin::Removed => Some(format!("no {name}")),
        Pin::Wheel(wheel) => Some(format!("{name} {}", wheel.version)),
    };
    let pins = [
        of("pip", &plan.pins.pip),
        of("setuptools", &plan.pins.setuptools),
    ];
    let mut parts: Vec<String> = pins.into_iter().flatten().collect();
    if parts.is_empty() {
        parts.push("ensurepip as it was released".to_owned());
    }
    if !inputs.patches().is_empty() {
        parts.push(format!("patches of yours: {}", inputs.patches().len()));
    }
    parts.join(", ")
}
