//! What the process was started with: read once, at the edge, and passed in.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

/// The environment variables, current directory and terminal that `pybuild` was started with.
///
/// Nothing else in the crate reads the process's own environment, so a test can hand in another.
#[derive(Debug, Clone)]
pub struct Environment {
    variables: BTreeMap<OsString, OsString>,
    current_dir: PathBuf,
    stderr_is_terminal: bool,
}

impl Environment {
    /// Reads this process's environment.
    ///
    /// # Errors
    /// When the current directory no longer exists.
    pub fn of_this_process() -> std::io::Result<Self> {
        Ok(Self {
            variables: std::env::vars_os().collect(),
            current_dir: std::env::current_dir()?,
            stderr_is_terminal: std::io::stderr().is_terminal(),
        })
    }

    /// An environment with the given variables, off any terminal.
    #[must_use]
    pub fn with_variables<K, V>(
        current_dir: &Path,
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> Self
    where
        K: Into<OsString>,
        V: Into<OsString>,
    {
        Self {
            variables: variables
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            current_dir: current_dir.to_owned(),
            stderr_is_terminal: false,
        }
    }

    /// The variable's value; `None` when it is unset, empty or not UTF-8.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variable_os(name)?.to_str()
    }

    /// The variable's value as the system gave it; `None` when it is unset or empty.
    #[must_use]
    pub fn variable_os(&self, name: &str) -> Option<&std::ffi::OsStr> {
        self.variables
            .get(std::ffi::OsStr::new(name))
            .map(OsString::as_os_str)
            .filter(|value| !value.is_empty())
    }

    /// The variables whose names begin with `prefix`: the rest of each name, and the value.
    pub fn variables_with<'a>(
        &'a self,
        prefix: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a std::ffi::OsStr)> {
        self.variables.iter().filter_map(move |(name, value)| {
            let rest = name.to_str()?.strip_prefix(prefix)?;
            Some((rest, value.as_os_str()))
        })
    }

    /// The person's home directory, from `HOME`.
    #[must_use]
    pub fn home(&self) -> Option<&Path> {
        self.variable_os("HOME").map(Path::new)
    }

    /// The folder for temporary files: `TMPDIR`, else `/tmp`.
    #[must_use]
    pub fn temporary_folder(&self) -> PathBuf {
        let named = self.variable_os("TMPDIR").map(Path::new);
        self.absolute(named.unwrap_or(Path::new("/tmp")))
    }

    /// `path` made absolute against the directory that `pybuild` was started in.
    ///
    /// A leading `~` is the shell's business and is not looked at.
    #[must_use]
    pub fn absolute(&self, path: &Path) -> PathBuf {
        let joined = self.current_dir.join(path);
        // Lexical only: a prefix need not exist yet, and a link in it is the person's choice.
        let mut clean = PathBuf::new();
        for part in joined.components() {
            match part {
                std::path::Component::CurDir => {}
                std::path::Component::ParentDir => {
                    clean.pop();
                }
                other => clean.push(other),
            }
        }
        clean
    }

    /// A path as pip reads it, where `~` is the home folder.
    #[must_use]
    pub fn expanded(&self, path: &str) -> PathBuf {
        match (path.strip_prefix("~/"), self.home()) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => self.absolute(Path::new(path)),
        }
    }

    /// The full path of a program, looked up in `PATH` as a shell would.
    #[must_use]
    pub fn find_program(&self, name: &str) -> Option<PathBuf> {
        if name.contains('/') {
            let path = self.absolute(Path::new(name));
            return is_executable(&path).then_some(path);
        }
        std::env::split_paths(self.variable_os("PATH")?)
            .map(|dir| dir.join(name))
            .find(|path| is_executable(path))
    }

    /// Whether standard error is a terminal that a bar can be drawn on.
    #[must_use]
    pub fn stderr_is_terminal(&self) -> bool {
        self.stderr_is_terminal
    }
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}
