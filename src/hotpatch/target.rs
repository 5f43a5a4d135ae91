//! Finds the interpreter that a command names, or the reason why it cannot be hotpatched.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::environment::Environment;
use crate::fs::durable::take_after;
use crate::host::loader::Shadowed;
use crate::hotpatch::error::Error;
use crate::install::record;
use crate::plan::version::PythonVersion;
use crate::process::Command;
use crate::process::in_use::STARTED_BY_PYBUILD;
use crate::python::Program;

/// The beginning of the answer's line. A `sitecustomize` may print other lines.
const MARK: &str = "pybuild-answer ";

/// The file by which a distribution claims an interpreter's packages (PEP 668).
const EXTERNALLY_MANAGED: &str = "EXTERNALLY-MANAGED";

/// The caller's variables that the interpreter's processes get.
const TAKEN_OVER: [&str; 2] = ["PATH", LIBRARY_PATH];

const LIBRARY_PATH: &str = "LD_LIBRARY_PATH";

/// The name of an interpreter's hotpatch record.
pub(super) const RECORD: &str = "hotpatch.json";

/// Whether the interpreter of that series in a prefix is hotpatched.
pub(crate) fn is_hotpatched(prefix: &Path, version: PythonVersion) -> bool {
    let folder = prefix.join(record::hotpatch_folder(version));
    folder.join(RECORD).exists()
}

/// An installed interpreter that is no virtual environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// The program itself, no link.
    pub python: PathBuf,
    pub version: PythonVersion,
    pub prefix: PathBuf,
    /// The folder of `os.py`.
    pub stdlib: PathBuf,
    /// `site-packages`.
    pub purelib: PathBuf,
    /// The folder of projects' scripts.
    pub scripts: PathBuf,
    wheel_folder: Option<PathBuf>,
}

/// The answer of [`Program::DescribeInterpreter`].
#[derive(Debug, Deserialize)]
struct Answer {
    executable: PathBuf,
    base_executable: Option<PathBuf>,
    version: PythonVersion,
    prefix: PathBuf,
    base_prefix: PathBuf,
    stdlib: PathBuf,
    purelib: PathBuf,
    scripts: PathBuf,
    wheel_folder: Option<PathBuf>,
}

impl Target {
    /// Finds the interpreter that `given` names: a program, a prefix, or a name in `PATH`. Nothing is
    /// changed, and none of its caches is written.
    pub fn find(given: &Path, environment: &Environment) -> Result<Self, Error> {
        let path = locate(given, environment)?;
        let answer = ask(&path, environment)?;
        if answer.prefix != answer.base_prefix {
            return Err(Error::VirtualEnvironment {
                path,
                base: base_of(&answer),
            });
        }
        let python = real(&path)?;
        if real(&answer.executable)? != python {
            return Err(Error::Shim {
                path,
                real: answer.executable,
            });
        }
        if !answer.stdlib.starts_with(&answer.base_prefix) {
            return Err(Error::Outside {
                path: answer.stdlib,
                prefix: answer.base_prefix,
            });
        }
        Ok(Self {
            python,
            version: answer.version,
            prefix: answer.base_prefix,
            stdlib: answer.stdlib,
            purelib: answer.purelib,
            scripts: answer.scripts,
            wheel_folder: answer.wheel_folder,
        })
    }

    /// The prefixes that `given` may mean, even if no interpreter is there now.
    pub fn prefixes_meant(given: &Path, environment: &Environment) -> Vec<PathBuf> {
        let path = environment.absolute(given);
        let named = given.to_str().filter(|name| !name.contains('/'));
        let programs = [
            Some(path.clone()),
            path.canonicalize().ok(),
            named.and_then(|name| environment.find_program(name)),
        ];
        let above_bin = programs.into_iter().flatten().filter_map(|program| {
            let bin = program.parent().filter(|folder| folder.ends_with("bin"))?;
            Some(bin.parent()?.to_owned())
        });
        above_bin
            .chain(Some(path.clone()).filter(|path| path.is_dir()))
            .collect()
    }

    /// The path relative to the prefix.
    pub fn below_prefix(&self, path: &Path) -> PathBuf {
        path.strip_prefix(&self.prefix).unwrap_or(path).to_owned()
    }

    /// The folder of its hotpatch record and originals.
    pub fn hotpatch_folder(&self) -> PathBuf {
        self.prefix.join(record::hotpatch_folder(self.version))
    }

    /// Ensures that its `ensurepip` bundles wheels.
    pub fn ensure_bundles(&self) -> Result<(), Error> {
        let nothing_bundled = |what: String| {
            let python = self.python.clone();
            Err(Error::NothingBundled { python, what })
        };
        let bundled = self.stdlib.join("ensurepip/_bundled");
        match &self.wheel_folder {
            // WHEEL_PKG_DIR (bpo-42856): ensurepip prefers the wheels there.
            Some(folder) => nothing_bundled(format!("it takes them from {}", folder.display())),
            None if !bundled.is_dir() => {
                nothing_bundled(format!("there is no {}", bundled.display()))
            }
            None => Ok(()),
        }
    }

    /// Makes the folders of `ensurepip` again if a hotpatched interpreter lost them, so that an undo can
    /// restore the files.
    pub fn restore_folders(&self) -> Result<(), Error> {
        if is_hotpatched(&self.prefix, self.version) {
            let ensurepip = self.stdlib.join("ensurepip");
            for folder in [ensurepip.clone(), ensurepip.join("_bundled")] {
                if !folder.is_dir() {
                    let parent = folder.parent().unwrap_or(&self.prefix);
                    fs_err::create_dir(&folder)
                        .and_then(|()| take_after(&folder, &fs_err::metadata(parent)?))
                        .map_err(Error::file(&folder))?;
                }
            }
        }
        Ok(())
    }

    /// Ensures that the folders that change may be written.
    pub fn ensure_writable(&self) -> Result<(), Error> {
        let ensurepip = self.stdlib.join("ensurepip");
        let hotpatch = self.hotpatch_folder();
        let existing = hotpatch.ancestors().find(|folder| folder.exists());
        let bundled = ensurepip.join("_bundled");
        let folders = [bundled.as_path(), &ensurepip, &self.prefix].into_iter();
        folders.chain(existing).try_for_each(ensure_writable)
    }

    /// Ensures that no package manager owns its installed packages and that they may be changed.
    pub fn ensure_packages_are_its_own(&self) -> Result<(), Error> {
        let marker = self.stdlib.join(EXTERNALLY_MANAGED);
        if marker.exists() {
            return Err(Error::ExternallyManaged {
                python: self.python.clone(),
                marker,
            });
        }
        ensure_writable(&self.purelib)
    }

    /// The interpreter as a command without the caller's settings of Python and pip. It writes no
    /// bytecode; `home` is its home and current folder.
    pub fn command(&self, home: &Path, environment: &Environment) -> Command {
        command(&self.python, home, environment)
    }
}

fn ensure_writable(folder: &Path) -> Result<(), Error> {
    let access = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
    rustix::fs::access(folder, access).map_err(|source| Error::ReadOnly {
        path: folder.to_owned(),
        source: source.into(),
    })
}

/// Any interpreter as a command, as in [`Target::command`].
pub(super) fn command(python: &Path, home: &Path, environment: &Environment) -> Command {
    let mut variables: BTreeMap<OsString, OsString> = BTreeMap::new();
    for name in TAKEN_OVER {
        if let Some(value) = environment.variable_os(name) {
            variables.insert(name.into(), value.to_owned());
        }
    }
    if let Some(folder) = shadowed_library_folder(python, environment) {
        let given = environment.variable_os(LIBRARY_PATH).unwrap_or_default();
        let folders = std::iter::once(folder).chain(std::env::split_paths(given));
        if let Ok(value) = std::env::join_paths(folders) {
            variables.insert(LIBRARY_PATH.into(), value);
        }
    }
    for name in ["HOME", "TMPDIR"] {
        variables.insert(name.into(), home.into());
    }
    for (name, value) in [
        STARTED_BY_PYBUILD,
        ("LANG", "C.UTF-8"),
        ("LC_ALL", "C.UTF-8"),
        ("PYTHONDONTWRITEBYTECODE", "1"),
        ("PYTHONNOUSERSITE", "1"),
        ("PIP_CONFIG_FILE", "/dev/null"),
        ("PIP_NO_INDEX", "1"),
        ("PIP_DISABLE_PIP_VERSION_CHECK", "1"),
    ] {
        variables.insert(name.into(), value.into());
    }
    Command::new(python, home)
        .with_variables(variables.iter())
        .with_arguments(["-E", "-s", "-B"])
}

/// The folder of the interpreter's own `libpython`, if the caller's variable names another one first:
/// then the answers would be another interpreter's.
fn shadowed_library_folder(python: &Path, environment: &Environment) -> Option<PathBuf> {
    let python = python.canonicalize().ok()?;
    let short = python.file_name()?.to_str()?.strip_prefix("python")?;
    let folder = python.parent()?.parent()?.join("lib");
    Shadowed::find(&folder, short, environment).map(|_| folder)
}

/// The named program, with links not followed: a virtual environment's program is a link itself.
fn locate(given: &Path, environment: &Environment) -> Result<PathBuf, Error> {
    let path = environment.absolute(given);
    if path.is_dir() {
        return in_prefix(&path);
    }
    if path.exists() {
        return Ok(path);
    }
    given
        .to_str()
        .filter(|name| !name.contains('/'))
        .and_then(|name| environment.find_program(name))
        .ok_or(Error::NotThere { path })
}

fn in_prefix(prefix: &Path) -> Result<PathBuf, Error> {
    let bin = prefix.join("bin");
    let mut found: BTreeMap<PathBuf, PathBuf> = BTreeMap::new();
    let mut paths: Vec<PathBuf> = std::fs::read_dir(&bin)
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.is_file() && is_interpreter_name(path))
        .collect();
    // Of two names of one file the shorter one is used: python3.13, not python3.13t.
    paths.sort();
    for path in paths {
        found.entry(real(&path)?).or_insert(path);
    }
    let mut found: Vec<PathBuf> = found.into_values().collect();
    found.sort();
    match (found.len(), found.pop()) {
        (1, Some(only)) => Ok(only),
        (_, None) if prefix.join("pyvenv.cfg").exists() => Err(Error::VirtualEnvironment {
            path: prefix.to_owned(),
            base: None,
        }),
        (_, None) => Err(Error::NoInterpreter {
            prefix: prefix.to_owned(),
        }),
        (_, Some(last)) => {
            found.push(last);
            Err(Error::SeveralInterpreters {
                prefix: prefix.to_owned(),
                found,
            })
        }
    }
}

/// `python2.7`, `python3.11`, `python3.13t` (PEP 703).
fn is_interpreter_name(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    let Some(series) = name.and_then(|name| name.strip_prefix("python")) else {
        return false;
    };
    let minor = series.strip_prefix("3.").map(|minor| {
        let digits = minor.strip_suffix('t').unwrap_or(minor);
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    });
    series == "2.7" || minor == Some(true)
}

fn ask(path: &Path, environment: &Environment) -> Result<Answer, Error> {
    let answer = command(path, Path::new("/"), environment)
        .with_program(Program::DescribeInterpreter)
        .read()?;
    let json = answer
        .stdout
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix(MARK));
    json.and_then(|json| serde_json::from_str(json).ok())
        .ok_or_else(|| {
            let mut lines = answer.stderr.lines().chain(answer.stdout.lines()).rev();
            let said = lines.find(|line| !line.trim().is_empty());
            Error::NotPython {
                path: path.to_owned(),
                answer: said.unwrap_or("nothing").chars().take(200).collect(),
            }
        })
}

fn base_of(answer: &Answer) -> Option<PathBuf> {
    let named = format!("bin/python{}", answer.version.short());
    let in_prefix = answer.base_prefix.join(named);
    std::iter::once(in_prefix)
        .chain(answer.base_executable.clone())
        .find(|path| path.exists())
}

fn real(path: &Path) -> Result<PathBuf, Error> {
    fs_err::canonicalize(path).map_err(Error::file(path))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Target, in_prefix, is_interpreter_name};
    use crate::environment::Environment;
    use crate::hotpatch::Error;

    #[test]
    fn names_of_interpreters_are_recognised() {
        for name in ["python2.7", "python3.4", "python3.13t", "python3.100"] {
            assert!(is_interpreter_name(Path::new(name)), "{name}");
        }
        for name in [
            "python",
            "python3",
            "python3.",
            "python3.11-config",
            "python3.t",
            "python2.6",
            "pip3.11",
        ] {
            assert!(!is_interpreter_name(Path::new(name)), "{name}");
        }
    }

    #[test]
    fn a_prefix_with_two_interpreters_differs_from_one_with_two_names() {
        let dir = tempfile::tempdir().unwrap();
        let bin = dir.path().join("bin");
        assert!(matches!(
            in_prefix(dir.path()),
            Err(Error::NoInterpreter { .. })
        ));
        fs_err::create_dir(&bin).unwrap();
        fs_err::write(bin.join("python3.13"), "a").unwrap();
        std::os::unix::fs::symlink("python3.13", bin.join("python3.13t")).unwrap();
        assert_eq!(in_prefix(dir.path()).unwrap(), bin.join("python3.13"));
        fs_err::write(bin.join("python2.7"), "b").unwrap();
        let error = in_prefix(dir.path()).unwrap_err().to_string();
        assert!(
            error.contains("bin/python2.7, ") && error.ends_with("bin/python3.13"),
            "{error}"
        );
    }

    #[test]
    fn a_program_that_is_no_python_is_quoted() {
        let dir = tempfile::tempdir().unwrap();
        let environment = Environment::with_variables(dir.path(), [("PATH", "/usr/bin:/bin")]);
        let error = Target::find(Path::new("echo"), &environment).unwrap_err();
        assert!(matches!(error, Error::NotPython { .. }), "{error}");
        let error = Target::find(Path::new("./echo"), &environment).unwrap_err();
        assert!(matches!(error, Error::NotThere { .. }), "{error}");
    }
}
