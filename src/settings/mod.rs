//! Validated settings, one value per command: enums in place of flags, and absolute paths.

pub mod build;
pub mod configure;
pub mod error;
pub mod folder_name;
pub mod hotpatch;
mod inputs;
pub mod patch;
pub mod path;
pub mod stdlib;
pub mod uninstall;

pub use build::{BuildSettings, BuildTree, KeptCompiles, WhenInstalled, WhenMissing};
pub use error::Error;
pub use inputs::Mode;
