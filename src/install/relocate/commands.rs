//! The commands that a move runs, and the folder in which they work.

use std::path::Path;

use super::error::NotMovable;
use crate::compile::BuildContext;
use crate::process::Command;

/// Runs commands with the environment and the confinement of a build.
pub(super) trait Commands {
    /// Lets the commands work in `folder`.
    fn give(&self, folder: &Path) -> Result<(), NotMovable>;

    /// Takes the folder back from the commands.
    fn take_back(&self, folder: &Path) -> Result<(), NotMovable>;

    /// Runs a program in `folder`.
    fn run(
        &self,
        program: &Path,
        folder: &Path,
        complete: &dyn Fn(Command) -> Command,
    ) -> Result<(), NotMovable>;

    /// Runs shell commands in `folder`.
    fn run_script(&self, script: &str, folder: &Path) -> Result<(), NotMovable> {
        let shell = Path::new("/bin/sh");
        self.run(shell, folder, &|command| {
            command.with_arguments(["-c", script])
        })
    }
}

impl Commands for BuildContext<'_> {
    fn give(&self, folder: &Path) -> Result<(), NotMovable> {
        Ok(self.confinement.give(folder, self.environment)?)
    }

    fn take_back(&self, folder: &Path) -> Result<(), NotMovable> {
        Ok(self.confinement.take_back(folder)?)
    }

    fn run(
        &self,
        program: &Path,
        folder: &Path,
        complete: &dyn Fn(Command) -> Command,
    ) -> Result<(), NotMovable> {
        let command = complete(self.command(program, folder));
        Ok(self.runner.run("relocate", &command, |_| {})?)
    }
}
