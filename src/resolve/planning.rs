//! The end of the resolve step: completes a draft with the patches that the host needs.

use std::fmt;

use crate::plan::compat::HostFacts;
use crate::plan::{Draft, Plan};
use crate::progress::{Event, Level, Reporter};
use crate::resolve::compat;

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

/// Makes the plan of a draft for the host that `facts` describe.
pub(crate) fn plan(
    draft: Draft,
    facts: &HostFacts,
    reporter: &dyn Reporter,
) -> Result<Plan, compat::Error> {
    let request = draft.request();
    let (policy, given) = (&request.compat, &request.patches);
    let patches = compat::choose(draft.python(), facts, policy, given, reporter)?;
    for patch in &patches {
        reporter.report(&PatchChosen {
            name: &patch.name,
            because: &patch.because,
        });
    }
    Ok(draft.with_patches(patches))
}
