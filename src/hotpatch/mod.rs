//! Interpreters that are installed already: their `ensurepip` changed in place, and put back.
//!
//! ```text
//! path → Target (asked, refused or taken) → Change (what is to stand where) → Originals (what
//! stands there now, kept) → bring_about → proof → record
//! ```
//!
//! At every moment each wheel that a text names is there: new wheels come before the text that
//! names them, old ones go after it. So a process that is killed anywhere leaves an interpreter that
//! can make a venv, with the old pip or the new one, and the next run finishes what this one began.

mod change;
mod check;
mod error;
mod finish;
mod installed;
mod interpreter_lock;
mod kept;
mod kept_record;
mod originals;
mod projects;
mod recover;
mod stage;
mod target;

pub use change::Change;
pub use check::{Expected, Proof};
pub use error::Error;
pub use installed::InstalledChange;
pub use interpreter_lock::InterpreterLock;
pub use kept::Kept;
pub use kept_record::{KeptRecord, is_hotpatched};
pub use recover::{is_under_way, recover};
pub use target::Target;
