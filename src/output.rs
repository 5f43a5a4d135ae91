//! What the person sees: results on standard output, everything else on standard error.

use std::io::{self, Write as _};
use std::time::Duration;

use owo_colors::OwoColorize as _;

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Errors and warnings only.
    Quiet,
    /// Phases, choices and warnings.
    Normal,
    /// Also what each origin answered and which commands ran.
    Verbose,
}

/// Prints for people. Colours are stripped by `anstream` where they do not belong.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    verbosity: Verbosity,
    bars: bool,
}

impl Output {
    /// `terminal` says whether standard error can show a bar.
    #[must_use]
    pub fn new(verbosity: Verbosity, terminal: bool) -> Self {
        Self {
            verbosity,
            bars: terminal && verbosity >= Verbosity::Normal,
        }
    }

    /// Whether bars are drawn.
    #[must_use]
    pub fn draws_bars(self) -> bool {
        self.bars
    }

    /// Whether progress is printed as lines, for a log and not for a terminal.
    #[must_use]
    pub fn prints_lines_only(self) -> bool {
        !self.bars && self.verbosity >= Verbosity::Normal
    }

    /// How far a phase is that takes long.
    pub fn progress(self, title: &str, position: &str, took: &str) {
        if self.verbosity >= Verbosity::Normal {
            let title = format!("{title:<9}");
            let took = format!("({took})");
            anstream::eprintln!("{} {position} {}", title.bold(), took.dimmed());
        }
    }

    /// The line that a finished phase leaves.
    pub fn phase(self, title: &str, outcome: &str, took: &str) {
        if self.verbosity >= Verbosity::Normal {
            let separator = if outcome.is_empty() { "" } else { " " };
            anstream::eprintln!(
                "{} {outcome}{separator}{}",
                format!("{title:<9}").bold().green(),
                format!("({took})").dimmed()
            );
        }
    }

    /// A line that is worth knowing.
    pub fn note(self, text: &str) {
        if self.verbosity >= Verbosity::Normal {
            anstream::eprintln!("{text}");
        }
    }

    /// A result: the one thing that goes to standard output.
    pub fn result(self, text: &str) {
        anstream::println!("{text}");
    }

    /// A result that is more than a line: these bytes and no others, to standard output. A reader that
    /// has seen enough is no error.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn result_bytes(self, bytes: &[u8]) -> io::Result<()> {
        // Past `anstream`, which would look for colours in them.
        let mut stdout = io::stdout().lock();
        match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
            _ => Ok(()),
        }
    }

    /// A line for `-v`.
    pub fn detail(self, text: &str) {
        if self.verbosity >= Verbosity::Verbose {
            anstream::eprintln!("{}", text.dimmed());
        }
    }

    /// A warning; shown even when quiet.
    pub fn warn(self, text: &str) {
        anstream::eprintln!("{} {text}", "warning:".bold().yellow());
    }

    /// An error with its causes, one a line, and what to do next.
    pub fn error(self, error: &dyn std::error::Error, hint: Option<&str>) {
        anstream::eprintln!("{} {error}", "error:".bold().red());
        let mut cause = error.source();
        while let Some(error) = cause {
            anstream::eprintln!("  {} {error}", "because:".bold());
            cause = error.source();
        }
        if let Some(hint) = hint {
            anstream::eprintln!("{} {hint}", "hint:".bold().cyan());
        }
    }
}

/// A duration as people read it: `0.4 s`, `12 s`, `2 min 5 s`.
#[must_use]
pub fn elapsed(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..10 => format!("{:.1} s", time.as_secs_f64()),
        10..60 => format!("{seconds} s"),
        _ => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}
