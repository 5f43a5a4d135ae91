//! `--launcher`: a program that starts each compiler of `make`, such as ccache or distcc.
//!
//! It does not decide the result, so neither the plan nor `configure` has it: `make` gets it on its command
//! line, see [`crate::compile::compilers`].

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::environment::Environment;

/// Launchers that need a server. Not even a server on this host is reachable from a namespace in which the
/// loopback interface is down.
const CLIENTS: [&str; 4] = ["sccache", "distcc", "icecc", "pump"];

/// The beginnings of the names of the variables that launchers read. ccache can start another launcher.
const VARIABLES: [&str; 4] = ["CCACHE_", "SCCACHE_", "DISTCC_", "ICECC_"];

/// Whether the build's network namespace would cut the program off from its server.
pub(super) fn needs_server(program: &Path) -> bool {
    let name = program.file_name().unwrap_or_default();
    CLIENTS.iter().any(|client| name == *client)
}

/// A launcher that is on this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Launcher {
    program: PathBuf,
    /// The caller's settings of launchers, and the folders that it uses outside of a build.
    variables: BTreeMap<OsString, OsString>,
}

/// The owner of the folders that a launcher uses by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LauncherFolders {
    OfCaller,
    /// With `--build-user`: the caller's folders are closed to that user.
    OfBuildUser,
}

impl Launcher {
    /// Searches the program in `PATH`; `None` if it is not there.
    pub(crate) fn find(name: &str, folders: LauncherFolders, caller: &Environment) -> Option<Self> {
        let program = caller.find_program(name)?;
        let mut variables = BTreeMap::new();
        if folders == LauncherFolders::OfCaller {
            variables.extend(default_folders(caller));
        }
        for beginning in VARIABLES {
            for (rest, value) in caller.variables_with(beginning) {
                variables.insert([beginning, rest].concat().into(), value.into());
            }
        }
        Some(Self { program, variables })
    }

    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    /// The variables that `make` needs in addition to the build's own, in this build folder.
    pub(super) fn variables(&self, build_folder: &Path) -> BTreeMap<OsString, OsString> {
        let mut variables = self.variables.clone();
        // Each build has a folder with another name. ccache would not find what it kept for an earlier one.
        for (name, value) in [
            ("CCACHE_BASEDIR", build_folder.as_os_str()),
            ("CCACHE_NOHASHDIR", OsStr::new("true")),
        ] {
            variables.entry(name.into()).or_insert(value.into());
        }
        variables
    }

    /// Why it cannot work without the network.
    pub(super) fn reason_for_network(&self) -> Option<String> {
        if needs_server(&self.program) {
            return Some(format!("--launcher {}", self.program.display()));
        }
        let value = |name: &str| self.variables.get(OsStr::new(name))?.to_str();
        if value("CCACHE_PREFIX").is_some_and(|text| needs_server(Path::new(text))) {
            return Some("CCACHE_PREFIX names a program that needs a server".to_owned());
        }
        value("CCACHE_REMOTE_STORAGE")
            .is_some_and(|text| !text.starts_with("file:"))
            .then(|| "CCACHE_REMOTE_STORAGE names a server".to_owned())
    }
}

/// The home folder of the build's commands is a scratch folder. Caches that are there by default would be
/// lost with it.
fn default_folders(caller: &Environment) -> BTreeMap<OsString, OsString> {
    let mut variables = BTreeMap::new();
    let Some(home) = caller.home() else {
        return variables;
    };
    for (name, below_home) in [("XDG_CACHE_HOME", ".cache"), ("XDG_CONFIG_HOME", ".config")] {
        let folder = caller
            .variable_os(name)
            .map_or(home.join(below_home), PathBuf::from);
        variables.insert(name.into(), folder.into());
    }
    // The folders of distcc, and of ccache if it was first used before its version 4.
    for (name, below_home) in [("CCACHE_DIR", ".ccache"), ("DISTCC_DIR", ".distcc")] {
        let folder = home.join(below_home);
        if folder.is_dir() {
            variables.insert(name.into(), folder.into());
        }
    }
    variables
}
