//! `pybuild patch`.

use crate::cli::PatchArguments;
use crate::environment::Environment;
use crate::error::Error;
use crate::output::Output;
use crate::progress::Reporter;

/// Runs it.
///
/// # Errors
/// None yet.
pub fn run(
    _arguments: PatchArguments,
    _environment: &Environment,
    _reporter: &dyn Reporter,
    _output: Output,
) -> Result<(), Error> {
    todo!()
}
