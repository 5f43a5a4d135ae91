//! Steps 5 and 6: from a patched tree to a built one.

pub mod confinement;
pub mod isolation;
pub mod jobs;
mod link;
mod steps;
pub mod unbuilt;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

pub use confinement::BuildUserError;
pub use steps::{BuiltTree, configure, count_files, make};

use crate::error::{ExitStatus, Explain};
use crate::fs::disk;
use crate::host::build_environment::BuildEnvironment;
use crate::process::{Command, CommandError, Runner};
use crate::progress::Reporter;
use confinement::Confinement;
use jobs::Jobs;

/// Where and with what is built: what every command of the build shares.
pub struct Site<'a> {
    /// The environment of every command, and all of it.
    pub environment: &'a BuildEnvironment,
    /// GNU make.
    pub make: &'a Path,
    /// How many jobs at once.
    pub jobs: Jobs,
    /// As whom every command runs, and what it reaches.
    pub confinement: &'a Confinement,
    /// The log.
    pub runner: &'a Runner,
    /// What the standard library's extension modules are linked with beyond what `configure` knows.
    pub module_link_flags: &'a [String],
    /// Who is told.
    pub reporter: &'a dyn Reporter,
}

impl Site<'_> {
    /// A command of the build: with its environment and nothing else, and confined.
    pub fn command(&self, program: impl Into<PathBuf>, folder: &Path) -> Command {
        let command = Command::new(program, folder);
        let command = command.with_variables(self.environment.variables());
        self.confinement.confine(command)
    }

    /// `make` in `folder`, without a target.
    #[must_use]
    pub fn make(&self, folder: &Path) -> Command {
        self.command(self.make, folder)
    }

    /// The variables with which an interpreter finds the `libpython` in `folder` rather than one
    /// that is installed already. Harmless for one that needs none.
    #[must_use]
    pub fn library_path(&self, folder: &Path) -> BTreeMap<OsString, OsString> {
        let name = if cfg!(target_os = "macos") {
            "DYLD_LIBRARY_PATH"
        } else {
            "LD_LIBRARY_PATH"
        };
        let mut folders = vec![folder.to_owned()];
        if let Some(given) = self.environment.variable(name) {
            folders.extend(std::env::split_paths(given));
        }
        // A folder with a colon cannot be named in such a variable; then the default has to do.
        let value = std::env::join_paths(folders).unwrap_or_default();
        BTreeMap::from([(name.into(), value)])
    }
}

/// Why a patched tree did not become a built one.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A command failed.
    #[error(transparent)]
    Command(CommandError),
    /// See [`BuildUserError`].
    #[error(transparent)]
    User(#[from] BuildUserError),
    /// A file of the tree cannot be read.
    #[error("the source tree cannot be read")]
    Tree(#[source] std::io::Error),
    /// `make` was content, and yet there is no interpreter.
    #[error("`make` ended well but left no interpreter in {}", tree.display())]
    NoInterpreter {
        /// Where it should be.
        tree: PathBuf,
    },
}

impl Explain for Error {
    fn exit_status(&self) -> ExitStatus {
        match self {
            Self::User(error) => error.exit_status(),
            Self::Command(_) | Self::Tree(_) | Self::NoInterpreter { .. } => ExitStatus::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        if let Self::User(error) = self {
            return error.hint();
        }
        if let Self::Command(error) = self
            && let Some(hint) = disk::hint(error, error.instead())
        {
            return Some(hint);
        }
        Some(
            "the log has the whole output; --keep-build keeps the tree to look around in"
                .to_owned(),
        )
    }
}
