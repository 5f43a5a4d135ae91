//! Failpoints: named points at which tests let this process fail. Debug builds only.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Ends the process as `kill -9` does if `PYBUILD_CRASH_AT` names this point: `point`, or `point:3`
/// for the third time that it is reached. If the list `PYBUILD_HOLD_AT` names it, the thread
/// instead creates a file of that name in `PYBUILD_HOLD_IN` and waits until the file is removed.
/// Each point that is reached is appended to the file `PYBUILD_POINTS`, as `point:3`.
pub fn crash_point(point: &str) {
    use rustix::process::{Signal, getpid, kill_process};
    use std::io::Write as _;

    if !cfg!(debug_assertions) {
        return;
    }
    let [crash, hold, list] =
        ["PYBUILD_CRASH_AT", "PYBUILD_HOLD_AT", "PYBUILD_POINTS"].map(std::env::var);
    if crash.is_err() && hold.is_err() && list.is_err() {
        return;
    }
    let count = times_reached(point);
    if let Ok(list) = list {
        let file = std::fs::File::options()
            .create(true)
            .append(true)
            .open(list);
        let _ = file.and_then(|mut file| writeln!(file, "{point}:{count}"));
    }
    let is_here = |name: &&str| match name.split_once(':') {
        Some((name, number)) => name == point && number.parse() == Ok(count),
        None => *name == point && count == 1,
    };
    if crash
        .unwrap_or_default()
        .split(',')
        .any(|name| is_here(&name))
    {
        let _ = kill_process(getpid(), Signal::KILL);
    }
    if let Some(name) = hold.unwrap_or_default().split(',').find(is_here) {
        let folder = std::env::var_os("PYBUILD_HOLD_IN").unwrap_or_default();
        let file = std::path::Path::new(&folder).join(name);
        let created = std::fs::write(&file, "");
        while created.is_ok() && file.exists() {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

fn times_reached(point: &str) -> u32 {
    static REACHED: Mutex<BTreeMap<String, u32>> = Mutex::new(BTreeMap::new());
    let mut reached = REACHED.lock().unwrap_or_else(PoisonError::into_inner);
    let count = reached.entry(point.to_owned()).or_default();
    *count += 1;
    *count
}

/// The error of taking a lock, by the number in `PYBUILD_LOCK_FAULT`.
pub fn lock_fault() -> Option<std::io::Error> {
    if !cfg!(debug_assertions) {
        return None;
    }
    let number = std::env::var("PYBUILD_LOCK_FAULT").ok()?.parse().ok()?;
    Some(std::io::Error::from_raw_os_error(number))
}
