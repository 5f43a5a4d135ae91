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
    let phase = context.reporter.begin("ensurepip", Unit::Steps, None);
    context
        .confinement
        .give(tree.destdir(), context.environment)?;
    let folder = scratch.join("venv");
    let venv = thread::scope(|scope| {
        let venv = scope.spawn(|| StagedInterpreter::new(&tree, context).new_venv(&folder));
        let seeded = run_ensurepip(&tree, context);
        let venv = venv.join().unwrap_or_else(|panic| resume_unwind(panic));
        seeded.map(|()| venv)
    })?;
    crash_point("stage.seeded");
    phase.finish("bundled wheels installed");
    let compiled = Some((compiled, started));
    Ok((UserOwnedInstall { tree, compiled }, venv))
}

fn run_ensurepip(tree: &InstalledTree, context: &BuildContext<'_>) -> Result<(), Error> {
    let python = context
        .command(tree.python(), tree.destdir())
        .with_variables(context.library_path(&tree.root().join("lib")).iter());
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
        .map_err(Error::Command)?;
    packages::compile(tree, &python, context)
}
