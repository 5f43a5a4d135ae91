//! The questions about pip that a build asks its interpreter, and a hotpatch the one that it changes.

use std::path::Path;

use super::Program;
use crate::process::Command;

/// An interpreter that answers questions.
pub(crate) trait Questions {
    type Error;

    /// A command that runs an interpreter, isolated from the caller's settings.
    fn command(&self, python: &Path) -> Command;

    /// The output of a command, which `what` names in errors.
    fn output(&self, what: &'static str, command: &Command) -> Result<String, Self::Error>;

    /// The version of the bundled pip.
    fn ensurepip_version(&self, python: &Path) -> Result<String, Self::Error> {
        let command = self.command(python).with_program(Program::EnsurepipVersion);
        let answer = self.output("ensurepip.version()", &command)?;
        Ok(version_in("ensurepip", &answer))
    }

    /// The version of the pip that `python -m pip` runs.
    fn pip_version(&self, python: &Path) -> Result<String, Self::Error> {
        let command = self.command(python);
        let command = command.with_arguments(["-m", "pip", "--version"]);
        Ok(version_in("pip", &self.output("pip --version", &command)?))
    }

    /// Makes a venv in `folder`.
    fn make_venv(&self, python: &Path, folder: &Path) -> Result<(), Self::Error> {
        let made = self.output("python -m venv", &self.command(python).with_venv_in(folder));
        made.map(|_| ())
    }

    /// Makes a venv in `folder`; the version of the pip in it.
    fn venv_pip(&self, python: &Path, folder: &Path) -> Result<String, Self::Error> {
        self.make_venv(python, folder)?;
        self.pip_version(&folder.join("bin/python"))
    }
}

/// `24.0` of `pip 24.0 from /usr/lib (python 3.7)`; the whole answer if no line begins with `name`.
pub(crate) fn version_in(name: &str, answer: &str) -> String {
    let mut lines = answer.lines().map(str::split_whitespace);
    lines
        .find_map(|mut words| words.next().filter(|word| *word == name).and(words.next()))
        .unwrap_or(answer)
        .to_owned()
}
