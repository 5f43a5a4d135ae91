//! The timeline of one build, as `timings.json` has it. All times are seconds since its start.

use jiff::Timestamp;
use serde::Serialize;

use super::compiler_runs::CompilerRun;

/// The format of the file. It is raised when readers of older files could misread new ones.
pub(super) const FORMAT: u32 = 1;

#[derive(Debug, Serialize)]
pub(super) struct Timeline {
    pub(super) format: u32,
    #[serde(flatten)]
    pub(super) heading: Heading,
    pub(super) finished: Timestamp,
    /// The end of the last event.
    pub(super) seconds: f64,
    pub(super) cpus: usize,
    pub(super) steps: Vec<Step>,
    pub(super) commands: Vec<CommandRun>,
    /// In the order of their starts.
    pub(super) compiler_runs: Vec<CompilerRun>,
    /// CPU use of the whole host; empty where there is no `/proc/stat`.
    pub(super) cpu: Vec<CpuSample>,
}

/// What was built, and with which settings.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Heading {
    pub(crate) python: String,
    pub(crate) pip: String,
    pub(crate) jobs: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) launcher: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Step {
    pub(super) name: String,
    pub(super) outcome: String,
    pub(super) start: f64,
    pub(super) end: f64,
}

#[derive(Debug, PartialEq, Serialize)]
pub(super) struct CommandRun {
    pub(super) step: String,
    pub(super) command: String,
    pub(super) start: f64,
    pub(super) end: f64,
}

/// The CPUs that were busy between the sample before and this one, on average.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct CpuSample {
    pub(super) at: f64,
    pub(super) busy: f64,
}
