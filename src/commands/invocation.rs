//! The surroundings of a command, read once by `run`.

use crate::environment::Environment;
use crate::output::Output;
use crate::progress::Reporter;

#[derive(Clone, Copy)]
pub(crate) struct Invocation<'a> {
    pub(crate) environment: &'a Environment,
    pub(crate) reporter: &'a dyn Reporter,
    pub(crate) output: Output,
}
