//! Step 8: checks the staged interpreter before the prefix is touched.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt;
use std::panic::resume_unwind;
use std::path::Path;

use super::check_report::{CheckError, CheckReport, list};
use super::scripts::dead_script;
use super::stage::StagedInstall;
use crate::compile::BuildContext;
use crate::fs::disk;
use crate::plan::version::PythonVersion;
use crate::plan::{Pin, Plan};
use crate::process::{Answer, Command, Excerpt};
use crate::progress::{Event, Level, Unit};
use crate::python::{Program, Questions, version_in};

/// A staged installation that has passed its checks.
#[derive(Debug)]
pub(crate) struct CheckedInstall {
    staged: StagedInstall,
    report: CheckReport,
}

impl CheckedInstall {
    pub(super) fn parts(&self) -> (&StagedInstall, &CheckReport) {
        (&self.staged, &self.report)
    }

    pub(super) fn into_parts(self) -> (StagedInstall, CheckReport) {
        (self.staged, self.report)
    }
}

/// Modules whose libraries were found before compiling, and which cannot be imported all the same.
struct BrokenModules<'a>(&'a BTreeMap<String, String>);

impl fmt::Display for BrokenModules<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let modules = list(self.0);
        write!(
            f,
            "these modules have their libraries and do not work: {modules}"
        )
    }
}

impl Event for BrokenModules<'_> {
    fn level(&self) -> Level {
        Level::Warning
    }
}

/// The check of a new venv.
#[derive(Debug)]
pub(crate) enum VenvCheck {
    Run,
    /// It passed for the same files: this was its pip, if this CPython has `venv`.
    Passed(Option<String>),
}

/// Runs all checks. The folder `scratch` is for a venv.
pub(crate) fn check(
    staged: StagedInstall,
    venv: VenvCheck,
    scratch: &Path,
    context: &BuildContext<'_>,
) -> Result<CheckedInstall, CheckError> {
    let phase = context.reporter.begin("check", Unit::Steps, None);
    let plan = staged.plan();
    let checks = Checks {
        variables: variables(&staged, context),
        staged: &staged,
        plan,
        context,
    };
    let folder = scratch.join("venv");
    // The venv takes longer than all other checks together, so it has a thread of its own.
    let (answers, venv_pip) = std::thread::scope(|scope| {
        let venv = scope.spawn(|| match venv {
            VenvCheck::Run => checks.new_venv(&folder),
            VenvCheck::Passed(pip) => Ok(pip),
        });
        let answers = checks.interpreter();
        let venv_pip = venv.join().unwrap_or_else(|panic| resume_unwind(panic));
        answers.and_then(|answers| Ok((answers, venv_pip?)))
    })?;
    if let Some(venv_pip) = &venv_pip {
        ensure_same("the pip of a new venv", venv_pip, &answers.pip)?;
    }
    let Answers {
        python,
        pip,
        setuptools,
        modules,
        missing_modules,
    } = answers;
    let in_venv = venv_pip.as_ref().map_or("", |_| ", in a new venv too");
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

/// The build's environment, with settings that load the staged library and keep the tree unchanged.
fn variables(staged: &StagedInstall, context: &BuildContext<'_>) -> BTreeMap<OsString, OsString> {
    let environment = context.environment.variables();
    let mut variables: BTreeMap<OsString, OsString> = environment
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    variables.extend(context.library_path(&staged.root().join("lib")));
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

struct Checks<'a> {
    staged: &'a StagedInstall,
    plan: &'a Plan,
    variables: BTreeMap<OsString, OsString>,
    context: &'a BuildContext<'a>,
}

impl Questions for Checks<'_> {
    type Error = CheckError;

    fn command(&self, program: &Path) -> Command {
        let command = Command::new(program, self.staged.destdir());
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
                source: disk::cause(printed.refusal(), self.staged.destdir()),
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

/// The answers of the interpreter itself.
struct Answers {
    python: String,
    pip: String,
    /// Empty if it is not installed.
    setuptools: String,
    modules: BTreeSet<String>,
    missing_modules: BTreeMap<String, String>,
}

impl Checks<'_> {
    fn python(&self) -> Command {
        self.command(&self.staged.python())
    }

    /// The checks that need no venv.
    fn interpreter(&self) -> Result<Answers, CheckError> {
        let interpreter = &self.staged.python();
        let pins = self.plan.pins();
        let python = self.python().with_argument("--version");
        let python = self.output("python --version", &python)?;
        let wanted = format!("Python {}", self.plan.python());
        ensure_same("`python --version`", python.trim_end_matches('+'), &wanted)?;

        let (modules, missing_modules) = self.required_modules()?;

        let bundled = self.ensurepip_version(interpreter)?;
        if let Pin::Wheel(wheel) = &pins.pip {
            let wanted = wheel.version.to_string();
            ensure_same("`ensurepip.version()`", &bundled, &wanted)?;
        }
        let pip = self.pip_version(interpreter)?;
        ensure_same("the interpreter's pip", &pip, &bundled)?;
        self.scripts()?;

        let setuptools = self.python().with_program(Program::SetuptoolsVersion);
        let setuptools = self.output("setuptools.__version__", &setuptools)?;
        let wanted = match &pins.setuptools {
            Pin::Wheel(wheel) => wheel.version.to_string(),
            Pin::Removed => String::new(),
            Pin::Bundled => setuptools.clone(),
        };
        ensure_same("the interpreter's setuptools", &setuptools, &wanted)?;
        Ok(Answers {
            python,
            pip,
            setuptools,
            modules,
            missing_modules,
        })
    }

    /// Makes a venv in `folder`, and removes it again; the version of the pip in it. `None` if this
    /// CPython has no `venv`.
    fn new_venv(&self, folder: &Path) -> Result<Option<String>, CheckError> {
        if self.plan.python().series().0 < 3 {
            return Ok(None);
        }
        let (pip, script) = std::thread::scope(|scope| {
            self.make_venv(&self.staged.python(), folder)?;
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

    /// The modules that work, and the others with the reasons. Fails if a required one does not work.
    fn required_modules(&self) -> Result<(BTreeSet<String>, BTreeMap<String, String>), CheckError> {
        let (modules, mut missing) = self.import_modules()?;
        let unbuilt: BTreeMap<&str, &str> =
            self.staged.unbuilt().modules(self.plan.python()).collect();
        for (module, error) in &mut missing {
            if let Some(why) = unbuilt.get(module.as_str()) {
                *error = format!("{error}: {why}");
            }
        }
        let mut broken = missing.clone();
        broken.retain(|module, _| self.plan.request().modules.requires(module));
        if !broken.is_empty() {
            return Err(CheckError::Modules { modules: broken });
        }
        if !missing.is_empty() {
            self.context.reporter.report(&BrokenModules(&missing));
        }
        for (module, why) in unbuilt {
            if !modules.contains(module) {
                let known = missing.entry(module.to_owned());
                known.or_insert_with(|| why.to_owned());
            }
        }
        Ok((modules, missing))
    }

    /// Imports the modules whose libraries were found before compiling, and the required ones.
    fn import_modules(&self) -> Result<(BTreeSet<String>, BTreeMap<String, String>), CheckError> {
        let mut all = self.context.host.modules.names();
        all.extend(self.plan.request().modules.all_required());
        let imports: Vec<&str> = all
            .iter()
            .map(|module| import_name(module, self.plan.python()))
            .collect();
        let command = self
            .python()
            .with_program(Program::ImportModules)
            .with_arguments(&imports);
        let printed = self.output("modules", &command)?;
        let mut working = BTreeSet::new();
        let mut missing = BTreeMap::new();
        for (module, import) in all.into_iter().zip(imports) {
            // Modules may print lines of their own when they are imported.
            let mut answers = printed.lines().filter_map(|line| line.split_once('\t'));
            match answers.find(|(name, _)| *name == import) {
                Some((_, WORKS)) => {
                    working.insert(module.to_owned());
                }
                answer => {
                    let error = answer.map_or("the interpreter crashed", |(_, error)| error);
                    missing.insert(module.to_owned(), error.to_owned());
                }
            }
        }
        Ok((working, missing))
    }

    /// Checks that every script in `bin` will run from the prefix.
    fn scripts(&self) -> Result<(), CheckError> {
        let prefix = self.plan.prefix().path();
        let scratch = self.staged.destdir().parent();
        let now = |path: &Path| match path.strip_prefix(prefix) {
            Ok(below) => Some(self.staged.root().join(below)),
            Err(_) if scratch.is_some_and(|scratch| path.starts_with(scratch)) => None,
            Err(_) => Some(path.to_owned()),
        };
        let bin = self.staged.root().join("bin");
        for entry in fs_err::read_dir(bin).map_err(CheckError::Scratch)? {
            let name = entry.map_err(CheckError::Scratch)?.file_name();
            let script = prefix.join("bin").join(name);
            if let Some(dead) = dead_script(&script, &now).map_err(CheckError::Scratch)? {
                return Err(CheckError::Script(dead));
            }
        }
        Ok(())
    }
}

/// The answer of [`Program::ImportModules`] for a module that works.
const WORKS: &str = "works";

/// The name of a module in this CPython.
fn import_name(module: &str, python: PythonVersion) -> &str {
    match (python.series().0, module) {
        (2, "tkinter") => "Tkinter",
        (2, "dbm.gnu") => "gdbm",
        (2, "dbm.ndbm") => "dbm",
        _ => module,
    }
}

fn ensure_same(what: &'static str, found: &str, wanted: &str) -> Result<(), CheckError> {
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
