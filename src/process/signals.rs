//! Ctrl-C and SIGTERM: what runs is ended, what is half done is cleared away, and the exit code says so.
//!
//! Signals reach a process and not a value, so this is the one module with state of its own.

use std::collections::BTreeSet;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, ExitStatus, Stdio};
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

/// What has to be seen to before the process may end. Locked for moments only: the second signal has
/// to get at it too.
#[derive(Default)]
struct Held {
    children: Vec<Running>,
    folders: BTreeSet<PathBuf>,
    logs: BTreeSet<PathBuf>,
}

/// A child that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Running {
    /// The leader of its group: its guard, or itself where it has none.
    leader: Pid,
    place: Place,
}

/// Which process group a child is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Place {
    /// One of its own, which is ended as a whole. The terminal's Ctrl-C does not reach it by itself,
    /// and it would be stopped if it read the terminal.
    #[default]
    OwnGroup,
    /// This process's: the terminal's Ctrl-C reaches it, even where this process may not end it
    /// (`sudo`), and it may ask the person.
    Foreground,
}

static HELD: Mutex<Option<Held>> = Mutex::new(None);

/// Locked while something must not be cut short.
static UNINTERRUPTED: Mutex<()> = Mutex::new(());

/// Whether a signal has come; set the moment that it comes.
static SIGNALLED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// How long children have to end by themselves.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long the system has to end those that are killed.
const DYING: Duration = Duration::from_secs(1);

/// From now on the first signal ends the process in order, and a second one at once. One that whoever
/// started this process has it ignore (`nohup`, or a shell for what runs in the background) stays ignored.
///
/// # Errors
/// When the system does not let signals be handled.
pub fn watch() -> io::Result<()> {
    let ignored = ignored();
    let mut all = vec![SIGINT, SIGTERM, SIGHUP];
    all.retain(|signal| ignored & (1 << (signal - 1)) == 0);
    // First: a flag that nobody acts upon would be waited for in vain.
    let mut signals = Signals::new(&all)?;
    for signal in all {
        signal_hook::flag::register(signal, Arc::clone(&SIGNALLED))?;
    }
    std::thread::spawn(move || {
        let mut first = true;
        for signal in signals.forever() {
            // What a shell reports for a process that a signal ended.
            let status = 128 + signal;
            if !first {
                // At once, as if killed: a prefix that is being changed has a journal, and scratch
                // folders are swept by the next run.
                signal_all(Signal::KILL);
                std::process::exit(status);
            }
            first = false;
            std::thread::spawn(move || {
                let _last = uninterrupted();
                // Clearing away takes a moment on a slow disk, and silence would look like a hang.
                anstream::eprintln!("\ninterrupted: clearing away what is half done");
                crash_point("interrupt.begun");
                end_children();
                crash_point("interrupt.ended");
                clear_folders();
                name_logs();
                std::process::exit(status);
            });
        }
    });
    Ok(())
}

/// The signals that this process ignores, a bit each; none where there is no `/proc` (proc(5)).
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or_default()
}

/// Ctrl-C may reach children too, and one that fell sooner than this process must not be told as a
/// command that failed: after a signal, this never returns.
pub fn give_way() {
    while SIGNALLED.load(Ordering::SeqCst) {
        std::thread::park();
    }
}

/// While this is held, the first signal waits; for moments only.
pub fn uninterrupted() -> MutexGuard<'static, ()> {
    UNINTERRUPTED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A child process that is ended with this one, and all that it started with it: `make`'s jobs, what
/// these started, and what outlived them. Only what leaves the group on purpose (`setsid`) escapes.
#[derive(Debug)]
pub struct HeldChild {
    child: Child,
    /// See [`guard`].
    guard: Option<Child>,
    running: Running,
}

/// Starts the first process of a new group. It kills that group, and nothing else, as soon as the pipe
/// to this process closes. So the group's processes end even if this process is killed with SIGKILL.
/// The guard belongs to the group: the group's id cannot pass to other processes while it lives.
fn guard() -> io::Result<Child> {
    std::process::Command::new("/bin/sh")
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
    /// Starts `process`; until [`HeldChild::wait`] has come to its end, a signal ends it.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn(process: &mut std::process::Command, place: Place) -> io::Result<Self> {
        // A host without a shell has no guard; a signal still ends the group.
        let guard = (place == Place::OwnGroup).then(|| guard().ok()).flatten();
        let group = guard.as_ref().map(Pid::from_child);
        if place == Place::OwnGroup {
            process.process_group(Pid::as_raw(group));
        }
        // Under the lock, so that no signal finds a child that is not on the list yet.
        let started = with_held(|held| {
            if SIGNALLED.load(Ordering::SeqCst) {
                return None;
            }
            Some(process.spawn().map(|child| {
                let running = Running {
                    leader: group.unwrap_or(Pid::from_child(&child)),
                    place,
                };
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

    /// Its standard output and error, where they are pipes.
    pub fn take_pipes(
        &mut self,
    ) -> (
        Option<std::process::ChildStdout>,
        Option<std::process::ChildStderr>,
    ) {
        (self.child.stdout.take(), self.child.stderr.take())
    }

    /// Waits for its end. After a signal, this never returns.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn wait(mut self) -> io::Result<ExitStatus> {
        // It is not reaped as long as it is on the list: its id must not become somebody else's.
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
                // Before its pipe closes: what the child left running on purpose goes on.
                let _ = guard.kill();
                let _ = guard.wait();
            }
            // After a signal those that it left behind are still to be ended; as long as there are
            // any, the group's id stays theirs.
            if !signalled || !self.running.is_there() {
                held.children.retain(|child| *child != self.running);
            }
            status
        });
        give_way();
        status
    }
}

impl Running {
    /// Whether there is anything left of it. A leader that nobody has reaped counts.
    fn is_there(self) -> bool {
        match self.place {
            Place::OwnGroup => test_kill_process_group(self.leader) != Err(Errno::SRCH),
            Place::Foreground => false,
        }
    }

    fn signal(self, signal: Signal) {
        // It may have ended, and `sudo` may not be signalled.
        let _ = match self.place {
            Place::OwnGroup => kill_process_group(self.leader, signal),
            Place::Foreground => kill_process(self.leader, signal),
        };
    }
}

/// A folder that does not outlive this process.
#[derive(Debug)]
pub struct HeldFolder(PathBuf);

impl HeldFolder {
    /// Until this is dropped, a signal removes the folder.
    #[must_use]
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

/// A log of commands: a signal prints its path, as nobody else will.
#[derive(Debug)]
pub struct HeldLog(PathBuf);

impl HeldLog {
    /// Until this is dropped, a signal prints the path.
    #[must_use]
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
    // Once: a shell script such as `configure` clears up when it is told to end, and being told
    // again and again it would never come to an end.
    signal_all(Signal::TERM);
    if !all_gone_within(PATIENCE) {
        signal_all(Signal::KILL);
        all_gone_within(DYING);
    }
}

fn signal_all(signal: Signal) {
    with_held(|held| held.children.iter().for_each(|child| child.signal(signal)));
}

fn all_gone_within(patience: Duration) -> bool {
    let step = Duration::from_millis(20);
    let mut waited = Duration::ZERO;
    loop {
        // One in the foreground is off the list when its end was seen.
        let gone = with_held(|held| {
            held.children
                .retain(|child| child.place == Place::Foreground || child.is_there());
            held.children.is_empty()
        });
        if gone || waited >= patience {
            return gone;
        }
        std::thread::sleep(step);
        waited += step;
    }
}

fn clear_folders() {
    // What left its group may still be writing there.
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

/// Prints the paths of the logs that stay.
fn name_logs() {
    let logs = with_held(|held| held.logs.clone());
    for log in logs.iter().filter(|log| log.exists()) {
        anstream::eprintln!("the log of what had run is {}", log.display());
    }
}
