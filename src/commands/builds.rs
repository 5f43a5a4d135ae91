//! All builds of one run. Several share one job budget, and each reports under its name.

mod results;

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use crate::cli::{BuildArguments, BuildTarget};
use crate::commands::build::{Failure, Outcome, Target};
use crate::commands::error::Error;
use crate::commands::invocation::Invocation;
use crate::commands::printed::PrintedPlans;
use crate::commands::work_folder::{SideFolder, unusable};
use crate::export::bundle;
use crate::plan::pin_request::PinRequest;
use crate::plan::version::PythonVersion;
use crate::process::JobPool;
use crate::progress::{NamedReporter, Reporter};
use crate::settings::{self, BuildSettings, Mode, Timings};
use crate::store::Store;
use crate::timeline::Recorder;
use results::Results;

/// Prints the interpreters' paths in the order of the builds, or the plans with `--dry-run`.
pub(crate) fn run(mut arguments: BuildArguments, invocation: &Invocation<'_>) -> Result<(), Error> {
    let _unpacked = match arguments.bundle.take() {
        Some(bundle) => Some(open_bundle(&bundle, &mut arguments, invocation)?),
        None => None,
    };
    let all = BuildSettings::all(arguments, invocation.environment)?;
    match &all[..] {
        [settings] => run_one(settings, invocation),
        several => run_several(several, invocation),
    }
}

/// Unpacks a bundle, and builds its recipe. The folder must outlive the builds.
fn open_bundle(
    bundle: &Path,
    arguments: &mut BuildArguments,
    invocation: &Invocation<'_>,
) -> Result<SideFolder, Error> {
    let environment = invocation.environment;
    let [BuildTarget::Recipe(recipe)] = &arguments.targets[..] else {
        return Err(settings::Error::usage(
            "--bundle needs the name of one recipe",
            "name the recipe from which the bundle was made",
        )
        .into());
    };
    let (bundle, recipe) = (environment.absolute(bundle), environment.absolute(recipe));
    let store = Store::of(environment);
    let folder = SideFolder::new(&store, "bundle")?;
    let recipe = bundle::open(&bundle, &recipe, &folder.made("content")?, &store)?;
    arguments.targets = vec![BuildTarget::Recipe(recipe)];
    arguments.locked = true;
    Ok(folder)
}

fn run_one(settings: &BuildSettings, invocation: &Invocation<'_>) -> Result<(), Error> {
    let (environment, reporter) = (invocation.environment, invocation.reporter);
    let recorder = recorder_for(settings);
    let recording = recorder
        .as_ref()
        .map(|recorder| recorder.reporter(reporter));
    let reporter = recording.as_ref().map_or(reporter, |recording| recording);
    let target = Target::resolve(settings, environment, reporter, recorder.as_ref())?;
    match target.reach(None).map_err(|failure| *failure.error)? {
        Outcome::Planned(plan) => print_toml(&plan, invocation),
        Outcome::Built(python) | Outcome::Present(python) => {
            invocation.output.result(&python.display().to_string());
            Ok(())
        }
    }
}

/// `--timings`.
fn recorder_for(settings: &BuildSettings) -> Option<Recorder> {
    (settings.timings == Timings::Written).then(Recorder::start)
}

fn print_toml(value: &impl Serialize, invocation: &Invocation<'_>) -> Result<(), Error> {
    let text = toml::to_string(value).map_err(Error::Plan)?;
    invocation.output.result(text.trim_end());
    Ok(())
}

/// The output of a dry run of several builds.
#[derive(Serialize)]
struct Plans {
    build: Vec<PrintedPlans>,
}

type Attempt<'a> = Result<Target<'a>, Failure>;

fn run_several(all: &[BuildSettings], invocation: &Invocation<'_>) -> Result<(), Error> {
    let names = names_of(all);
    let width = names.iter().map(String::len).max().unwrap_or_default();
    let reporters = names.iter();
    let reporters: Vec<NamedReporter<'_>> = reporters
        .map(|name| NamedReporter::new(name, width, invocation.reporter))
        .collect();
    let recorders: Vec<Option<Recorder>> = all.iter().map(recorder_for).collect();
    let recordings = recorders.iter().zip(&reporters);
    let recordings: Vec<_> = recordings
        .map(|(recorder, reporter)| Some(recorder.as_ref()?.reporter(reporter)))
        .collect();
    let targets = all.iter().enumerate().map(|(index, settings)| {
        let reporter: &dyn Reporter = match &recordings[index] {
            Some(recording) => recording,
            None => &reporters[index],
        };
        let recorder = recorders[index].as_ref();
        Target::resolve(settings, invocation.environment, reporter, recorder).map_err(Failure::from)
    });
    let targets: Vec<Attempt<'_>> = targets.collect();
    ensure_prefixes_differ(&targets, &names)?;

    let results = Results::new(&names, invocation.output);
    match all[0].mode {
        Mode::DryRun => {
            let mut plans = Vec::new();
            for (index, target) in targets.into_iter().enumerate() {
                match target.and_then(|target| target.reach(None)) {
                    Ok(Outcome::Planned(plan)) => plans.push(*plan),
                    other => results.add(index, other),
                }
            }
            print_toml(&Plans { build: plans }, invocation)?;
        }
        Mode::Change => {
            let store = Store::of(invocation.environment);
            let folder = SideFolder::new(&store, "jobs")?;
            let path = folder.made("pool")?;
            let pool = JobPool::new(&path, all[0].jobs.count()).map_err(unusable(&path))?;
            build_all(targets, &pool, &results);
        }
    }
    results.finish()
}

/// The names of builds: the version, and the pins of which there are several.
fn names_of(all: &[BuildSettings]) -> Vec<String> {
    let differs = |pin: fn(&BuildSettings) -> &PinRequest| {
        let mut pins = all.iter().map(pin);
        let first = pins.next();
        pins.any(|other| Some(other) != first)
    };
    let pip: fn(&BuildSettings) -> &PinRequest = |build| &build.request.pip;
    let setuptools: fn(&BuildSettings) -> &PinRequest = |build| &build.request.setuptools;
    let parts = [("pip", pip), ("setuptools", setuptools)];
    let parts: Vec<_> = parts.into_iter().filter(|(_, pin)| differs(*pin)).collect();
    let name = |build: &BuildSettings| {
        let version = build.request.python.to_string();
        parts.iter().fold(version, |name, (project, pin)| {
            let pin = match pin(build) {
                PinRequest::Wheel(path) => {
                    path.file_name().unwrap_or_default().display().to_string()
                }
                other => other.to_string(),
            };
            format!("{name} {project} {pin}")
        })
    };
    all.iter().map(name).collect()
}

/// Different requests can mean the same: `latest` and `24.0`, or `3.11` and `3.11.2`.
fn ensure_prefixes_differ(targets: &[Attempt<'_>], names: &[String]) -> Result<(), Error> {
    let mut seen = std::collections::BTreeMap::new();
    for (target, name) in targets.iter().zip(names) {
        let Ok(target) = target else { continue };
        if let Some(other) = seen.insert(target.prefix().path().to_owned(), name) {
            return Err(settings::Error::usage(
                format!(
                    "`{other}` and `{name}` would be installed into the same prefix {}",
                    target.prefix()
                ),
                "leave one of them out, or name the prefix with --prefix and placeholders",
            )
            .into());
        }
    }
    Ok(())
}

/// Builds of one release differ in their pins only, so they have one compile: the first of them makes it,
/// and the others wait.
fn build_all(targets: Vec<Attempt<'_>>, pool: &JobPool, results: &Results<'_>) {
    let mut groups: Vec<(PythonVersion, Vec<(usize, Target<'_>)>)> = Vec::new();
    for (index, target) in targets.into_iter().enumerate() {
        match target {
            Err(failure) => results.add(index, Err(failure)),
            Ok(target) => {
                let python = target.python();
                match groups.iter_mut().find(|(version, _)| *version == python) {
                    Some((_, group)) => group.push((index, target)),
                    None => groups.push((python, vec![(index, target)])),
                }
            }
        }
    }
    std::thread::scope(|scope| {
        for (_, group) in groups {
            scope.spawn(|| build_group(group, pool, results));
        }
    });
}

fn build_group(group: Vec<(usize, Target<'_>)>, pool: &JobPool, results: &Results<'_>) {
    let mut group = group.into_iter();
    while let Some((index, target)) = group.next() {
        let result = build(target, pool);
        let is_compiled = matches!(result, Ok(Outcome::Built(_)));
        let never_compiles = matches!(&result, Err(failure) if failure.error.is_of_compile());
        results.add(index, result);
        if never_compiles {
            for (other, _) in group {
                let same_compile = results.name(index).to_owned();
                results.add(other, Err(Error::SameCompile(same_compile).into()));
            }
            return;
        }
        if is_compiled {
            break;
        }
    }
    // No more threads than jobs: what a thread has freed stays with the process.
    let threads = pool.jobs().min(group.len());
    let rest = Mutex::new(group);
    let next = || rest.lock().unwrap_or_else(PoisonError::into_inner).next();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((index, target)) = next() {
                    results.add(index, build(target, pool));
                }
            });
        }
    });
}

/// Waits for a free job, which the build has until its end.
fn build(target: Target<'_>, pool: &JobPool) -> Result<Outcome, Failure> {
    let job = pool.take().map_err(Error::Jobs)?;
    let result = target.reach(Some(pool));
    drop(job);
    result
}
