//! The environment, the tools and the confinement that all commands of a build share.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::compile::compile_plan::CompilePlan;
use crate::compile::compilers::CompilerStart;
use crate::compile::confinement::Confinement;
use crate::compile::jobs::Jobs;
use crate::host::build_environment::BuildEnvironment;
use crate::host::prerequisites::ReadyHost;
use crate::process::{Command, Job, JobPool, Runner};
use crate::progress::Reporter;
use crate::store::Store;
use crate::timeline::Recorder;

pub(crate) struct BuildContext<'a> {
    pub(crate) compile: &'a CompilePlan,
    /// All variables that the commands see.
    pub(crate) environment: &'a BuildEnvironment,
    pub(crate) host: &'a ReadyHost,
    pub(crate) jobs: Jobs,
    /// The jobs of all builds of this run, if there are several.
    pub(crate) pool: Option<&'a JobPool>,
    /// The programs that start the compilers of `make`.
    pub(crate) compilers: &'a CompilerStart,
    pub(crate) confinement: &'a Confinement,
    /// The store of `configure`'s answers; `None` for `--no-configure-cache`.
    pub(crate) configure_answers: Option<&'a Store>,
    pub(crate) runner: &'a Runner,
    pub(crate) reporter: &'a dyn Reporter,
    /// `--timings`.
    pub(crate) timeline: Option<&'a Recorder>,
}

/// Processes of one command. In a run of several builds they are free jobs, until this is dropped.
pub(crate) struct Processes<'a> {
    pub(crate) count: usize,
    _free: Vec<Job<'a>>,
}

impl BuildContext<'_> {
    /// A confined command that sees the build's environment only.
    pub(crate) fn command(&self, program: impl Into<PathBuf>, folder: &Path) -> Command {
        let command = Command::new(program, folder);
        let command = command.with_variables(self.environment.variables());
        self.confinement.confine(command)
    }

    pub(crate) fn make(&self, folder: &Path) -> Command {
        self.command(&self.host.toolchain.make.path, folder)
            .with_variables(self.compilers.variables())
    }

    /// `make` with the jobs that it may run at once.
    pub(crate) fn parallel_make(&self, folder: &Path) -> Command {
        let make = self.make(folder);
        match self.pool {
            Some(pool) => pool.shared_with(make),
            None => make.with_argument(format!("-j{}", self.jobs)),
        }
    }

    /// The processes that a command which does not know the pool may start.
    pub(crate) fn processes(&self) -> Processes<'_> {
        let free = self.pool.map(|pool| pool.take_free(self.jobs.count() - 1));
        Processes {
            count: free
                .as_ref()
                .map_or(self.jobs.count(), |free| free.len() + 1),
            _free: free.unwrap_or_default(),
        }
    }

    /// The variable that makes an interpreter load the `libpython` in `folder` instead of an installed
    /// one. An interpreter without `libpython` ignores it.
    pub(crate) fn library_path(&self, folder: &Path) -> BTreeMap<OsString, OsString> {
        let name = if cfg!(target_os = "macos") {
            "DYLD_LIBRARY_PATH"
        } else {
            "LD_LIBRARY_PATH"
        };
        let given = self.environment.variable(name).map(std::env::split_paths);
        let folders = std::iter::once(folder.to_owned()).chain(given.into_iter().flatten());
        // The variable cannot hold a folder with a colon in its name; then the default search applies.
        let value = std::env::join_paths(folders).unwrap_or_default();
        BTreeMap::from([(name.into(), value)])
    }
}
