//! What a killed hotpatch left, found by the records in a prefix.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::kept_record::folders;
use super::stage::Stage;
use super::{Error, InterpreterLock, Kept, Target};
use crate::environment::Environment;
use crate::progress::Reporter;

/// Whether a process hotpatches an interpreter in this prefix, or was killed while it did.
#[must_use]
pub fn is_under_way(prefix: &Path) -> bool {
    !under_way(prefix).is_empty()
}

/// Brings to an end what a killed process was at in this prefix, and says so. Waits for one that is at
/// work there. An interpreter of another user is only named: to put it in order it has to be run, and
/// that nobody asked for.
///
/// # Errors
/// When the interpreter does not run, or something cannot be read or written.
pub fn recover(
    prefix: &Path,
    environment: &Environment,
    reporter: &dyn Reporter,
) -> Result<(), Error> {
    let own = [0, rustix::process::geteuid().as_raw()];
    for interpreter in under_way(prefix) {
        if interpreter
            .metadata()
            .is_ok_and(|found| !own.contains(&found.uid()))
        {
            reporter.warn(&format!(
                "{0} was being hotpatched when that was cut short, and belongs to another user: \
                 `pybuild hotpatch {0}` puts it in order",
                interpreter.display()
            ));
            continue;
        }
        let target = Target::find(&interpreter, environment)?;
        let locks = InterpreterLock::take_each(std::slice::from_ref(&target), reporter)?;
        for lock in locks {
            Kept::open(&target, lock, reporter)?;
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
