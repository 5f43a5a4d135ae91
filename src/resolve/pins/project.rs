//! The projects that `ensurepip` can bundle.

use std::fmt;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Project {
    Pip,
    Setuptools,
}

impl Project {
    /// The normalised name (PEP 503).
    pub fn name(self) -> &'static str {
        match self {
            Self::Pip => "pip",
            Self::Setuptools => "setuptools",
        }
    }

    /// The project with that normalised name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Pip, Self::Setuptools]
            .into_iter()
            .find(|project| project.name() == name)
    }
}

impl fmt::Display for Project {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
