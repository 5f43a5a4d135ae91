//! The exit status and the hint of an error.

/// The process's exit code (the table is in README.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitStatus {
    /// All was done.
    Done = 0,
    /// The build, the staging or the commit failed.
    Failed = 1,
    /// The command line asks for something that makes no sense.
    Usage = 2,
    /// The request cannot be resolved: no such version, no fitting wheel.
    Unresolvable = 3,
    /// An input cannot be fetched, or is not what it should be.
    Input = 4,
    /// Something that the build needs is not on this host.
    Prerequisite = 5,
    /// The result does not pass its checks.
    Check = 6,
    /// Ended by Ctrl-C.
    Interrupted = 130,
}

/// An error that knows what it means for the process and for the person.
pub trait Explain: std::error::Error {
    /// The exit code that this error leads to.
    fn exit_status(&self) -> ExitStatus;

    /// What the person should do next, in a sentence; printed behind `hint:`.
    fn hint(&self) -> Option<String> {
        None
    }
}

/// An error and its causes on one line, for where there is room for one line only.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        // Some libraries repeat their cause in their own words.
        if !text.ends_with(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}
