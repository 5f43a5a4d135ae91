//! Failpoints: named points at which tests let this process fail. Debug builds only.

/// Ends the process as `kill -9` would, if `PYBUILD_CRASH_AT` names this point, as `point` or, for its
/// third passing, as `point:3`. One of `PYBUILD_HOLD_AT` (any number, with commas) holds the thread
/// instead: it makes a file of that name in `PYBUILD_HOLD_IN` and waits until the file is removed.
/// Each passing is appended to the file `PYBUILD_POINTS`, as `point:3`.
#[cfg(debug_assertions)]
pub fn crash_point(point: &str) {
    use rustix::process::{Signal, getpid, kill_process};
    use std::io::Write as _;

    let [crash, hold, list] =
        ["PYBUILD_CRASH_AT", "PYBUILD_HOLD_AT", "PYBUILD_POINTS"].map(std::env::var);
    if crash.is_err() && hold.is_err() && list.is_err() {
        return;
    }
    let passed = passings(point);
    if let Ok(list) = list {
        let file = std::fs::File::options()
            .create(true)
            .append(true)
            .open(list);
        let _ = file.and_then(|mut file| writeln!(file, "{point}:{passed}"));
    }
    let wanted = |names: Result<String, _>| {
        let names = names.unwrap_or_default();
        let mut all = names.split(',');
        all.find(|wanted| match wanted.split_once(':') {
            Some((name, count)) => name == point && count.parse() == Ok(passed),
            None => *wanted == point && passed == 1,
        })
        .map(ToOwned::to_owned)
    };
    if wanted(crash).is_some() {
        let _ = kill_process(getpid(), Signal::KILL);
    }
    if let Some(name) = wanted(hold) {
        let folder = std::env::var_os("PYBUILD_HOLD_IN").unwrap_or_default();
        let file = std::path::Path::new(&folder).join(name);
        let made = std::fs::write(&file, "");
        while made.is_ok() && file.exists() {
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
    }
}

/// The number of passings of the point, this one included.
#[cfg(debug_assertions)]
fn passings(point: &str) -> u32 {
    use std::collections::BTreeMap;
    use std::sync::{Mutex, PoisonError};

    static PASSED: Mutex<BTreeMap<String, u32>> = Mutex::new(BTreeMap::new());
    let mut passed = PASSED.lock().unwrap_or_else(PoisonError::into_inner);
    let count = passed.entry(point.to_owned()).or_default();
    *count += 1;
    *count
}

/// Nothing.
#[cfg(not(debug_assertions))]
pub fn crash_point(_point: &str) {}

/// The error with which taking a lock fails, by its number in `PYBUILD_LOCK_FAULT`.
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
