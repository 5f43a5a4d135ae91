//! Interpreters that are installed already: their `ensurepip` is changed in place, and restored.
//!
//! ```text
//! path → Target → ChangeList (+ InstalledChange) → Hotpatch::apply → InterpreterCheck → commit
//! ```
//!
//! A hotpatch is one transaction with an ordered list: new wheels, then the texts that name them, then
//! compiled files, then old wheels. So at every moment each wheel that a text or compiled file names is
//! there. A process that is killed anywhere leaves an interpreter that can make a venv, with the old pip
//! or the new one, and the next run rolls it back. An undo is such a transaction, too.

mod change;
mod check;
mod error;
mod flow;
mod installed;
mod interpreter_lock;
mod originals;
mod projects;
mod record;
mod target;

pub(crate) use change::ChangeList;
pub(crate) use check::InterpreterCheck;
pub use error::Error;
pub(crate) use flow::Hotpatch;
pub(crate) use installed::InstalledChange;
pub(crate) use interpreter_lock::InterpreterLock;
pub(crate) use record::HotpatchRecord;
pub(crate) use target::{Target, is_hotpatched};
