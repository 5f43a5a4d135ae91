//! A reporter that passes everything on and notes when each phase began and ended.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::clock;
use super::data::Step;
use crate::progress::{Event, Phase, Reporter, Unit};

/// The steps that have ended.
#[derive(Debug, Clone)]
pub(super) struct Steps {
    origin: Duration,
    ended: Arc<Mutex<Vec<Step>>>,
}

impl Steps {
    pub(super) fn since(origin: Duration) -> Self {
        Self {
            origin,
            ended: Arc::default(),
        }
    }

    pub(super) fn begin(&self, name: &str) -> Running {
        Running {
            steps: self.clone(),
            name: name.to_owned(),
            began: clock::now(),
        }
    }

    pub(super) fn ended(&self) -> Vec<Step> {
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended.clone()
    }
}

/// A step that has not ended.
pub(super) struct Running {
    steps: Steps,
    name: String,
    began: Duration,
}

impl Running {
    pub(super) fn end(self, outcome: &str) {
        let since = |moment: Duration| clock::seconds(moment.saturating_sub(self.steps.origin));
        let step = Step {
            name: self.name,
            outcome: outcome.to_owned(),
            start: since(self.began),
            end: since(clock::now()),
        };
        let mut ended = self
            .steps
            .ended
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        ended.push(step);
    }
}

/// See [`super::Recorder::reporter`].
pub(crate) struct RecordingReporter<'a> {
    pub(super) inner: &'a dyn Reporter,
    pub(super) steps: Steps,
}

impl Reporter for RecordingReporter<'_> {
    fn begin(&self, title: &str, unit: Unit, total: Option<u64>) -> Box<dyn Phase> {
        Box::new(RecordingPhase {
            inner: self.inner.begin(title, unit, total),
            running: self.steps.begin(title),
        })
    }

    fn report(&self, event: &dyn Event) {
        self.inner.report(event);
    }
}

struct RecordingPhase {
    inner: Box<dyn Phase>,
    running: Running,
}

impl Phase for RecordingPhase {
    fn set_total(&mut self, total: u64) {
        self.inner.set_total(total);
    }

    fn advance(&mut self, amount: u64) {
        self.inner.advance(amount);
    }

    fn set_position(&mut self, position: u64) {
        self.inner.set_position(position);
    }

    fn set_current(&mut self, current: &str) {
        self.inner.set_current(current);
    }

    fn finish(self: Box<Self>, outcome: &str) {
        self.running.end(outcome);
        self.inner.finish(outcome);
    }
}
