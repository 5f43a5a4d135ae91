//! Reports of resolving a pin.

use std::fmt;
use std::path::Path;

use pep440_rs::Version;

use super::error::verified_by_hand;
use super::project::Project;
use super::select::Reason;
use crate::plan::pin_request::PinRequest;
use crate::plan::version::PythonVersion;
use crate::progress::{self, Level};

/// A report on one version of a project.
pub struct Event<'a> {
    pub project: Project,
    pub version: &'a Version,
    pub outcome: Outcome<'a>,
}

pub enum Outcome<'a> {
    /// Chosen: the wheel that the request names.
    File(&'a Path),
    /// Chosen: the version that the request names.
    Exact,
    /// Chosen: the newest version that fits, with the reason against a newer one.
    Newest(&'a PinRequest, PythonVersion, Option<&'a (Version, Reason)>),
    /// Not chosen, although it matches the request and is newer.
    Skipped(&'a Reason),
    /// Not chosen because the index lists no secure digest.
    Unverifiable(&'a Reason),
    /// Chosen although it is yanked.
    Yanked(Reason),
}

impl progress::Event for Event<'_> {
    fn level(&self) -> Level {
        match self.outcome {
            Outcome::File(_) | Outcome::Exact | Outcome::Newest(..) => Level::Note,
            Outcome::Skipped(_) => Level::Detail,
            Outcome::Unverifiable(_) | Outcome::Yanked(_) => Level::Warning,
        }
    }
}

impl fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let project = self.project;
        write!(f, "{project} {}", self.version)?;
        match &self.outcome {
            Outcome::File(path) => write!(f, " (from {})", path.display()),
            Outcome::Exact => Ok(()),
            Outcome::Newest(request, python, None) => {
                write!(f, " ({request} for CPython {python})")
            }
            Outcome::Newest(request, python, Some((newer, reason))) => {
                write!(f, " ({request} for CPython {python}; {newer} {reason})")
            }
            Outcome::Skipped(reason) => write!(f, " {reason}"),
            Outcome::Unverifiable(reason) => {
                let hint = verified_by_hand(project);
                write!(f, " {reason}, so it is skipped; to use it, {hint}")
            }
            Outcome::Yanked(reason) => write!(f, " {reason}"),
        }
    }
}
