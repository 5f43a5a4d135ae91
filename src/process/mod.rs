//! Commands as data, and the one runner that runs them all: its log, its timings, its environment.

mod excerpt;
pub(crate) mod in_use;
mod log;
pub(crate) mod signals;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use xshell::Shell;

pub(crate) use excerpt::Excerpt;
use log::Log;
pub use log::sweep_logs;

use crate::fs::disk;
use crate::process::signals::{HeldChild, Place};

/// A program to run, with nothing inherited: what it sees of the environment stands here.
#[derive(Debug, Clone)]
pub struct Command {
    starter: Vec<OsString>,
    program: PathBuf,
    arguments: Vec<OsString>,
    dir: PathBuf,
    variables: BTreeMap<OsString, OsString>,
    place: Place,
}

impl Command {
    /// `program`, to be run in `dir` with an empty environment.
    pub fn new(program: impl Into<PathBuf>, dir: impl Into<PathBuf>) -> Self {
        Self {
            starter: Vec::new(),
            program: program.into(),
            arguments: Vec::new(),
            dir: dir.into(),
            variables: BTreeMap::new(),
            place: Place::default(),
        }
    }

    /// To be run in the terminal's own process group: for programs that may ask, or that Ctrl-C has
    /// to reach by itself because they are not this user's (`sudo`).
    #[must_use]
    pub fn in_the_foreground(mut self) -> Self {
        self.place = Place::Foreground;
        self
    }

    /// With one more argument.
    #[must_use]
    pub fn with_argument(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// With more arguments.
    #[must_use]
    pub fn with_arguments<A: Into<OsString>>(
        mut self,
        arguments: impl IntoIterator<Item = A>,
    ) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// With a variable of the environment set.
    #[must_use]
    pub fn with_variable(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    /// With all these variables set.
    #[must_use]
    pub fn with_variables<'a>(
        mut self,
        variables: impl IntoIterator<Item = (&'a OsString, &'a OsString)>,
    ) -> Self {
        for (name, value) in variables {
            self.variables.insert(name.clone(), value.clone());
        }
        self
    }

    /// With another program, and words of its own, that starts this one. It is in the log, not in
    /// messages: it is this program that people care about.
    #[must_use]
    pub fn started_by(mut self, starter: &[OsString]) -> Self {
        self.starter = starter.to_vec();
        self
    }

    /// Runs it to its end and gives all that it printed; for questions, not for work.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn read(&self) -> Result<Answer, CommandError> {
        let (status, stdout, stderr) = self.output().map_err(|source| self.not_started(source))?;
        Ok(Answer {
            status,
            stdout: String::from_utf8_lossy(&stdout).into_owned(),
            stderr: String::from_utf8_lossy(&stderr).into_owned(),
        })
    }

    fn output(&self) -> io::Result<(ExitStatus, Vec<u8>, Vec<u8>)> {
        let mut process = self.to_process().map_err(io::Error::other)?;
        process
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = HeldChild::spawn(&mut process, self.place)?;
        let (stdout, stderr) = child.take_pipes();
        // Both at once: a program that fills one pipe while the other is read would wait forever.
        let (stdout, stderr) = std::thread::scope(|scope| {
            let other = scope.spawn(|| read_whole(stderr));
            let stdout = read_whole(stdout);
            (stdout, other.join().unwrap_or_else(|_| Ok(Vec::new())))
        });
        Ok((child.wait()?, stdout?, stderr?))
    }

    /// Runs it with the person's own terminal, for programs that ask or draw; gives its status.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn run_attached(&self) -> Result<ExitStatus, CommandError> {
        self.to_process()?
            .status()
            .map_err(|source| self.not_started(source))
    }

    fn to_process(&self) -> Result<std::process::Command, CommandError> {
        let shell = Shell::new().map_err(|source| CommandError::Shell(Box::new(source)))?;
        shell.change_dir(&self.dir);
        let program = self.program.as_os_str();
        let mut words = self
            .starter
            .iter()
            .map(OsString::as_os_str)
            .chain([program]);
        let command = shell
            .cmd(words.next().unwrap_or(program))
            .args(words)
            .args(&self.arguments)
            .env_clear()
            .envs(&self.variables);
        Ok(command.into())
    }

    /// Reads on from a folder: `, started by unshare --net`.
    fn started_by_what(&self) -> String {
        if self.starter.is_empty() {
            return String::new();
        }
        let words: Vec<String> = self.starter.iter().map(|word| quoted(word)).collect();
        format!(", started by {}", words.join(" "))
    }

    fn not_started(&self, source: io::Error) -> CommandError {
        CommandError::NotStarted {
            command: self.to_string(),
            dir: self.dir.clone(),
            source,
        }
    }
}

impl std::fmt::Display for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&quoted(self.program.as_os_str()))?;
        for argument in &self.arguments {
            // A script of pybuild's own says more by how it begins than by all its lines.
            match argument.to_string_lossy().split_once('\n') {
                Some((first, _)) => write!(f, " {}", quoted(OsStr::new(&format!("{first} …"))))?,
                None => write!(f, " {}", quoted(argument))?,
            }
        }
        Ok(())
    }
}

fn read_whole(pipe: Option<impl io::Read>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        pipe.read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

/// As one would type it in a shell.
#[must_use]
pub fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=/.,:+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// What a command that was asked a question printed.
#[derive(Debug, Clone)]
pub struct Answer {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

/// Why a command did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// It could not be started.
    #[error("`{command}` cannot be started in {}", dir.display())]
    NotStarted {
        /// The command line.
        command: String,
        /// Where it was to run.
        dir: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It ended with another status than 0.
    #[error("`{command}` failed: {status}{}", excerpt(lines))]
    Failed {
        /// The command line.
        command: String,
        /// How it ended.
        status: ExitStatus,
        /// The lines of its output that matter.
        lines: Vec<String>,
        /// What the disk refused it, where it says so.
        source: Option<io::Error>,
    },
    /// The log cannot be written.
    #[error("the log {} cannot be written", path.display())]
    Log {
        /// The log.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The current directory is gone.
    #[error("the current directory cannot be used")]
    Shell(#[source] Box<xshell::Error>),
}

impl CommandError {
    /// What else can be done when the disk refused it something, as [`disk::Refusal::hint`] wants it.
    #[must_use]
    pub fn instead(&self) -> &'static str {
        match self {
            Self::Log { .. } => "name another folder with PYBUILD_CACHE_DIR",
            _ => "name another folder with --build-dir",
        }
    }
}

pub(crate) fn excerpt(lines: &[String]) -> String {
    lines.iter().fold(String::new(), |mut text, line| {
        text.push_str("\n    ");
        text.push_str(line);
        text
    })
}

/// One command that was run; part of the record.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Timing {
    /// The step that ran it.
    pub step: String,
    /// The command line.
    pub command: String,
    /// How long it took, in seconds.
    pub seconds: f64,
}

/// Runs commands, one log for all of them.
pub struct Runner {
    log: Log,
    timings: Mutex<Vec<Timing>>,
}

impl Runner {
    /// A runner whose log is a new file at the first of `places` that can be written. It is created
    /// when the first command runs.
    #[must_use]
    pub fn with_log(places: impl IntoIterator<Item = PathBuf>) -> Self {
        Self {
            log: Log::at(places.into_iter().collect()),
            timings: Mutex::default(),
        }
    }

    /// Where the log is.
    #[must_use]
    pub fn log_path(&self) -> &Path {
        self.log.path()
    }

    /// Runs `command` for `step` to its end; every line of its output goes to the log and to `see`.
    ///
    /// # Errors
    /// [`CommandError`]; for a command that failed, with the lines that matter.
    pub fn run(
        &self,
        step: &str,
        command: &Command,
        mut see: impl FnMut(&str),
    ) -> Result<(), CommandError> {
        let started = Instant::now();
        self.write(&format!(
            "\n[{}] {step}: {command}\n  in {}{}\n",
            Timestamp::now(),
            command.dir.display(),
            command.started_by_what()
        ))?;
        let (reader, writer) = io::pipe().map_err(|source| command.not_started(source))?;
        let clone = writer
            .try_clone()
            .map_err(|source| command.not_started(source))?;
        let mut process = command.to_process()?;
        process.stdin(Stdio::null()).stdout(writer).stderr(clone);
        let child = HeldChild::spawn(&mut process, command.place)
            .map_err(|source| command.not_started(source))?;
        // The parent's copies of the pipe's writing end must go, or reading never ends.
        drop(process);
        let mut important = Excerpt::default();
        let seen = self.copy_lines(reader, |line| {
            important.take(line);
            see(line);
        });
        let status = child.wait().map_err(|source| command.not_started(source))?;
        seen?;
        let took = started.elapsed();
        self.write(&format!(
            "[{}] {step}: {status} after {:.1} s\n",
            Timestamp::now(),
            took.as_secs_f64()
        ))?;
        self.note_timing(step, command, took);
        if status.success() {
            return Ok(());
        }
        Err(CommandError::Failed {
            command: command.to_string(),
            status,
            source: disk::cause(important.refusal(), &command.dir),
            lines: important.lines(),
        })
    }

    /// Puts a line of pybuild's own into the log.
    ///
    /// # Errors
    /// [`CommandError::Log`].
    pub fn write(&self, text: &str) -> Result<(), CommandError> {
        self.write_bytes(text.as_bytes())
    }

    fn write_bytes(&self, bytes: &[u8]) -> Result<(), CommandError> {
        let written = self.log.write(bytes);
        written.map_err(|(path, source)| CommandError::Log { path, source })
    }

    /// What has been run so far, in order.
    #[must_use]
    pub fn timings(&self) -> Vec<Timing> {
        self.timings
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone()
    }

    fn note_timing(&self, step: &str, command: &Command, took: Duration) {
        self.timings
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .push(Timing {
                step: step.to_owned(),
                command: command.to_string(),
                seconds: (took.as_secs_f64() * 1000.0).round() / 1000.0,
            });
    }

    fn copy_lines(
        &self,
        from: io::PipeReader,
        mut see: impl FnMut(&str),
    ) -> Result<(), CommandError> {
        // A compiler's line can be long, but one without an end must not fill the memory.
        const LONGEST: u64 = 1 << 16;
        let mut reader = BufReader::new(from);
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = reader
                .by_ref()
                .take(LONGEST)
                .read_until(b'\n', &mut line)
                .map_err(|source| self.log_error(source))?;
            if read == 0 {
                return Ok(());
            }
            self.write_bytes(&line)?;
            see(String::from_utf8_lossy(&line).trim_end());
        }
    }

    fn log_error(&self, source: io::Error) -> CommandError {
        CommandError::Log {
            path: self.log_path().to_owned(),
            source,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Command, CommandError, Runner};

    fn shell(script: &str) -> Command {
        Command::new("/bin/sh", "/").with_arguments(["-c", script])
    }

    #[test]
    fn nothing_is_inherited() {
        let answer = Command::new("/usr/bin/env", "/")
            .with_variable("ONLY", "this")
            .read()
            .unwrap();
        assert_eq!(answer.stdout, "ONLY=this\n");
    }

    #[test]
    fn the_first_error_is_shown_and_the_log_has_everything() {
        let dir = tempfile::tempdir().unwrap();
        let runner = Runner::with_log([dir.path().join("log")]);
        let script =
            "echo a.c:1: error: first; for i in $(seq 40); do echo noise $i; done >&2; exit 3";
        let mut seen = 0;
        let error = runner
            .run("make", &shell(script), |_| seen += 1)
            .unwrap_err();
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
