//! The plan that a dry run prints.

use serde::Serialize;

use crate::commands::context::Context;
use crate::commands::error::Error;
use crate::commands::gather::prerequisite_check;
use crate::commands::locked::ensure_locked;
use crate::commands::work_folder::SideFolder;
use crate::compile::CompilePlan;
use crate::digest::Sha256;
use crate::host::build_environment::BuildEnvironment;
use crate::host::distribution::Distribution;
use crate::host::prerequisites::Remedy;
use crate::install::KeptCompile;
use crate::plan::{Draft, Plan};
use crate::resolve::planning;
use crate::settings::{BuildSettings, WhenMissing};

/// The plan for this host as it is. With `--install-deps`, patches that depend on packages which a build
/// would install may be missing from it.
pub(super) fn plan_only(
    draft: Draft,
    settings: &BuildSettings,
    context: &Context<'_>,
) -> Result<PrintedPlans, Error> {
    let reporter = context.reporter;
    let folder = SideFolder::new(&context.store, "plan")?;
    let probe = folder.made("probe")?;
    let mut environment = BuildEnvironment::new(context.environment, &probe)
        .with_assignments(&draft.request().build.configure_args);
    let distribution = &Distribution::of_this_host(context.environment);
    let check = prerequisite_check(
        draft.request(),
        draft.python(),
        context.environment,
        distribution,
        &environment,
        &probe,
    );
    let (facts, ready) = match settings.missing_prerequisites {
        WhenMissing::Report => {
            let ready = check.run(Remedy::Print, reporter)?;
            (ready.facts(), Some(ready))
        }
        WhenMissing::Install => (check.preview(reporter)?, None),
    };
    let path_of = context.fetch_patches(draft.request())?;
    let plan = planning::plan(draft, &facts, path_of, reporter)?;
    ensure_locked(settings, &plan)?;
    let compile = ready.map(|ready| {
        let compile = CompilePlan::gather(&plan, &ready, &mut environment);
        let key = compile.key();
        let mut keys = key.into_iter().chain(compile.key_for_any_prefix());
        PrintedCompile {
            kept: keys.any(|key| KeptCompile::is_there(key, &context.store)),
            key,
            plan: compile,
        }
    });
    Ok(PrintedPlans { plan, compile })
}

/// The output of a dry run.
#[derive(Serialize)]
pub(super) struct PrintedPlans {
    #[serde(flatten)]
    plan: Plan,
    /// `None` if a build would install packages first.
    #[serde(skip_serializing_if = "Option::is_none")]
    compile: Option<PrintedCompile>,
}

impl PrintedPlans {
    pub(super) fn into_plan(self) -> Plan {
        self.plan
    }
}

#[derive(Serialize)]
struct PrintedCompile {
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<Sha256>,
    /// Whether the store has this compile.
    kept: bool,
    #[serde(flatten)]
    plan: CompilePlan,
}
