//! The axis of time, which all rows of the chart share.

use std::fmt::Write as _;

/// Distances between two ticks, in seconds.
const DISTANCES: [f64; 16] = [
    0.01, 0.05, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0,
    3600.0,
];

/// The most intervals between ticks at the smallest zoom: on a phone there is room for their labels.
const MOST: f64 = 6.0;

/// The zooms: the chart is that many times as wide as its frame. The style sheet knows them too.
pub(super) const ZOOMS: [u32; 3] = [1, 4, 16];

pub(super) struct Axis {
    seconds: f64,
}

impl Axis {
    pub(super) fn new(seconds: f64) -> Self {
        Self {
            seconds: seconds.max(0.01),
        }
    }

    /// A position as per cent of the width.
    pub(super) fn position(&self, moment: f64) -> f64 {
        (moment / self.seconds * 100.0).clamp(0.0, 100.0)
    }

    /// The style of a bar.
    pub(super) fn bar(&self, start: f64, end: f64) -> String {
        let left = self.position(start);
        format!("left:{left:.3}%;width:{:.3}%", self.position(end) - left)
    }

    /// The distance between two ticks at a zoom.
    fn distance(&self, zoom: u32) -> f64 {
        let least = self.seconds / (MOST * f64::from(zoom));
        let found = DISTANCES.into_iter().find(|distance| *distance >= least);
        found.unwrap_or_else(|| (least / 3600.0).ceil() * 3600.0)
    }

    /// The ticks: lines with labels. Each has the class of the zoom at which it is shown.
    pub(super) fn add_ticks(&self, page: &mut String) {
        for zoom in ZOOMS {
            let distance = self.distance(zoom);
            let mut moment = 0.0;
            while moment < self.seconds {
                let left = self.position(moment);
                // At the right edge there is no room for a label, or none on a narrow screen.
                let room = (100.0 - left) * f64::from(zoom);
                let edge = if room < 14.0 { " edge" } else { "" };
                let shown = if room < 6.0 {
                    String::new()
                } else {
                    label(moment, distance)
                };
                let _ = write!(
                    page,
                    "<i class='z{zoom}{edge}' style='left:{left:.3}%'>{shown}</i>"
                );
                moment += distance;
            }
        }
    }
}

/// `45 s` below two minutes, otherwise `2:05`.
fn label(moment: f64, distance: f64) -> String {
    if distance < 1.0 {
        return format!("{moment:.2} s");
    }
    if moment < 120.0 && distance < 60.0 {
        return format!("{moment:.0} s");
    }
    let minutes = (moment / 60.0 + 0.001).floor();
    format!("{minutes:.0}:{:02.0}", moment - minutes * 60.0)
}

#[cfg(test)]
mod tests {
    use super::{Axis, label};

    #[test]
    fn there_is_room_for_the_labels_whatever_the_duration() {
        for seconds in [0.0, 0.3, 4.0, 59.0, 101.0, 900.0, 90_000.0] {
            let axis = Axis::new(seconds);
            for zoom in super::ZOOMS {
                let intervals = axis.seconds / axis.distance(zoom);
                assert!(intervals <= 6.001 * f64::from(zoom), "{seconds} {zoom}");
            }
            assert!(
                axis.seconds / axis.distance(1) > 1.0 || seconds < 1.0,
                "{seconds}"
            );
        }
    }

    #[test]
    fn labels_are_short() {
        assert_eq!(label(20.0, 20.0), "20 s");
        assert_eq!(label(125.0, 5.0), "2:05");
        assert_eq!(label(180.0, 60.0), "3:00");
        assert_eq!(label(0.05, 0.05), "0.05 s");
    }
}
