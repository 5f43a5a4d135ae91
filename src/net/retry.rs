//! Asking again: how often, and how long to wait in between.

use std::time::Duration;

use crate::net::http::HttpError;
use crate::progress::Reporter;

/// How failures that may pass are met.
#[derive(Debug, Clone, Copy)]
pub struct Retries {
    /// How often it is tried in all.
    pub tries: u32,
    /// The pause before the second try; it triples from try to try.
    pub pause: Duration,
}

impl Default for Retries {
    fn default() -> Self {
        Self {
            tries: 3,
            pause: Duration::from_millis(500),
        }
    }
}

/// A server that wants more time than this is left alone: there are other origins.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// A failure that says whether trying again may help.
pub trait Passing: std::error::Error {
    /// Whether trying again may help.
    fn is_passing(&self) -> bool;

    /// When it may help, as far as the other side said so.
    fn retry_after(&self) -> Option<Duration>;
}

impl Passing for HttpError {
    fn is_passing(&self) -> bool {
        self.is_passing()
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

impl Retries {
    /// Calls `operation` until it succeeds, fails for good, or was tried often enough.
    ///
    /// # Errors
    /// The last failure.
    pub fn run<T, E: Passing>(
        &self,
        reporter: &dyn Reporter,
        mut operation: impl FnMut() -> Result<T, E>,
    ) -> Result<T, E> {
        let mut pause = self.pause;
        for _ in 1..self.tries {
            let error = match operation() {
                Err(error) if error.is_passing() => error,
                done => return done,
            };
            let wait = error.retry_after().unwrap_or(pause);
            if wait > LONGEST_PAUSE {
                return Err(error);
            }
            reporter.detail(&format!(
                "{error}; trying again in {:.1} s",
                wait.as_secs_f64()
            ));
            std::thread::sleep(wait);
            pause *= 3;
        }
        operation()
    }
}
