//! Step 8: checks the staged interpreter before the prefix is touched.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use super::check_report::{CheckError, CheckReport, list, named_pip};
use super::scripts::dead_script;
use super::stage::StagedInstall;
use super::staged_interpreter::{NewVenv, StagedInterpreter, ensure_refused, ensure_same};
use crate::compile::BuildContext;
use crate::host::modules::names_of;
use crate::plan::Pin;
use crate::plan::version::PythonVersion;
use crate::process::Command;
use crate::progress::{Event, Level, Unit};
use crate::python::{Program, Questions};

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

/// Runs the checks that need no venv, and compares the pip of the new venv with the interpreter's.
pub(crate) fn check(
    staged: StagedInstall,
    venv: NewVenv,
    context: &BuildContext<'_>,
) -> Result<CheckedInstall, CheckError> {
    let phase = context.reporter.begin("check", Unit::Steps, None);
    let answers = StagedInterpreter::new(staged.tree(), context).interpreter()?;
    let venv_pip = venv.pip()?;
    if let (Some(venv_pip), Some(pip)) = (&venv_pip, &answers.pip) {
        ensure_same("the pip of a new venv", venv_pip, pip)?;
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
        "{python}, {}{in_venv}, {} modules",
        named_pip(pip.as_deref()),
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

/// The answers of the interpreter itself.
struct Answers {
    python: String,
    pip: Option<String>,
    /// Empty if it is not installed.
    setuptools: String,
    modules: BTreeSet<String>,
    missing_modules: BTreeMap<String, String>,
}

impl StagedInterpreter<'_> {
    fn python(&self) -> Command {
        self.command(&self.tree.python())
    }

    /// The checks that need no venv.
    fn interpreter(&self) -> Result<Answers, CheckError> {
        let interpreter = &self.tree.python();
        let pins = self.tree.plan().pins();
        let python = self.python().with_argument("--version");
        let python = self.output("python --version", &python)?;
        let wanted = format!("Python {}", self.tree.plan().python());
        ensure_same("`python --version`", python.trim_end_matches('+'), &wanted)?;

        let (modules, missing_modules) = self.required_modules()?;
        self.ensure_left_out()?;

        let pip = if pins.pip == Pin::Removed {
            let ensurepip = self.python().with_arguments(["-m", "ensurepip"]);
            ensure_refused("python -m ensurepip", &ensurepip)?;
            None
        } else {
            let bundled = self.ensurepip_version(interpreter)?;
            if let Pin::Wheel(wheel) = &pins.pip {
                let wanted = wheel.version.to_string();
                ensure_same("`ensurepip.version()`", &bundled, &wanted)?;
            }
            let pip = self.pip_version(interpreter)?;
            ensure_same("the interpreter's pip", &pip, &bundled)?;
            Some(pip)
        };
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

    /// The modules that work, and the others with the reasons. Fails if a required one does not work.
    fn required_modules(&self) -> Result<(BTreeSet<String>, BTreeMap<String, String>), CheckError> {
        let (modules, mut missing) = self.import_modules()?;
        let unbuilt: BTreeMap<&str, &str> = self
            .tree
            .unbuilt()
            .modules(self.tree.plan().python())
            .collect();
        for (module, error) in &mut missing {
            if let Some(why) = unbuilt.get(module.as_str()) {
                *error = format!("{error}: {why}");
            }
        }
        let mut broken = missing.clone();
        broken.retain(|module, _| self.tree.plan().request().modules.requires(module));
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
        all.extend(self.tree.plan().request().modules.all_required());
        let imports: Vec<&str> = all
            .iter()
            .map(|module| import_name(module, self.tree.plan().python()))
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

    /// Checks that the modules of `--without-module` are not there.
    fn ensure_left_out(&self) -> Result<(), CheckError> {
        let left_out = &self.tree.plan().request().modules.left_out;
        for module in left_out {
            let names = names_of(module);
            // A module in Python may work without its extension module, as `uuid` does.
            let mut imports: Vec<&str> = names.clone();
            imports.retain(|name| name.starts_with('_'));
            let imports = if imports.is_empty() { names } else { imports };
            let command = self.python().with_program(Program::ImportModules);
            let printed = self.output("modules", &command.with_arguments(&imports))?;
            let mut lines = printed.lines().filter_map(|line| line.split_once('\t'));
            if let Some((name, _)) = lines.find(|(_, answer)| *answer == WORKS) {
                return Err(CheckError::Differs {
                    what: "the module of --without-module",
                    found: format!("{name}, which can be imported"),
                    wanted: "left out".to_owned(),
                });
            }
        }
        Ok(())
    }

    /// Checks that every script in `bin` will run from the prefix.
    fn scripts(&self) -> Result<(), CheckError> {
        let prefix = self.tree.plan().prefix().path();
        let scratch = self.tree.destdir().parent();
        let now = |path: &Path| match path.strip_prefix(prefix) {
            Ok(below) => Some(self.tree.root().join(below)),
            Err(_) if scratch.is_some_and(|scratch| path.starts_with(scratch)) => None,
            Err(_) => Some(path.to_owned()),
        };
        let bin = self.tree.root().join("bin");
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
