//! Interpreters that are installed already: their `ensurepip` changed in place, and put back.
//!
//! ```text
//! path → Target (asked, refused or taken) → Arrangement (what is to stand where) → Shelf (what
//! stands there now, kept) → bring_about → proof → record
//! ```
//!
//! At every moment each wheel that a text names is there: new wheels come before the text that
//! names them, old ones go after it. So a process that is killed anywhere leaves an interpreter that
//! can make a venv, with the old pip or the new one, and the next run finishes what this one began.

mod arrangement;
mod error;
mod finish;
mod installed;
mod kept;
mod kept_record;
mod projects;
mod prove;
mod recover;
mod shelf;
mod stage;
mod target;
mod turn;

pub use arrangement::{Arrangement, Piece};
pub use error::Error;
pub use installed::InstalledChange;
pub use kept::Kept;
pub use kept_record::{KeptRecord, folder, is_hotpatched};
pub(crate) use projects::recorded_path;
pub use prove::{Expected, Proof};
pub use recover::{is_under_way, recover};
pub use shelf::{Item, Shelf};
pub use target::Target;
pub use turn::Turn;
