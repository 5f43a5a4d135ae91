//! `pybuild lock RECIPE`: writes the inputs of a recipe to its lock file.

use std::fmt;
use std::path::Path;

use crate::cli::{BuildArguments, BuildTarget, LockArguments, Upgrade};
use crate::commands::build::Target;
use crate::commands::error::Error;
use crate::commands::invocation::Invocation;
use crate::fs::durable::write_file;
use crate::plan::lock::{Lock, LockedBuild, LockedWheel, lock_path};
use crate::plan::pin_request::PinRequest;
use crate::plan::version::VersionRequest;
use crate::progress::{Event, Level};
use crate::settings::BuildSettings;

/// An event of locking.
enum LockEvent<'a> {
    Written(&'a Path),
    Unchanged(&'a Path),
    Moved {
        project: &'a str,
        from: String,
        to: String,
    },
}

impl Event for LockEvent<'_> {
    fn level(&self) -> Level {
        Level::Note
    }
}

impl fmt::Display for LockEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Written(path) => write!(f, "wrote {}", path.display()),
            Self::Unchanged(path) => write!(f, "{} is up to date", path.display()),
            Self::Moved { project, from, to } => write!(f, "{project} {from} → {to}"),
        }
    }
}

/// Writes the lock, and prints its path.
///
/// # Errors
/// When an input cannot be resolved or fetched; the lock stays as it was.
pub fn run(arguments: LockArguments, invocation: &Invocation<'_>) -> Result<(), Error> {
    let (environment, reporter) = (invocation.environment, invocation.reporter);
    let path = lock_path(&environment.absolute(&arguments.recipe));
    let upgrade = arguments.upgrade;
    let (mut all, earlier) = BuildSettings::to_lock(arguments.into(), environment)?;
    let mut locked = Vec::new();
    for (index, settings) in all.iter_mut().enumerate() {
        let earlier = earlier.as_ref().and_then(|lock| lock.builds().get(index));
        let kept = earlier.map(|earlier| Kept::new(earlier, settings, upgrade));
        let python = settings.request.python;
        if let Some(kept) = &kept {
            kept.narrow(settings);
        }
        let target = Target::resolve(settings, environment, reporter, None)?;
        let mut build = target.lock()?;
        if let (Some(kept), Some(earlier)) = (kept, earlier) {
            kept.restore_reasons(&mut build, earlier);
            for (project, from, to) in moves(earlier, &build) {
                reporter.report(&LockEvent::Moved { project, from, to });
            }
        }
        settings.request.python = python;
        locked.push(build);
    }
    let lock = Lock::new(locked);
    let text = lock.text().map_err(Error::Plan)?;
    if fs_err::read_to_string(&path).is_ok_and(|before| before == text) {
        reporter.report(&LockEvent::Unchanged(&path));
    } else {
        write_file(&path, text.as_bytes(), 0o644).map_err(|source| Error::Lock {
            path: path.clone(),
            source,
        })?;
        reporter.report(&LockEvent::Written(&path));
    }
    invocation.output.result(&path.display().to_string());
    Ok(())
}

impl From<LockArguments> for BuildArguments {
    fn from(arguments: LockArguments) -> Self {
        Self::of_target(BuildTarget::Recipe(arguments.recipe), arguments.origins)
    }
}

/// The parts of an earlier lock that stay.
struct Kept<'a> {
    python: Option<&'a LockedBuild>,
    pip: Option<&'a LockedWheel>,
    setuptools: Option<&'a LockedWheel>,
}

impl<'a> Kept<'a> {
    /// What is not upgraded stays, if the recipe still asks for the same. Pins depend on the release.
    fn new(earlier: &'a LockedBuild, settings: &BuildSettings, upgrade: Option<Upgrade>) -> Self {
        let asks_the_same = |key: &str| {
            let recipe = settings.recipe.as_ref();
            recipe.is_some_and(|recipe| recipe.get(key) == earlier.recipe.get(key))
        };
        let stays = |moved: &[Upgrade]| upgrade.is_none_or(|upgrade| !moved.contains(&upgrade));
        let all = [Upgrade::All, Upgrade::Cpython];
        let python = (stays(&all) && asks_the_same("python")).then_some(earlier);
        let pin = |key: &str, own: Upgrade, wheel: &'a Option<LockedWheel>| {
            let kept = python.is_some() && stays(&[own]) && asks_the_same(key);
            wheel.as_ref().filter(|_| kept)
        };
        Self {
            python,
            pip: pin("pip", Upgrade::Pip, &earlier.pip),
            setuptools: pin("setuptools", Upgrade::Setuptools, &earlier.setuptools),
        }
    }

    /// Asks for exactly what stays.
    fn narrow(&self, settings: &mut BuildSettings) {
        let request = &mut settings.request;
        if let Some(earlier) = self.python {
            request.python = VersionRequest::Exact(earlier.python);
        }
        let pins = [
            (self.pip, &mut request.pip),
            (self.setuptools, &mut request.setuptools),
        ];
        for (wheel, pin) in pins {
            if let Some(wheel) = wheel
                && !matches!(pin, PinRequest::Wheel(_))
            {
                *pin = PinRequest::Exact(wheel.version.clone());
            }
        }
    }

    /// The reasons are those of the recipe's own words.
    fn restore_reasons(&self, build: &mut LockedBuild, earlier: &LockedBuild) {
        if self.python.is_some()
            && let (Some(now), Some(before)) = (&mut build.source, &earlier.source)
        {
            now.because.clone_from(&before.because);
        }
        for (kept, now) in [
            (self.pip, &mut build.pip),
            (self.setuptools, &mut build.setuptools),
        ] {
            if let (Some(before), Some(now)) = (kept, now) {
                now.file.because.clone_from(&before.file.because);
            }
        }
    }
}

/// The projects whose versions differ.
fn moves(before: &LockedBuild, now: &LockedBuild) -> Vec<(&'static str, String, String)> {
    let version = |wheel: &Option<LockedWheel>| {
        let version = wheel.as_ref().map(|wheel| wheel.version.to_string());
        version.unwrap_or_else(|| "none".to_owned())
    };
    let all = [
        ("CPython", before.python.to_string(), now.python.to_string()),
        ("pip", version(&before.pip), version(&now.pip)),
        (
            "setuptools",
            version(&before.setuptools),
            version(&now.setuptools),
        ),
    ];
    all.into_iter().filter(|(_, from, to)| from != to).collect()
}
