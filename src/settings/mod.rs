//! Validated settings, one value per command: enums in place of flags, and absolute paths.

pub mod build;
pub mod cache;
pub mod configure;
pub mod error;
pub mod folder_name;
pub mod hotpatch;
mod inputs;
pub mod installation;
mod launcher;
pub mod patch;
pub mod path;
mod prefix_template;
mod recipe;
pub mod stdlib;
pub mod uninstall;

pub use build::{
    BuildSettings, BuildTree, ConfigureCache, KeptCompiles, Timings, WhenInstalled, WhenMissing,
};
pub use error::Error;
pub use inputs::Mode;
pub use prefix_template::PrefixTemplate;
