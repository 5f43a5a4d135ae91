//! pybuild turns a CPython version and a pip version into an interpreter.
//!
//! Data moves one way, and each step's output is a type that only that step can make:
//!
//! ```text
//! Request → resolve → Plan → fetch → VerifiedInputs → unpack → SourceTree → patch → PatchedTree
//!         → configure → ConfiguredTree → make → BuiltTree → stage → StagedInstall
//!         → check → CheckedInstall → commit → Installation (+ record)
//! ```
//!
//! The flow itself is told once, in [`commands::build`].

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
mod transaction;

#[doc(hidden)]
pub use fetch::signature::is_signed;

use std::ffi::OsString;

use clap::Parser as _;

use cli::{Cli, Command};
use commands::build::Outcome;
use commands::error::Error;
use environment::Environment;
use error::{ExitStatus, Explain as _};
use output::Output;
use progress::TerminalReporter;
use settings::BuildSettings;
use settings::patch::PatchSettings;

/// Runs the command line `arguments` (the program's name first) to its end, and prints what came
/// of it.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitStatus {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors and go to standard output.
            let status = if error.use_stderr() {
                ExitStatus::Usage
            } else {
                ExitStatus::Done
            };
            // Nobody is left to tell when even this cannot be printed.
            let _ = error.print();
            return status;
        }
    };
    cli.output.color.apply();
    // Interpreters are for everybody on a host, whatever mask root happens to work with.
    rustix::process::umask(rustix::fs::Mode::from_bits_truncate(0o022));
    let environment = Environment::of_this_process()
        .map_err(Error::CurrentDirectory)
        .and_then(|environment| {
            // Every command uses the store.
            settings::path::of_variable("PYBUILD_CACHE_DIR", &environment)?;
            Ok(environment)
        });
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
    let done = environment.and_then(|environment| match cli.command {
        Some(Command::Patch(arguments)) => {
            let settings = PatchSettings::new(arguments, &environment)?;
            commands::patch::run(&settings, &environment, &reporter, output)
        }
        Some(Command::Hotpatch(arguments)) => {
            commands::hotpatch::run(arguments, &environment, &reporter, output)
        }
        Some(Command::Uninstall(arguments)) => {
            commands::uninstall::run(&arguments, &environment, &reporter, output)
        }
        None => {
            let settings = BuildSettings::new(cli.build, &environment)?;
            let outcome = commands::build::run(&settings, &environment, &reporter)?;
            tell(&outcome, output)
        }
    });
    // What a signal let come to its end (a change to a prefix) is not what the process ends with.
    process::signals::give_way();
    match done {
        Ok(()) => ExitStatus::Done,
        Err(error) => {
            output.error(&error, error.hint().as_deref());
            error.exit_status()
        }
    }
}

/// Results go to standard output: the plan, or the path of the interpreter.
fn tell(outcome: &Outcome, output: Output) -> Result<(), Error> {
    match outcome {
        Outcome::Planned(plan) => {
            let text = toml::to_string(plan).map_err(Error::Plan)?;
            output.result(text.trim_end());
        }
        Outcome::AlreadyThere(record) => {
            output.note(&format!(
                "CPython {} with pip {} is installed in {} since {}; nothing to do (--force builds it again)",
                record.plan.python,
                record.checks.pip,
                record.plan.prefix,
                record.finished.strftime("%Y-%m-%d %H:%M UTC"),
            ));
            output.result(&record.python().display().to_string());
        }
        Outcome::Installed(installation) => {
            output.note(&format!(
                "record and log: {}",
                installation.record_folder().display()
            ));
            output.result(&installation.record().python().display().to_string());
        }
    }
    Ok(())
}
