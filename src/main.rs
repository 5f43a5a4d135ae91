//! The `pybuild` program: an exit code and nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    let timed = pybuild::time_compiler(std::env::args_os());
    ExitCode::from(timed.unwrap_or_else(|| pybuild::run(std::env::args_os()) as u8))
}
