//! One thin file per command.

pub mod build;
