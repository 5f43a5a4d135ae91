//! One thin file per command.

pub mod build;
pub mod session;
