//! Output for people: results go to standard output, everything else to standard error.

use std::io::{self, Write as _};
use std::path::Path;
use std::time::Duration;

use owo_colors::OwoColorize as _;

/// How much is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Errors and warnings only.
    Quiet,
    /// Phases, choices and warnings.
    Normal,
    /// Also the answer of each origin, and each command.
    Verbose,
}

/// Prints for people. `anstream` removes the colours if the stream does not support them.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    verbosity: Verbosity,
    bars: bool,
}

impl Output {
    /// Progress bars are drawn only if standard error is a `terminal`.
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

    /// Whether progress is printed as lines, for a log.
    #[must_use]
    pub fn prints_lines_only(self) -> bool {
        !self.bars && self.verbosity >= Verbosity::Normal
    }

    /// Prints the progress of a long phase.
    pub fn progress(self, title: &str, position: &str, took: &str) {
        self.note(&format!(
            "{} {position} {}",
            format!("{title:<9}").bold(),
            format!("({took})").dimmed()
        ));
    }

    /// Prints the line of a finished phase.
    pub fn phase(self, title: &str, outcome: &str, took: &str) {
        let separator = if outcome.is_empty() { "" } else { " " };
        self.note(&format!(
            "{} {outcome}{separator}{}",
            format!("{title:<9}").bold().green(),
            format!("({took})").dimmed()
        ));
    }

    /// Prints a note, unless quiet.
    pub fn note(self, text: &str) {
        if self.verbosity >= Verbosity::Normal {
            anstream::eprintln!("{text}");
        }
    }

    /// Prints one line of a result to standard output.
    pub fn result(self, text: &str) {
        anstream::println!("{text}");
    }

    /// Writes these bytes to standard output without changing them. A closed pipe is not an error.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub fn result_bytes(self, bytes: &[u8]) -> io::Result<()> {
        // Not through `anstream`, which would remove colour sequences from them.
        let mut stdout = io::stdout().lock();
        match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
            _ => Ok(()),
        }
    }

    /// Prints a line with `-v` only.
    pub fn detail(self, text: &str) {
        if self.verbosity >= Verbosity::Verbose {
            anstream::eprintln!("{}", text.dimmed());
        }
    }

    /// Prints a warning, even when quiet.
    pub fn warn(self, text: &str) {
        anstream::eprintln!("{} {text}", "warning:".bold().yellow());
    }

    /// Prints an error, its causes on a line each, the hint, and the path of a log.
    pub fn error(self, error: &dyn std::error::Error, hint: Option<&str>, log: Option<&Path>) {
        anstream::eprintln!("{} {error}", "error:".bold().red());
        let mut cause = error.source();
        while let Some(error) = cause {
            anstream::eprintln!("  {} {error}", "because:".bold());
            cause = error.source();
        }
        if let Some(hint) = hint {
            anstream::eprintln!("{} {hint}", "hint:".bold().cyan());
        }
        if let Some(log) = log {
            anstream::eprintln!("{} {}", "log:".bold(), log.display());
        }
    }
}

/// A duration for people: `0.4 s`, `12 s`, `2 min 5 s`, `3 h 7 min`.
#[must_use]
pub fn elapsed(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..10 => format!("{:.1} s", time.as_secs_f64()),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}
