//! The exit status and the hint of an error.

use std::error::Error;

/// The process's exit code; docs/reference.md has the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitStatus {
    Done = 0,
    /// The build, the staging or the commit failed.
    Failed = 1,
    Usage = 2,
    /// The request cannot be resolved: no such version, or no wheel that fits.
    Unresolvable = 3,
    /// An input cannot be fetched or verified.
    Input = 4,
    /// The host lacks something that the build needs.
    Prerequisite = 5,
    /// The result does not pass its checks.
    Check = 6,
    /// Ended by Ctrl-C.
    Interrupted = 130,
}

/// An error with its exit status and its hint for the user.
pub trait Explain: Error {
    fn exit_status(&self) -> ExitStatus;

    /// The next step for the user, in one sentence; printed after `hint:`.
    fn hint(&self) -> Option<String> {
        None
    }
}

/// An error and its causes on one line.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        // Some libraries include their cause in their own message.
        if !text.ends_with(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}
