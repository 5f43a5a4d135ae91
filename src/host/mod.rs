//! The host: its system, its tools and libraries, and the command that installs missing packages.

pub mod build_environment;
pub mod certificates;
mod compile_probe;
pub mod development_files;
pub mod distribution;
mod error;
mod event;
mod install;
pub mod loader;
mod missing;
pub mod module_probes;
pub mod modules;
pub(crate) mod owners;
mod packages;
pub mod prerequisites;
#[cfg(test)]
mod testing;
pub mod toolchain;

pub use error::Error;
