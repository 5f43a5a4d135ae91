//! Ctrl-C and SIGTERM: what runs is ended, what is half done is cleared away, and the exit code says so.
//!
//! Signals reach a process and not a value, so this is the one module with state of its own.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// What has to be seen to before the process may end.
#[derive(Default)]
struct Held {
    children: Vec<Pid>,
    folders: BTreeSet<PathBuf>,
}

static HELD: Mutex<Option<Held>> = Mutex::new(None);

/// Locked while something must not be cut short.
static UNINTERRUPTED: Mutex<()> = Mutex::new(());

/// Whether a signal has come; set the moment that it comes.
static SIGNALLED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// How long children have to end by themselves.
const PATIENCE: Duration = Duration::from_secs(2);

/// From now on the first signal ends the process in order, and a second one at once.
///
/// # Errors
/// When the system does not let signals be handled.
pub fn watch() -> std::io::Result<()> {
    let all = [SIGINT, SIGTERM, SIGHUP];
    for signal in all {
        signal_hook::flag::register(signal, Arc::clone(&SIGNALLED))?;
    }
    let mut signals = Signals::new(all)?;
    std::thread::spawn(move || {
        let mut first = true;
        for signal in signals.forever() {
            // What a shell reports for a process that a signal ended.
            let status = 128 + signal;
            if !first {
                std::process::exit(status);
            }
            first = false;
            std::thread::spawn(move || {
                let _last = uninterrupted();
                // Clearing away takes a moment on a slow disk, and silence would look like a hang.
                anstream::eprintln!("\ninterrupted: clearing away what is half done");
                end_children();
                clear_folders();
                std::process::exit(status);
            });
        }
    });
    Ok(())
}

/// To be called when a child has ended. Ctrl-C reaches children too, and one that fell sooner than
/// this process must not be told as a command that failed: after a signal, this never returns.
pub fn give_way() {
    while SIGNALLED.load(Ordering::SeqCst) {
        std::thread::park();
    }
}

/// While this is held, the first signal waits; for moments only.
pub fn uninterrupted() -> MutexGuard<'static, ()> {
    UNINTERRUPTED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A child process that is ended with this one.
#[derive(Debug)]
pub struct HeldChild(Pid);

impl HeldChild {
    /// Until this is dropped, a signal ends `child` too. Its own children are its business: `make`
    /// ends its jobs when it is told to end.
    #[must_use]
    pub fn new(child: &std::process::Child) -> Self {
        let pid = Pid::from_child(child);
        with_held(|held| held.children.push(pid));
        Self(pid)
    }
}

impl Drop for HeldChild {
    fn drop(&mut self) {
        with_held(|held| held.children.retain(|child| *child != self.0));
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

fn with_held<T>(work: impl FnOnce(&mut Held) -> T) -> T {
    let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    work(held.get_or_insert_default())
}

fn end_children() {
    // Once: a shell script such as `configure` clears up when it is told to end, and being told
    // again and again it would never come to an end.
    signal_all(Signal::TERM);
    let step = Duration::from_millis(20);
    let mut waited = Duration::ZERO;
    while waited < PATIENCE && with_held(|held| !held.children.is_empty()) {
        std::thread::sleep(step);
        waited += step;
    }
    signal_all(Signal::KILL);
}

fn signal_all(signal: Signal) {
    with_held(|held| {
        for child in &held.children {
            let _ = kill_process(*child, signal);
        }
    });
}

fn clear_folders() {
    // A job that its parent left behind may still be writing there.
    for _ in 0..20 {
        let gone = with_held(|held| {
            held.folders.retain(|folder| {
                let _ = fs_err::remove_dir_all(folder);
                folder.exists()
            });
            held.folders.is_empty()
        });
        if gone {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}
