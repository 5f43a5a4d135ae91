//! Where tests let this process fail on purpose. Debug builds only: a release build has none of it.

/// Ends the process as `kill -9` would, if a test named this point in `PYBUILD_CRASH_AT`, as `point`
/// or, for the third time that it is passed, as `point:3`.
#[cfg(debug_assertions)]
pub fn crash_point(point: &str) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    use rustix::process::{Signal, getpid, kill_process};

    static WANTED: OnceLock<Option<(String, u32)>> = OnceLock::new();
    static PASSED: AtomicU32 = AtomicU32::new(0);
    let wanted = WANTED.get_or_init(|| {
        let text = std::env::var("PYBUILD_CRASH_AT").ok()?;
        Some(match text.split_once(':') {
            Some((name, count)) => (name.to_owned(), count.parse().ok()?),
            None => (text, 1),
        })
    });
    if let Some((name, count)) = wanted
        && name == point
        && PASSED.fetch_add(1, Ordering::SeqCst) + 1 == *count
    {
        let _ = kill_process(getpid(), Signal::KILL);
    }
}

/// Nothing.
#[cfg(not(debug_assertions))]
pub fn crash_point(_point: &str) {}

/// What taking a lock is to fail with, by the number in `PYBUILD_LOCK_FAULT`.
#[cfg(debug_assertions)]
pub fn lock_fault() -> Option<std::io::Error> {
    let number = std::env::var("PYBUILD_LOCK_FAULT").ok()?.parse().ok()?;
    Some(std::io::Error::from_raw_os_error(number))
}

/// Nothing.
#[cfg(not(debug_assertions))]
pub fn lock_fault() -> Option<std::io::Error> {
    None
}
