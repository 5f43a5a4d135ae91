//! Step 2: every input of the plan, verified, in the store.

pub mod http;
pub mod retry;
#[cfg(test)]
pub(crate) mod testing;

use crate::error::{ExitStatus, Explain};

/// Why this step failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {}

impl Explain for Error {
    fn exit_status(&self) -> ExitStatus {
        ExitStatus::Input
    }
}

/// Whether other hosts may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// They may.
    Online,
    /// `--offline`: the store, local mirrors and earlier index answers only.
    Offline,
}
