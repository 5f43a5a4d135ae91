//! One thin file per command.

mod build;
pub(crate) mod builds;
pub(crate) mod bundle;
pub(crate) mod cache;
pub(crate) mod context;
pub(crate) mod error;
mod event;
mod gather;
pub(crate) mod hotpatch;
mod installation;
pub(crate) mod invocation;
mod kept;
pub(crate) mod lock;
mod locked;
pub(crate) mod patch;
mod preflight;
mod printed;
pub(crate) mod reproduce;
pub(crate) mod schema;
pub(crate) mod uninstall;
pub(crate) mod verify;
mod work_folder;
