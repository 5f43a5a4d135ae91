//! The processes that run an interpreter now, and leftover processes of killed pybuild runs, as far as
//! this process may know.

use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::error::{ExitStatus, Explain};

/// The environment variable of interpreters that pybuild itself starts to ask or check them.
pub const STARTED_BY_PYBUILD: (&str, &str) = ("PYBUILD_STARTED_THIS", "1");

/// What to do about processes that run an interpreter which is to be changed or taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenInUse {
    /// Nothing is changed while there are any.
    Refuse,
    /// `--even-if-running`.
    Ignore,
}

impl WhenInUse {
    /// Whether this interpreter may be changed now.
    ///
    /// # Errors
    /// [`InUse`].
    pub fn judge(self, interpreter: &Path) -> Result<(), InUse> {
        let processes = match self {
            Self::Refuse => processes_of(interpreter),
            Self::Ignore => Vec::new(),
        };
        if processes.is_empty() {
            return Ok(());
        }
        Err(InUse {
            interpreter: interpreter.to_owned(),
            processes,
        })
    }
}

/// Processes run the interpreter now.
#[derive(Debug, thiserror::Error)]
#[error("{} is running: {}", interpreter.display(), listed(processes))]
pub struct InUse {
    interpreter: PathBuf,
    processes: Vec<Process>,
}

impl Explain for InUse {
    fn exit_status(&self) -> ExitStatus {
        ExitStatus::Failed
    }

    fn hint(&self) -> Option<String> {
        Some("end these processes first; --even-if-running does it all the same, and they will not find what they have not read yet".to_owned())
    }
}

fn listed(processes: &[Process]) -> String {
    const MOST: usize = 5;
    let mut shown: Vec<String> = processes
        .iter()
        .take(MOST)
        .map(ToString::to_string)
        .collect();
    if processes.len() > MOST {
        shown.push(format!("and {} more", processes.len() - MOST));
    }
    shown.join(", ")
}

/// A process that runs the interpreter.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Process {
    /// Its id.
    id: u32,
    /// Its command line, as far as it is shown.
    command: String,
}

impl std::fmt::Display for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "process {} ({})", self.id, self.command)
    }
}

/// The processes whose program is this file, virtual environments of it included, by process id.
/// Those that a pybuild started are left out: it holds the interpreter's lock, only asks for the
/// version, or was killed a moment ago.
/// Where there is no `/proc` (proc(5)), nothing is known and nothing is found.
fn processes_of(interpreter: &Path) -> Vec<Process> {
    let Ok(file) = interpreter.metadata() else {
        return Vec::new();
    };
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    let mut found: Vec<Process> = entries
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let id: u32 = entry.file_name().to_str()?.parse().ok()?;
            let program = std::fs::metadata(entry.path().join("exe")).ok()?;
            let same = (program.dev(), program.ino()) == (file.dev(), file.ino());
            if !same || id == std::process::id() {
                return None;
            }
            wait_for_start(&entry.path());
            (!is_started_by_pybuild(&entry.path())).then(|| Process {
                id,
                command: command_line(&entry.path()),
            })
        })
        .collect();
    found.sort_by_key(|process| process.id);
    found
}

/// Waits until the process in this folder of `/proc` has a command line and an environment: a process that
/// has only just begun has neither. One without any environment is given a moment.
fn wait_for_start(process: &Path) {
    let is_empty = |name: &str| std::fs::read(process.join(name)).is_ok_and(|text| text.is_empty());
    for _ in 0..50 {
        if !is_empty("cmdline") && !is_empty("environ") {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Whether the process in this folder of `/proc` is one that pybuild started. Another user's cannot be
/// read, and is none.
fn is_started_by_pybuild(process: &Path) -> bool {
    let (name, value) = STARTED_BY_PYBUILD;
    has_variable(process, |variable| {
        variable == format!("{name}={value}").as_bytes()
    })
}

fn has_variable(process: &Path, is_it: impl Fn(&[u8]) -> bool) -> bool {
    let environment = std::fs::read(process.join("environ")).unwrap_or_default();
    environment.split(|byte| *byte == 0).any(is_it)
}

/// Ends the leftover processes of a killed pybuild, where their guard did not: those whose home folder is
/// in its scratch folder, which is no other process's home. Where there is no `/proc` (proc(5)), they
/// end by themselves when nobody reads what they print.
pub fn end_leftovers(scratch: &Path) {
    let home = [b"HOME=", scratch.as_os_str().as_bytes(), b"/"].concat();
    // One that was being started while this looked is found the next time.
    for _ in 0..20 {
        let mut found = false;
        for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
            let id = entry
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok());
            let Some(process) = id.and_then(Pid::from_raw) else {
                continue;
            };
            if has_variable(&entry.path(), |variable| variable.starts_with(&home)) {
                found |= kill_process(process, Signal::KILL).is_ok();
            }
        }
        if !found {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn command_line(process: &Path) -> String {
    const LONGEST: usize = 60;
    let bytes = std::fs::read(process.join("cmdline")).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes).replace('\0', " ");
    let text = text.trim();
    if text.chars().count() > LONGEST {
        let shown: String = text.chars().take(LONGEST).collect();
        format!("{shown}…")
    } else {
        text.to_owned()
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::{STARTED_BY_PYBUILD, end_leftovers, processes_of};

    #[test]
    fn only_processes_that_live_in_the_scratch_folder_are_ended() {
        let dir = tempfile::tempdir().unwrap();
        let scratch = dir.path().join("scratch");
        let beside = dir.path().join("scratch-of-a-user");
        let start = |home: &std::path::Path| {
            let mut sleep = std::process::Command::new("/bin/sleep");
            sleep.arg("60").env("HOME", home).spawn().unwrap()
        };
        let mut users = [start(&scratch), start(&beside.join("home"))];
        let mut ours = start(&scratch.join("home"));
        // One that has only just begun may still have this process's environment.
        while ours.try_wait().unwrap().is_none() {
            end_leftovers(&scratch);
        }
        for user in &mut users {
            assert!(user.try_wait().unwrap().is_none());
            user.kill().unwrap();
            user.wait().unwrap();
        }
    }

    #[test]
    fn a_process_is_found_by_the_file_that_it_runs() {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("sleeper");
        // By another process: what this one has open for writing, the children of other tests may have
        // open too, and what is open for writing cannot be run.
        let mut copy = std::process::Command::new("cp");
        let copied = copy.arg("/bin/sleep").arg(&program).status().unwrap();
        assert!(copied.success());
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&program, &link).unwrap();
        assert!(processes_of(&program).is_empty());
        let mut child = std::process::Command::new(&link).arg("60").spawn().unwrap();
        // A process that has only just begun has no command line yet.
        let found = (0..1000)
            .map(|_| processes_of(&program))
            .find(|found| found.iter().any(|process| !process.command.is_empty()))
            .unwrap_or_default();
        child.kill().unwrap();
        child.wait().unwrap();
        let (name, value) = STARTED_BY_PYBUILD;
        let mut own = std::process::Command::new(&link);
        let mut own = own.arg("60").env(name, value).spawn().unwrap();
        // Its environment is another's until it runs the file.
        let own_path = format!("/proc/{}/exe", own.id());
        while std::fs::read_link(&own_path).is_ok_and(|exe| exe != program) {
            std::thread::yield_now();
        }
        assert_eq!(processes_of(&program), []);
        own.kill().unwrap();
        own.wait().unwrap();
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].id, child.id());
        assert!(found[0].command.ends_with("link 60"), "{found:?}");
    }
}
