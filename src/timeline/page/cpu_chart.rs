//! CPU use over time: of the host as an area, and of the compilers as a line.

use std::fmt::Write as _;

use super::axis::Axis;
use crate::timeline::compiler_runs::CompilerRun;
use crate::timeline::data::{CpuSample, Timeline};

/// The most points of a curve: more than a screen has pixels for.
const POINTS: usize = 1200;

/// The shortest time that is averaged, in seconds.
const SHORTEST: f64 = 0.5;

pub(super) fn add(page: &mut String, timeline: &Timeline, axis: &Axis) {
    let cpus = count(timeline.cpus.max(1));
    let own = of_compilers(&timeline.compiler_runs, timeline.seconds);
    // With distcc and more jobs than CPUs, a curve can be above the number of CPUs.
    let host = averaged(&timeline.cpu);
    let top = host
        .iter()
        .chain(&own)
        .map(|sample| sample.busy)
        .fold(cpus, f64::max);
    let _ = write!(
        page,
        "<h3><span>CPUs in use</span></h3>\n<div class=row><span class=scale><i>{0}</i><i>{1}</i><i>0</i></span>\
         <div class='lane cpu'><svg viewBox='0 0 1000 100' preserveAspectRatio=none role=img \
         aria-label='CPU use over time'>\
         <path class=grid d='M0 0H1000M0 50H1000M0 100H1000'/>",
        short(top),
        short(top / 2.0)
    );
    if !host.is_empty() {
        let _ = write!(
            page,
            "<path class=host d='{}V100Z'/>",
            curve(&host, axis, top)
        );
    }
    if !timeline.compiler_runs.is_empty() {
        let _ = write!(page, "<path class=own d='{}'/>", curve(&own, axis, top));
    }
    page.push_str("</svg></div></div>\n");
}

/// A staircase from the bottom left corner.
fn curve(samples: &[CpuSample], axis: &Axis, top: f64) -> String {
    let mut path = "M0 100".to_owned();
    for sample in samples {
        let _ = write!(
            path,
            "V{:.1}H{:.1}",
            100.0 - sample.busy / top * 100.0,
            axis.position(sample.at) * 10.0
        );
    }
    path
}

/// The samples, averaged to the number of points that the chart can show.
fn averaged(samples: &[CpuSample]) -> Vec<CpuSample> {
    let size = samples.len().div_ceil(POINTS).max(1);
    let average = |part: &[CpuSample]| CpuSample {
        at: part.last().map_or(0.0, |sample| sample.at),
        busy: part.iter().map(|sample| sample.busy).sum::<f64>() / count(part.len()),
    };
    samples.chunks(size).map(average).collect()
}

/// The CPU use of the compilers. Only the sum of each run is known; it is spread over its duration.
fn of_compilers(runs: &[CompilerRun], seconds: f64) -> Vec<CpuSample> {
    let length = (seconds / count(POINTS)).max(SHORTEST);
    let mut parts = vec![0.0; POINTS];
    for run in runs {
        let rate = run.cpu() / run.duration().max(1e-6);
        for (number, part) in parts.iter_mut().enumerate() {
            let start = count(number) * length;
            let shared = run.end.min(start + length) - run.start.max(start);
            *part += rate * shared.max(0.0) / length;
        }
    }
    let samples = parts
        .into_iter()
        .enumerate()
        .map(|(number, busy)| CpuSample {
            at: count(number + 1) * length,
            busy,
        });
    samples
        .take_while(|sample| sample.at < seconds + length)
        .collect()
}

/// A count that is far below 2³².
fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::MAX, f64::from)
}

/// `4`, `2.5`.
fn short(number: f64) -> String {
    let text = format!("{number:.1}");
    text.strip_suffix(".0")
        .map_or(text.clone(), ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use super::{averaged, of_compilers, short};
    use crate::timeline::compiler_runs::{CompilerRun, Kind};
    use crate::timeline::data::CpuSample;

    #[test]
    fn the_cpu_time_of_a_run_is_spread_over_its_duration() {
        let run = CompilerRun {
            file: "a.c".to_owned(),
            kind: Kind::Compile,
            start: 1.0,
            end: 3.0,
            user: 0.5,
            system: 0.5,
            job: 0,
        };
        let samples = of_compilers(&[run.clone(), run], 4.0);
        let busy: Vec<f64> = samples.iter().map(|sample| sample.busy).collect();
        assert_eq!(busy, [0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0]);
    }

    #[test]
    fn long_builds_have_no_more_points_than_pixels() {
        let samples: Vec<CpuSample> = (0..5000)
            .map(|at| CpuSample {
                at: f64::from(at),
                busy: 2.0,
            })
            .collect();
        let shown = averaged(&samples);
        assert_eq!(
            (shown.len(), shown[0].busy, shown[999].at),
            (1000, 2.0, 4999.0)
        );
        assert!(averaged(&[]).is_empty());
        assert_eq!([short(4.0), short(2.5)], ["4", "2.5"]);
    }
}
