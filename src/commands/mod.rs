//! One thin file per command.

pub mod build;
pub mod hotpatch;
pub mod patch;
pub mod session;
