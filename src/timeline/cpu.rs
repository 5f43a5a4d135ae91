//! The CPU use of the whole host, read from `/proc/stat` (proc(5)) in regular intervals.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::clock;
use super::data::CpuSample;
use crate::progress::Heartbeat;

const INTERVAL: Duration = Duration::from_millis(500);

/// Reads until it is dropped.
pub(super) struct CpuSampler {
    samples: Arc<Mutex<Vec<CpuSample>>>,
    _heartbeat: Option<Heartbeat>,
}

/// Clock ticks of all CPUs since the start of the host.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Ticks {
    busy: f64,
    all: f64,
}

impl CpuSampler {
    /// `origin` is the moment at which the timeline starts.
    pub(super) fn start(origin: Duration) -> Self {
        let samples = Arc::<Mutex<Vec<CpuSample>>>::default();
        let heartbeat = ticks().map(|first| {
            let (samples, before) = (Arc::clone(&samples), Mutex::new(first));
            Heartbeat::start(INTERVAL, move || {
                let mut before = before.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(now) = ticks() {
                    let busy = busy_cpus(*before, now);
                    let at = clock::seconds(clock::now().saturating_sub(origin));
                    let mut samples = samples.lock().unwrap_or_else(PoisonError::into_inner);
                    samples.push(CpuSample { at, busy });
                    *before = now;
                }
                INTERVAL
            })
        });
        Self {
            samples,
            _heartbeat: heartbeat,
        }
    }

    pub(super) fn samples(&self) -> Vec<CpuSample> {
        let samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        samples.clone()
    }
}

/// The number of CPUs on this host, whatever this process may use.
pub(super) fn count() -> usize {
    let listed = std::fs::read_to_string("/proc/stat").map_or(0, |text| cpus_in(&text));
    match listed {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        listed => listed,
    }
}

fn cpus_in(text: &str) -> usize {
    let is_cpu = |line: &&str| {
        let number = line
            .strip_prefix("cpu")
            .and_then(|rest| rest.chars().next());
        number.is_some_and(|first| first.is_ascii_digit())
    };
    text.lines().filter(is_cpu).count()
}

fn ticks() -> Option<Ticks> {
    parse(&std::fs::read_to_string("/proc/stat").ok()?)
}

/// Reads the line of all CPUs: user, nice, system, idle, iowait, irq, softirq, steal. Time of guests is
/// part of user and nice.
fn parse(text: &str) -> Option<Ticks> {
    let line = text.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let numbers: Vec<f64> = line
        .split_whitespace()
        .take(8)
        .map_while(|number| number.parse().ok())
        .collect();
    let all: f64 = numbers.iter().sum();
    let idle: f64 = numbers.get(3..5)?.iter().sum();
    Some(Ticks {
        busy: all - idle,
        all,
    })
}

fn busy_cpus(before: Ticks, now: Ticks) -> f64 {
    let share = (now.busy - before.busy) / (now.all - before.all);
    let cpus = u32::try_from(count()).map_or(1.0, f64::from);
    // The kernel's counters of idle time can go back by a tick.
    if share.is_finite() {
        (share.clamp(0.0, 1.0) * cpus * 1000.0).round() / 1000.0
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::{Ticks, cpus_in, parse};

    #[test]
    fn waiting_for_a_disk_is_idle_time() {
        let text = "cpu  10 1 5 100 20 2 3 4 50 60\ncpu0 1 2 3 4 5\ncpu1 1 2 3 4 5\nctxt 5\n";
        let expected = Ticks {
            busy: 25.0,
            all: 145.0,
        };
        assert_eq!(parse(text), Some(expected));
        assert_eq!(cpus_in(text), 2);
        assert_eq!(parse("cpu  1 2"), None);
    }
}
