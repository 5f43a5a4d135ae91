//! The program that `make` starts instead of each compiler: a copy of pybuild under another name, which
//! runs the compiler and appends the times to a file.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;

use super::clock;
use super::compiler_runs::{self, CompilerRun};

/// The name by which the copy knows its purpose.
const NAME: &str = "compiler-timer";

/// The variable that names the file of the runs.
const FILE: &str = "PYBUILD_COMPILER_RUNS";

/// The timer of one build, in its build folder: another user may not reach pybuild itself.
#[derive(Debug)]
pub(crate) struct CompilerTimer {
    program: PathBuf,
    variables: BTreeMap<OsString, OsString>,
    file: PathBuf,
}

impl CompilerTimer {
    pub(super) fn create(folder: &Path) -> io::Result<Self> {
        let program = folder.join(NAME);
        // The link leads to this program even if a file of another version has replaced it.
        let own = Path::new("/proc/self/exe");
        let own = if own.exists() {
            own.to_owned()
        } else {
            std::env::current_exe()?
        };
        fs_err::copy(own, &program)?;
        let file = folder.join("compiler-runs");
        Ok(Self {
            program,
            variables: BTreeMap::from([(FILE.into(), file.clone().into())]),
            file,
        })
    }

    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    /// The variables that the program needs.
    pub(crate) fn variables(&self) -> &BTreeMap<OsString, OsString> {
        &self.variables
    }

    pub(super) fn runs(&self) -> Vec<CompilerRun> {
        compiler_runs::read(&self.file)
    }
}

/// Runs a compiler command if this process was started as the timer; returns the exit code of the command.
pub(crate) fn run_if_called(arguments: impl IntoIterator<Item = OsString>) -> Option<u8> {
    let mut arguments = arguments.into_iter();
    let own = arguments.next()?;
    if Path::new(&own).file_name()? != NAME {
        return None;
    }
    let file = std::env::var_os(FILE)?;
    let command: Vec<OsString> = arguments.collect();
    let start = clock::now();
    let status = match Command::new(command.first()?).args(&command[1..]).status() {
        Ok(status) => status,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{}: {error}", command[0].display());
            return Some(127);
        }
    };
    // The build goes on if the times are lost.
    let _ = note(&command, start, clock::now(), Path::new(&file));
    Some(exit_code(status))
}

fn note(command: &[OsString], start: Duration, end: Duration, file: &Path) -> io::Result<()> {
    let folder = std::env::current_dir()?;
    let (name, kind) = compiler_runs::describe(command, &folder);
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let run = CompilerRun {
        file: name,
        kind,
        start: clock::seconds(start),
        end: clock::seconds(end),
        user: seconds(usage.user_time()),
        system: seconds(usage.system_time()),
        job: 0,
    };
    let mut line = serde_json::to_vec(&run)?;
    line.push(b'\n');
    // One write, so that the lines of several timers do not mix.
    let mut file = std::fs::File::options()
        .create(true)
        .append(true)
        .open(file)?;
    file.write_all(&line)
}

fn seconds(time: TimeVal) -> f64 {
    let micros = u64::try_from(time.tv_usec()).unwrap_or_default();
    let whole = u64::try_from(time.tv_sec()).unwrap_or_default();
    clock::seconds(Duration::from_secs(whole) + Duration::from_micros(micros))
}

/// The exit code as a shell reports it.
fn exit_code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| Some(128 + status.signal()?));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}
