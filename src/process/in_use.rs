//! The processes that run an interpreter, and leftover processes of killed pybuild runs, found in
//! `/proc` (proc(5)). On a system without it, none are found.

use std::fmt;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::error::{ExitStatus, Explain};

/// The environment variable of the interpreters that pybuild itself starts.
pub const STARTED_BY_PYBUILD: (&str, &str) = ("PYBUILD_STARTED_THIS", "1");

/// The policy for an interpreter that is to be changed or removed while processes run it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenInUse {
    /// Fail before anything is changed.
    Refuse,
    /// `--even-if-running`.
    Ignore,
}

impl WhenInUse {
    /// Fails if the interpreter must not be changed now.
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
        Some("end these processes first; --even-if-running continues anyway, and the processes may fail when they import more modules".to_owned())
    }
}

fn listed(processes: &[Process]) -> String {
    const MOST: usize = 5;
    let shown = processes.iter().take(MOST).map(ToString::to_string);
    let mut shown: Vec<String> = shown.collect();
    if processes.len() > MOST {
        shown.push(format!("and {} more", processes.len() - MOST));
    }
    shown.join(", ")
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Process {
    id: u32,
    /// The beginning of its command line.
    command: String,
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} ({})", self.id, self.command)
    }
}

/// The processes and their folders in `/proc`.
fn all_processes() -> impl Iterator<Item = (u32, PathBuf)> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path())))
}

/// The processes whose program is this file, directly or from a virtual environment, by process id.
/// Those that pybuild started are not included: they hold the interpreter's lock, only print a
/// version, or were killed a moment ago.
fn processes_of(interpreter: &Path) -> Vec<Process> {
    let Ok(file) = interpreter.metadata() else {
        return Vec::new();
    };
    let is_it = |id: u32, folder: &Path| {
        let program = std::fs::metadata(folder.join("exe"));
        id != std::process::id()
            && program.is_ok_and(|it| (it.dev(), it.ino()) == (file.dev(), file.ino()))
    };
    let mut found = Vec::new();
    for (id, folder) in all_processes().filter(|(id, folder)| is_it(*id, folder)) {
        wait_for_start(&folder);
        if !is_started_by_pybuild(&folder) {
            let command = command_line(&folder);
            found.push(Process { id, command });
        }
    }
    found.sort_by_key(|process| process.id);
    found
}

/// Waits up to 50 ms until the process has a command line and an environment: a new process has
/// neither.
fn wait_for_start(process: &Path) {
    let is_empty = |name: &str| std::fs::read(process.join(name)).is_ok_and(|text| text.is_empty());
    for _ in 0..50 {
        if !is_empty("cmdline") && !is_empty("environ") {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Whether pybuild started the process. The environment of another user's process cannot be read.
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

/// Ends the leftover processes of a killed pybuild that their guard did not end. Their home folder is
/// in its scratch folder, unlike that of any other process. On a system without `/proc`, they end
/// when they next write to their closed output pipe.
pub fn end_leftovers(scratch: &Path) {
    let home = [b"HOME=", scratch.as_os_str().as_bytes(), b"/"].concat();
    // A process that starts during one search is found by the next one.
    for _ in 0..20 {
        let mut found = false;
        for (id, folder) in all_processes() {
            let process = i32::try_from(id).ok().and_then(Pid::from_raw);
            if let Some(process) = process
                && has_variable(&folder, |variable| variable.starts_with(&home))
            {
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
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::{STARTED_BY_PYBUILD, end_leftovers, processes_of};

    #[test]
    fn only_processes_with_a_home_in_the_scratch_folder_are_ended() {
        let dir = tempfile::tempdir().unwrap();
        let scratch = dir.path().join("scratch");
        let beside = dir.path().join("scratch-of-a-user");
        let start = |home: &std::path::Path| {
            let mut sleep = std::process::Command::new("/bin/sleep");
            sleep.arg("60").env("HOME", home).spawn().unwrap()
        };
        let mut users = [start(&scratch), start(&beside.join("home"))];
        let mut ours = start(&scratch.join("home"));
        // A new process may still have this process's environment.
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
        // Copied by another process: children of other tests inherit a file that this process has
        // open, and a file that is open for writing cannot be executed.
        let mut copy = std::process::Command::new("cp");
        let copied = copy.arg("/bin/sleep").arg(&program).status().unwrap();
        assert!(copied.success());
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&program, &link).unwrap();
        assert!(processes_of(&program).is_empty());
        let mut child = std::process::Command::new(&link).arg("60").spawn().unwrap();
        // A new process has no command line yet.
        let found = (0..1000)
            .map(|_| processes_of(&program))
            .find(|found| found.iter().any(|process| !process.command.is_empty()))
            .unwrap_or_default();
        child.kill().unwrap();
        child.wait().unwrap();
        let (name, value) = STARTED_BY_PYBUILD;
        let mut own = std::process::Command::new(&link);
        let mut own = own.arg("60").env(name, value).spawn().unwrap();
        // Until it runs the file, it has this process's environment.
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
