//! `pybuild hotpatch PYTHON|PREFIX …`: every target is examined before the first one is changed.

use std::fmt::{self, Write as _};
use std::path::Path;

use crate::cli::HotpatchArguments;
use crate::commands::context::Context;
use crate::commands::error::Error;
use crate::commands::invocation::Invocation;
use crate::commands::work_folder::SideFolder;
use crate::digest::Sha256;
use crate::environment::Environment;
use crate::error::Explain as _;
use crate::host::certificates::WhenNoCertificates;
use crate::host::loader::Shadowed;
use crate::hotpatch::{
    self, ChangeList, Hotpatch, HotpatchRecord, InstalledChange, InterpreterCheck, InterpreterLock,
    Target,
};
use crate::output::Output;
use crate::plan::{Pin, Pins};
use crate::progress::{self, Level, Reporter, Unit};
use crate::settings::hotpatch::{HotpatchSettings, InstalledPackages, Mode, ResultCheck, Task};
use crate::source;
use crate::source::ensurepip::{Bundled, EnsurepipPatch, Stdlib};
use crate::store::Store;
use crate::transaction;
use crate::transaction::pending::{self, Entry, PendingChanges};

/// The title of the phases that change something.
const PHASE: &str = "hotpatch";

enum Event<'a> {
    LibraryShadowed(Shadowed),
    /// Of several targets, this one is examined now.
    Examining(&'a Target),
    SetuptoolsStay,
    NotHotpatched(&'a Target),
}

impl progress::Event for Event<'_> {
    fn level(&self) -> Level {
        match self {
            Self::LibraryShadowed(_) => Level::Warning,
            _ => Level::Note,
        }
    }
}

impl fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LibraryShadowed(shadowed) => shadowed.fmt(f),
            Self::Examining(target) => write!(f, "{}:", name_of(target)),
            Self::SetuptoolsStay => {
                f.write_str("the installed setuptools stays: remove it with pip")
            }
            Self::NotHotpatched(target) => write!(
                f,
                "{} is not hotpatched: there is nothing to undo",
                name_of(target)
            ),
        }
    }
}

/// Hotpatches the interpreters that the arguments name, or undoes their hotpatches.
///
/// # Errors
/// When one of them cannot be changed: then none is. When a change or its check fails: then that
/// interpreter is as it was, and the others are changed.
pub fn run(arguments: HotpatchArguments, invocation: &Invocation<'_>) -> Result<(), Error> {
    let Invocation {
        environment,
        reporter,
        output,
    } = *invocation;
    let settings = HotpatchSettings::new(arguments, environment)?;
    let store = Store::of(environment);
    let pending = PendingChanges::of(&store);
    if settings.mode == Mode::Change {
        pending.recover(reporter);
    }
    let targets = find(&settings, environment, reporter)?;
    let command = Hotpatching {
        settings: &settings,
        environment,
        reporter,
        output,
        pending,
    };
    match &settings.task {
        Task::Undo => command.undo(&targets),
        Task::Pin { .. } => command.pin(targets),
    }
}

/// The interpreters, each of them once.
fn find(
    settings: &HotpatchSettings,
    environment: &Environment,
    reporter: &dyn Reporter,
) -> Result<Vec<Target>, Error> {
    let mut targets: Vec<Target> = Vec::new();
    for given in &settings.targets {
        // Before that, the interpreter may be incomplete.
        for prefix in Target::prefixes_meant(given, environment) {
            match settings.mode {
                Mode::DryRun => pending::report_pending(&prefix, reporter),
                Mode::Change => drop(transaction::recover(&prefix, reporter)?),
            }
        }
        let target = Target::find(given, environment)?;
        let libraries = target.prefix.join("lib");
        let shadowed = Shadowed::find(&libraries, &target.version.short(), environment);
        if let Some(shadowed) = shadowed {
            reporter.report(&Event::LibraryShadowed(shadowed));
        }
        // Two names of one folder are one interpreter.
        let folder = |target: &Target| target.stdlib.canonicalize().ok();
        if targets.iter().all(|other| folder(other) != folder(&target)) {
            targets.push(target);
        }
    }
    Ok(targets)
}

struct Hotpatching<'a> {
    settings: &'a HotpatchSettings,
    environment: &'a Environment,
    reporter: &'a dyn Reporter,
    output: Output,
    pending: PendingChanges<'a>,
}

/// One interpreter and its planned change.
struct Job {
    target: Target,
    pins: Pins,
    patch: EnsurepipPatch,
}

impl Hotpatching<'_> {
    fn pin(&self, targets: Vec<Target>) -> Result<(), Error> {
        let Task::Pin {
            pip,
            setuptools,
            index_url,
            network,
            ..
        } = &self.settings.task
        else {
            return Ok(());
        };
        for target in &targets {
            target.ensure_bundles()?;
        }
        let context = Context::new(
            index_url.clone(),
            *network,
            WhenNoCertificates::Name,
            self.environment,
            self.reporter,
        )?;
        let scratch = SideFolder::new(&context.store, PHASE)?;
        // Before the first look at files that another process may be changing.
        let _notes = self.note(&targets);
        let opened = match self.settings.mode {
            Mode::DryRun => Vec::new(),
            Mode::Change => self.open(&targets)?,
        };
        let mut jobs = Vec::new();
        let several = targets.len() > 1;
        for target in targets {
            if several {
                self.reporter.report(&Event::Examining(&target));
            }
            let pins = context.pins(target.version, pip, setuptools)?;
            let wheels = context.fetch_wheels(&pins, scratch.runner())?;
            let stdlib = Stdlib::of_installation(&target.stdlib);
            let patch =
                EnsurepipPatch::for_pins(stdlib, &pins, &wheels).map_err(source::Error::from)?;
            jobs.push(Job {
                target,
                pins,
                patch,
            });
        }
        if self.settings.mode == Mode::DryRun {
            for job in &jobs {
                self.show(job);
            }
            return Ok(());
        }
        let opened = opened.into_iter().zip(jobs).collect();
        self.each(opened, |(interpreter, job)| {
            self.change(&interpreter, &job, &scratch)
        })
    }

    /// Notes which prefixes are about to be changed.
    fn note(&self, targets: &[Target]) -> Vec<Entry> {
        let enter = |target: &Target| self.pending.enter(&target.prefix, self.reporter);
        match self.settings.mode {
            Mode::DryRun => Vec::new(),
            Mode::Change => targets.iter().map(enter).collect(),
        }
    }

    /// Locks each interpreter; refuses those that cannot be changed before anything is fetched.
    fn open(&self, targets: &[Target]) -> Result<Vec<Hotpatch<'_>>, Error> {
        for target in targets {
            if self.settings.installed() == InstalledPackages::Upgrade {
                target.ensure_packages_are_its_own()?;
            }
            target.ensure_writable()?;
        }
        let locks = InterpreterLock::take_each(targets, self.reporter)?;
        for target in targets {
            self.settings.running.judge(&target.python)?;
        }
        let mut opened = Vec::new();
        for (target, lock) in targets.iter().zip(locks) {
            opened.push(Hotpatch::open(target, lock, self.reporter)?);
        }
        Ok(opened)
    }

    /// Does the work for each interpreter, and goes on with the others when it fails for one.
    fn each<T>(
        &self,
        targets: Vec<T>,
        mut work: impl FnMut(T) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut failed: Option<Error> = None;
        for target in targets {
            if let Err(error) = work(target)
                && let Some(earlier) = failed.replace(error)
            {
                self.output.error(&earlier, earlier.hint().as_deref(), None);
            }
        }
        failed.map_or(Ok(()), Err)
    }

    fn show(&self, job: &Job) {
        let stdlib = &job.target.stdlib;
        let mut text = format!("# {}, below {}\n", name_of(&job.target), stdlib.display());
        for wheel in job.patch.added() {
            if Sha256::of_file(&stdlib.join(&wheel.path)).ok() != Some(wheel.sha256) {
                let _ = writeln!(text, "# + {}", wheel.path.display());
            }
        }
        for path in job.patch.removed() {
            let _ = writeln!(text, "# - {}", path.display());
        }
        text.push_str(&job.patch.diff());
        self.output.result(text.trim_end());
    }

    /// Changes one interpreter and checks it; rolls back when the check fails.
    fn change(
        &self,
        interpreter: &Hotpatch<'_>,
        job: &Job,
        scratch: &SideFolder,
    ) -> Result<(), Error> {
        let target = &job.target;
        let folder = scratch.fresh()?;
        let installed = self.install(job, folder.path(), scratch)?;
        let phase = self.reporter.begin(PHASE, Unit::Steps, None);
        let changes = ChangeList::of_patch(&job.patch, target)?;
        let before = bundled(target);
        let is_unchanged = changes.is_empty();
        let applied = if is_unchanged && installed.is_none() {
            None
        } else {
            Some(interpreter.apply(changes, installed.as_ref(), &job.pins)?)
        };
        let outcome = if is_unchanged {
            "already up to date".to_owned()
        } else {
            difference(before.as_ref(), bundled(target).as_ref())
        };
        phase.finish(&format!("{}: {outcome}", name_of(target)));
        let checked = match self.settings.check() {
            ResultCheck::Run => self.check(job, folder.path(), scratch),
            ResultCheck::Skip => Ok(()),
        };
        match (checked, applied) {
            (Ok(()), Some(applied)) => applied.commit().map_err(hotpatch::Error::from)?,
            (Err(first), Some(applied)) => {
                applied
                    .roll_back()
                    .map_err(|source| hotpatch::Error::NotRolledBack {
                        prefix: target.prefix.clone(),
                        first: crate::error::chain(&first),
                        source,
                    })?;
                return Err(first);
            }
            (checked, None) => checked?,
        }
        self.output.result(&target.python.display().to_string());
        Ok(())
    }

    /// Prepares the change of site-packages, if it is asked for.
    fn install(
        &self,
        job: &Job,
        folder: &Path,
        scratch: &SideFolder,
    ) -> Result<Option<InstalledChange>, Error> {
        if self.settings.installed() == InstalledPackages::Keep {
            return Ok(None);
        }
        let phase = self.reporter.begin("install", Unit::Steps, None);
        let change = InstalledChange::make(
            &job.target,
            &job.patch,
            &job.pins,
            folder,
            self.environment,
            scratch.runner(),
        )?;
        phase.finish(&format!("{} for site-packages", listed(&job.pins)));
        if job.pins.setuptools == Pin::Removed {
            self.reporter.report(&Event::SetuptoolsStay);
        }
        Ok(Some(change))
    }

    fn check(&self, job: &Job, folder: &Path, scratch: &SideFolder) -> Result<(), Error> {
        let phase = self.reporter.begin("check", Unit::Steps, None);
        let check = InterpreterCheck {
            target: &job.target,
            pins: &job.pins,
            scratch: folder,
            environment: self.environment,
            runner: scratch.runner(),
        };
        let pip = check.ensurepip()?;
        let mut outcome = if job.target.version.series().0 >= 3 {
            format!("ensurepip and a new venv have pip {pip}")
        } else {
            format!("ensurepip has and installs pip {pip}")
        };
        if self.settings.installed() == InstalledPackages::Upgrade {
            check.installed()?;
            outcome.push_str(", the interpreter too");
        }
        phase.finish(&outcome);
        Ok(())
    }

    fn undo(&self, targets: &[Target]) -> Result<(), Error> {
        if self.settings.mode == Mode::DryRun {
            return targets.iter().try_for_each(|target| self.show_undo(target));
        }
        let _notes = self.note(targets);
        for target in targets {
            target.restore_folders()?;
            target.ensure_bundles()?;
        }
        let opened = self.open(targets)?;
        for interpreter in &opened {
            interpreter.ensure_undoable()?;
        }
        self.each(opened, |interpreter| {
            let target = &interpreter.target;
            if interpreter.record.is_none() {
                self.reporter.report(&Event::NotHotpatched(target));
                return Ok(());
            }
            let phase = self.reporter.begin("undo", Unit::Steps, None);
            interpreter.undo()?;
            let outcome = difference(None, bundled(target).as_ref());
            phase.finish(&format!("{}: {outcome}, as before", name_of(target)));
            self.output.result(&target.python.display().to_string());
            Ok(())
        })
    }

    fn show_undo(&self, target: &Target) -> Result<(), Error> {
        let mut text = format!("# {}\n", name_of(target));
        match HotpatchRecord::of(target)? {
            Some(record) => {
                for path in record.changed_paths(&target.prefix) {
                    let _ = writeln!(text, "{}", path.display());
                }
            }
            None => text.push_str("# not hotpatched"),
        }
        self.output.result(text.trim_end());
        Ok(())
    }
}

/// The wheels that the target's `ensurepip` names; `None` when it cannot be read.
fn bundled(target: &Target) -> Option<Bundled> {
    let path = target.stdlib.join("ensurepip/__init__.py");
    Bundled::read(&fs_err::read_to_string(path).ok()?).ok()
}

/// `pip 23.0.1 → 24.0, setuptools 65.5.0`.
fn difference(before: Option<&Bundled>, after: Option<&Bundled>) -> String {
    let versions = |bundled: Option<&Bundled>| {
        let pip = bundled.map(|bundled| bundled.pip.version.clone());
        let setuptools = bundled.and_then(|bundled| bundled.setuptools.as_ref());
        [pip, setuptools.map(|wheel| wheel.version.clone())]
    };
    let changes = versions(before).into_iter().zip(versions(after));
    let parts = ["pip", "setuptools"].into_iter().zip(changes);
    let parts = parts.filter_map(|(project, change)| match change {
        (Some(before), Some(after)) if before != after => {
            Some(format!("{project} {before} → {after}"))
        }
        (_, Some(after)) => Some(format!("{project} {after}")),
        (Some(before), None) => Some(format!("{project} {before} → none")),
        (None, None) => None,
    });
    parts.collect::<Vec<_>>().join(", ")
}

fn listed(pins: &Pins) -> String {
    let wheels = pins
        .wheels()
        .map(|wheel| format!("{} {}", wheel.project, wheel.version));
    wheels.collect::<Vec<_>>().join(", ")
}

/// `CPython 3.11.2 in /usr/local`.
fn name_of(target: &Target) -> String {
    format!("CPython {} in {}", target.version, target.prefix.display())
}
