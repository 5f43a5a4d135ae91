//! `pybuild reproduce PREFIX|VERSION|RECORD`: builds again what a record describes, and compares.

use std::path::{Path, PathBuf};

use crate::cli::{BuildArguments, BuildTarget, ReproduceArguments};
use crate::commands::build::Target;
use crate::commands::error::Error;
use crate::commands::event::Event;
use crate::commands::invocation::Invocation;
use crate::environment::Environment;
use crate::host::build_environment::as_recorded;
use crate::install::Manifest;
use crate::install::record::{self, Record};
use crate::plan::pin_request::PinRequest;
use crate::plan::version::VersionRequest;
use crate::plan::{Pin, WheelLocation};
use crate::settings::installation::WantedInstallation;
use crate::settings::{BuildSettings, KeptCompiles, PrefixTemplate};

/// Prints the tree digest of both builds, or the files that differ with the likely cause of each.
///
/// # Errors
/// When there is no record, when the build fails, and when a file differs.
pub fn run(arguments: ReproduceArguments, invocation: &Invocation<'_>) -> Result<(), Error> {
    let Invocation {
        environment,
        reporter,
        output,
    } = *invocation;
    let recorded = Recorded::find(&arguments, environment)?;
    let environment = &as_recorded(environment, recorded.record.environment());
    let settings = settings(arguments, &recorded.record, environment)?;
    let target = Target::resolve_for_repetition(&settings, environment, reporter)?;
    let prefix = recorded.prefix.as_deref();
    let done = target
        .reproduce(&recorded.record, &recorded.files, prefix)
        .map_err(|failure| *failure.error)?;
    let python = recorded.record.plan.python();
    if done.differences.is_empty() {
        let files = done.files;
        reporter.report(&Event::Reproduced { python, files });
        output.result(&format!("sha256:{}", done.tree));
        return Ok(());
    }
    for (difference, cause) in done.differences.iter().zip(&done.causes) {
        output.result(&format!("{difference}: {cause}"));
    }
    Err(Error::NotReproduced {
        what: format!("CPython {python}"),
        files: done.differences.len(),
    })
}

/// The build to repeat.
struct Recorded {
    record: Record,
    files: Manifest,
    /// The prefix, if the files of the build are to be there.
    prefix: Option<PathBuf>,
}

impl Recorded {
    fn find(arguments: &ReproduceArguments, environment: &Environment) -> Result<Self, Error> {
        if arguments
            .what
            .extension()
            .is_some_and(|ending| ending == "json")
        {
            return Self::read(&environment.absolute(&arguments.what), None);
        }
        let prefix = arguments.prefix.as_deref();
        let wanted = WantedInstallation::new(&arguments.what, prefix, environment)?;
        let (prefix, version) = wanted.find("reproduce")?;
        let folder = prefix.join(record::folder(version));
        Self::read(&folder.join(record::RECORD), Some(prefix))
    }

    /// Reads a record and the manifest beside it.
    fn read(path: &Path, prefix: Option<PathBuf>) -> Result<Self, Error> {
        let none = || Error::NoRecord {
            path: path.to_owned(),
        };
        let read = |path: &Path| fs_err::read(path).map_err(|_| none());
        let record: Record = serde_json::from_slice(&read(path)?).map_err(|_| none())?;
        if !record.plan.has_known_format() {
            return Err(none());
        }
        let files = read(&path.with_file_name(record::FILES))?;
        Ok(Self {
            files: serde_json::from_slice(&files).map_err(|_| none())?,
            record,
            prefix,
        })
    }
}

/// The settings of the recorded build: its request, with what it was resolved to.
fn settings(
    arguments: ReproduceArguments,
    record: &Record,
    environment: &Environment,
) -> Result<BuildSettings, Error> {
    let plan = &record.plan;
    let python = VersionRequest::Exact(plan.python());
    let mut build = BuildArguments::of_target(BuildTarget::Version(python), arguments.origins);
    build.compile.jobs = arguments.jobs;
    build.compile.build_dir = arguments.build_dir;
    build.compile.build_user = arguments.build_user;
    build.compile.no_configure_cache = true;
    build.compile.no_cache = true;
    let mut all = BuildSettings::all(build, environment)?;
    let mut settings = all.pop().expect("one version is one build");
    settings.request = plan.request().clone();
    settings.request.python = python;
    for (pin, request) in [
        (&plan.pins().pip, &mut settings.request.pip),
        (&plan.pins().setuptools, &mut settings.request.setuptools),
    ] {
        if let Pin::Wheel(wheel) = pin {
            *request = match &wheel.location {
                WheelLocation::Path(path) => PinRequest::Wheel(path.clone()),
                WheelLocation::Url(_) => PinRequest::Exact(wheel.version.clone()),
            };
        }
    }
    settings.prefix = PrefixTemplate::Given(plan.prefix().path().to_owned());
    settings.kept_compiles = KeptCompiles::Ignore;
    Ok(settings)
}
