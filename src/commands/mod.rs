//! One thin file per command.

pub mod build;
pub mod context;
pub mod error;
pub mod hotpatch;
pub mod patch;
mod preflight;
pub mod uninstall;
mod work_folder;
