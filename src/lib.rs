//! pybuild turns a CPython version and a pip version into an interpreter.
//!
//! A build is a chain of steps. Only the step before it can make a step's input:
//!
//! ```text
//! Request → resolve → Plan → fetch → VerifiedInputs → unpack → SourceTree → patch → PatchedTree
//!         → hand over → HandedOverTree → configure → ConfiguredTree → make → BuiltTree
//!         → make install → UserOwnedInstall → stage → StagedInstall → check → CheckedInstall
//!         → record → RecordedInstall → commit → the prefix
//! ```
//!
//! A tree carries its plan, so a step cannot take another one. `commands::build` has the whole flow.

pub mod archive;
mod cli;
mod commands;
mod compile;
pub mod digest;
mod environment;
mod error;
mod export;
mod failpoint;
mod fetch;
mod fs;
mod host;
mod hotpatch;
pub mod install;
mod net;
pub mod output;
mod parallel;
pub mod plan;
mod process;
pub mod progress;
mod python;
pub mod resolve;
mod settings;
pub mod source;
mod store;
#[cfg(test)]
mod testing;
mod timeline;
mod transaction;

// For fuzzing.
#[doc(hidden)]
pub use fetch::signature::is_signed;
#[doc(hidden)]
pub use plan::lock::rewritten_lock;
#[doc(hidden)]
pub use plan::recipe::is_recipe;

use std::ffi::OsString;

use clap::Parser as _;

use cli::{Cli, Command};
use commands::error::Error;
use commands::invocation::Invocation;
use environment::Environment;
use error::{ExitStatus, Explain as _};
use output::Output;
use progress::TerminalReporter;

/// Runs a compiler if this process was started as the compiler timer of `--timings`; returns the exit code.
pub fn time_compiler(arguments: impl IntoIterator<Item = OsString>) -> Option<u8> {
    timeline::run_if_called(arguments)
}

/// Runs the command line `arguments`, of which the first is the program's name.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitStatus {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // A failure to print this cannot be reported.
            let _ = error.print();
            // Help and version are no errors.
            return if error.use_stderr() {
                ExitStatus::Usage
            } else {
                ExitStatus::Done
            };
        }
    };
    cli.output.color.apply();
    // Every user of a host runs its interpreters, so root's own mask must not apply to them.
    rustix::process::umask(rustix::fs::Mode::from_bits_truncate(0o022));
    let environment = Environment::of_this_process();
    let terminal = environment
        .as_ref()
        .is_ok_and(Environment::stderr_is_terminal);
    let output = Output::new(cli.output.verbosity(), terminal);
    let reporter = TerminalReporter::new(output, progress::LONGEST_SILENCE);
    if let Err(error) = process::signals::watch() {
        output.warn(&format!(
            "Ctrl-C will leave the build folder behind: {error}"
        ));
    }
    let done = environment
        .map_err(Error::CurrentDirectory)
        .and_then(|environment| {
            // Every command uses the store.
            settings::path::of_variable("PYBUILD_CACHE_DIR", &environment)?;
            let invocation = Invocation {
                environment: &environment,
                reporter: &reporter,
                output,
            };
            match cli.command {
                Some(Command::Patch(arguments)) => commands::patch::run(arguments, &invocation),
                Some(Command::Hotpatch(arguments)) => {
                    commands::hotpatch::run(arguments, &invocation)
                }
                Some(Command::Uninstall(arguments)) => {
                    commands::uninstall::run(&arguments, &invocation)
                }
                Some(Command::Bundle(arguments)) => commands::bundle::run(arguments, &invocation),
                Some(Command::Lock(arguments)) => commands::lock::run(arguments, &invocation),
                Some(Command::Schema) => commands::schema::run(&invocation),
                Some(Command::Reproduce(arguments)) => {
                    commands::reproduce::run(arguments, &invocation)
                }
                Some(Command::Verify(arguments)) => commands::verify::run(&arguments, &invocation),
                Some(Command::Cache(arguments)) => commands::cache::run(&arguments, &invocation),
                None => commands::builds::run(cli.build, &invocation),
            }
        });
    // A signal that arrived during a change to a prefix ends the process here.
    process::signals::give_way();
    match done {
        Ok(()) => ExitStatus::Done,
        Err(error) => {
            output.error(&error, error.hint().as_deref(), None);
            error.exit_status()
        }
    }
}
