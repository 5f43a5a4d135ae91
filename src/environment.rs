//! The environment that pybuild was started in: read once, at the edge, and passed in.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::IsTerminal;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};

/// The environment variables, the current directory and the terminal.
///
/// Nothing else in the crate reads the process's own environment, so a test can pass another one.
#[derive(Debug, Clone)]
pub struct Environment {
    variables: BTreeMap<OsString, OsString>,
    current_dir: PathBuf,
    stderr_is_terminal: bool,
}

impl Environment {
    /// Reads this process's environment; fails if the current directory no longer exists.
    pub fn of_this_process() -> std::io::Result<Self> {
        Ok(Self {
            variables: std::env::vars_os().collect(),
            current_dir: std::env::current_dir()?,
            stderr_is_terminal: std::io::stderr().is_terminal(),
        })
    }

    /// An environment with the given variables and without a terminal.
    #[cfg(test)]
    pub fn with_variables<K: Into<OsString>, V: Into<OsString>>(
        current_dir: &Path,
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let variables = variables.into_iter();
        Self {
            variables: variables
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            current_dir: current_dir.to_owned(),
            stderr_is_terminal: false,
        }
    }

    /// The same environment with another value of a variable, or without it.
    pub fn with_variable(mut self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => drop(self.variables.insert(name.into(), value.into())),
            None => drop(self.variables.remove(OsStr::new(name))),
        }
        self
    }

    /// The variable's value; `None` if it is unset, empty or not UTF-8.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variable_os(name)?.to_str()
    }

    /// The variable's value; `None` if it is unset or empty.
    pub fn variable_os(&self, name: &str) -> Option<&OsStr> {
        let value = self.variables.get(OsStr::new(name))?;
        (!value.is_empty()).then_some(value)
    }

    /// The variables whose names begin with `prefix`: the rest of each name, and the value.
    pub fn variables_with<'a>(
        &'a self,
        prefix: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a OsStr)> {
        self.variables.iter().filter_map(move |(name, value)| {
            let rest = name.to_str()?.strip_prefix(prefix)?;
            Some((rest, value.as_os_str()))
        })
    }

    /// The user's home directory, from `HOME`.
    pub fn home(&self) -> Option<&Path> {
        self.variable_os("HOME").map(Path::new)
    }

    /// The folder for temporary files: `TMPDIR`, else `/tmp`.
    pub fn temporary_folder(&self) -> PathBuf {
        self.absolute(Path::new(
            self.variable_os("TMPDIR").unwrap_or("/tmp".as_ref()),
        ))
    }

    /// `path` made absolute against the current directory. A leading `~` is not expanded.
    ///
    /// Lexical only: a prefix need not exist yet, and the user may choose a symbolic link.
    pub fn absolute(&self, path: &Path) -> PathBuf {
        let mut clean = PathBuf::new();
        for part in self.current_dir.join(path).components() {
            match part {
                Component::CurDir => {}
                Component::ParentDir => {
                    clean.pop();
                }
                other => clean.push(other),
            }
        }
        clean
    }

    /// A path as pip reads it: `~` is the home folder.
    pub fn expanded(&self, path: &str) -> PathBuf {
        match (path.strip_prefix("~/"), self.home()) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => self.absolute(Path::new(path)),
        }
    }

    /// The full path of a program, searched in `PATH` as a shell does.
    pub fn find_program(&self, name: &str) -> Option<PathBuf> {
        if name.contains('/') {
            return Some(self.absolute(Path::new(name))).filter(|path| is_executable(path));
        }
        std::env::split_paths(self.variable_os("PATH")?)
            .map(|folder| folder.join(name))
            .find(|path| is_executable(path))
    }

    /// Whether standard error is a terminal that can show a progress bar.
    pub fn stderr_is_terminal(&self) -> bool {
        self.stderr_is_terminal
    }
}

fn is_executable(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}
