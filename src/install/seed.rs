//! Step 7, second half: `ensurepip` installs the bundled wheels into the interpreter.

use std::collections::BTreeSet;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Instant;

use super::error::Error;
use super::installed::{InstalledTree, paths_below};
use super::packages;
use super::staged_interpreter::{NewVenv, StagedInterpreter};
use crate::compile::BuildContext;
use crate::failpoint::crash_point;
use crate::plan::Pin;
use crate::process::Command;
use crate::progress::Unit;
use crate::python::Program;

/// An installation below a DESTDIR that the build user can still change.
#[derive(Debug)]
pub(crate) struct UserOwnedInstall {
    pub(super) tree: InstalledTree,
    /// The paths of the compile, and the start of `ensurepip`; `None` if this run added nothing to it.
    pub(super) compiled: Option<(BTreeSet<PathBuf>, Instant)>,
}

impl UserOwnedInstall {
    /// An installation that was complete before this run.
    pub(super) fn unchanged(tree: InstalledTree) -> Self {
        let compiled = None;
        Self { tree, compiled }
    }
}

/// Runs `ensurepip` in the installed interpreter, as the build user, and makes a new venv in the folder
/// `scratch` meanwhile: that needs nothing of what `ensurepip` installs, and takes nearly as long. A tree of
/// this build and a kept one take the same way.
pub(crate) fn seed(
    tree: InstalledTree,
    scratch: &Path,
    context: &BuildContext<'_>,
) -> Result<(UserOwnedInstall, NewVenv), Error> {
    let started = Instant::now();
    let compiled = paths_below(tree.root()).map_err(Error::Staging)?;
    let without_pip = tree.plan().pins().pip == Pin::Removed;
    let phase = context.reporter.begin("ensurepip", Unit::Steps, None);
    context
        .confinement
        .give(tree.destdir(), context.environment)?;
    let folder = scratch.join("venv");
    let venv = thread::scope(|scope| {
        let venv = scope.spawn(|| StagedInterpreter::new(&tree, context).new_venv(&folder));
        let python = context
            .command(tree.python(), tree.destdir())
            .with_variables(context.library_path(&tree.root().join("lib")).iter());
        let seeded = if without_pip {
            Ok(())
        } else {
            run_ensurepip(&tree, &python, context)
                .and_then(|()| install_packages(&tree, scratch, &python, context))
        };
        let seeded = seeded.and_then(|()| packages::compile(&tree, &python, context));
        let venv = venv.join().unwrap_or_else(|panic| resume_unwind(panic));
        seeded.map(|()| venv)
    })?;
    crash_point("stage.seeded");
    phase.finish(if without_pip {
        "bundles no pip"
    } else {
        "bundled wheels installed"
    });
    let compiled = Some((compiled, started));
    Ok((UserOwnedInstall { tree, compiled }, venv))
}

/// Installs the wheels of `--wheel` with the interpreter's own pip.
fn install_packages(
    tree: &InstalledTree,
    scratch: &Path,
    python: &Command,
    context: &BuildContext<'_>,
) -> Result<(), Error> {
    let all = tree.provenance().packages();
    if all.is_empty() {
        return Ok(());
    }
    // In the store, the files have other names than the wheels. The build user may not read the store.
    let folder = scratch.join("wheels");
    fs_err::create_dir_all(&folder).map_err(Error::Staging)?;
    let mut wheels = Vec::new();
    for package in all {
        let wheel = folder.join(package.name());
        fs_err::copy(package.path(), &wheel).map_err(Error::Staging)?;
        wheels.push(wheel);
    }
    context.confinement.give(&folder, context.environment)?;
    let site_packages = packages::folder(tree).map_err(Error::Staging)?;
    let pip = python
        .clone()
        .with_arguments(["-E", "-B"])
        .with_variable("PIP_CONFIG_FILE", "/dev/null")
        .with_program(Program::RunPip)
        .with_argument("--final-prefix")
        .with_argument(tree.plan().prefix().path())
        .with_argument(site_packages)
        .with_arguments([
            "install",
            "--no-index",
            "--no-deps",
            "--no-cache-dir",
            "--no-compile",
            "--ignore-installed",
            "--disable-pip-version-check",
            "--root",
        ])
        .with_argument(tree.destdir())
        .with_arguments(wheels);
    let run = context.runner.run("wheels", &pip, |_| {});
    run.map_err(Error::Command)
}

fn run_ensurepip(
    tree: &InstalledTree,
    python: &Command,
    context: &BuildContext<'_>,
) -> Result<(), Error> {
    let ensurepip = python
        .clone()
        .with_arguments(["-E", "-B"])
        .with_program(Program::RunEnsurepip)
        .with_argument("--final-prefix")
        .with_argument(tree.plan().prefix().path())
        .with_arguments(["--upgrade", "--root"])
        .with_argument(tree.destdir());
    context
        .runner
        .run("ensurepip", &ensurepip, |_| {})
        .map_err(Error::Command)
}
