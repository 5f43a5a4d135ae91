//! `pybuild hotpatch PYTHON|PREFIX …`: every target is looked at before the first one is changed.

use std::fmt::Write as _;

use crate::cli::HotpatchArguments;
use crate::commands::context::Context;
use crate::commands::error::Error;
use crate::commands::invocation::Invocation;
use crate::commands::work_folder::SideFolder;
use crate::environment::Environment;
use crate::error::Explain as _;
use crate::host::certificates::WhenNoCertificates;
use crate::host::loader::Shadowed;
use crate::hotpatch::{
    self, Change, Expected, InstalledChange, InterpreterLock, Kept, KeptRecord, Proof, Target,
};
use crate::output::Output;
use crate::plan::{Pin, Pins};
use crate::progress::{Reporter, Unit};
use crate::settings::hotpatch::{HotpatchSettings, InstalledPackages, Mode, ResultCheck, Task};
use crate::source;
use crate::source::ensurepip::{Bundled, EnsurepipPatch, Stdlib};
use crate::store::Store;
use crate::transaction::pending;
use crate::transaction::pending::{Entry, PendingChanges};

/// The title of the phases that change something.
const PHASE: &str = "hotpatch";

/// Changes the interpreters that the arguments name, or puts them back.
///
/// # Errors
/// When one of them cannot be changed: then nothing is. When a change or its proof fails: then that
/// interpreter is as it was, and the others are done.
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
        pending.settle(environment, reporter);
    }
    let targets = find(&settings, environment, reporter)?;
    let hotpatch = Hotpatch {
        settings: &settings,
        environment,
        reporter,
        output,
        pending,
    };
    match &settings.task {
        Task::Undo => hotpatch.undo(&targets),
        Task::Pin { .. } => hotpatch.pin(targets),
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
        // First: without this, the interpreter may be away just now.
        for prefix in Target::prefixes_meant(given, environment) {
            match settings.mode {
                Mode::DryRun => super::warn_if_pending(&prefix, reporter),
                Mode::Change => drop(pending::recover(&prefix, environment, reporter)?),
            }
        }
        let target = Target::find(given, environment)?;
        let libraries = target.prefix().join("lib");
        let shadowed = Shadowed::find(&libraries, &target.version().short(), environment);
        if let Some(shadowed) = shadowed {
            reporter.warn(&shadowed.to_string());
        }
        // Two names of one folder are one interpreter.
        let folder = |target: &Target| target.stdlib().canonicalize().ok();
        if targets.iter().all(|other| folder(other) != folder(&target)) {
            targets.push(target);
        }
    }
    Ok(targets)
}

struct Hotpatch<'a> {
    settings: &'a HotpatchSettings,
    environment: &'a Environment,
    reporter: &'a dyn Reporter,
    output: Output,
    pending: PendingChanges<'a>,
}

/// One interpreter, and what is to become of it.
struct Job {
    target: Target,
    pins: Pins,
    patch: EnsurepipPatch,
    change: Change,
}

impl Hotpatch<'_> {
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
        // Before anything is looked at that another process may be changing.
        let _noted = self.note(&targets);
        let opened = match self.settings.mode {
            Mode::DryRun => Vec::new(),
            Mode::Change => self.open(&targets)?,
        };
        let mut jobs = Vec::new();
        let several = targets.len() > 1;
        for target in targets {
            if several {
                self.reporter.note(&format!("{}:", name_of(&target)));
            }
            let pins = context.pins(target.version(), pip, setuptools)?;
            let wheels = context.fetch_wheels(&pins, scratch.runner())?;
            let stdlib = Stdlib::of_installation(target.stdlib());
            let patch =
                EnsurepipPatch::for_pins(stdlib, &pins, &wheels).map_err(source::Error::from)?;
            let change = Change::of_patch(&patch, &target)?;
            jobs.push(Job {
                target,
                pins,
                patch,
                change,
            });
        }
        if self.settings.mode == Mode::DryRun {
            for job in &jobs {
                self.show(job);
            }
            return Ok(());
        }
        let opened = opened.into_iter().zip(jobs).collect();
        self.each(opened, |(mut kept, job)| {
            self.change(&mut kept, &job, &scratch)
        })
    }

    /// Notes which prefixes are about to be changed.
    fn note(&self, targets: &[Target]) -> Vec<Entry> {
        match self.settings.mode {
            Mode::DryRun => Vec::new(),
            Mode::Change => targets
                .iter()
                .map(|target| self.pending.enter(target.prefix(), self.reporter))
                .collect(),
        }
    }

    /// What is kept of each interpreter, none of which another process changes until these are dropped.
    fn open(&self, targets: &[Target]) -> Result<Vec<Kept<'_>>, Error> {
        for target in targets {
            self.ensure_changeable(target)?;
        }
        let locks = InterpreterLock::take_each(targets, self.reporter)?;
        for target in targets {
            self.settings.running.judge(target.python())?;
        }
        let mut opened = Vec::new();
        for (target, lock) in targets.iter().zip(locks) {
            opened.push(Kept::open(target, lock, self.reporter)?);
        }
        Ok(opened)
    }

    /// What is refused before anything is fetched.
    fn ensure_changeable(&self, target: &Target) -> Result<(), Error> {
        if self.settings.installed() == InstalledPackages::Upgrade {
            target.ensure_packages_are_its_own()?;
        }
        Ok(target.ensure_writable()?)
    }

    /// Does something for each interpreter, and goes on with the others when it fails for one.
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
                self.output.error(&earlier, earlier.hint().as_deref());
            }
        }
        failed.map_or(Ok(()), Err)
    }

    fn show(&self, job: &Job) {
        let stdlib = job.target.stdlib();
        let mut text = format!("# {}, below {}\n", name_of(&job.target), stdlib.display());
        for wheel in job.patch.added() {
            let path = stdlib.join(&wheel.path);
            if crate::digest::Sha256::of_file(&path).ok() != Some(wheel.sha256) {
                let _ = writeln!(text, "# + {}", wheel.path.display());
            }
        }
        for path in job.patch.removed() {
            let _ = writeln!(text, "# - {}", path.display());
        }
        text.push_str(&job.patch.diff());
        self.output.result(text.trim_end());
    }

    /// Changes one interpreter and proves it; puts everything back when that fails.
    fn change(&self, kept: &mut Kept<'_>, job: &Job, scratch: &SideFolder) -> Result<(), Error> {
        let done = self.change_and_check(kept, job, scratch);
        match done.and_then(|()| Ok(kept.settle()?)) {
            Ok(()) => {
                let python = job.target.python().display();
                self.output.result(&python.to_string());
                Ok(())
            }
            Err(error) => match kept.roll_back() {
                Ok(()) => Err(error),
                Err(source) => Err(hotpatch::Error::NotPutBack {
                    prefix: job.target.prefix().to_owned(),
                    first: crate::error::chain(&error),
                    source: Box::new(source),
                }
                .into()),
            },
        }
    }

    fn change_and_check(
        &self,
        kept: &mut Kept<'_>,
        job: &Job,
        scratch: &SideFolder,
    ) -> Result<(), Error> {
        let target = &job.target;
        let phase = self.reporter.begin(PHASE, Unit::Steps, None);
        if job.change.stands(target.prefix()) {
            phase.finish(&format!("{}: as it is to be already", name_of(target)));
        } else {
            let before = bundled(target);
            kept.arrange(&job.change, &job.pins)?;
            let outcome = difference(before.as_ref(), bundled(target).as_ref());
            phase.finish(&format!("{}: {outcome}", name_of(target)));
        }
        let folder = scratch.fresh()?;
        if self.settings.installed() == InstalledPackages::Upgrade {
            let phase = self.reporter.begin("install", Unit::Steps, None);
            let change = InstalledChange::make(
                target,
                &job.pins,
                folder.path(),
                self.environment,
                scratch.runner(),
            )?;
            kept.install(&change, &job.pins)?;
            phase.finish(&format!("{} into site-packages", listed(&job.pins)));
            if job.pins.setuptools == Pin::Removed {
                self.reporter
                    .note("the setuptools that is installed already stays: remove it with pip");
            }
        }
        kept.update_manifest()?;
        if self.settings.proof() == ResultCheck::Prove {
            let phase = self.reporter.begin("check", Unit::Steps, None);
            let expected = Expected::of(&job.pins);
            let proof = Proof {
                target,
                scratch: folder.path(),
                environment: self.environment,
                runner: scratch.runner(),
            };
            let pip = proof.ensurepip(&expected)?;
            let mut outcome = if target.version().series().0 >= 3 {
                format!("ensurepip and a new venv have pip {pip}")
            } else {
                format!("ensurepip has and gives pip {pip}")
            };
            if self.settings.installed() == InstalledPackages::Upgrade {
                proof.installed(&expected)?;
                outcome.push_str(", the interpreter too");
            }
            phase.finish(&outcome);
        }
        Ok(())
    }

    fn undo(&self, targets: &[Target]) -> Result<(), Error> {
        if self.settings.mode == Mode::DryRun {
            for target in targets {
                self.show_undo(target)?;
            }
            return Ok(());
        }
        let _noted = self.note(targets);
        for target in targets {
            target.restore_folders()?;
            target.ensure_bundles()?;
        }
        let opened = self.open(targets)?;
        for kept in &opened {
            kept.ensure_undoable()?;
        }
        self.each(opened, |mut kept| {
            let name = name_of(kept.target());
            if kept.record().is_none() {
                self.reporter.note(&format!(
                    "{name} is not hotpatched: there is nothing to put back"
                ));
                return Ok(());
            }
            let phase = self.reporter.begin("undo", Unit::Steps, None);
            kept.undo()?;
            let bundled = bundled(kept.target());
            let outcome = difference(None, bundled.as_ref());
            phase.finish(&format!("{name}: {outcome}, as it was before"));
            let python = kept.target().python().display();
            self.output.result(&python.to_string());
            Ok(())
        })
    }

    fn show_undo(&self, target: &Target) -> Result<(), Error> {
        let mut text = format!("# {}\n", name_of(target));
        match KeptRecord::of(target)? {
            Some(record) => {
                for path in record.changed_paths(target.prefix()) {
                    let _ = writeln!(text, "{}", path.display());
                }
            }
            None => text.push_str("# not hotpatched"),
        }
        self.output.result(text.trim_end());
        Ok(())
    }
}

/// What the target's `ensurepip` says that it bundles; `None` when it cannot be read.
fn bundled(target: &Target) -> Option<Bundled> {
    let path = target.stdlib().join("ensurepip/__init__.py");
    Bundled::read(&fs_err::read_to_string(path).ok()?).ok()
}

/// `pip 23.0.1 → 24.0, setuptools 65.5.0`.
fn difference(before: Option<&Bundled>, after: Option<&Bundled>) -> String {
    let version_of = |bundled: Option<&Bundled>, project: &str| {
        let bundled = bundled?;
        let wheel = match project {
            "pip" => Some(&bundled.pip),
            _ => bundled.setuptools.as_ref(),
        };
        wheel.map(|wheel| wheel.version.clone())
    };
    let mut parts = Vec::new();
    for project in ["pip", "setuptools"] {
        let part = match (version_of(before, project), version_of(after, project)) {
            (Some(before), Some(after)) if before != after => {
                format!("{project} {before} → {after}")
            }
            (_, Some(after)) => format!("{project} {after}"),
            (Some(before), None) => format!("{project} {before} → none"),
            (None, None) => continue,
        };
        parts.push(part);
    }
    parts.join(", ")
}

fn listed(pins: &Pins) -> String {
    let wheels = pins
        .wheels()
        .map(|wheel| format!("{} {}", wheel.project, wheel.version));
    wheels.collect::<Vec<_>>().join(", ")
}

/// `CPython 3.11.2 in /usr/local`.
fn name_of(target: &Target) -> String {
    format!(
        "CPython {} in {}",
        target.version(),
        target.prefix().display()
    )
}
