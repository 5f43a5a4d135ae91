//! One thin file per command.

pub mod build;
pub mod context;
pub mod error;
pub mod hotpatch;
pub mod patch;
mod preflight;
pub mod uninstall;
mod work_folder;

use crate::transaction::pending::is_left_half_done;

/// What a command that changes nothing says when it finds what a killed one left.
fn tell_pending(prefix: &std::path::Path, reporter: &dyn crate::progress::Reporter) {
    if !is_left_half_done(prefix) {
        return;
    }
    reporter.warn(&format!(
        "a pybuild is changing {}, or was ended while it did; if so, the next command puts it in order",
        prefix.display()
    ));
}
