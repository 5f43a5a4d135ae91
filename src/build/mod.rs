//! The build step.

pub mod environment;
mod modules;
pub mod prerequisites;
pub mod toolchain;
mod trial;

use crate::error::{ExitStatus, Explain};

/// Why this step failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {}

impl Explain for Error {
    fn exit_status(&self) -> ExitStatus {
        ExitStatus::Failed
    }
}
