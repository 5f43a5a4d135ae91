//! The results of several builds: paths in the order of the builds, and a summary of the failures.

use std::error;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use crate::commands::build::{Failure, Outcome};
use crate::commands::error::Error;
use crate::error::{ExitStatus, Explain as _};
use crate::output::Output;

pub(super) struct Results<'a> {
    names: &'a [String],
    output: Output,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The results that are known, by the index of the build.
    known: Vec<Option<Result<Outcome, Failure>>>,
    /// The number of results that are printed.
    printed: usize,
}

impl<'a> Results<'a> {
    pub(super) fn new(names: &'a [String], output: Output) -> Self {
        let mut state = State::default();
        state.known.resize_with(names.len(), || None);
        Self {
            names,
            output,
            state: Mutex::new(state),
        }
    }

    pub(super) fn name(&self, index: usize) -> &str {
        &self.names[index]
    }

    /// Adds the result of the build `index`, and prints the paths that no earlier build holds back.
    pub(super) fn add(&self, index: usize, result: Result<Outcome, Failure>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.known[index] = Some(result);
        while let Some(Some(next)) = state.known.get(state.printed) {
            if let Ok(Outcome::Built(python) | Outcome::Present(python)) = next {
                self.output.result(&python.display().to_string());
            }
            state.printed += 1;
        }
    }

    /// Prints each failed build with its hint and its log.
    pub(super) fn finish(self) -> Result<(), Error> {
        let state = self.state.into_inner();
        let known = state.unwrap_or_else(PoisonError::into_inner).known;
        let mut failed = Vec::new();
        let mut status = ExitStatus::Done;
        let total = known.len();
        for (name, result) in self.names.iter().zip(known) {
            let Some(Err(Failure { error, log })) = result else {
                continue;
            };
            if failed.is_empty() {
                status = error.exit_status();
            }
            failed.push(name.clone());
            let hint = error.hint();
            let error = Named {
                name,
                error: *error,
            };
            self.output.error(&error, hint.as_deref(), log.as_deref());
        }
        if failed.is_empty() {
            return Ok(());
        }
        Err(Error::Builds {
            failed,
            total,
            status,
        })
    }
}

/// The error of one of several builds.
#[derive(Debug)]
struct Named<'a> {
    name: &'a str,
    error: Error,
}

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.error)
    }
}

impl error::Error for Named<'_> {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.error.source()
    }
}
