//! Writes files for other programs and hosts: the pin of `ensurepip` as one patch file with everything in it, or
//! as a folder with a diff and wheels; and bundles of a recipe.

mod base85;
pub(crate) mod bundle;
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
