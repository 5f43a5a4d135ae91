//! The retry policy: which failures a request is repeated for, how often, and after which pause.

use std::time::{Duration, Instant};

use reqwest::StatusCode;

use crate::net::error::{HttpError, MaybeHttp};
use crate::net::event::Event;
use crate::progress::Reporter;

/// The number of tries, and the pauses between them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Retries {
    pub(crate) tries: u32,
    /// The pause before the second try; it triples from try to try.
    pub(crate) pause: Duration,
    /// After this time a failed request is not repeated.
    pub(crate) patience: Duration,
}

/// A server that demands a longer pause (`Retry-After`) is not asked again.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

impl Retries {
    /// For downloads. A repeated download resumes, so it may take as long as it needs.
    pub(crate) const FILES: Self = Self {
        tries: 3,
        pause: Duration::from_millis(500),
        patience: Duration::MAX,
    };

    /// For small answers, such as a page of the package index.
    pub(crate) const PAGES: Self = Self {
        tries: 4,
        pause: Duration::from_millis(300),
        patience: Duration::from_secs(15),
    };

    /// Calls `operation` until it succeeds, fails for good, or has been tried often enough.
    pub(crate) fn run<T, E: MaybeHttp>(
        &self,
        reporter: &dyn Reporter,
        mut operation: impl FnMut() -> Result<T, E>,
    ) -> Result<T, E> {
        let started = Instant::now();
        let mut pause = self.pause;
        for _ in 1..self.tries {
            let error = match operation() {
                Err(error) if error.http().is_some_and(is_transient) => error,
                done => return done,
            };
            let wait = match error.http() {
                Some(HttpError::Status {
                    retry_after: Some(wanted),
                    ..
                }) => pause.max(*wanted),
                _ => pause,
            };
            if wait > LONGEST_PAUSE || started.elapsed() >= self.patience {
                return Err(error);
            }
            reporter.report(&Event::Retried {
                error: &error,
                pause: wait,
            });
            std::thread::sleep(wait);
            pause *= 3;
        }
        operation()
    }
}

/// Whether the same request may succeed later: a connection that was lost, 408, 429 and 5xx.
fn is_transient(error: &HttpError) -> bool {
    match error {
        HttpError::Unreachable { source, .. } => source.is_transient(),
        HttpError::Status { status, .. } => {
            *status == StatusCode::TOO_MANY_REQUESTS
                || *status == StatusCode::REQUEST_TIMEOUT
                || status.is_server_error()
        }
        HttpError::Broken { .. } => true,
        HttpError::Certificates { .. }
        | HttpError::Proxy { .. }
        | HttpError::NoRoots { .. }
        | HttpError::Setup(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use reqwest::StatusCode;

    use super::Retries;
    use crate::net::error::HttpError;
    use crate::progress::SilentReporter;

    const RETRIES: Retries = Retries {
        tries: 3,
        pause: Duration::ZERO,
        patience: Duration::MAX,
    };

    fn tries(retries: Retries, status: u16, retry_after: Option<u64>) -> u32 {
        let mut tries = 0;
        let failed = retries.run(&SilentReporter, || {
            tries += 1;
            Err::<(), _>(HttpError::Status {
                address: "http://h.example/".parse().unwrap(),
                status: StatusCode::from_u16(status).unwrap(),
                retry_after: retry_after.map(Duration::from_secs),
            })
        });
        failed.unwrap_err();
        tries
    }

    #[test]
    fn only_transient_failures_are_repeated_and_only_within_the_limits() {
        for status in [408, 429, 500, 503] {
            assert_eq!(tries(RETRIES, status, None), 3, "{status}");
        }
        for status in [400, 401, 404, 416] {
            assert_eq!(tries(RETRIES, status, None), 1, "{status}");
        }
        assert_eq!(tries(RETRIES, 503, Some(11)), 1);
        let impatient = Retries {
            patience: Duration::ZERO,
            ..RETRIES
        };
        assert_eq!(tries(impatient, 503, None), 1);
    }
}
