//! What the interpreter of a staged tree is asked.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::panic::resume_unwind;
use std::path::Path;

use super::check_report::CheckError;
use super::installed::InstalledTree;
use crate::compile::BuildContext;
use crate::fs::disk;
use crate::plan::Pin;
use crate::process::{Answer, Command, Excerpt};
use crate::python::{Questions, version_in};

/// The check of a new venv.
#[derive(Debug)]
pub(crate) struct NewVenv(Result<Option<String>, CheckError>);

impl NewVenv {
    /// It passed for the same files: this was its pip.
    pub(super) fn passed(pip: Option<String>) -> Self {
        Self(Ok(pip))
    }

    /// The version of the pip in it; `None` if this CPython has no `venv`.
    pub(super) fn pip(self) -> Result<Option<String>, CheckError> {
        self.0
    }
}

/// The interpreter of a tree below its DESTDIR, and the environment in which it is asked.
pub(super) struct StagedInterpreter<'a> {
    pub(super) tree: &'a InstalledTree,
    pub(super) context: &'a BuildContext<'a>,
    variables: BTreeMap<OsString, OsString>,
}

impl<'a> StagedInterpreter<'a> {
    pub(super) fn new(tree: &'a InstalledTree, context: &'a BuildContext<'a>) -> Self {
        Self {
            variables: variables(tree, context),
            tree,
            context,
        }
    }

    /// Makes a venv in `folder`, and removes it again. The interpreter needs its `ensurepip` for this, but no
    /// pip of its own.
    pub(super) fn new_venv(&self, folder: &Path) -> NewVenv {
        NewVenv(self.venv_versions(folder))
    }

    fn venv_versions(&self, folder: &Path) -> Result<Option<String>, CheckError> {
        if self.tree.plan().python().series().0 < 3 {
            return Ok(None);
        }
        if self.tree.plan().pins().pip == Pin::Removed {
            return self.venv_without_pip(folder).map(|()| None);
        }
        let (pip, script) = std::thread::scope(|scope| {
            self.make_venv(&self.tree.python(), folder)?;
            let script = scope.spawn(|| {
                let script = self.command(&folder.join("bin/pip"));
                self.output(
                    "pip --version in a venv",
                    &script.with_argument("--version"),
                )
            });
            let pip = self.pip_version(&folder.join("bin/python"))?;
            let script = script.join().unwrap_or_else(|panic| resume_unwind(panic))?;
            Ok::<_, CheckError>((pip, script))
        })?;
        let script = version_in("pip", &script);
        ensure_same("the script `pip` of a new venv", &script, &pip)?;
        fs_err::remove_dir_all(folder).map_err(CheckError::Scratch)?;
        Ok(Some(pip))
    }
}

impl StagedInterpreter<'_> {
    /// A venv without pip works, and one with pip is refused.
    fn venv_without_pip(&self, folder: &Path) -> Result<(), CheckError> {
        let venv = |options: &[&str]| {
            let python = self.command(&self.tree.python());
            let command = python.with_arguments(["-m", "venv"]);
            command.with_arguments(options).with_argument(folder)
        };
        ensure_refused("python -m venv", &venv(&[]))?;
        self.output("python -m venv --without-pip", &venv(&["--without-pip"]))?;
        let python = self.command(&folder.join("bin/python"));
        let python = python.with_argument("--version");
        self.output("python --version in a venv", &python)?;
        fs_err::remove_dir_all(folder).map_err(CheckError::Scratch)
    }
}

/// Part of the message of every command that misses pip.
const WITHOUT_PIP: &str = "built without pip";

/// Checks that a command which needs pip fails with the reason.
pub(super) fn ensure_refused(what: &'static str, command: &Command) -> Result<(), CheckError> {
    let answer = command
        .read()
        .map_err(|source| CheckError::NotRun { what, source })?;
    if !answer.status.success() && answer.stderr.contains(WITHOUT_PIP) {
        return Ok(());
    }
    Err(CheckError::Differs {
        what,
        found: format!("{}, {}", answer.status, answer.stderr.trim()),
        wanted: format!("an error that says `{WITHOUT_PIP}`"),
    })
}

impl Questions for StagedInterpreter<'_> {
    type Error = CheckError;

    fn command(&self, program: &Path) -> Command {
        let command = Command::new(program, self.tree.destdir());
        let command = command.with_variables(self.variables.iter());
        self.context.confinement.confine(command)
    }

    /// The trimmed output.
    fn output(&self, what: &'static str, command: &Command) -> Result<String, CheckError> {
        let not_run = |source| CheckError::NotRun { what, source };
        let answer = command.read().map_err(not_run)?;
        let Answer {
            status,
            stdout,
            stderr,
        } = answer;
        self.context
            .runner
            .write(&format!(
                "\ncheck: {command}\n{stdout}{stderr}check: {status}\n"
            ))
            .map_err(not_run)?;
        let (out, err) = (stdout.trim(), stderr.trim());
        if !status.success() {
            let printed = Excerpt::of(&format!("{stdout}\n{stderr}"));
            return Err(CheckError::Failed {
                what,
                status,
                source: disk::cause(printed.refusal(), self.tree.destdir()),
                lines: if out.is_empty() && err.is_empty() {
                    vec!["it printed nothing".to_owned()]
                } else {
                    printed.lines()
                },
            });
        }
        // Python 2.7 prints its version on standard error.
        Ok(if out.is_empty() { err } else { out }.to_owned())
    }
}

/// The build's environment, with settings that load the staged library and keep the tree unchanged.
fn variables(tree: &InstalledTree, context: &BuildContext<'_>) -> BTreeMap<OsString, OsString> {
    let environment = context.environment.variables();
    let mut variables: BTreeMap<OsString, OsString> = environment
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    variables.extend(context.library_path(&tree.root().join("lib")));
    for (name, value) in [
        ("PYTHONDONTWRITEBYTECODE", "1"),
        ("PYTHONNOUSERSITE", "1"),
        // `ensurepip` must work without an index.
        ("PIP_NO_INDEX", "1"),
    ] {
        variables.insert(name.into(), value.into());
    }
    variables
}

/// Fails if the answer to a question is not the wanted one.
pub(super) fn ensure_same(what: &'static str, found: &str, wanted: &str) -> Result<(), CheckError> {
    if found == wanted {
        return Ok(());
    }
    let named = |text: &str| if text.is_empty() { "none" } else { text }.to_owned();
    Err(CheckError::Differs {
        what,
        found: named(found),
        wanted: named(wanted),
    })
}
