//! Collects the timeline while a build runs, and writes it.

use std::io;
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::compiler_runs::CompilerRun;
use super::compiler_timer::CompilerTimer;
use super::cpu::{self, CpuSampler};
use super::data::{CommandRun, FORMAT, Heading, Timeline};
use super::reporter::{RecordingReporter, Steps};
use super::{clock, lanes, page};
use crate::process::Timing;
use crate::progress::Reporter;

pub(super) const JSON: &str = "timings.json";
pub(super) const PAGE: &str = "timings.html";

/// A timeline that is being recorded.
pub(crate) struct Recorder {
    origin: Duration,
    /// The same moment, for durations of this process.
    started: Instant,
    steps: Steps,
    cpu: CpuSampler,
    timer: OnceLock<CompilerTimer>,
}

impl Recorder {
    pub(crate) fn start() -> Self {
        let origin = clock::now();
        Self {
            origin,
            started: Instant::now(),
            steps: Steps::since(origin),
            cpu: CpuSampler::start(origin),
            timer: OnceLock::new(),
        }
    }

    /// A reporter that also records the phases.
    pub(crate) fn reporter<'a>(&self, inner: &'a dyn Reporter) -> RecordingReporter<'a> {
        RecordingReporter {
            inner,
            steps: self.steps.clone(),
        }
    }

    /// The timer of compilers, which is created in the build folder.
    pub(crate) fn timer(&self, folder: &Path) -> io::Result<&CompilerTimer> {
        let timer = CompilerTimer::create(folder)?;
        Ok(self.timer.get_or_init(|| timer))
    }

    /// Writes the timeline up to now.
    pub(crate) fn write(
        &self,
        folder: &Path,
        heading: Heading,
        timings: &[Timing],
    ) -> io::Result<()> {
        let timeline = self.timeline(heading, timings);
        let mut json = serde_json::to_vec_pretty(&timeline)?;
        json.push(b'\n');
        fs_err::write(folder.join(JSON), json)?;
        fs_err::write(folder.join(PAGE), page::render(&timeline))
    }

    fn timeline(&self, heading: Heading, timings: &[Timing]) -> Timeline {
        let runs = self
            .timer
            .get()
            .map(CompilerTimer::runs)
            .unwrap_or_default();
        let origin = self.origin.as_secs_f64();
        let since = |moment: f64| ((moment - origin).max(0.0) * 1e6).round() / 1e6;
        let mut runs: Vec<CompilerRun> = runs
            .into_iter()
            .map(|run| CompilerRun {
                start: since(run.start),
                end: since(run.end),
                ..run
            })
            .collect();
        lanes::assign(&mut runs);
        Timeline {
            format: FORMAT,
            heading,
            finished: Timestamp::now(),
            seconds: clock::seconds(clock::now().saturating_sub(self.origin)),
            cpus: cpu::count(),
            steps: self.steps.ended(),
            commands: timings
                .iter()
                .filter_map(|timing| self.command(timing))
                .collect(),
            compiler_runs: runs,
            cpu: self.cpu.samples(),
        }
    }

    fn command(&self, timing: &Timing) -> Option<CommandRun> {
        let start = timing.started?.saturating_duration_since(self.started);
        let duration = Duration::try_from_secs_f64(timing.seconds).unwrap_or_default();
        Some(CommandRun {
            step: timing.step.clone(),
            command: timing.command.clone(),
            start: clock::seconds(start),
            end: clock::seconds(start + duration),
        })
    }
}

/// Records work that is no phase as a step of the timeline, if there is one.
pub(crate) fn timed<T>(recorder: Option<&Recorder>, name: &str, work: impl FnOnce() -> T) -> T {
    let running = recorder.map(|recorder| recorder.steps.begin(name));
    let result = work();
    if let Some(running) = running {
        running.end("");
    }
    result
}
