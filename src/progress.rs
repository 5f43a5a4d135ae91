//! How a step tells what it is doing; the only module that knows the progress library.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output::{Output, elapsed};

/// What a bar counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bytes, shown as KiB and MiB.
    Bytes,
    /// Steps of the work, such as files compiled.
    Steps,
}

/// Where the steps report to. A phase is one bar on a terminal and one line elsewhere.
pub trait Reporter: Send + Sync {
    /// Begins a phase. `total` is what there is to do, as far as it is known.
    fn begin(&self, title: &str, unit: Unit, total: Option<u64>) -> Box<dyn Phase>;

    /// Says something worth knowing that is neither a warning nor an error.
    fn note(&self, text: &str);

    /// Says something that the person should look at.
    fn warn(&self, text: &str);

    /// Says something that only `-v` shows.
    fn detail(&self, text: &str);
}

/// One phase of the work. Dropped without [`Phase::finish`], it counts as failed.
pub trait Phase: Send {
    /// What there is to do turned out to be `total`.
    fn set_total(&mut self, total: u64);

    /// `amount` more is done.
    fn advance(&mut self, amount: u64);

    /// `position` is done in all.
    fn set_position(&mut self, position: u64);

    /// What is being worked on just now, such as a file.
    fn set_current(&mut self, current: &str);

    /// The phase is done; `outcome` says what came of it, and may be empty.
    fn finish(self: Box<Self>, outcome: &str);
}

/// Reports to the person: bars on a terminal, lines elsewhere, nothing when quiet.
pub struct TerminalReporter {
    output: Output,
    /// The bar that is drawn just now: lines are printed above it, not into it.
    drawn: Mutex<ProgressBar>,
}

impl TerminalReporter {
    /// A reporter that prints through `output`.
    #[must_use]
    pub fn new(output: Output) -> Self {
        Self {
            output,
            drawn: Mutex::new(ProgressBar::hidden()),
        }
    }

    fn above_the_bar(&self, print: impl FnOnce(Output)) {
        let drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        drawn.suspend(|| print(self.output));
    }
}

impl Reporter for TerminalReporter {
    fn begin(&self, title: &str, unit: Unit, total: Option<u64>) -> Box<dyn Phase> {
        let bar = if self.output.draws_bars() {
            ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr())
        } else {
            ProgressBar::hidden()
        };
        bar.set_style(style(unit, total.is_some()));
        bar.set_prefix(format!("{title:<9}"));
        bar.enable_steady_tick(Duration::from_millis(120));
        *self.drawn.lock().unwrap_or_else(PoisonError::into_inner) = bar.clone();
        Box::new(TerminalPhase {
            title: title.to_owned(),
            unit,
            bar,
            started: Instant::now(),
            output: self.output,
        })
    }

    fn note(&self, text: &str) {
        self.above_the_bar(|output| output.note(text));
    }

    fn warn(&self, text: &str) {
        self.above_the_bar(|output| output.warn(text));
    }

    fn detail(&self, text: &str) {
        self.above_the_bar(|output| output.detail(text));
    }
}

struct TerminalPhase {
    title: String,
    unit: Unit,
    bar: ProgressBar,
    started: Instant,
    output: Output,
}

impl Phase for TerminalPhase {
    fn set_total(&mut self, total: u64) {
        self.bar.set_style(style(self.unit, true));
        self.bar.set_length(total);
    }

    fn advance(&mut self, amount: u64) {
        self.set_position(self.bar.position() + amount);
    }

    fn set_position(&mut self, position: u64) {
        // A total is often an estimate: a bar that is full while work goes on would be a lie.
        let most = self.bar.length().unwrap_or(u64::MAX);
        let most = match self.unit {
            Unit::Bytes => most,
            Unit::Steps => most.saturating_sub(1),
        };
        self.bar.set_position(position.min(most));
    }

    fn set_current(&mut self, current: &str) {
        self.bar.set_message(current.to_owned());
    }

    fn finish(self: Box<Self>, outcome: &str) {
        self.bar.finish_and_clear();
        self.output
            .phase(&self.title, outcome, &elapsed(self.started.elapsed()));
    }
}

impl Drop for TerminalPhase {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn style(unit: Unit, known: bool) -> ProgressStyle {
    let template = match (unit, known) {
        (Unit::Bytes, true) => {
            "{prefix:.bold} {bar:28.cyan/dim} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {elapsed} {wide_msg:.dim}"
        }
        (Unit::Bytes, false) => {
            "{prefix:.bold} {spinner} {binary_bytes} {binary_bytes_per_sec} {elapsed} {wide_msg:.dim}"
        }
        (Unit::Steps, true) => {
            "{prefix:.bold} {bar:28.cyan/dim} {percent:>3}% {elapsed} {wide_msg:.dim}"
        }
        (Unit::Steps, false) => "{prefix:.bold} {spinner} {pos} {elapsed} {wide_msg:.dim}",
    };
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("━╸─")
}

/// Says nothing; for library use and tests.
#[derive(Debug, Clone, Copy, Default)]
pub struct SilentReporter;

impl Reporter for SilentReporter {
    fn begin(&self, _title: &str, _unit: Unit, _total: Option<u64>) -> Box<dyn Phase> {
        Box::new(Self)
    }

    fn note(&self, _text: &str) {}

    fn warn(&self, _text: &str) {}

    fn detail(&self, _text: &str) {}
}

impl Phase for SilentReporter {
    fn set_total(&mut self, _total: u64) {}

    fn advance(&mut self, _amount: u64) {}

    fn set_position(&mut self, _position: u64) {}

    fn set_current(&mut self, _current: &str) {}

    fn finish(self: Box<Self>, _outcome: &str) {}
}
