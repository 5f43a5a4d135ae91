//! `pybuild VERSION`: the steps of one build, in order.

mod lock;
mod repetition;

use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::commands::context::{Context, SourceRequest};
use crate::commands::error::Error;
use crate::commands::event::Event;
use crate::commands::gather::{Gather, Gathered, prerequisite_check};
use crate::commands::kept::{Found, Kept};
use crate::commands::locked::{choose_pins, ensure_locked};
use crate::commands::preflight::Preflight;
use crate::commands::printed::{PrintedPlans, plan_only};
use crate::commands::work_folder::{BuildFolder, unusable};
use crate::compile::confinement::Confinement;
use crate::compile::isolation::Isolation;
use crate::compile::{self, BuildContext, CompilePlan, CompilerStart};
use crate::environment::Environment;
use crate::fetch::VerifiedSource;
use crate::host::build_environment::{BuildEnvironment, taken_over};
use crate::host::certificates::WhenNoCertificates;
use crate::host::distribution::Distribution;
use crate::host::loader::Shadowed;
use crate::host::prerequisites::Remedy;
use crate::hotpatch;
use crate::install::record::Record;
use crate::install::{
    self, Candidate, CheckError, InstalledTree, RecordedInstall, ToolsNow, prefix, record,
};
use crate::plan::version::{PythonVersion, VersionRequest};
use crate::plan::{Draft, InstallPrefix, Pins, Plan, ProgramNames, Source, are_recorded_alike};
use crate::process::JobPool;
use crate::progress::Reporter;
use crate::resolve::planning;
use crate::settings::{
    BuildSettings, ConfigureCache, Mode, PrefixTemplate, WhenInstalled, WhenMissing,
};
use crate::source;
use crate::timeline::{Recorder, timed};
use crate::transaction;
use crate::transaction::pending::{self, PendingChanges};

/// A build whose release and prefix are known.
pub(super) struct Target<'a> {
    settings: &'a BuildSettings,
    context: Context<'a>,
    python: PythonVersion,
    prefix: InstallPrefix,
    source: Source,
    /// `None` if they are not chosen yet: an installation that exists needs no index.
    pins: Option<Pins>,
    timeline: Option<&'a Recorder>,
}

/// The result of a build.
pub(super) enum Outcome {
    /// The new interpreter.
    Built(PathBuf),
    /// The interpreter that the prefix had.
    Present(PathBuf),
    /// The plan, with `--dry-run`.
    Planned(Box<PrintedPlans>),
}

/// The error of a build, and the log of its commands if there is one.
pub(super) struct Failure {
    pub(super) error: Box<Error>,
    pub(super) log: Option<PathBuf>,
}

impl<E: Into<Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self {
            error: Box::new(error.into()),
            log: None,
        }
    }
}

impl<'a> Target<'a> {
    /// Resolves the version, and the pins if the prefix names them. Checks the options against the release,
    /// and whether the prefix can be used.
    pub(super) fn resolve(
        settings: &'a BuildSettings,
        environment: &'a Environment,
        reporter: &'a dyn Reporter,
        timeline: Option<&'a Recorder>,
    ) -> Result<Self, Error> {
        let target = Self::of(settings, environment, reporter, timeline)?;
        target.preflight().ensure_usable()?;
        Ok(target)
    }

    /// As [`Self::resolve`], for a build that does not change its prefix.
    pub(super) fn resolve_for_repetition(
        settings: &'a BuildSettings,
        environment: &'a Environment,
        reporter: &'a dyn Reporter,
    ) -> Result<Self, Error> {
        Self::of(settings, environment, reporter, None)
    }

    fn of(
        settings: &'a BuildSettings,
        environment: &'a Environment,
        reporter: &'a dyn Reporter,
        timeline: Option<&'a Recorder>,
    ) -> Result<Self, Error> {
        let context = context_for(settings, environment, reporter)?;
        let request = &settings.request;
        let wanted = SourceRequest {
            location: request.source.as_ref(),
            sha256: request.sha256,
            mirrors: &settings.mirrors,
            proofs: &request.proofs,
        };
        let locked = settings.locked.as_ref();
        let version = locked.map(|locked| VersionRequest::Exact(locked.build.python));
        let release = context.release(version.unwrap_or(request.python), wanted)?;
        let python = release.version;
        let pins = if settings.prefix.names_pins() {
            Some(choose_pins(settings, &context, python)?)
        } else {
            None
        };
        let prefix = settings.prefix.fill(python, pins.as_ref(), environment)?;
        let source = context.source(release, wanted);
        Ok(Self {
            settings,
            context,
            python,
            prefix,
            source,
            pins,
            timeline,
        })
    }

    pub(super) fn python(&self) -> PythonVersion {
        self.python
    }

    pub(super) fn prefix(&self) -> &InstallPrefix {
        &self.prefix
    }

    fn preflight(&self) -> Preflight<'_> {
        Preflight {
            settings: self.settings,
            python: self.python,
            prefix: &self.prefix,
            source: &self.source,
            store: &self.context.store,
            environment: self.context.environment,
        }
    }

    /// Builds it, unless it is installed, or only plans it. `make` takes its jobs from `pool` if there is
    /// one.
    pub(super) fn reach(self, pool: Option<&JobPool>) -> Result<Outcome, Failure> {
        let (settings, context) = (self.settings, &self.context);
        let (reporter, environment) = (context.reporter, context.environment);
        let (python, request) = (self.python, &settings.request);
        match settings.mode {
            Mode::Change => {
                transaction::recover(self.prefix.path(), reporter)?;
                PendingChanges::of(&context.store).recover(reporter);
                context.store.sweep();
                BuildFolder::sweep(settings, &context.store);
            }
            Mode::DryRun => pending::report_pending(self.prefix.path(), reporter),
        }
        let installed = find_installed(settings, &self.prefix, python, reporter);
        match (&installed, settings.mode) {
            (Some(record), Mode::Change) => {
                reporter.report(&Event::AlreadyInstalled(record));
                return Ok(Outcome::Present(record.python()));
            }
            (Some(_), Mode::DryRun) => reporter.report(&Event::WouldDoNothing {
                python,
                prefix: &self.prefix,
            }),
            (None, _) => self.preflight().ensure_ready()?,
        }
        let is_default = prefix::default_for(python, environment).as_ref() == Some(&self.prefix)
            || matches!(settings.prefix, PrefixTemplate::Default(_));
        let names = if is_default {
            ProgramNames::AlsoUnversioned
        } else {
            request.names
        };
        let variables = taken_over(environment);
        // A file on this machine costs no time that other steps could use.
        let download = (!self.preflight().has_source_here()).then(|| self.source.clone());
        let chosen = self.pins;
        let pins = || match chosen {
            Some(pins) => Ok(pins),
            None => choose_pins(settings, context, python),
        };
        let (source, prefix, request) = (self.source, self.prefix, request.clone());
        let draft = |pins| {
            let draft = Draft::new(request, python, source, pins, prefix, names, variables);
            if installed.is_none() {
                for replaced in install::describe_replaced(&draft) {
                    reporter.report(&Event::Replaces(&replaced));
                }
            }
            draft
        };
        match settings.mode {
            Mode::DryRun => {
                let plan = plan_only(draft(pins()?), settings, context)?;
                Ok(Outcome::Planned(Box::new(plan)))
            }
            Mode::Change => {
                let folder = BuildFolder::new(settings, &context.store, python)?;
                let build = Build {
                    settings,
                    context,
                    python,
                    folder: &folder,
                    pool,
                    timeline: self.timeline,
                    reproduced: None,
                };
                let result = build.run(download.as_ref(), pins, draft);
                let log = folder.finish(&result, reporter);
                let record = result.map_err(|error| Failure {
                    error: Box::new(error),
                    log,
                })?;
                let folder = &record.folder();
                let tree = record.tree.as_ref();
                reporter.report(&Event::Recorded { folder, tree });
                Ok(Outcome::Built(record.python()))
            }
        }
    }
}

/// A build in its folder.
struct Build<'a> {
    settings: &'a BuildSettings,
    context: &'a Context<'a>,
    python: PythonVersion,
    folder: &'a BuildFolder,
    pool: Option<&'a JobPool>,
    timeline: Option<&'a Recorder>,
    /// The record of the build that is repeated.
    reproduced: Option<&'a Record>,
}

impl Build<'_> {
    /// All steps from the pins to the interpreter in its prefix.
    fn run(
        &self,
        download: Option<&Source>,
        choose_pins: impl FnOnce() -> Result<Pins, Error>,
        draft: impl FnOnce(Pins) -> Draft,
    ) -> Result<Record, Error> {
        let recorded = self.make(download, choose_pins, draft)?;
        self.commit(recorded)
    }

    /// The steps that do not touch the prefix. `download` is the source if it is not on this machine.
    fn make(
        &self,
        download: Option<&Source>,
        choose_pins: impl FnOnce() -> Result<Pins, Error>,
        draft: impl FnOnce(Pins) -> Draft,
    ) -> Result<RecordedInstall, Error> {
        let Self {
            settings,
            context,
            python,
            folder,
            pool,
            timeline,
            reproduced: _,
        } = *self;
        let (reporter, runner) = (context.reporter, folder.runner());
        let home = folder.home()?;
        let mut environment = BuildEnvironment::new(context.environment, &home)
            .with_assignments(&settings.request.build.configure_args);
        let probe = folder.made("probe")?;
        let distribution = &Distribution::of_this_host(context.environment);
        let gather = Gather {
            context,
            python,
            download,
            check: prerequisite_check(
                &settings.request,
                python,
                context.environment,
                distribution,
                &environment,
                &probe,
            ),
            remedy: match settings.missing_prerequisites {
                WhenMissing::Report => Remedy::Print,
                WhenMissing::Install => Remedy::Install(runner),
            },
            runner,
        };
        let gathered = timed(timeline, "prerequisites", || gather.run(choose_pins))?;
        let Gathered { pins, host, source } = gathered;
        if let Some(record) = self.reproduced {
            let found = ToolsNow::new(record, &host.toolchain, &host.library_versions());
            if let Some(found) = found {
                reporter.report(&found);
            }
        }
        let draft = draft(pins);
        let path_of = context.fetch_patches(draft.request())?;
        let plan = planning::plan(draft, &host.facts(), path_of, reporter)?;
        ensure_locked(settings, &plan)?;
        let compile_plan = CompilePlan::gather(&plan, &host, &mut environment);

        let confinement = &confine(settings, context, &environment, &probe);
        let timer = timeline.map(|recorder| recorder.timer(folder.path()));
        let timer = timer.transpose().map_err(unusable(folder.path()))?;
        let build = &BuildContext {
            compile: &compile_plan,
            environment: &environment,
            host: &host,
            jobs: settings.jobs,
            pool,
            compilers: &CompilerStart::new(timer, settings.launcher.as_ref(), folder.path()),
            confinement,
            configure_answers: (settings.configure_cache == ConfigureCache::Use)
                .then_some(&context.store),
            runner,
            reporter,
            timeline,
        };
        let kept = Kept {
            build,
            settings,
            context,
            folder,
        };
        let mut check_error: fn(CheckError) -> install::Error = install::Error::Check;
        let (seeded, venv) = match kept.find()? {
            Found::Unpacked(tree) => {
                check_error = install::Error::KeptCheck;
                kept.seed(*tree, plan)?
            }
            Found::Nothing(_lock) => {
                let started = Instant::now();
                let (installed, candidate) = compile(plan, source.transpose()?, &kept)?;
                kept.keep_and_seed(installed, candidate, started.elapsed())?
            }
        };
        let staged = install::stage(seeded, build)?;
        let checked = install::check(staged, venv, build).map_err(check_error)?;
        kept.keep_install(&checked);
        Ok(install::record(checked, build)?)
    }

    fn commit(&self, recorded: RecordedInstall) -> Result<Record, Error> {
        let (settings, context) = (self.settings, self.context);
        let reporter = context.reporter;
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
}

/// The steps from the plan to an installed tree, when no kept compile fits.
fn compile(
    plan: Plan,
    source: Option<VerifiedSource>,
    kept: &Kept<'_>,
) -> Result<(InstalledTree, Option<Candidate>), Error> {
    let (context, folder, build) = (kept.context, kept.folder, kept.build);
    let reporter = context.reporter;
    let inputs = context.fetch(&plan, source, folder.runner())?;
    let tree = source::unpack(plan, inputs, folder.path().join("source"), reporter)?;
    let tree = source::apply_patches(tree, folder.path().join("original"), reporter)?;
    let tree = compile::hand_over(tree, folder.path(), folder.made("destdir")?, build)?;
    let tree = compile::configure(tree, build)?;
    let tree = compile::make(tree, build)?;
    let candidate = kept.candidate(&tree)?;
    Ok((install::make_install(tree, build)?, candidate))
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
    if !are_recorded_alike(&settings.request, record.plan.request())
        || ensure_locked(settings, &record.plan).is_err()
    {
        return None;
    }
    if hotpatch::is_hotpatched(prefix.path(), python) {
        reporter.report(&Event::Hotpatched { python, prefix });
        return None;
    }
    Some(record)
}
