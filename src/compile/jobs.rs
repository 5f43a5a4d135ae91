//! How many jobs `make` runs at once.

use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;

/// The number of jobs, at least 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Jobs(NonZeroUsize);

impl Jobs {
    /// As many as the CPUs that this process may really use: its affinity mask and its cgroup's
    /// quota count (the standard library looks at both), 1 where that is not known.
    #[must_use]
    pub fn of_this_process() -> Self {
        Self(std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN))
    }
}

impl FromStr for Jobs {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl fmt::Display for Jobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
