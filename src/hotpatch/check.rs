//! The proof: what `ensurepip` says, and what a real venv gets from it.

use std::path::{Path, PathBuf};

use pep440_rs::Version;

use crate::environment::Environment;
use crate::hotpatch::projects::dist_infos;
use crate::hotpatch::target::command;
use crate::hotpatch::{Error, Target};
use crate::plan::{Pin, Pins};
use crate::process::{Command, CommandError, Runner};
use crate::python::Program;

/// What the proof has to find.
#[derive(Debug, Clone)]
pub struct Expected {
    /// The pip, where it is pinned.
    pip: Option<Version>,
    setuptools: Setuptools,
}

#[derive(Debug, Clone)]
enum Setuptools {
    Whatever,
    None,
    Version(Version),
}

impl Expected {
    /// What these pins promise.
    #[must_use]
    pub fn of(pins: &Pins) -> Self {
        Self {
            pip: match &pins.pip {
                Pin::Wheel(wheel) => Some(wheel.version.clone()),
                Pin::Bundled | Pin::Removed => None,
            },
            setuptools: match &pins.setuptools {
                Pin::Wheel(wheel) => Setuptools::Version(wheel.version.clone()),
                Pin::Removed => Setuptools::None,
                Pin::Bundled => Setuptools::Whatever,
            },
        }
    }
}

/// What the proof works with.
pub struct Proof<'a> {
    /// The interpreter.
    pub target: &'a Target,
    /// A folder for the venv.
    pub scratch: &'a Path,
    /// Where programs are.
    pub environment: &'a Environment,
    /// Runs the interpreter, and keeps what it prints.
    pub runner: &'a Runner,
}

impl Proof<'_> {
    /// Asks `ensurepip`, makes a venv without the network and asks the pip in it (CPython 2.7 has no
    /// venv: there, `ensurepip` installs into a scratch root). Gives the pip that was found.
    ///
    /// # Errors
    /// [`Error::Differs`], [`Error::Proof`].
    pub fn ensurepip(&self, expected: &Expected) -> Result<String, Error> {
        let said = self.ask(
            &self
                .command(self.target.python())
                .with_program(Program::EnsurepipVersion),
            "ensurepip ",
        )?;
        if let Some(wanted) = &expected.pip {
            self.same("`ensurepip.version()`", &said, wanted)?;
        }
        let site_packages = if self.target.version().series().0 >= 3 {
            self.venv(&said)?
        } else {
            self.seeded()?
        };
        let pip = installed_version(&site_packages, "pip");
        self.same_text("the pip that it gives", pip.as_deref(), &said)?;
        let setuptools = installed_version(&site_packages, "setuptools");
        match &expected.setuptools {
            Setuptools::Whatever => {}
            Setuptools::None => match setuptools {
                None => {}
                Some(found) => {
                    return Err(self.differs("the setuptools of a new venv", &found, "none"));
                }
            },
            // From 3.12 on a venv has pip alone.
            Setuptools::Version(wanted) => self.same(
                "the setuptools that it gives",
                setuptools.as_deref().unwrap_or("none"),
                wanted,
            )?,
        }
        Ok(said)
    }

    /// Asks the interpreter's own pip, and looks for its setuptools.
    ///
    /// # Errors
    /// [`Error::Differs`], [`Error::Proof`].
    pub fn installed(&self, expected: &Expected) -> Result<(), Error> {
        if let Some(wanted) = &expected.pip {
            let found = self.pip_of(self.target.python())?;
            self.same("the interpreter's own pip", &found, wanted)?;
        }
        if let Setuptools::Version(wanted) = &expected.setuptools {
            let found = installed_version(self.target.purelib(), "setuptools");
            let found = found.as_deref().unwrap_or("none");
            self.same("the interpreter's own setuptools", found, wanted)?;
        }
        Ok(())
    }

    fn venv(&self, pip: &str) -> Result<PathBuf, Error> {
        let venv = self.scratch.join("venv");
        let make = self.command(self.target.python()).with_venv_in(&venv);
        self.run(&make)?;
        let found = self.pip_of(&venv.join("bin/python"))?;
        self.same_text("the pip of a new venv", Some(&found), pip)?;
        let python = format!("python{}", self.target.version().short());
        let named = venv.join("lib").join(python).join("site-packages");
        if named.is_dir() {
            return Ok(named);
        }
        // A free-threaded interpreter's folder has a name of its own.
        let entries = std::fs::read_dir(venv.join("lib")).into_iter().flatten();
        let mut folders = entries
            .flatten()
            .map(|entry| entry.path().join("site-packages"));
        Ok(folders.find(|folder| folder.is_dir()).unwrap_or(named))
    }

    fn seeded(&self) -> Result<PathBuf, Error> {
        let root = self.scratch.join("seeded");
        let seed = self
            .command(self.target.python())
            .with_program(Program::RunEnsurepip)
            .with_arguments(["--upgrade", "--root"])
            .with_argument(root.as_os_str());
        self.run(&seed)?;
        let inside = self.target.purelib().strip_prefix("/");
        Ok(root.join(inside.unwrap_or(self.target.purelib())))
    }

    fn pip_of(&self, python: &Path) -> Result<String, Error> {
        let command = self
            .command(python)
            .with_arguments(["-m", "pip", "--version"]);
        let said = self.ask(&command, "pip ")?;
        Ok(said.split(' ').next().unwrap_or_default().to_owned())
    }

    fn command(&self, python: &Path) -> Command {
        command(python, self.scratch, self.environment)
    }

    /// What the last line that starts with `mark` says behind it.
    fn ask(&self, command: &Command, mark: &str) -> Result<String, Error> {
        let mut said = None;
        self.runner
            .run("check", command, |line| {
                if let Some(text) = line.strip_prefix(mark) {
                    said = Some(text.trim().to_owned());
                }
            })
            .map_err(|source| self.failed(source))?;
        Ok(said.unwrap_or_default())
    }

    fn run(&self, command: &Command) -> Result<(), Error> {
        self.runner
            .run("check", command, |_| {})
            .map_err(|source| self.failed(source))
    }

    fn failed(&self, source: CommandError) -> Error {
        Error::Proof {
            python: self.target.python().to_owned(),
            source,
        }
    }

    fn same(&self, what: &'static str, found: &str, wanted: &Version) -> Result<(), Error> {
        if found.parse::<Version>().is_ok_and(|found| found == *wanted) {
            return Ok(());
        }
        Err(self.differs(what, found, &wanted.to_string()))
    }

    fn same_text(
        &self,
        what: &'static str,
        found: Option<&str>,
        wanted: &str,
    ) -> Result<(), Error> {
        match wanted.parse() {
            Ok(wanted) => self.same(what, found.unwrap_or("none"), &wanted),
            Err(_) => Err(self.differs("`ensurepip.version()`", wanted, "a version")),
        }
    }

    fn differs(&self, what: &'static str, found: &str, wanted: &str) -> Error {
        let named = |text: &str| if text.is_empty() { "nothing" } else { text }.to_owned();
        Error::Differs {
            python: self.target.python().to_owned(),
            what,
            found: named(found),
            wanted: named(wanted),
        }
    }
}

/// The version of an installed project, as its folder's name says; `None` unless there is exactly one.
fn installed_version(site_packages: &Path, project: &str) -> Option<String> {
    let found = dist_infos(site_packages, project).ok()?;
    let [only] = &found[..] else { return None };
    let name = only.file_name()?.to_str()?.strip_suffix(".dist-info")?;
    Some(name.split_once('-')?.1.to_owned())
}
