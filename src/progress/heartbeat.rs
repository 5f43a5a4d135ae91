//! A thread that calls a function repeatedly until the heartbeat is dropped.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

pub(crate) struct Heartbeat {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Heartbeat {
    /// Calls `beat` after `first`, and then each time after the duration that it returned.
    pub(crate) fn start(first: Duration, beat: impl Fn() -> Duration + Send + 'static) -> Self {
        let (stop, stopped) = mpsc::channel();
        let thread = thread::Builder::new().spawn(move || {
            let mut wait = first;
            while stopped.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
                wait = beat();
            }
        });
        Self {
            stop: Some(stop),
            // If no thread can be started, there is no heartbeat.
            thread: thread.ok(),
        }
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
