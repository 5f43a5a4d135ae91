//! `pybuild VERSION`: the whole flow, in order.

use std::collections::BTreeSet;
use std::path::Path;

use crate::build::environment::BuildEnvironment;
use crate::build::{self, Site};
use crate::environment::Environment;
use crate::error::Error;
use crate::fetch::http::Http;
use crate::fetch::retry::Retries;
use crate::fetch::{self, FetchContext, VerifiedInputs, VerifiedSource};
use crate::host::distribution::Distribution;
use crate::host::readiness::{Question, Ready, Remedy};
use crate::install::record::{InputRecord, Record};
use crate::install::{self, Installation, Papers, prefix, record};
use crate::progress::Reporter;
use crate::resolve;
use crate::resolve::index::{Index, IndexSettings, SystemRoot};
use crate::resolve::pins::Chooser;
use crate::resolve::plan::{
    self, DigestProof, InstallPrefix, Origin, Pins, Plan, Source, SourceLocation, WheelLocation,
};
use crate::resolve::python_org::PythonOrg;
use crate::resolve::releases::{self, Release, ReleaseSources, resolve_version};
use crate::resolve::version::{PythonVersion, VersionRequest};
use crate::scratch::Scratch;
use crate::settings::{BuildSettings, Mode, WhenInstalled, WhenMissing};
use crate::source;
use crate::store::Store;

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
    let store = Store::of(environment);
    let index_settings = IndexSettings::of(
        settings.index_url.clone(),
        environment,
        &SystemRoot::default(),
    )
    .map_err(resolve::Error::from)?;
    let http = Http::new(environment, index_settings.certificates.clone())
        .map_err(resolve::Error::from)?;
    let python_org = PythonOrg::of(environment).map_err(resolve::Error::from)?;
    let release = match &settings.request.source {
        Some(SourceLocation::Path(path)) if path.is_dir() => {
            release_of_tree(path, settings.request.python)?
        }
        _ => {
            let sources = ReleaseSources {
                python_org: &python_org,
                http: &http,
                network: settings.network,
                reporter,
            };
            resolve_version(settings.request.python, settings.request.sha256, &sources)
                .map_err(resolve::Error::from)?
        }
    };
    let prefix = prefix_for(settings, release.version, environment)?;
    if settings.mode == Mode::Build {
        prefix::ensure_usable(&prefix)?;
        if install::recover(prefix.path())? {
            reporter.warn(&format!(
                "an earlier pybuild was ended while it changed {prefix}; what it left was put in order"
            ));
        }
        if let Some(record) = already_there(settings, &prefix, release.version) {
            return Ok(Outcome::AlreadyThere(Box::new(record)));
        }
    }
    let index = Index::new(&index_settings, &http, &store, settings.network);
    reporter.detail(&format!(
        "package index: {} ({})",
        index_settings.address, index_settings.named_by
    ));
    for setting in &index_settings.not_used {
        reporter.detail(setting);
    }
    let chooser = Chooser {
        python: release.version,
        index: &index,
        environment,
        reporter,
    };
    let pins = chooser
        .choose_pins(&settings.request.pip, &settings.request.setuptools)
        .map_err(resolve::Error::from)?;
    let plan = make_plan(settings, release, prefix, pins, &python_org);
    match settings.mode {
        Mode::DryRun => Ok(Outcome::Planned(Box::new(plan))),
        Mode::Build => Workshop {
            settings,
            environment,
            reporter,
            store: &store,
            http: &http,
        }
        .build(&plan)
        .map(|installation| Outcome::Installed(Box::new(installation))),
    }
}

/// A tree that the person vouches for needs no digest; its version has to be what was asked for.
fn release_of_tree(path: &Path, request: VersionRequest) -> Result<Release, Error> {
    let version = source::version_of_tree(path, request).map_err(source::Error::from)?;
    if !version.has_ensurepip() {
        return Err(resolve::Error::from(releases::Error::NoEnsurepip { request }).into());
    }
    Ok(Release {
        version,
        files: Vec::new(),
        proof: DigestProof::CommandLine,
    })
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
        .ok_or_else(|| Error::Usage {
            what: "there is no data folder to install into: neither HOME nor XDG_DATA_HOME is set"
                .to_owned(),
            hint: "name the folder with --prefix".to_owned(),
        })
}

fn already_there(
    settings: &BuildSettings,
    prefix: &InstallPrefix,
    version: PythonVersion,
) -> Option<Record> {
    if settings.installed == WhenInstalled::Rebuild {
        return None;
    }
    record::find(prefix, version).filter(|record| record.plan.request == settings.request)
}

fn make_plan(
    settings: &BuildSettings,
    release: Release,
    prefix: InstallPrefix,
    pins: Pins,
    python_org: &PythonOrg,
) -> Plan {
    let source = match &settings.request.source {
        Some(SourceLocation::Path(path)) if path.is_dir() => Source::Tree { path: path.clone() },
        named => Source::Archive {
            origins: match named {
                Some(SourceLocation::Path(path)) => vec![Origin::File(path.clone())],
                Some(SourceLocation::Url(address)) => vec![Origin::Url(address.clone())],
                None => std::iter::once(Origin::Store)
                    .chain(settings.mirrors.iter().cloned())
                    .chain([
                        Origin::PythonOrg(python_org.base().clone()),
                        Origin::HostPackages,
                    ])
                    .collect(),
            },
            accepted: release.files,
            proof: release.proof,
        },
    };
    Plan {
        format: plan::FORMAT,
        python: release.version,
        prefix,
        request: settings.request.clone(),
        source,
        pins,
    }
}

/// Where a plan is carried out.
struct Workshop<'a> {
    settings: &'a BuildSettings,
    environment: &'a Environment,
    reporter: &'a dyn Reporter,
    store: &'a Store,
    http: &'a Http,
}

impl Workshop<'_> {
    fn build(&self, plan: &Plan) -> Result<Installation, Error> {
        let mut scratch = Scratch::new(self.settings, self.store, plan.python)?;
        let result = self.build_in(&scratch, plan);
        scratch.finish(&result, self.reporter);
        result
    }

    fn build_in(&self, scratch: &Scratch, plan: &Plan) -> Result<Installation, Error> {
        let mut environment = BuildEnvironment::new(self.environment, &scratch.home()?)
            .with_assignments(&plan.request.build.configure_args);
        let ready = self.prepare_host(scratch, plan, &environment)?;
        ready.complete(&mut environment);

        let inputs = self.fetch(scratch, plan)?;
        let tree = source::unpack(
            inputs.source(),
            plan.python,
            scratch.folder("source"),
            self.reporter,
        )
        .map_err(source::Error::from)?;
        let tree = source::apply_patches(tree, plan, &inputs, self.reporter)?;
        let patches = tree.patches().to_vec();

        let site = Site {
            environment: &environment,
            make: &ready.toolchain.make.path,
            jobs: self.settings.jobs,
            runner: scratch.runner(),
            reporter: self.reporter,
        };
        let tree = build::configure(tree, plan, &site)?;
        let tree = build::make(tree, plan, &site)?;
        let staged = install::stage(&tree, plan, scratch.folder("destdir"), &site)?;
        let expected = expected_modules(&ready);
        let checked = install::check(staged, plan, &expected, &scratch.home()?, &site)
            .map_err(install::Error::from)?;

        let record = Record {
            pybuild: env!("CARGO_PKG_VERSION").to_owned(),
            finished: jiff::Timestamp::now(),
            plan: plan.clone(),
            inputs: describe(&inputs),
            patches: patches.iter().map(|(name, _)| name.clone()).collect(),
            tools: ready.toolchain,
            environment: environment.taken_over().clone(),
            checks: checked.report().clone(),
            timings: scratch.runner().timings(),
        };
        let papers = Papers {
            record,
            patches,
            log: scratch.runner().log_path().to_owned(),
        };
        Ok(install::commit(
            &checked,
            papers,
            self.settings.in_the_way,
            self.reporter,
        )?)
    }

    fn prepare_host(
        &self,
        scratch: &Scratch,
        plan: &Plan,
        environment: &BuildEnvironment,
    ) -> Result<Ready, Error> {
        let question = Question {
            requirements: build::prerequisites::Requirements {
                python: plan.python,
                modules: &plan.request.modules,
                configure_args: &plan.request.build.configure_args,
            },
            distribution: &Distribution::of_this_host(self.environment),
            caller: self.environment,
            environment,
            scratch: &scratch.made_folder("probe")?,
        };
        let remedy = match self.settings.missing_prerequisites {
            WhenMissing::Tell => Remedy::Name,
            WhenMissing::Install => Remedy::Install(scratch.runner()),
        };
        Ok(question.answer(remedy, self.reporter)?)
    }

    fn fetch(&self, scratch: &Scratch, plan: &Plan) -> Result<VerifiedInputs, Error> {
        let context = FetchContext {
            store: self.store,
            http: self.http,
            network: self.settings.network,
            retries: Retries::default(),
            reporter: self.reporter,
            environment: self.environment,
            runner: scratch.runner(),
        };
        Ok(fetch::fetch(plan, &context)?)
    }
}

/// What was found before compiling is what should work afterwards.
fn expected_modules(ready: &Ready) -> BTreeSet<String> {
    let present = ready.prerequisites.present.iter();
    present.map(|module| module.module.clone()).collect()
}

fn describe(inputs: &VerifiedInputs) -> Vec<InputRecord> {
    let source = match inputs.source() {
        VerifiedSource::Archive(archive) => InputRecord {
            name: archive.name().to_owned(),
            sha256: Some(archive.sha256()),
            from: archive.origin().to_owned(),
        },
        VerifiedSource::Tree(path) => InputRecord {
            name: path.display().to_string(),
            sha256: None,
            from: "--source".to_owned(),
        },
    };
    let wheels = inputs.wheels().iter().map(|wheel| InputRecord {
        name: wheel.input().file_name.clone(),
        sha256: Some(wheel.input().sha256),
        from: match &wheel.input().location {
            WheelLocation::Path(path) => path.display().to_string(),
            WheelLocation::Url(address) => address.to_string(),
        },
    });
    let patches = inputs.patches().iter().map(|patch| InputRecord {
        name: patch.path().display().to_string(),
        sha256: Some(crate::digest::Sha256::of(patch.content())),
        from: "--patch".to_owned(),
    });
    std::iter::once(source)
        .chain(wheels)
        .chain(patches)
        .collect()
}
