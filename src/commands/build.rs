//! `pybuild VERSION`: the steps of a build, in order.

use std::path::Path;
use std::time::Instant;

use serde::Serialize;

use crate::cli::BuildArguments;
use crate::commands::context::{Context, SourceRequest};
use crate::commands::error::Error;
use crate::commands::event::Event;
use crate::commands::invocation::Invocation;
use crate::commands::kept::{Found, Kept};
use crate::commands::preflight::Preflight;
use crate::commands::work_folder::{BuildFolder, SideFolder, unusable};
use crate::compile::confinement::Confinement;
use crate::compile::isolation::Isolation;
use crate::compile::{self, BuildContext, CompilePlan, CompilerStart};
use crate::digest::Sha256;
use crate::environment::Environment;
use crate::host::build_environment::{BuildEnvironment, taken_over};
use crate::host::certificates::WhenNoCertificates;
use crate::host::distribution::Distribution;
use crate::host::loader::Shadowed;
use crate::host::modules::Requirements;
use crate::host::prerequisites::{PrerequisiteCheck, Remedy};
use crate::hotpatch;
use crate::install::record::Record;
use crate::install::{self, CheckError, InstalledTree, KeptCompile, prefix, record};
use crate::plan::version::PythonVersion;
use crate::plan::{Draft, InstallPrefix, Plan, ProgramNames, are_recorded_alike};
use crate::progress::Reporter;
use crate::resolve::planning;
use crate::settings::{self, BuildSettings, Mode, Timings, WhenInstalled, WhenMissing};
use crate::source;
use crate::timeline::{Recorder, timed};
use crate::transaction;
use crate::transaction::pending::{self, PendingChanges};

/// Prints the interpreter's path, or the plan with `--dry-run`.
pub(crate) fn run(arguments: BuildArguments, invocation: &Invocation<'_>) -> Result<(), Error> {
    let Invocation {
        environment,
        reporter,
        output,
    } = *invocation;
    let settings = &BuildSettings::new(arguments, environment)?;
    let recorder = (settings.timings == Timings::Written).then(Recorder::start);
    let recording = recorder
        .as_ref()
        .map(|recorder| recorder.reporter(reporter));
    let reporter = recording.as_ref().map_or(reporter, |recording| recording);
    let context = &context_for(settings, environment, reporter)?;
    let request = &settings.request;
    let wanted = SourceRequest {
        location: request.source.as_ref(),
        sha256: request.sha256,
        mirrors: &settings.mirrors,
        proofs: &request.proofs,
    };
    let release = context.release(request.python, wanted)?;
    let python = release.version;
    let prefix = prefix_for(settings, python, environment)?;
    let source = context.source(release, wanted);
    let preflight = Preflight {
        settings,
        python,
        prefix: &prefix,
        source: &source,
        store: &context.store,
        environment,
    };
    preflight.ensure_usable()?;
    match settings.mode {
        Mode::Change => {
            transaction::recover(prefix.path(), reporter)?;
            PendingChanges::of(&context.store).recover(reporter);
            context.store.sweep();
            BuildFolder::sweep(settings, &context.store);
        }
        Mode::DryRun => pending::report_pending(prefix.path(), reporter),
    }
    let installed = find_installed(settings, &prefix, python, reporter);
    match (&installed, settings.mode) {
        (Some(record), Mode::Change) => {
            reporter.report(&Event::AlreadyInstalled(record));
            output.result(&record.python().display().to_string());
            return Ok(());
        }
        (Some(_), Mode::DryRun) => reporter.report(&Event::WouldDoNothing {
            python,
            prefix: &prefix,
        }),
        (None, _) => preflight.ensure_ready()?,
    }
    let pins = context.pins(python, &request.pip, &request.setuptools)?;
    let names = if prefix::default_for(python, environment).as_ref() == Some(&prefix) {
        ProgramNames::AlsoUnversioned
    } else {
        request.names
    };
    let variables = taken_over(environment);
    let request = request.clone();
    let draft = Draft::new(request, python, source, pins, prefix, names, variables);
    if installed.is_none() {
        for replaced in install::describe_replaced(&draft) {
            reporter.report(&Event::Replaces(&replaced));
        }
    }
    match settings.mode {
        Mode::DryRun => {
            let plans = plan_only(draft, settings, context)?;
            let text = toml::to_string(&plans).map_err(Error::Plan)?;
            output.result(text.trim_end());
        }
        Mode::Change => {
            let folder = BuildFolder::new(settings, &context.store, python)?;
            let result = build(draft, settings, context, &folder, recorder.as_ref());
            folder.finish(&result, reporter);
            let record = result?;
            let folder = &record.folder();
            reporter.report(&Event::Recorded { folder });
            output.result(&record.python().display().to_string());
        }
    }
    Ok(())
}

/// All steps from the draft to the interpreter in its prefix.
fn build(
    draft: Draft,
    settings: &BuildSettings,
    context: &Context<'_>,
    folder: &BuildFolder,
    timeline: Option<&Recorder>,
) -> Result<Record, Error> {
    let (reporter, runner) = (context.reporter, folder.runner());
    let home = folder.home()?;
    let mut environment = BuildEnvironment::new(context.environment, &home)
        .with_assignments(&draft.request().build.configure_args);
    let remedy = match settings.missing_prerequisites {
        WhenMissing::Report => Remedy::Print,
        WhenMissing::Install => Remedy::Install(runner),
    };
    let probe = folder.made("probe")?;
    let distribution = &Distribution::of_this_host(context.environment);
    let check = prerequisite_check(
        &draft,
        context.environment,
        distribution,
        &environment,
        &probe,
    );
    let ready = timed(timeline, "prerequisites", || check.run(remedy, reporter))?;
    let plan = planning::plan(draft, &ready.facts(), reporter)?;
    let compile_plan = CompilePlan::gather(&plan, &ready, &mut environment);

    let confinement = &confine(settings, context, &environment, &probe);
    let timer = timeline.map(|recorder| recorder.timer(folder.path()));
    let timer = timer.transpose().map_err(unusable(folder.path()))?;
    let build = &BuildContext {
        compile: &compile_plan,
        environment: &environment,
        host: &ready,
        jobs: settings.jobs,
        compilers: &CompilerStart::new(timer, settings.launcher.as_ref(), folder.path()),
        confinement,
        runner,
        reporter,
        timeline,
    };
    let kept = Kept {
        plan: &compile_plan,
        settings,
        context,
        folder,
    };
    let mut check_error: fn(CheckError) -> install::Error = install::Error::Check;
    let installed = match kept.find()? {
        Found::Unpacked(tree) => {
            check_error = install::Error::KeptCheck;
            kept.pin(tree, plan)?
        }
        Found::Nothing(_lock) => {
            let started = Instant::now();
            let installed = compile(plan, context, folder, build)?;
            timed(timeline, "keep", || {
                kept.keep(&installed, started.elapsed());
            });
            installed
        }
    };
    let seeded = install::seed(installed, build)?;
    let staged = install::stage(seeded, build)?;
    let checked = install::check(staged, &home, build).map_err(check_error)?;
    let recorded = install::record(checked, build)?;

    let plan = &recorded.record().plan;
    let (prefix, python) = (plan.prefix().path().to_owned(), plan.python());
    let pending = PendingChanges::of(&context.store).enter(&prefix, reporter);
    let _lock = hotpatch::InterpreterLock::take_if_there(&prefix, python, reporter)?;
    let record = install::commit(recorded, settings.in_the_way, reporter)?;
    pending.finish();
    let libraries = prefix.join("lib");
    if let Some(other) = Shadowed::find(&libraries, &python.short(), context.environment) {
        reporter.report(&Event::Shadowed(&other));
    }
    Ok(record)
}

/// The steps from the plan to an installed tree, when no kept compile fits.
fn compile(
    plan: Plan,
    context: &Context<'_>,
    folder: &BuildFolder,
    build: &BuildContext<'_>,
) -> Result<InstalledTree, Error> {
    let reporter = context.reporter;
    let inputs = context.fetch(&plan, folder.runner())?;
    let tree = source::unpack(plan, inputs, folder.path().join("source"), reporter)?;
    let tree = source::apply_patches(tree, folder.path().join("original"), reporter)?;
    let tree = compile::hand_over(tree, folder.path(), folder.made("destdir")?, build)?;
    let tree = compile::configure(tree, build)?;
    let tree = compile::make(tree, build)?;
    Ok(install::make_install(tree, build)?)
}

/// The plan for this host as it is. With `--install-deps`, patches that depend on packages which a build
/// would install may be missing from it.
fn plan_only(
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
        &draft,
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
    let plan = planning::plan(draft, &facts, reporter)?;
    let compile = ready.map(|ready| {
        let compile = CompilePlan::gather(&plan, &ready, &mut environment);
        let key = compile.key();
        PrintedCompile {
            kept: key.is_some_and(|key| KeptCompile::is_there(key, &context.store)),
            key,
            plan: compile,
        }
    });
    Ok(PrintedPlans { plan, compile })
}

/// The output of a dry run.
#[derive(Serialize)]
struct PrintedPlans {
    #[serde(flatten)]
    plan: Plan,
    /// `None` if a build would install packages first.
    #[serde(skip_serializing_if = "Option::is_none")]
    compile: Option<PrintedCompile>,
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

fn prerequisite_check<'a>(
    draft: &'a Draft,
    caller: &'a Environment,
    distribution: &'a Distribution,
    environment: &'a BuildEnvironment,
    scratch: &'a Path,
) -> PrerequisiteCheck<'a> {
    let request = draft.request();
    PrerequisiteCheck {
        requirements: Requirements {
            python: draft.python(),
            modules: &request.modules,
            configure_args: &request.build.configure_args,
            compat: &request.compat,
        },
        debug_info: request.build.debug_info,
        distribution,
        caller,
        environment,
        scratch,
    }
}

/// Chooses the user and the network of the build's commands.
fn confine(
    settings: &BuildSettings,
    context: &Context<'_>,
    environment: &BuildEnvironment,
    scratch: &Path,
) -> Confinement {
    let requested = settings.build_network;
    let launcher = settings.launcher.as_ref();
    let network = Isolation::find(
        requested,
        context.environment,
        environment,
        launcher,
        scratch,
    );
    if let Isolation::Host { because } = &network {
        context.reporter.report(&Event::HostNetwork { because });
    }
    Confinement {
        network,
        user: settings.build_user.clone(),
    }
}

fn context_for<'a>(
    settings: &BuildSettings,
    environment: &'a Environment,
    reporter: &'a dyn Reporter,
) -> Result<Context<'a>, Error> {
    let when_no_certificates = match (settings.missing_prerequisites, settings.mode) {
        (WhenMissing::Report, _) => WhenNoCertificates::NameOption,
        (WhenMissing::Install, Mode::DryRun) => WhenNoCertificates::DryRun,
        (WhenMissing::Install, Mode::Change) => WhenNoCertificates::Install,
    };
    let context = Context::new(
        settings.index_url.clone(),
        settings.network,
        when_no_certificates,
        environment,
        reporter,
    )?;
    match settings.mode {
        Mode::Change => Ok(context),
        Mode::DryRun => context.for_a_dry_run(),
    }
}

fn prefix_for(
    settings: &BuildSettings,
    version: PythonVersion,
    environment: &Environment,
) -> Result<InstallPrefix, Error> {
    let prefix = settings.prefix.clone();
    let prefix = prefix.or_else(|| prefix::default_for(version, environment));
    prefix.ok_or_else(|| {
        settings::Error::Usage {
            what: "there is no data folder to install into: neither HOME nor XDG_DATA_HOME is set"
                .to_owned(),
            hint: "name the folder with --prefix".to_owned(),
        }
        .into()
    })
}

/// The record of an installation that needs no build: it has the same request and was not hotpatched.
fn find_installed(
    settings: &BuildSettings,
    prefix: &InstallPrefix,
    python: PythonVersion,
    reporter: &dyn Reporter,
) -> Option<Record> {
    if settings.installed == WhenInstalled::Rebuild {
        return None;
    }
    let record = record::find(prefix, python)?;
    if !are_recorded_alike(&settings.request, record.plan.request()) {
        return None;
    }
    if hotpatch::is_hotpatched(prefix.path(), python) {
        reporter.report(&Event::Hotpatched { python, prefix });
        return None;
    }
    Some(record)
}
