//! The events of the compile step.

use std::fmt;

use crate::progress;
use crate::progress::Level;

pub(crate) enum Event {
    /// A line of `configure` that names options it does not know.
    UnknownOptions(String),
    /// Modules that CPython's build left out unexpectedly, with the reasons.
    NotBuilt(Vec<(String, String)>),
}

impl progress::Event for Event {
    fn level(&self) -> Level {
        Level::Warning
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownOptions(line) => f.write_str(line),
            Self::NotBuilt(modules) => {
                let shown: Vec<String> = modules
                    .iter()
                    .map(|(module, why)| format!("{module} ({why})"))
                    .collect();
                write!(
                    f,
                    "these modules were not built: {}; see the log for details; --allow-missing MODULE \
                     silences this warning",
                    shown.join(", ")
                )
            }
        }
    }
}
