//! What a killed hotpatch left, found by the records in a prefix.

use std::path::{Path, PathBuf};

use super::kept_record::folders;
use super::stage::Stage;
use super::{Error, Kept, Target, Turn};
use crate::environment::Environment;
use crate::progress::Reporter;

/// Whether a process hotpatches an interpreter in this prefix, or was killed while it did.
#[must_use]
pub fn is_under_way(prefix: &Path) -> bool {
    !under_way(prefix).is_empty()
}

/// Brings to an end what a killed process was at in this prefix, and says so. Waits for one that is at
/// work there.
///
/// # Errors
/// When the interpreter does not run, or something cannot be read or written.
pub fn recover(
    prefix: &Path,
    environment: &Environment,
    reporter: &dyn Reporter,
) -> Result<(), Error> {
    for interpreter in under_way(prefix) {
        let target = Target::find(&interpreter, environment)?;
        let turns = Turn::take_each(std::slice::from_ref(&target), reporter)?;
        for turn in turns {
            Kept::open(&target, turn, reporter)?;
        }
    }
    Ok(())
}

/// The interpreters in this prefix that are between two states, sorted.
fn under_way(prefix: &Path) -> Vec<PathBuf> {
    let kept = folders(prefix).into_iter();
    // What cannot be read is told by the command that needs it.
    let kept = kept.filter(|folder| Stage::of(folder).is_ok_and(|stage| stage != Stage::Settled));
    kept.filter_map(|folder| {
        let series = folder.file_name()?.to_str()?;
        Some(prefix.join(format!("bin/python{series}")))
    })
    .collect()
}
