//! `--timings`: what a build did at each moment, as JSON and as a page for a browser.

mod clock;
mod compiler_runs;
mod compiler_timer;
mod cpu;
mod data;
mod lanes;
mod page;
mod recorder;
mod reporter;

pub(crate) use compiler_timer::{CompilerTimer, run_if_called};
pub(crate) use data::Heading;
pub(crate) use recorder::{Recorder, timed};

/// The files of a timeline in the folder of a record.
pub(crate) const FILES: [&str; 2] = [recorder::JSON, recorder::PAGE];
