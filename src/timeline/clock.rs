//! A clock that all processes of a host share, and that nobody sets: `CLOCK_MONOTONIC`
//! of `clock_gettime(2)`.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// The time since an unspecified moment, such as the start of the host.
pub(super) fn now() -> Duration {
    let time = clock_gettime(ClockId::Monotonic);
    Duration::try_from(time).unwrap_or_default()
}

/// Seconds with microseconds: enough for a chart, and short in JSON.
pub(super) fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e6
}
