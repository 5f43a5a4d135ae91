//! Ctrl-C, SIGTERM and SIGHUP: child processes are ended, temporary folders are removed, and the exit
//! code is the signal's.
//!
//! A signal reaches the whole process, so this module has global state, unlike all others.

use std::collections::BTreeSet;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, test_kill_process_group,
    waitid,
};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::failpoint::crash_point;

/// The work of the signal handler. It is locked only for moments, because a second signal needs it
/// too.
#[derive(Default)]
struct Held {
    children: Vec<Running>,
    folders: BTreeSet<PathBuf>,
    logs: BTreeSet<PathBuf>,
}

/// A running child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Running {
    /// The leader of its process group: its guard, or the child if there is no guard.
    leader: Pid,
    place: Place,
}

/// The process group of a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Place {
    /// A group of its own, which is ended as a whole. The terminal's Ctrl-C does not reach it, and
    /// reading the terminal would stop it.
    #[default]
    OwnGroup,
    /// This process's group: the terminal's Ctrl-C reaches the child even if this process may not
    /// signal it (`sudo`), and the child may ask the user.
    Foreground,
}

static HELD: Mutex<Option<Held>> = Mutex::new(None);

/// Locked during work that a signal must not interrupt.
static UNINTERRUPTED: Mutex<()> = Mutex::new(());

/// Whether a signal has arrived.
static SIGNALLED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// How long children may take to end after SIGTERM.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long children may take to end after SIGKILL.
const DYING: Duration = Duration::from_secs(1);

/// Installs the signal handlers: the first signal ends the process in order, the second one at once.
/// Signals that are ignored when the process starts (`nohup`, or a background job of a shell) stay
/// ignored.
pub fn watch() -> io::Result<()> {
    let ignored = ignored_signals();
    let mut all = vec![SIGINT, SIGTERM, SIGHUP];
    all.retain(|signal| ignored & (1 << (signal - 1)) == 0);
    // Before the flag: once the flag is set, other threads wait for the thread below to exit.
    let mut signals = Signals::new(&all)?;
    for signal in all {
        signal_hook::flag::register(signal, Arc::clone(&SIGNALLED))?;
    }
    std::thread::spawn(move || {
        let mut first = true;
        for signal in signals.forever() {
            // The status that a shell reports for a process that a signal ended.
            let status = 128 + signal;
            if !first {
                // As SIGKILL does: an unfinished change of a prefix has a journal, and the next run
                // sweeps scratch folders.
                signal_all(Signal::KILL);
                std::process::exit(status);
            }
            first = false;
            std::thread::spawn(move || {
                let _last = uninterrupted();
                // Removing files can take a moment on a slow disk, and silence looks like a hang.
                anstream::eprintln!("\ninterrupted: removing temporary files");
                crash_point("interrupt.begun");
                end_children();
                crash_point("interrupt.ended");
                remove_folders();
                print_logs();
                std::process::exit(status);
            });
        }
    });
    Ok(())
}

/// The signals that this process ignores, as a bit mask; 0 if there is no `/proc` (proc(5)).
fn ignored_signals() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or_default()
}

/// After a signal, never returns. Ctrl-C may end a child before this process, and that child must
/// not be reported as a failed command.
pub fn give_way() {
    while SIGNALLED.load(Ordering::SeqCst) {
        std::thread::park();
    }
}

/// Delays the first signal until the guard is dropped; for short work only.
pub fn uninterrupted() -> MutexGuard<'static, ()> {
    UNINTERRUPTED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A child process. If this process ends, so do the child and all its descendants, unless one leaves
/// the process group (`setsid`).
#[derive(Debug)]
pub struct HeldChild {
    child: Child,
    /// See [`guard`].
    guard: Option<Child>,
    running: Running,
}

/// Starts the first process of a new group. It kills the group as soon as the pipe to this process
/// closes, so the group ends even if this process is killed with SIGKILL. The guard belongs to the
/// group, so the group's id cannot be reused while it lives.
fn guard() -> io::Result<Child> {
    Command::new("/bin/sh")
        .args(["-c", "read -r _; kill -s KILL 0"])
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
}

impl HeldChild {
    /// Starts `process`. A signal ends it until [`HeldChild::wait`] returns.
    pub fn spawn(process: &mut Command, place: Place) -> io::Result<Self> {
        // On a host without a shell there is no guard; a signal still ends the group.
        let guard = (place == Place::OwnGroup).then(|| guard().ok()).flatten();
        let group = guard.as_ref().map(Pid::from_child);
        if place == Place::OwnGroup {
            process.process_group(Pid::as_raw(group));
        }
        // The child is started under the lock, so that a signal finds it in the list.
        let started = with_held(|held| {
            if SIGNALLED.load(Ordering::SeqCst) {
                return None;
            }
            Some(process.spawn().map(|child| {
                let leader = group.unwrap_or(Pid::from_child(&child));
                let running = Running { leader, place };
                held.children.push(running);
                Self {
                    child,
                    guard,
                    running,
                }
            }))
        });
        match started {
            Some(started) => started,
            None => loop {
                give_way();
            },
        }
    }

    /// Its standard output and error, if they are pipes.
    pub fn take_pipes(&mut self) -> (Option<ChildStdout>, Option<ChildStderr>) {
        (self.child.stdout.take(), self.child.stderr.take())
    }

    /// Waits until it ends. After a signal, never returns.
    pub fn wait(mut self) -> io::Result<ExitStatus> {
        // It is not reaped while it is in the list, so that its id cannot be reused.
        let ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        loop {
            match waitid(WaitId::Pid(Pid::from_child(&self.child)), ended) {
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
                Ok(_) => break,
            }
        }
        let status = with_held(|held| {
            let signalled = SIGNALLED.load(Ordering::SeqCst);
            let status = self.child.wait();
            if let Some(mut guard) = self.guard.take() {
                // Before its pipe closes: background processes of the child may go on.
                let _ = guard.kill();
                let _ = guard.wait();
            }
            // After a signal, the rest of the group still has to be ended. While the group has
            // members, its id is not reused.
            if !signalled || !self.running.exists() {
                held.children.retain(|child| *child != self.running);
            }
            status
        });
        give_way();
        status
    }
}

impl Running {
    /// Whether its group has a process, even one that is not reaped yet.
    fn exists(self) -> bool {
        self.place == Place::OwnGroup && test_kill_process_group(self.leader) != Err(Errno::SRCH)
    }

    fn signal(self, signal: Signal) {
        // This fails if the process has ended, or for `sudo`.
        let _ = match self.place {
            Place::OwnGroup => kill_process_group(self.leader, signal),
            Place::Foreground => kill_process(self.leader, signal),
        };
    }
}

/// A temporary folder: until this is dropped, a signal removes the folder.
#[derive(Debug)]
pub struct HeldFolder(PathBuf);

impl HeldFolder {
    pub fn new(folder: PathBuf) -> Self {
        with_held(|held| held.folders.insert(folder.clone()));
        Self(folder)
    }
}

impl Drop for HeldFolder {
    fn drop(&mut self) {
        with_held(|held| held.folders.remove(&self.0));
    }
}

/// A log of commands: until this is dropped, a signal prints its path.
#[derive(Debug)]
pub struct HeldLog(PathBuf);

impl HeldLog {
    pub fn new(log: PathBuf) -> Self {
        with_held(|held| held.logs.insert(log.clone()));
        Self(log)
    }
}

impl Drop for HeldLog {
    fn drop(&mut self) {
        with_held(|held| held.logs.remove(&self.0));
    }
}

fn with_held<T>(work: impl FnOnce(&mut Held) -> T) -> T {
    let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    work(held.get_or_insert_default())
}

fn end_children() {
    // Once only: a shell script such as `configure` cleans up on SIGTERM, and every further signal
    // would start that again.
    signal_all(Signal::TERM);
    if !all_end_within(PATIENCE) {
        signal_all(Signal::KILL);
        all_end_within(DYING);
    }
}

fn signal_all(signal: Signal) {
    with_held(|held| held.children.iter().for_each(|child| child.signal(signal)));
}

fn all_end_within(patience: Duration) -> bool {
    let step = Duration::from_millis(20);
    let mut waited = Duration::ZERO;
    loop {
        // `HeldChild::wait` removes a child in the foreground.
        let ended = with_held(|held| {
            held.children
                .retain(|child| child.place == Place::Foreground || child.exists());
            held.children.is_empty()
        });
        if ended || waited >= patience {
            return ended;
        }
        std::thread::sleep(step);
        waited += step;
    }
}

fn remove_folders() {
    // A process that left its group may still write there.
    for _ in 0..20 {
        let mut folders = with_held(|held| held.folders.clone());
        folders.retain(|folder| {
            let _ = fs_err::remove_dir_all(folder);
            folder.exists()
        });
        if folders.is_empty() {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn print_logs() {
    let logs = with_held(|held| held.logs.clone());
    for log in logs.iter().filter(|log| log.exists()) {
        anstream::eprintln!("log of the commands: {}", log.display());
    }
}
