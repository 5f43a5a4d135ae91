//! The check of a changed interpreter: the answer of `ensurepip`, and the packages of a real venv.

use std::path::{Path, PathBuf};

use pep440_rs::Version;

use crate::environment::Environment;
use crate::hotpatch::error::Error;
use crate::hotpatch::target::{Target, command};
use crate::install::dist_info::DistInfo;
use crate::plan::{Pin, Pins};
use crate::process::{Command, Runner};
use crate::python::{Program, Questions};

/// The check of one interpreter against its pins.
pub(crate) struct InterpreterCheck<'a> {
    pub target: &'a Target,
    pub pins: &'a Pins,
    /// A folder for the venv.
    pub scratch: &'a Path,
    pub environment: &'a Environment,
    pub runner: &'a Runner,
}

impl Questions for InterpreterCheck<'_> {
    type Error = Error;

    fn command(&self, python: &Path) -> Command {
        command(python, self.scratch, self.environment)
    }

    fn output(&self, _what: &'static str, command: &Command) -> Result<String, Error> {
        let mut output = String::new();
        let run = self.runner.run("check", command, |line| {
            output.push_str(line);
            output.push('\n');
        });
        run.map_err(|source| Error::Check {
            python: self.target.python.clone(),
            source,
        })?;
        Ok(output)
    }
}

impl InterpreterCheck<'_> {
    /// Asks `ensurepip`, makes a venv without the network and asks the pip in it. CPython 2.7 has no
    /// venv: there, `ensurepip` installs into a scratch root. Returns the version of the pip.
    ///
    /// # Errors
    /// [`Error::Differs`], [`Error::Check`].
    pub fn ensurepip(&self) -> Result<String, Error> {
        let answer = self.ensurepip_version(&self.target.python)?;
        if let Pin::Wheel(wheel) = &self.pins.pip {
            self.same("`ensurepip.version()`", &answer, &wheel.version)?;
        }
        let Ok(pip) = answer.parse() else {
            return Err(self.differs("`ensurepip.version()`", &answer, "a version"));
        };
        let site_packages = if self.target.version.series().0 >= 3 {
            self.venv(&pip)?
        } else {
            self.seeded()?
        };
        let found = installed_version(&site_packages, "pip");
        self.same("the pip that it gives", &found, &pip)?;
        let setuptools = installed_version(&site_packages, "setuptools");
        match &self.pins.setuptools {
            // From 3.12 on a venv has pip alone.
            Pin::Wheel(wheel) => {
                self.same("the setuptools that it gives", &setuptools, &wheel.version)?;
            }
            Pin::Removed if setuptools != NONE => {
                return Err(self.differs("the setuptools of a new venv", &setuptools, NONE));
            }
            Pin::Removed | Pin::Bundled => {}
        }
        Ok(answer)
    }

    /// Asks the interpreter's own pip, and looks for its setuptools.
    ///
    /// # Errors
    /// [`Error::Differs`], [`Error::Check`].
    pub fn installed(&self) -> Result<(), Error> {
        if let Pin::Wheel(wheel) = &self.pins.pip {
            let found = self.pip_version(&self.target.python)?;
            self.same("the interpreter's own pip", &found, &wheel.version)?;
        }
        if let Pin::Wheel(wheel) = &self.pins.setuptools {
            let found = installed_version(&self.target.purelib, "setuptools");
            self.same("the interpreter's own setuptools", &found, &wheel.version)?;
        }
        Ok(())
    }

    /// Makes a venv; returns its site-packages.
    fn venv(&self, pip: &Version) -> Result<PathBuf, Error> {
        let venv = self.scratch.join("venv");
        let found = self.venv_pip(&self.target.python, &venv)?;
        self.same("the pip of a new venv", &found, pip)?;
        let python = format!("python{}", self.target.version.short());
        let named = venv.join("lib").join(python).join("site-packages");
        if named.is_dir() {
            return Ok(named);
        }
        // The folder of a free-threaded interpreter has another name.
        let entries = std::fs::read_dir(venv.join("lib")).into_iter().flatten();
        let mut folders = entries
            .flatten()
            .map(|entry| entry.path().join("site-packages"));
        Ok(folders.find(|folder| folder.is_dir()).unwrap_or(named))
    }

    /// Installs into a scratch root; returns its site-packages.
    fn seeded(&self) -> Result<PathBuf, Error> {
        let root = self.scratch.join("seeded");
        let seed = self
            .command(&self.target.python)
            .with_program(Program::RunEnsurepip)
            .with_arguments(["--upgrade", "--root"])
            .with_argument(root.as_os_str());
        self.output("ensurepip", &seed)?;
        let inside = self.target.purelib.strip_prefix("/");
        Ok(root.join(inside.unwrap_or(&self.target.purelib)))
    }

    fn same(&self, what: &'static str, found: &str, wanted: &Version) -> Result<(), Error> {
        if found.parse::<Version>().is_ok_and(|found| found == *wanted) {
            return Ok(());
        }
        Err(self.differs(what, found, &wanted.to_string()))
    }

    fn differs(&self, what: &'static str, found: &str, wanted: &str) -> Error {
        let found = if found.is_empty() { "nothing" } else { found };
        Error::Differs {
            python: self.target.python.clone(),
            what,
            found: found.to_owned(),
            wanted: wanted.to_owned(),
        }
    }
}

const NONE: &str = "none";

/// The version of an installed project by its folder's name; [`NONE`] unless there is exactly one.
fn installed_version(site_packages: &Path, project: &str) -> String {
    let mut found = DistInfo::of_project(site_packages, project).unwrap_or_default();
    // The folder of an old version is empty until the commit.
    found.retain(|info| info.folder.join("METADATA").exists());
    match &found[..] {
        [only] => only.version.clone(),
        _ => NONE.to_owned(),
    }
}
