//! A command as data: it can be printed before it is started.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::{self, Read};
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};

use xshell::Shell;

use super::error::CommandError;
use super::signals::{HeldChild, Place};

/// A program with its arguments, folder and environment. It inherits no environment variable.
#[derive(Debug, Clone)]
pub struct Command {
    starter: Vec<OsString>,
    program: PathBuf,
    arguments: Vec<OsString>,
    pub(super) dir: PathBuf,
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

    /// In the terminal's process group: for programs that may ask the user, or that pybuild may not
    /// signal, so that the terminal's Ctrl-C has to reach them (`sudo`).
    pub fn in_the_foreground(mut self) -> Self {
        self.place = Place::Foreground;
        self
    }

    pub fn with_argument(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    pub fn with_arguments<A: Into<OsString>>(
        mut self,
        arguments: impl IntoIterator<Item = A>,
    ) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    pub fn with_variable(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    pub fn with_variables<'a>(
        mut self,
        variables: impl IntoIterator<Item = (&'a OsString, &'a OsString)>,
    ) -> Self {
        let variables = variables.into_iter();
        self.variables
            .extend(variables.map(|(name, value)| (name.clone(), value.clone())));
        self
    }

    /// Started by another program with arguments of its own, such as `unshare --net`. The log shows
    /// it; messages do not.
    pub fn started_by(mut self, starter: &[OsString]) -> Self {
        self.starter = starter.to_vec();
        self
    }

    /// Started by another program, which starts the present starter.
    pub(super) fn first_started_by(mut self, starter: &[OsString]) -> Self {
        self.starter.splice(0..0, starter.iter().cloned());
        self
    }

    /// Runs it and returns its output; for questions. A build's commands use [`super::Runner::run`].
    pub fn read(&self) -> Result<Answer, CommandError> {
        self.output().map_err(|source| self.not_started(source))
    }

    fn output(&self) -> io::Result<Answer> {
        let mut child = self.spawn(Stdio::piped(), Stdio::piped())?;
        let (stdout, stderr) = child.take_pipes();
        // Both pipes at once: the program blocks as soon as either of them is full.
        let (stdout, stderr) = std::thread::scope(|scope| {
            let stderr = scope.spawn(|| read_all(stderr));
            let stdout = read_all(stdout);
            (stdout, stderr.join().unwrap_or_else(|_| Ok(String::new())))
        });
        Ok(Answer {
            status: child.wait()?,
            stdout: stdout?,
            stderr: stderr?,
        })
    }

    /// Starts it without standard input.
    pub(super) fn spawn(
        &self,
        stdout: impl Into<Stdio>,
        stderr: impl Into<Stdio>,
    ) -> io::Result<HeldChild> {
        let starter = self.starter.iter().map(OsString::as_os_str);
        let mut words = starter.chain([self.program.as_os_str()]);
        let mut process = std::process::Command::new(words.next().unwrap_or_default());
        process
            .args(words)
            .args(&self.arguments)
            .env_clear()
            .envs(&self.variables)
            .current_dir(&self.dir)
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(stderr);
        HeldChild::spawn(&mut process, self.place)
    }

    /// Runs it in the user's terminal, for programs that ask for a password there.
    pub fn run_in_terminal(&self) -> Result<(), CommandError> {
        let run = || {
            let shell = Shell::new()?;
            shell.change_dir(&self.dir);
            let command = shell.cmd(&self.program).args(&self.arguments);
            command.env_clear().envs(&self.variables).quiet().run()
        };
        run().map_err(|source| CommandError::InTerminal {
            command: self.to_string(),
            source: Box::new(source),
        })
    }

    /// The end of a log line: `, started by unshare --net`.
    pub(super) fn starter_for_log(&self) -> String {
        if self.starter.is_empty() {
            return String::new();
        }
        let words: Vec<String> = self.starter.iter().map(|word| quoted(word)).collect();
        format!(", started by {}", words.join(" "))
    }

    pub(super) fn not_started(&self, source: io::Error) -> CommandError {
        CommandError::NotStarted {
            command: self.to_string(),
            dir: self.dir.clone(),
            source,
        }
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&quoted(self.program.as_os_str()))?;
        for argument in &self.arguments {
            // Only the first line of a script.
            match argument.to_string_lossy().split_once('\n') {
                Some((first, _)) => write!(f, " {}", quoted(OsStr::new(&format!("{first} …"))))?,
                None => write!(f, " {}", quoted(argument))?,
            }
        }
        Ok(())
    }
}

fn read_all(pipe: Option<impl Read>) -> io::Result<String> {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        pipe.read_to_end(&mut bytes)?;
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The word as it is typed in a shell.
pub fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=/.,:+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// The output of a command that was run with [`Command::read`].
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

#[cfg(test)]
mod tests {
    use super::Command;

    #[test]
    fn nothing_is_inherited() {
        let answer = Command::new("/usr/bin/env", "/")
            .with_variable("ONLY", "this")
            .read()
            .unwrap();
        assert_eq!(answer.stdout, "ONLY=this\n");
    }

    #[test]
    fn a_command_in_the_terminal_inherits_nothing_and_its_status_counts() {
        let run = |script: &str| {
            let shell = Command::new("/bin/sh", "/").with_arguments(["-c", script]);
            shell.with_variable("ONLY", "this").run_in_terminal()
        };
        run("[ $ONLY = this ] && [ -z \"$HOME\" ] && [ $PWD = / ]").unwrap();
        let error = run("exit 3").unwrap_err();
        assert_eq!(
            error.to_string(),
            "`/bin/sh -c 'exit 3'` failed in the terminal"
        );
    }
}
