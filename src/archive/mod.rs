//! Strict readers of the archives that come from outside.

pub mod compression;
pub(crate) mod entries;
pub mod files;
pub mod tar;
pub(crate) mod tree;
pub(crate) mod zip;
