//! The choices that resolving reports.

use std::fmt;
use std::path::Path;

use pep440_rs::Version;

use super::error::verified_by_hand;
use super::project::Project;
use super::select::Reason;
use crate::plan::pin_request::PinRequest;
use crate::plan::version::PythonVersion;
use crate::progress::{self, Level};

pub enum Event<'a> {
    /// A wheel that the command line names.
    File {
        project: Project,
        version: &'a Version,
        path: &'a Path,
    },
    /// A version that the command line names.
    Exact {
        project: Project,
        version: &'a Version,
    },
    /// The newest version that fits.
    Newest {
        project: Project,
        version: &'a Version,
        request: &'a PinRequest,
        python: PythonVersion,
        /// A newer version, and the reason against it.
        newer: Option<&'a (Version, Reason)>,
    },
    /// A newer version that matches the request but does not fit.
    Skipped {
        project: Project,
        version: &'a Version,
        reason: &'a Reason,
    },
    /// A newer version that would fit if it could be verified.
    Unverifiable {
        project: Project,
        version: &'a Version,
        reason: &'a Reason,
    },
    /// The chosen version is yanked.
    Yanked {
        project: Project,
        version: &'a Version,
        reason: Reason,
    },
}

impl progress::Event for Event<'_> {
    fn level(&self) -> Level {
        match self {
            Self::File { .. } | Self::Exact { .. } | Self::Newest { .. } => Level::Note,
            Self::Skipped { .. } => Level::Detail,
            Self::Unverifiable { .. } | Self::Yanked { .. } => Level::Warning,
        }
    }
}

impl fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File {
                project,
                version,
                path,
            } => write!(f, "{project} {version} (from {})", path.display()),
            Self::Exact { project, version } => write!(f, "{project} {version}"),
            Self::Newest {
                project,
                version,
                request,
                python,
                newer,
            } => {
                write!(f, "{project} {version} ({request} for CPython {python}")?;
                if let Some((version, reason)) = newer {
                    write!(f, "; {version} {reason}")?;
                }
                f.write_str(")")
            }
            Self::Skipped {
                project,
                version,
                reason,
            } => write!(f, "{project} {version} {reason}"),
            Self::Unverifiable {
                project,
                version,
                reason,
            } => write!(
                f,
                "skipped {project} {version}, which {reason}; to use it, {}",
                verified_by_hand(*project)
            ),
            Self::Yanked {
                project,
                version,
                reason,
            } => write!(f, "{project} {version} {reason}"),
        }
    }
}
