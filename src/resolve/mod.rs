//! Step 1: from what was asked for to a [`plan::Plan`].

pub mod pins;
pub mod plan;
pub mod version;

use crate::error::{ExitStatus, Explain};

/// Why a request has no plan.
#[derive(Debug, thiserror::Error)]
pub enum Error {}

impl Explain for Error {
    fn exit_status(&self) -> ExitStatus {
        ExitStatus::Unresolvable
    }
}
