//! Runs the commands of a build, one log for all of them.

use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::command::Command;
use super::error::CommandError;
use super::excerpt::Excerpt;
use super::log::Log;
use crate::fs::disk;

/// A command that was run, in the record.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Timing {
    pub step: String,
    pub command: String,
    pub seconds: f64,
    /// `None` in a record that was read.
    #[serde(skip)]
    pub started: Option<Instant>,
}

pub struct Runner {
    log: Log,
    timings: Mutex<Vec<Timing>>,
}

impl Runner {
    /// A runner whose log is a new file at the first of `places` that can be written. It is created
    /// when the first command runs.
    pub fn with_log(places: impl IntoIterator<Item = PathBuf>) -> Self {
        Self {
            log: Log::at(places.into_iter().collect()),
            timings: Mutex::default(),
        }
    }

    pub fn log_path(&self) -> &Path {
        self.log.path()
    }

    /// Runs `command` for `step`. Every line of its output goes to the log and to `see`.
    pub fn run(
        &self,
        step: &str,
        command: &Command,
        mut see: impl FnMut(&str),
    ) -> Result<(), CommandError> {
        let not_started = |source| command.not_started(source);
        let started = Instant::now();
        self.write(&format!(
            "\n[{}] {step}: {command}\n  in {}{}\n",
            Timestamp::now(),
            command.dir.display(),
            command.starter_for_log()
        ))?;
        let (reader, writer) = io::pipe().map_err(not_started)?;
        let clone = writer.try_clone().map_err(not_started)?;
        // It closes this process's copies of the writing end: otherwise reading never ends.
        let child = command.spawn(writer, clone).map_err(not_started)?;
        let mut excerpt = Excerpt::default();
        let copied = self.copy_lines(reader, |line| {
            excerpt.take(line);
            see(line);
        });
        let status = child.wait().map_err(not_started)?;
        copied?;
        let took = started.elapsed();
        self.write(&format!(
            "[{}] {step}: {status} after {:.1} s\n",
            Timestamp::now(),
            took.as_secs_f64()
        ))?;
        self.note_timing(step, command, started, took);
        if status.success() {
            return Ok(());
        }
        Err(CommandError::Failed {
            command: command.to_string(),
            status,
            source: disk::cause(excerpt.refusal(), &command.dir),
            lines: excerpt.lines(),
        })
    }

    /// Writes text of pybuild's own to the log.
    pub fn write(&self, text: &str) -> Result<(), CommandError> {
        self.write_bytes(text.as_bytes())
    }

    fn write_bytes(&self, bytes: &[u8]) -> Result<(), CommandError> {
        let written = self.log.write(bytes);
        written.map_err(|(path, source)| CommandError::Log { path, source })
    }

    /// The commands that were run, in order.
    pub fn timings(&self) -> Vec<Timing> {
        let timings = self.timings.lock().unwrap_or_else(PoisonError::into_inner);
        timings.clone()
    }

    fn note_timing(&self, step: &str, command: &Command, started: Instant, took: Duration) {
        let mut timings = self.timings.lock().unwrap_or_else(PoisonError::into_inner);
        timings.push(Timing {
            step: step.to_owned(),
            command: command.to_string(),
            seconds: (took.as_secs_f64() * 1000.0).round() / 1000.0,
            started: Some(started),
        });
    }

    fn copy_lines(
        &self,
        from: io::PipeReader,
        mut see: impl FnMut(&str),
    ) -> Result<(), CommandError> {
        // A compiler's line can be long; an endless one must not fill the memory.
        const LONGEST: u64 = 1 << 16;
        let mut reader = BufReader::new(from);
        let mut line = Vec::new();
        loop {
            line.clear();
            let part = reader.by_ref().take(LONGEST).read_until(b'\n', &mut line);
            let read = part.map_err(|source| CommandError::Log {
                path: self.log_path().to_owned(),
                source,
            })?;
            if read == 0 {
                return Ok(());
            }
            self.write_bytes(&line)?;
            see(String::from_utf8_lossy(&line).trim_end());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Command, CommandError, Runner};

    #[test]
    fn the_first_error_is_shown_and_the_log_has_everything() {
        let dir = tempfile::tempdir().unwrap();
        let runner = Runner::with_log([dir.path().join("log")]);
        let script =
            "echo a.c:1: error: first; for i in $(seq 40); do echo noise $i; done >&2; exit 3";
        let command = Command::new("/bin/sh", "/").with_arguments(["-c", script]);
        let mut seen = 0;
        let error = runner.run("make", &command, |_| seen += 1).unwrap_err();
        assert_eq!(seen, 41);
        let CommandError::Failed { lines, .. } = &error else {
            panic!("{error}")
        };
        assert_eq!(lines[0], "a.c:1: error: first");
        assert!(error.to_string().contains("exit status: 3"), "{error}");
        let log = fs_err::read_to_string(runner.log_path()).unwrap();
        assert!(
            log.contains("noise 40") && log.contains("make: /bin/sh -c"),
            "{log}"
        );
        assert_eq!(runner.timings().len(), 1);
    }
}
