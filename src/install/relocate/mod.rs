//! Moves the installation of a compile to another prefix: the result is equal to a build for that prefix.
//!
//! The prefix of an installation is in text files, in the names of source files in byte code, and in
//! `Modules/getpath.o`, which is part of the interpreter and of the static library. Text is replaced. The
//! interpreter is linked again with the build's own commands, and `_sysconfigdata*.py`, whose lines are
//! wrapped, is written again by the interpreter. When a compile is kept, both are tried for its own
//! prefix; if the files are not the same, it is not moved.

mod archive_members;
mod byte_code;
mod candidate;
mod commands;
mod error;
mod inventory;
mod kit;
mod prefixes;
mod recipe;
mod sources;

#[cfg(test)]
mod tests;

pub(crate) use candidate::Candidate;
pub(crate) use error::NotMovable;
pub(crate) use kit::{Kit, ensure_movable_to};
