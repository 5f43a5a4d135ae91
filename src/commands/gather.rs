//! The first steps of a build. They do not need each other, so they run at the same time.

use std::panic::resume_unwind;
use std::path::Path;
use std::thread::{self, ScopedJoinHandle};

use crate::commands::context::Context;
use crate::commands::error::Error;
use crate::environment::Environment;
use crate::fetch::VerifiedSource;
use crate::host::build_environment::BuildEnvironment;
use crate::host::distribution::Distribution;
use crate::host::modules::Requirements;
use crate::host::prerequisites::{PrerequisiteCheck, ReadyHost, Remedy};
use crate::plan::version::PythonVersion;
use crate::plan::{Pins, Request, Source};
use crate::process::Runner;

/// The steps that are to be done.
pub(super) struct Gather<'a> {
    pub(super) context: &'a Context<'a>,
    pub(super) python: PythonVersion,
    /// The source, if it has to be downloaded.
    pub(super) download: Option<&'a Source>,
    pub(super) check: PrerequisiteCheck<'a>,
    pub(super) remedy: Remedy<'a>,
    pub(super) runner: &'a Runner,
}

pub(super) struct Gathered {
    pub(super) pins: Pins,
    pub(super) host: ReadyHost,
    /// The source, if it was to be downloaded. Without the need to compile, its error does not count.
    pub(super) source: Option<Result<VerifiedSource, Error>>,
}

impl Gather<'_> {
    /// Checks the prerequisites, chooses the pins, which downloads their wheels, and downloads the source.
    ///
    /// If several steps fail, the error is the one that a run of one step after the other has: of the
    /// pins before the prerequisites, and of the source last. The other steps go on to their end: a finished
    /// download serves the next run.
    pub(super) fn run(
        &self,
        choose_pins: impl FnOnce() -> Result<Pins, Error>,
    ) -> Result<Gathered, Error> {
        let check =
            || -> Result<_, Error> { Ok(self.check.run(self.remedy, self.context.reporter)?) };
        if let Remedy::Install(_) = self.remedy {
            // The other steps may need the package manager, or what it installs.
            return Ok(Gathered {
                pins: choose_pins()?,
                host: check()?,
                source: None,
            });
        }
        let download = |source| self.context.fetch_source(self.python, source, self.runner);
        thread::scope(|scope| {
            let host = scope.spawn(check);
            let source = self
                .download
                .map(|source| scope.spawn(move || download(source)));
            let pins = choose_pins();
            let host = joined(host);
            let source = source.map(joined);
            Ok(Gathered {
                pins: pins?,
                host: host?,
                source,
            })
        })
    }
}

fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| resume_unwind(panic))
}

/// The check of the host for a request.
pub(super) fn prerequisite_check<'a>(
    request: &'a Request,
    python: PythonVersion,
    caller: &'a Environment,
    distribution: &'a Distribution,
    environment: &'a BuildEnvironment,
    scratch: &'a Path,
) -> PrerequisiteCheck<'a> {
    PrerequisiteCheck {
        requirements: Requirements {
            python,
            modules: &request.modules,
            configure_args: &request.build.configure_args,
            compat: &request.compat,
        },
        debug_info: request.build.debug_info,
        distribution,
        caller,
        environment,
        scratch,
    }
}
