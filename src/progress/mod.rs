//! Progress and events of the steps. Only this module uses the progress library.

mod heartbeat;
mod named;
mod style;
mod unit;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{BinaryBytes, MultiProgress, ProgressBar, ProgressDrawTarget};

pub(crate) use heartbeat::Heartbeat;
pub(crate) use named::NamedReporter;
use style::style;
pub use unit::Unit;

use crate::output::{Output, elapsed};

/// The importance of an [`Event`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// The user should look at it.
    Warning,
    /// Printed unless quiet.
    Note,
    /// Printed with `-v` only.
    Detail,
}

/// Something that a step reports beside its result. Its `Display` text is the message for people.
pub trait Event: std::fmt::Display {
    /// Its importance.
    fn level(&self) -> Level;
}

/// The listener of the steps. A phase is one bar on a terminal and one line elsewhere.
pub trait Reporter: Send + Sync {
    /// Begins a phase. `total` is the amount of work, if it is known.
    fn begin(&self, title: &str, unit: Unit, total: Option<u64>) -> Box<dyn Phase>;

    /// Reports an event.
    fn report(&self, event: &dyn Event);
}

/// One phase of the work. If it is dropped without [`Phase::finish`], it has failed.
pub trait Phase: Send {
    /// Sets the amount of work.
    fn set_total(&mut self, _total: u64) {}

    /// Adds to the amount of work that is done.
    fn advance(&mut self, _amount: u64) {}

    /// Sets the amount of work that is done.
    fn set_position(&mut self, _position: u64) {}

    /// Sets the current item, such as a file.
    fn set_current(&mut self, _current: &str) {}

    /// Ends the phase; `outcome` is the result in a few words, and may be empty.
    fn finish(self: Box<Self>, _outcome: &str) {}
}

/// The longest time without output if no bar is drawn. Some CI systems end a job after ten
/// minutes without output.
pub const LONGEST_SILENCE: Duration = Duration::from_secs(60);

/// Reports to the user: bars on a terminal, lines elsewhere, nothing if quiet.
pub struct TerminalReporter {
    shown: Arc<Shown>,
    _heartbeat: Option<Heartbeat>,
}

impl TerminalReporter {
    /// A reporter that prints to `output`. If that draws no bars, it prints at least one line in
    /// each `longest_silence`.
    #[must_use]
    pub fn new(output: Output, longest_silence: Duration) -> Self {
        let target = if output.draws_bars() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let shown = Arc::new(Shown {
            output,
            bars: MultiProgress::with_draw_target(target),
            phases: Mutex::default(),
            started: Instant::now(),
            last_line: Mutex::new(Instant::now()),
        });
        let heartbeat = output.prints_lines_only().then(|| {
            let shown = Arc::clone(&shown);
            Heartbeat::start(longest_silence, move || shown.silent_for(longest_silence))
        });
        Self {
            shown,
            _heartbeat: heartbeat,
        }
    }
}

impl Reporter for TerminalReporter {
    fn begin(&self, title: &str, unit: Unit, total: Option<u64>) -> Box<dyn Phase> {
        let bar = match total {
            Some(total) => ProgressBar::new(total),
            None => ProgressBar::no_length(),
        };
        // The bar gets its place before it is drawn for the first time.
        let bar = self.shown.bars.add(bar);
        bar.set_style(style(unit, total.is_some()));
        bar.set_prefix(format!("{title:<9}"));
        bar.enable_steady_tick(Duration::from_millis(120));
        let running = RunningPhase {
            title: title.to_owned(),
            unit,
            bar,
            started: Instant::now(),
        };
        lock(&self.shown.phases).push(running.clone());
        Box::new(TerminalPhase {
            running,
            shown: Arc::clone(&self.shown),
        })
    }

    fn report(&self, event: &dyn Event) {
        let text = event.to_string();
        self.shown.above_the_bars(|output| match event.level() {
            Level::Warning => output.warn(&text),
            Level::Note => output.note(&text),
            Level::Detail => output.detail(&text),
        });
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Shown {
    output: Output,
    bars: MultiProgress,
    /// The running phases, oldest first. Lines are printed above their bars.
    phases: Mutex<Vec<RunningPhase>>,
    started: Instant,
    last_line: Mutex<Instant>,
}

impl Shown {
    fn above_the_bars(&self, print: impl FnOnce(Output)) {
        self.bars.suspend(|| print(self.output));
        *lock(&self.last_line) = Instant::now();
    }

    /// Prints the progress after `longest_silence` without output; returns the time to wait until
    /// the next call.
    fn silent_for(&self, longest_silence: Duration) -> Duration {
        let silence = lock(&self.last_line).elapsed();
        if silence < longest_silence {
            return longest_silence.saturating_sub(silence);
        }
        let phases = lock(&self.phases).clone();
        let print = |title: &str, position: &str, started: Instant| {
            let took = elapsed(started.elapsed());
            self.above_the_bars(|output| output.progress(title, position, &took));
        };
        if phases.is_empty() {
            print("pybuild", "still running", self.started);
        }
        for phase in phases {
            print(&phase.title, &phase.position(), phase.started);
        }
        longest_silence
    }
}

#[derive(Clone)]
struct RunningPhase {
    title: String,
    unit: Unit,
    bar: ProgressBar,
    started: Instant,
}

impl RunningPhase {
    /// The progress, such as `132 of ~250, Objects/abstract.c`.
    fn position(&self) -> String {
        const LONGEST: usize = 60;
        let amount = |count| match self.unit {
            Unit::Bytes => BinaryBytes(count).to_string(),
            Unit::Steps => count.to_string(),
        };
        let done = amount(self.bar.position());
        let done = match self.bar.length() {
            // The number of steps is an estimate.
            Some(total) if self.unit == Unit::Steps => format!("{done} of ~{}", amount(total)),
            Some(total) => format!("{done} of {}", amount(total)),
            None => done,
        };
        let current: String = self.bar.message().chars().take(LONGEST).collect();
        match current.trim() {
            "" => done,
            current => format!("{done}, {current}"),
        }
    }
}

struct TerminalPhase {
    running: RunningPhase,
    shown: Arc<Shown>,
}

impl Phase for TerminalPhase {
    fn set_total(&mut self, total: u64) {
        let RunningPhase { bar, unit, .. } = &self.running;
        bar.set_style(style(*unit, true));
        bar.set_length(total);
    }

    fn advance(&mut self, amount: u64) {
        self.set_position(self.running.bar.position() + amount);
    }

    fn set_position(&mut self, position: u64) {
        let RunningPhase { bar, unit, .. } = &self.running;
        // The total is often an estimate, and a full bar means that the work is done.
        let most = bar.length().unwrap_or(u64::MAX);
        let most = match unit {
            Unit::Bytes => most,
            Unit::Steps => most.saturating_sub(1),
        };
        bar.set_position(position.min(most));
    }

    fn set_current(&mut self, current: &str) {
        self.running.bar.set_message(current.to_owned());
    }

    fn finish(self: Box<Self>, outcome: &str) {
        self.running.bar.finish_and_clear();
        let took = elapsed(self.running.started.elapsed());
        self.shown
            .above_the_bars(|output| output.phase(&self.running.title, outcome, &took));
    }
}

impl Drop for TerminalPhase {
    fn drop(&mut self) {
        let bar = &self.running.bar;
        bar.finish_and_clear();
        self.shown.bars.remove(bar);
        lock(&self.shown.phases).retain(|phase| phase.started != self.running.started);
    }
}

/// Prints nothing; for library use and tests.
#[derive(Debug, Clone, Copy, Default)]
pub struct SilentReporter;

impl Reporter for SilentReporter {
    fn begin(&self, _title: &str, _unit: Unit, _total: Option<u64>) -> Box<dyn Phase> {
        Box::new(Self)
    }

    fn report(&self, _event: &dyn Event) {}
}

impl Phase for SilentReporter {}
