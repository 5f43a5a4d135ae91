//! Step 8: the staged interpreter proves itself before the prefix is touched.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::scripts::{DeadScript, dead_script};
use super::stage::StagedInstall;
use crate::compile::Site;
use crate::compile::unbuilt::Unbuilt;
use crate::error::{ExitStatus, Explain};
use crate::fs::disk;
use crate::fs::disk::Refusal;
use crate::plan::version::PythonVersion;
use crate::plan::{Pin, Plan};
use crate::process::{Answer, Command, CommandError, Excerpt, excerpt};
use crate::progress::Unit;
use crate::python::Program;

/// A staged installation that has passed its checks; the only kind that can be committed.
#[derive(Debug)]
pub struct CheckedInstall {
    staged: StagedInstall,
    report: CheckReport,
}

impl CheckedInstall {
    /// What was staged.
    #[must_use]
    pub fn staged(&self) -> &StagedInstall {
        &self.staged
    }

    /// What was found.
    #[must_use]
    pub fn report(&self) -> &CheckReport {
        &self.report
    }
}

/// What the staged interpreter answered; part of the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckReport {
    /// `python --version`.
    pub python: String,
    /// The pip that the interpreter has, that `ensurepip` bundles, and that a venv gets.
    pub pip: String,
    /// The setuptools that the interpreter has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setuptools: Option<String>,
    /// The pip of a venv made from it; `None` where that CPython has no `venv`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub venv_pip: Option<String>,
    /// Modules that work.
    pub modules: BTreeSet<String>,
    /// Modules that do not, and why.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub missing_modules: BTreeMap<String, String>,
}

/// What the staged interpreter did not do as it should.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// A command could not be run at all.
    #[error("the check `{what}` cannot be run")]
    NotRun {
        /// What was to be checked.
        what: &'static str,
        /// Why.
        source: CommandError,
    },
    /// A command failed.
    #[error("the check `{what}` failed: {status}{}", excerpt(lines))]
    Failed {
        /// What was checked.
        what: &'static str,
        /// How the command ended.
        status: std::process::ExitStatus,
        /// The lines of its output that matter.
        lines: Vec<String>,
        /// What the disk refused it, where it says so.
        source: Option<std::io::Error>,
    },
    /// It is not what was asked for.
    #[error("{what} is {found}, not {wanted}")]
    Differs {
        /// What was looked at.
        what: &'static str,
        /// What it is.
        found: String,
        /// What it should be.
        wanted: String,
    },
    /// A module that is required does not work.
    #[error("these modules do not work: {}", list(modules))]
    Modules {
        /// The modules, with the error that importing gives.
        modules: BTreeMap<String, String>,
    },
    /// See [`DeadScript`].
    #[error(transparent)]
    Script(DeadScript),
    /// The scratch folder for the check cannot be used.
    #[error("the staged installation cannot be read")]
    Scratch(#[source] std::io::Error),
}

fn list(modules: &BTreeMap<String, String>) -> String {
    let shown: Vec<String> = modules
        .iter()
        .map(|(module, error)| format!("{module} ({error})"))
        .collect();
    shown.join(", ")
}

impl Explain for CheckError {
    fn exit_status(&self) -> ExitStatus {
        // A full disk says nothing of what was built.
        match Refusal::behind(self) {
            Some(_) => ExitStatus::Failed,
            None => ExitStatus::Check,
        }
    }

    fn hint(&self) -> Option<String> {
        let instead = match self {
            Self::NotRun { source, .. } => source.instead(),
            _ => "name another folder with --build-dir",
        };
        if let Some(hint) = disk::hint(self, instead) {
            return Some(hint);
        }
        Some(match self {
            Self::Modules { modules } => format!(
                "the log tells why they were not built; `--allow-missing {}` installs without",
                modules.keys().next().map_or("MODULE", String::as_str)
            ),
            _ => "nothing was installed; --keep-build keeps the staged tree to look around in"
                .to_owned(),
        })
    }
}

/// The answer of [`Program::ImportModules`] for a module that works.
const WORKS: &str = "works";

/// The name that a module has in this CPython.
fn import_name(module: &str, python: PythonVersion) -> &str {
    match (python.series().0, module) {
        (2, "tkinter") => "Tkinter",
        (2, "dbm.gnu") => "gdbm",
        (2, "dbm.ndbm") => "dbm",
        _ => module,
    }
}

/// What is known of an interpreter's modules before they are imported.
#[derive(Debug, Clone)]
pub struct ExpectedModules<'a> {
    /// Those whose libraries were found before compiling.
    pub present: BTreeSet<&'a str>,
    /// Those that CPython's own build could not build.
    pub unbuilt: &'a Unbuilt,
}

/// Runs all checks. `scratch` is a folder for the venv, which must not exist yet.
///
/// # Errors
/// See [`CheckError`].
pub fn check(
    staged: StagedInstall,
    plan: &Plan,
    expected: &ExpectedModules<'_>,
    scratch: &Path,
    site: &Site<'_>,
) -> Result<CheckedInstall, CheckError> {
    let checks = Checks {
        variables: variables(&staged, site),
        staged: &staged,
        scratch,
        site,
    };
    let mut phase = site.reporter.begin("check", Unit::Steps, Some(6));
    let mut step = |name: &str| {
        phase.set_current(name);
        phase.advance(1);
    };

    step("python --version");
    let python = checks.python().with_argument("--version");
    let python = checks.run("python --version", &python)?;
    let wanted = format!("Python {}", plan.python);
    same("`python --version`", python.trim_end_matches('+'), &wanted)?;

    step("modules");
    let (modules, missing_modules) = checks.required_modules(expected, plan)?;

    step("ensurepip");
    let ensurepip = checks.python().with_program(Program::EnsurepipVersion);
    let bundled = version_behind("ensurepip", &checks.run("ensurepip.version()", &ensurepip)?);
    if let Pin::Wheel(wheel) = &plan.pins.pip {
        same(
            "`ensurepip.version()`",
            &bundled,
            &wheel.version.to_string(),
        )?;
    }

    step("pip --version");
    let pip = checks.python().with_arguments(["-m", "pip", "--version"]);
    let pip = version_behind("pip", &checks.run("pip --version", &pip)?);
    same("the interpreter's pip", &pip, &bundled)?;
    checks.scripts()?;

    step("setuptools");
    let setuptools = checks.python().with_program(Program::SetuptoolsVersion);
    let setuptools = checks.run("setuptools.__version__", &setuptools)?;
    match &plan.pins.setuptools {
        Pin::Wheel(wheel) => {
            same(
                "the interpreter's setuptools",
                &setuptools,
                &wheel.version.to_string(),
            )?;
        }
        Pin::Removed => same("the interpreter's setuptools", &setuptools, "")?,
        Pin::Bundled => {}
    }

    step("venv");
    let venv_pip = if plan.python.series().0 >= 3 {
        let found = checks.venv_pip()?;
        same("the pip of a new venv", &found, &bundled)?;
        Some(found)
    } else {
        None
    };
    let in_venv = if venv_pip.is_some() {
        ", in a new venv too"
    } else {
        ""
    };
    phase.finish(&format!(
        "{python}, pip {pip}{in_venv}, {} modules",
        modules.len()
    ));
    Ok(CheckedInstall {
        report: CheckReport {
            python,
            pip,
            setuptools: Some(setuptools).filter(|version| !version.is_empty()),
            venv_pip,
            modules,
            missing_modules,
        },
        staged,
    })
}

/// The build's environment, with the staged library found first and nothing written into the tree.
fn variables(staged: &StagedInstall, site: &Site<'_>) -> BTreeMap<OsString, OsString> {
    let mut variables: BTreeMap<OsString, OsString> = site
        .environment
        .variables()
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    variables.extend(site.library_path(&staged.root().join("lib")));
    variables.insert("PYTHONDONTWRITEBYTECODE".into(), "1".into());
    variables.insert("PYTHONNOUSERSITE".into(), "1".into());
    // `ensurepip` needs no network. Should it ask all the same, it is to get nowhere.
    variables.insert("PIP_NO_INDEX".into(), "1".into());
    variables
}

struct Checks<'a> {
    staged: &'a StagedInstall,
    variables: BTreeMap<OsString, OsString>,
    scratch: &'a Path,
    site: &'a Site<'a>,
}

impl Checks<'_> {
    fn python(&self) -> Command {
        self.command(self.staged.python())
    }

    fn command(&self, program: PathBuf) -> Command {
        let command = Command::new(program, self.staged.destdir());
        let command = command.with_variables(self.variables.iter());
        self.site.confinement.confine(command)
    }

    fn run(&self, what: &'static str, command: &Command) -> Result<String, CheckError> {
        let not_run = |source| CheckError::NotRun { what, source };
        let answer = command.read().map_err(not_run)?;
        self.site
            .runner
            .write(&format!(
                "\ncheck: {command}\n{}{}check: {}\n",
                answer.stdout, answer.stderr, answer.status
            ))
            .map_err(not_run)?;
        let Answer {
            status,
            stdout,
            stderr,
        } = answer;
        if !status.success() {
            let nothing = stdout.trim().is_empty() && stderr.trim().is_empty();
            let printed = Excerpt::of(&format!("{stdout}\n{stderr}"));
            return Err(CheckError::Failed {
                what,
                status,
                source: disk::cause(printed.refusal(), self.staged.destdir()),
                lines: if nothing {
                    vec!["it printed nothing".to_owned()]
                } else {
                    printed.lines()
                },
            });
        }
        // Python 2.7 prints its version on standard error.
        let text = if stdout.trim().is_empty() {
            stderr
        } else {
            stdout
        };
        Ok(text.trim().to_owned())
    }

    /// The modules that work, and the others with the reason.
    ///
    /// # Errors
    /// [`CheckError::Modules`] if a required module does not work.
    fn required_modules(
        &self,
        expected: &ExpectedModules<'_>,
        plan: &Plan,
    ) -> Result<(BTreeSet<String>, BTreeMap<String, String>), CheckError> {
        let (modules, mut missing_modules) = self.modules(&expected.present, plan)?;
        let unbuilt: BTreeMap<&str, &str> = expected.unbuilt.modules(plan.python).collect();
        for (module, error) in &mut missing_modules {
            if let Some(why) = unbuilt.get(module.as_str()) {
                *error = format!("{error}: {why}");
            }
        }
        let broken: BTreeMap<_, _> = missing_modules
            .iter()
            .filter(|(module, _)| plan.request.modules.requires(module))
            .map(|(module, error)| (module.clone(), error.clone()))
            .collect();
        if !broken.is_empty() {
            return Err(CheckError::Modules { modules: broken });
        }
        if !missing_modules.is_empty() {
            // Their libraries were found before compiling, so the user does not expect this.
            self.site.reporter.warn(&format!(
                "these modules were to be built and do not work: {}",
                list(&missing_modules)
            ));
        }
        for (module, why) in unbuilt {
            if !modules.contains(module) {
                let known = missing_modules.entry(module.to_owned());
                known.or_insert_with(|| why.to_owned());
            }
        }
        Ok((modules, missing_modules))
    }

    fn modules(
        &self,
        known: &BTreeSet<&str>,
        plan: &Plan,
    ) -> Result<(BTreeSet<String>, BTreeMap<String, String>), CheckError> {
        let all: BTreeSet<&str> = known
            .iter()
            .copied()
            .chain(plan.request.modules.all_required())
            .collect();
        let imports: Vec<&str> = all
            .iter()
            .map(|module| import_name(module, plan.python))
            .collect();
        let command = self
            .python()
            .with_program(Program::ImportModules)
            .with_arguments(&imports);
        let printed = self.run("modules", &command)?;
        let mut working = BTreeSet::new();
        let mut missing = BTreeMap::new();
        for (module, import) in all.into_iter().zip(imports) {
            // What a module prints when it is imported is no answer.
            let mut answers = printed.lines().filter_map(|line| line.split_once('\t'));
            match answers.find(|(name, _)| *name == import) {
                Some((_, WORKS)) => {
                    working.insert(module.to_owned());
                }
                answer => {
                    let error = answer.map_or("the interpreter died on it", |(_, error)| error);
                    missing.insert(module.to_owned(), error.to_owned());
                }
            }
        }
        Ok((working, missing))
    }

    /// Every script will run when it is in the prefix.
    fn scripts(&self) -> Result<(), CheckError> {
        let prefix = self.staged.prefix().path();
        let scratch = self.staged.destdir().parent();
        let now = |path: &Path| match path.strip_prefix(prefix) {
            Ok(below) => Some(self.staged.root().join(below)),
            Err(_) if scratch.is_some_and(|scratch| path.starts_with(scratch)) => None,
            Err(_) => Some(path.to_owned()),
        };
        for entry in
            fs_err::read_dir(self.staged.root().join("bin")).map_err(CheckError::Scratch)?
        {
            let name = entry.map_err(CheckError::Scratch)?.file_name();
            let script = prefix.join("bin").join(name);
            if let Some(dead) = dead_script(&script, &now).map_err(CheckError::Scratch)? {
                return Err(CheckError::Script(dead));
            }
        }
        Ok(())
    }

    fn venv_pip(&self) -> Result<String, CheckError> {
        let venv = self.scratch.join("venv");
        let make = self.python().with_venv_in(&venv);
        self.run("python -m venv", &make)?;
        let ask = self
            .command(venv.join("bin").join("pip"))
            .with_argument("--version");
        let answer = self.run("pip --version in a venv", &ask)?;
        fs_err::remove_dir_all(&venv).map_err(CheckError::Scratch)?;
        Ok(version_behind("pip", &answer))
    }
}

/// `24.0` of `pip 24.0 from /somewhere (python 3.7)`; the whole answer if no line begins with `name`.
fn version_behind(name: &str, answer: &str) -> String {
    let mut lines = answer.lines().map(str::split_whitespace);
    lines
        .find_map(|mut words| words.next().filter(|word| *word == name).and(words.next()))
        .unwrap_or(answer)
        .to_owned()
}

fn same(what: &'static str, found: &str, wanted: &str) -> Result<(), CheckError> {
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
