//! Who runs an interpreter just now, as far as this process may know.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::error::{ExitStatus, Explain};

/// What to do about processes that run an interpreter which is to be changed or taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenRunning {
    /// Nothing is changed while there are any.
    Refuse,
    /// `--even-if-running`.
    Ignore,
}

impl WhenRunning {
    /// Whether this interpreter may be changed now.
    ///
    /// # Errors
    /// [`Running`].
    pub fn judge(self, interpreter: &Path) -> Result<(), Running> {
        let processes = match self {
            Self::Refuse => processes_of(interpreter),
            Self::Ignore => Vec::new(),
        };
        if processes.is_empty() {
            return Ok(());
        }
        Err(Running {
            interpreter: interpreter.to_owned(),
            processes,
        })
    }
}

/// Processes run the interpreter now.
#[derive(Debug, thiserror::Error)]
#[error("{} is running: {}", interpreter.display(), listed(processes))]
pub struct Running {
    interpreter: PathBuf,
    processes: Vec<Process>,
}

impl Explain for Running {
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
            (same && id != std::process::id()).then(|| Process {
                id,
                command: command_line(&entry.path()),
            })
        })
        .collect();
    found.sort_by_key(|process| process.id);
    found
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
    use super::processes_of;

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
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].id, child.id());
        assert!(found[0].command.ends_with("link 60"), "{found:?}");
    }
}
