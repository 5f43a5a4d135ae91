//! The name of a patch in messages.

use std::fmt;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Label {
    /// One of pybuild's own, by the name that `--no-compat-patch` takes.
    BuiltIn(String),
    /// One that was given with `--patch`.
    User(String),
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn(name) => write!(f, "{name} (built in)"),
            Self::User(name) => f.write_str(name),
        }
    }
}
