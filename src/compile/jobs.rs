//! The number of jobs that `make` runs at once.

use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Jobs(NonZeroUsize);

impl Jobs {
    pub(crate) const ONE: Self = Self(NonZeroUsize::MIN);

    /// The number of CPUs in this process's affinity mask and cgroup quota; 1 if it is unknown.
    pub(crate) fn of_this_process() -> Self {
        Self(std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN))
    }

    pub(crate) fn count(self) -> usize {
        self.0.get()
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
