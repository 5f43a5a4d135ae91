//! `pybuild VERSION`: the whole flow, in order.

use std::collections::BTreeMap;

use super::preflight::Preflight;
use crate::commands::context::{Context, SourceRequest};
use crate::commands::error::Error;
use crate::commands::work_folder::{Scratch, SideFolder};
use crate::compile;
use crate::compile::Site;
use crate::compile::confinement::Confinement;
use crate::compile::isolation::Isolation;
use crate::environment::Environment;
use crate::fetch::{VerifiedInputs, VerifiedSource};
use crate::host::build_environment::{BuildEnvironment, taken_over};
use crate::host::certificates::WhenNoCertificates;
use crate::host::distribution::Distribution;
use crate::host::loader::Shadowed;
use crate::host::modules::Requirements;
use crate::host::prerequisites::{Question, Ready, Remedy};
use crate::hotpatch;
use crate::install::record::{InputRecord, Record};
use crate::install::{self, ExpectedModules, Installation, RecordFiles, prefix, record};
use crate::plan::compat::HostFacts;
use crate::plan::version::PythonVersion;
use crate::plan::{Draft, InstallPrefix, PatchOrigin, Plan, ProgramNames, WheelLocation};
use crate::progress::Reporter;
use crate::resolve;
use crate::resolve::compat;
use crate::settings::{self, BuildSettings, Mode, WhenInstalled, WhenMissing};
use crate::source;
use crate::transaction;
use crate::transaction::pending::{self, PendingChanges};

/// What a build came to.
#[derive(Debug)]
pub enum Outcome {
    /// `--dry-run`: what would be done.
    Planned(Box<Plan>),
    /// The same request was installed already.
    AlreadyThere(Box<Record>),
    /// It was built and installed.
    Installed(Box<Installation>),
}

/// Builds and installs what `settings` ask for.
///
/// # Errors
/// What the step that failed says; the prefix is as it was.
pub fn run(
    settings: &BuildSettings,
    environment: &Environment,
    reporter: &dyn Reporter,
) -> Result<Outcome, Error> {
    let context = Context::new(
        settings.index_url.clone(),
        settings.network,
        when_no_certificates(settings),
        environment,
        reporter,
    )?;
    let context = match settings.mode {
        Mode::Build => context,
        Mode::DryRun => context.for_a_dry_run()?,
    };
    let request = &settings.request;
    let wish = SourceRequest {
        location: request.source.as_ref(),
        sha256: request.sha256,
        mirrors: &settings.mirrors,
        proofs: &request.proofs,
    };
    let release = context.release(request.python, wish)?;
    let python = release.version;
    let prefix = prefix_for(settings, python, environment)?;
    let source = context.source(release, wish);
    let preflight = Preflight {
        settings,
        python,
        prefix: &prefix,
        source: &source,
        store: &context.store,
        environment,
    };
    preflight.ensure_usable()?;
    if settings.mode == Mode::Build {
        transaction::recover(prefix.path(), reporter)?;
        PendingChanges::of(&context.store).recover(reporter);
        context.store.sweep();
        Scratch::sweep(settings, &context.store);
    } else {
        pending::report_pending(prefix.path(), reporter);
    }
    let present = already_there(settings, &prefix, python, reporter);
    let is_present = present.is_some();
    match (present, settings.mode) {
        (Some(record), Mode::Build) => return Ok(Outcome::AlreadyThere(Box::new(record))),
        (Some(_), Mode::DryRun) => reporter.note(&format!(
            "CPython {python} is installed in {prefix} as asked for: a build would do nothing"
        )),
        (None, _) => preflight.ensure_ready()?,
    }
    let pins = context.pins(python, &request.pip, &request.setuptools)?;
    let names = if prefix::default_for(python, environment).as_ref() == Some(&prefix) {
        ProgramNames::AlsoUnversioned
    } else {
        request.names
    };
    let draft = Draft {
        python,
        prefix,
        request: request.clone(),
        source,
        pins,
        names,
        environment: taken_over(environment),
    };
    if !is_present {
        for replaced in install::describe_replaced(&draft) {
            reporter.note(&replaced);
        }
    }
    match settings.mode {
        Mode::DryRun => {
            look_only(draft, settings, &context).map(|plan| Outcome::Planned(Box::new(plan)))
        }
        Mode::Build => Builder { settings, context }
            .build(draft)
            .map(|installation| Outcome::Installed(Box::new(installation))),
    }
}

fn when_no_certificates(settings: &BuildSettings) -> WhenNoCertificates {
    match (settings.missing_prerequisites, settings.mode) {
        (WhenMissing::Tell, _) => WhenNoCertificates::NameOption,
        (WhenMissing::Install, Mode::DryRun) => WhenNoCertificates::DryRun,
        (WhenMissing::Install, Mode::Build) => WhenNoCertificates::Install,
    }
}

/// The plan for this host as it is. With `--install-deps`, it may lack patches that depend on what is
/// not installed yet.
fn look_only(draft: Draft, settings: &BuildSettings, context: &Context<'_>) -> Result<Plan, Error> {
    let folder = SideFolder::new(&context.store, "plan")?;
    let scratch = folder.made("probe")?;
    let environment = BuildEnvironment::new(context.environment, &scratch)
        .with_assignments(&draft.request.build.configure_args);
    let question = Question {
        requirements: requirements(&draft),
        distribution: &Distribution::of_this_host(context.environment),
        caller: context.environment,
        environment: &environment,
        scratch: &scratch,
    };
    let host = match settings.missing_prerequisites {
        WhenMissing::Tell => question.answer(Remedy::Name, context.reporter)?.facts(),
        WhenMissing::Install => question.foresee(context.reporter)?,
    };
    with_patches(draft, &host, context.reporter)
}

fn with_patches(draft: Draft, host: &HostFacts, reporter: &dyn Reporter) -> Result<Plan, Error> {
    let request = &draft.request;
    let patches = compat::choose(
        draft.python,
        host,
        &request.compat,
        &request.patches,
        reporter,
    )
    .map_err(resolve::Error::from)?;
    for patch in &patches {
        reporter.detail(&format!("patch {}: {}", patch.name, patch.because));
    }
    Ok(draft.with_patches(patches))
}

fn requirements(draft: &Draft) -> Requirements<'_> {
    Requirements {
        python: draft.python,
        modules: &draft.request.modules,
        configure_args: &draft.request.build.configure_args,
        compat: &draft.request.compat,
    }
}

fn prefix_for(
    settings: &BuildSettings,
    version: PythonVersion,
    environment: &Environment,
) -> Result<InstallPrefix, Error> {
    settings
        .prefix
        .clone()
        .or_else(|| prefix::default_for(version, environment))
        .ok_or_else(|| {
            settings::Error::Usage {
                what:
                    "there is no data folder to install into: neither HOME nor XDG_DATA_HOME is set"
                        .to_owned(),
                hint: "name the folder with --prefix".to_owned(),
            }
            .into()
        })
}

fn already_there(
    settings: &BuildSettings,
    prefix: &InstallPrefix,
    version: PythonVersion,
    reporter: &dyn Reporter,
) -> Option<Record> {
    if settings.installed == WhenInstalled::Rebuild {
        return None;
    }
    let record = record::find(prefix, version)?;
    if !settings.request.is_recorded_as(&record.plan.request) {
        return None;
    }
    if hotpatch::is_hotpatched(prefix.path(), version) {
        // Its ensurepip is no longer what the record says.
        reporter.note(&format!(
            "CPython {version} in {prefix} was hotpatched since it was built, so it is built again"
        ));
        return None;
    }
    Some(record)
}

/// Where a plan is carried out.
struct Builder<'a> {
    settings: &'a BuildSettings,
    context: Context<'a>,
}

impl Builder<'_> {
    fn build(&self, draft: Draft) -> Result<Installation, Error> {
        let mut scratch = Scratch::new(self.settings, &self.context.store, draft.python)?;
        let result = self.build_in(&scratch, draft);
        scratch.finish(&result, self.context.reporter);
        result
    }

    fn build_in(&self, scratch: &Scratch, draft: Draft) -> Result<Installation, Error> {
        let mut environment = BuildEnvironment::new(self.context.environment, &scratch.home()?)
            .with_assignments(&draft.request.build.configure_args);
        let ready = self.prepare_host(scratch, &draft, &environment)?;
        let plan = &with_patches(draft, &ready.facts(), self.context.reporter)?;
        ready.complete(&mut environment);
        for (variable, words) in plan.patches.iter().flat_map(|patch| &patch.flags) {
            environment.append(variable.name(), words.iter().map(String::as_str));
        }

        let inputs = self.context.fetch(plan, scratch.runner())?;
        let tree = source::unpack(
            inputs.source(),
            plan.python,
            scratch.folder("source"),
            self.context.reporter,
        )
        .map_err(source::Error::from)?;
        let tree = source::apply_patches(tree, plan, &inputs, self.context.reporter)?;
        let patches = tree.patches().to_vec();

        let confinement = self.confinement(scratch, &environment)?;
        let destdir = scratch.made_folder("destdir")?;
        confinement
            .give(scratch.path(), &environment)
            .map_err(compile::Error::from)?;
        let module_link_flags = ready.prerequisites.module_link_flags();
        let site = Site {
            environment: &environment,
            confinement: &confinement,
            make: &ready.toolchain.make.path,
            jobs: self.settings.jobs,
            runner: scratch.runner(),
            module_link_flags: &module_link_flags,
            reporter: self.context.reporter,
        };
        let tree = compile::configure(tree, plan, &site)?;
        let tree = compile::make(tree, plan, &site)?;
        let unbuilt = tree.unbuilt();
        let policy = &plan.request.modules;
        if let Some(warning) = unbuilt.warning(plan.python, &ready.prerequisites, policy) {
            self.context.reporter.warn(&warning);
        }
        let staged = install::stage(&tree, plan, destdir, &site)?;
        confinement
            .take_back(staged.destdir())
            .map_err(compile::Error::from)?;
        install::arrange_programs(&staged, plan)?;
        let expected = ExpectedModules {
            present: ready.prerequisites.modules(),
            unbuilt,
        };
        let checked = install::check(staged, plan, &expected, &scratch.home()?, &site)
            .map_err(install::Error::from)?;

        let record = Record {
            pybuild: env!("CARGO_PKG_VERSION").to_owned(),
            finished: jiff::Timestamp::now(),
            plan: plan.clone(),
            inputs: describe(plan, &inputs),
            patches: patches.iter().map(|(name, _)| name.clone()).collect(),
            tools: ready.toolchain,
            earlier_environment: BTreeMap::new(),
            build_user: confinement.user.as_ref().map(|user| user.name().to_owned()),
            isolation: Some(confinement.network),
            checks: checked.report().clone(),
            timings: scratch.runner().timings(),
        };
        let papers = RecordFiles {
            record,
            patches,
            log: scratch.runner().log_path().to_owned(),
        };
        let reporter = self.context.reporter;
        let noted = PendingChanges::of(&self.context.store).enter(plan.prefix.path(), reporter);
        let _turn =
            hotpatch::InterpreterLock::take_if_there(plan.prefix.path(), plan.python, reporter)?;
        let installation = install::commit(&checked, papers, self.settings.in_the_way, reporter)?;
        noted.finish();
        let libraries = plan.prefix.path().join("lib");
        let short = plan.python.short();
        let shadowed = Shadowed::find(&libraries, &short, self.context.environment);
        if let Some(shadowed) = shadowed {
            reporter.warn(&shadowed.to_string());
        }
        Ok(installation)
    }

    /// What this host and the settings let the build's commands be confined by.
    fn confinement(
        &self,
        scratch: &Scratch,
        environment: &BuildEnvironment,
    ) -> Result<Confinement, Error> {
        let network = Isolation::find(
            self.settings.build_network,
            self.context.environment,
            environment,
            &scratch.made_folder("probe")?,
        );
        if let Isolation::Host { because } = &network {
            self.context.reporter.detail(&format!(
                "the build is not kept from the network: {because}"
            ));
        }
        Ok(Confinement {
            network,
            user: self.settings.build_user.clone(),
        })
    }

    fn prepare_host(
        &self,
        scratch: &Scratch,
        draft: &Draft,
        environment: &BuildEnvironment,
    ) -> Result<Ready, Error> {
        let question = Question {
            requirements: requirements(draft),
            distribution: &Distribution::of_this_host(self.context.environment),
            caller: self.context.environment,
            environment,
            scratch: &scratch.made_folder("probe")?,
        };
        let remedy = match self.settings.missing_prerequisites {
            WhenMissing::Tell => Remedy::Name,
            WhenMissing::Install => Remedy::Install(scratch.runner()),
        };
        Ok(question.answer(remedy, self.context.reporter)?)
    }
}

/// What went in; a patch that is not for this release, by its own header, did not.
fn describe(plan: &Plan, inputs: &VerifiedInputs) -> Vec<InputRecord> {
    let source = match inputs.source() {
        VerifiedSource::Archive(archive) => InputRecord {
            name: archive.name().to_owned(),
            sha256: Some(archive.sha256()),
            from: archive.origin().to_owned(),
            proofs: archive.proofs().to_vec(),
        },
        VerifiedSource::Tree(path) => InputRecord {
            name: path.display().to_string(),
            sha256: None,
            from: "--source".to_owned(),
            proofs: Vec::new(),
        },
    };
    let wheels = inputs.wheels().iter().map(|wheel| InputRecord {
        name: wheel.input().file_name.clone(),
        sha256: Some(wheel.input().sha256),
        from: match &wheel.input().location {
            WheelLocation::Path(path) => path.display().to_string(),
            WheelLocation::Url(address) => address.to_string(),
        },
        proofs: Vec::new(),
    });
    let given = plan.patches.iter();
    let given = given.filter(|patch| patch.origin == PatchOrigin::File);
    let patches = given.map(|patch| InputRecord {
        name: patch.name.clone(),
        sha256: Some(patch.sha256),
        from: "--patch".to_owned(),
        proofs: Vec::new(),
    });
    std::iter::once(source)
        .chain(wheels)
        .chain(patches)
        .collect()
}
