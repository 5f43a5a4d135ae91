//! One thin file per command.

pub(crate) mod build;
pub(crate) mod context;
pub(crate) mod error;
mod event;
pub(crate) mod hotpatch;
pub(crate) mod invocation;
mod kept;
pub(crate) mod patch;
mod preflight;
pub(crate) mod uninstall;
mod work_folder;
