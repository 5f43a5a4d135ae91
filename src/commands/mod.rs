//! One thin file per command.

pub(crate) mod build;
pub(crate) mod context;
pub(crate) mod error;
mod event;
pub(crate) mod hotpatch;
pub(crate) mod invocation;
pub(crate) mod patch;
mod preflight;
pub(crate) mod uninstall;
mod work_folder;

use std::path::Path;

use crate::progress::Reporter;
use crate::transaction::pending::is_left_half_done;

/// Warns of an interrupted change. Commands that change nothing do this instead of recovering the prefix.
fn warn_if_pending(prefix: &Path, reporter: &dyn Reporter) {
    if is_left_half_done(prefix) {
        reporter.report(&event::Event::PendingChange { prefix });
    }
}
