//! Why a project has no pin.

use std::path::PathBuf;

use pep440_rs::Version;

use super::Project;
use super::select::Reason;
use crate::digest::Digest;
use crate::error::{ExitStatus, Explain};
use crate::plan::version::PythonVersion;
use crate::plan::wheel_name::InvalidWheelName;
use crate::resolve::index::IndexError;

/// Why a project has no pin.
#[derive(Debug, thiserror::Error)]
pub enum PinError {
    /// See [`IndexError`].
    #[error(transparent)]
    Index(Box<IndexError>),
    /// pip was to be taken out.
    #[error("pip cannot be taken out of ensurepip")]
    PipIsNeeded,
    /// setuptools was to be pinned where it is not bundled.
    #[error(
        "CPython {python} has no setuptools in ensurepip: since 3.12 it bundles pip alone (gh-95299)"
    )]
    NoSetuptools {
        /// The CPython.
        python: PythonVersion,
        /// What was asked for.
        request: String,
    },
    /// There is no `ensurepip` to pin anything in.
    #[error("CPython {python} has no ensurepip, so nothing can be pinned in it")]
    NoEnsurepip {
        /// The CPython.
        python: PythonVersion,
    },
    /// The version asked for is not in the index.
    #[error("there is no {project} {version} in the package index")]
    NoSuchVersion {
        /// The project.
        project: Project,
        /// The version asked for.
        version: Version,
        /// The versions on both sides of it.
        near: Vec<Version>,
        /// What would do instead.
        newest: Newest,
    },
    /// The version asked for is there, but does not do.
    #[error("{project} {version} {}", reason.against(*python))]
    DoesNotFit {
        /// The project.
        project: Project,
        /// The version asked for.
        version: Version,
        /// Why.
        reason: Reason,
        /// The CPython.
        python: PythonVersion,
        /// What would do instead.
        newest: Newest,
    },
    /// No version of those asked for does.
    #[error("no {project} that `{request}` means fits CPython {python}")]
    NothingFits {
        /// The project.
        project: Project,
        /// What was asked for.
        request: String,
        /// The CPython.
        python: PythonVersion,
        /// The newest version that was asked for as well, and why it does not do.
        passed_over: Option<(Version, Reason)>,
        /// What would do instead.
        newest: Newest,
    },
    /// The index proves no version of those asked for that would do otherwise.
    #[error("{project} {version} {reason}, so `{request}` cannot be chosen there")]
    NothingProven {
        /// The project.
        project: Project,
        /// What was asked for.
        request: String,
        /// The newest such version.
        version: Version,
        /// What the index lists of it.
        reason: Reason,
    },
    /// A file that is not a wheel.
    #[error("{} is not a wheel", path.display())]
    NotAWheel {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: WheelProblem,
    },
    /// A wheel of something else.
    #[error("{} is a wheel of {found}, not of {project}", path.display())]
    OtherProject {
        /// The file.
        path: PathBuf,
        /// Whose wheel it is.
        found: String,
        /// Whose it should be.
        project: Project,
    },
    /// An index lists a file as a wheel that it is not.
    #[error("the package index lists {file_name}, and that file cannot be used")]
    NotAsListed {
        /// The name that the index lists.
        file_name: String,
        /// What is wrong with the file.
        source: WheelProblem,
    },
    /// A wheel that the CPython cannot use.
    #[error("{} {}", path.display(), reason.against(*python))]
    WheelDoesNotFit {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: Reason,
        /// The CPython.
        python: PythonVersion,
    },
}

/// What is wrong with a file that should be a wheel.
#[derive(Debug, thiserror::Error)]
pub enum WheelProblem {
    /// Its name.
    #[error(transparent)]
    Name(#[from] InvalidWheelName),
    /// It cannot be read.
    #[error("it cannot be read")]
    Io(#[from] std::io::Error),
    /// It is no zip file, a broken one, or one that can be read in more than one way.
    #[error("it cannot be read as a zip file")]
    Zip(#[from] crate::archive::zip::Error),
    /// It has no readable `METADATA`, or one without name and version.
    #[error("it has no {0}")]
    Without(&'static str),
    /// It has another digest than the index lists.
    #[error("its digest is {found} instead of {listed}")]
    Digest {
        /// The digest it has.
        found: Digest,
        /// The digest it should have.
        listed: Digest,
    },
    /// It belongs to another project.
    #[error("it is a wheel of {0}")]
    Project(String),
    /// Its file name and its `METADATA` say different versions.
    #[error("its name says version {name} and its METADATA {metadata}")]
    Versions {
        /// What the file name says.
        name: Version,
        /// What `METADATA` says.
        metadata: String,
    },
}

impl From<IndexError> for PinError {
    fn from(error: IndexError) -> Self {
        Self::Index(Box::new(error))
    }
}

/// The newest version that would do, if there is one.
pub type Newest = Option<Version>;

impl Explain for PinError {
    fn exit_status(&self) -> ExitStatus {
        match self {
            Self::Index(error) => error.exit_status(),
            Self::PipIsNeeded | Self::NoSetuptools { .. } => ExitStatus::Usage,
            Self::NoEnsurepip { .. }
            | Self::NoSuchVersion { .. }
            | Self::DoesNotFit { .. }
            | Self::NothingFits { .. }
            | Self::NothingProven { .. }
            | Self::WheelDoesNotFit { .. } => ExitStatus::Unresolvable,
            Self::NotAWheel { .. } | Self::OtherProject { .. } | Self::NotAsListed { .. } => {
                ExitStatus::Input
            }
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Index(error) => error.hint(),
            Self::PipIsNeeded => Some(
                "leave it as released with `--pip bundled`, or pin a version of it".to_owned(),
            ),
            Self::NoSetuptools { request, .. } => Some(if request == "none" {
                "leave --setuptools out: there is nothing to take out".to_owned()
            } else {
                "leave --setuptools out, and install it where it is needed: \
                 `pip install setuptools`"
                    .to_owned()
            }),
            Self::NoEnsurepip { .. } => {
                Some("ensurepip came with 2.7.9 and 3.4: ask for a later CPython".to_owned())
            }
            Self::NoSuchVersion {
                project,
                near,
                newest,
                ..
            } => {
                let near = match &near[..] {
                    [] => None,
                    [only] if Some(only) == newest.as_ref() => None,
                    [only] => Some(format!("the nearest is {only}")),
                    [below, above, ..] => Some(format!("the nearest are {below} and {above}")),
                };
                join(near, newest_that_fits(*project, newest)).or_else(|| Some(latest(*project)))
            }
            Self::DoesNotFit {
                reason: Reason::NoDigest(_),
                project,
                ..
            }
            | Self::NothingProven { project, .. } => Some(verified_by_hand(*project)),
            Self::DoesNotFit {
                project, newest, ..
            } => newest_that_fits(*project, newest)
                .or_else(|| Some(latest(*project))),
            Self::NothingFits {
                project,
                request,
                passed_over,
                newest,
                ..
            } => {
                let reason = passed_over
                    .as_ref()
                    .map(|(version, reason)| format!("{version} {reason}"));
                join(reason, newest_that_fits(*project, newest)).or_else(|| {
                    if request == "latest" {
                        return Some(format!("give the path of a wheel: `--{project} FILE.whl`"));
                    }
                    Some(latest(*project))
                })
            }
            Self::NotAWheel { .. } => Some(
                "download it again; its name has to be as published, PROJECT-VERSION-py3-none-any.whl"
                    .to_owned(),
            ),
            Self::NotAsListed { .. } => Some(
                "report it to whoever runs the index; until it is fixed, pin another version, or \
                 name another index with --index-url"
                    .to_owned(),
            ),
            Self::OtherProject { found, project, .. } => Some(match Project::named(found) {
                Some(other) => format!("it belongs to `--{other}`"),
                None => format!("give a wheel of {project}, or a version of it"),
            }),
            Self::WheelDoesNotFit { .. } => {
                Some("take another version's wheel, or let `latest` choose".to_owned())
            }
        }
    }
}

/// The way out where an index cannot prove its wheels.
pub(super) fn verified_by_hand(project: Project) -> String {
    format!(
        "download the wheel, make sure that it is the right one, and give its path: \
         `--{project} FILE.whl`"
    )
}

fn latest(project: Project) -> String {
    format!("`--{project} latest` chooses the newest that fits")
}

fn newest_that_fits(project: Project, newest: &Newest) -> Option<String> {
    newest
        .as_ref()
        .map(|version| format!("the newest {project} that fits is {version}"))
}

fn join(first: Option<String>, second: Option<String>) -> Option<String> {
    match (first, second) {
        (Some(first), Some(second)) => Some(format!("{first}; {second}")),
        (first, second) => first.or(second),
    }
}
