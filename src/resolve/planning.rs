//! The end of the resolve step: completes a draft with the patches that the host needs.

use std::fmt;
use std::path::PathBuf;

use crate::plan::compat::HostFacts;
use crate::plan::{Draft, NamedFile, Plan};
use crate::progress::{Event, Level, Reporter};
use crate::resolve::compat::{self, GivenPatch};

/// One of the plan's patches, and why it applies.
struct PatchChosen<'a> {
    name: &'a str,
    because: &'a str,
}

impl fmt::Display for PatchChosen<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "patch {}: {}", self.name, self.because)
    }
}

impl Event for PatchChosen<'_> {
    fn level(&self) -> Level {
        Level::Detail
    }
}

/// Makes the plan of a draft for the host that `facts` describe. `path_of` returns the path of a patch, which is
/// on this machine.
pub(crate) fn plan(
    draft: Draft,
    facts: &HostFacts,
    path_of: impl Fn(&NamedFile) -> PathBuf,
    reporter: &dyn Reporter,
) -> Result<Plan, compat::Error> {
    let request = draft.request();
    let given = request.patches.iter().map(|file| GivenPatch {
        file,
        path: path_of(file),
    });
    let given: Vec<GivenPatch<'_>> = given.collect();
    let patches = compat::choose(draft.python(), facts, &request.compat, &given, reporter)?;
    for patch in &patches {
        reporter.report(&PatchChosen {
            name: &patch.name,
            because: &patch.because,
        });
    }
    Ok(draft.with_patches(patches))
}
