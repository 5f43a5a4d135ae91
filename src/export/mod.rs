//! Writes the pin of `ensurepip` as one patch file with everything in it, or as a folder with a diff and
//! wheels.

mod base85;
mod changed_file;
mod error;
mod folder;
mod git;
mod patch;
mod plain;
mod write;

pub use error::Error;
pub use folder::{DIFF, write_folder};
pub use patch::{Export, PatchProgram};
pub use write::write_file;
