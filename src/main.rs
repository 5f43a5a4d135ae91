//! The `pybuild` program: an exit code and nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(pybuild::run(std::env::args_os()) as u8)
}
