//! Errors of resolving a pin.

use std::path::PathBuf;

use pep440_rs::Version;

use super::project::Project;
use super::select::Reason;
use crate::archive::zip;
use crate::digest::Digest;
use crate::error::{ExitStatus, Explain};
use crate::plan::version::PythonVersion;
use crate::plan::wheel_name::InvalidWheelName;
use crate::resolve::index::IndexError;

#[derive(Debug, thiserror::Error)]
pub enum PinError {
    #[error(transparent)]
    Index(Box<IndexError>),
    #[error("setuptools cannot be installed without pip")]
    SetuptoolsNeedsPip,
    #[error(
        "CPython {python} does not bundle setuptools: since 3.12, ensurepip bundles only pip (gh-95299)"
    )]
    NoSetuptools {
        python: PythonVersion,
        request: String,
    },
    #[error("CPython {python} has no ensurepip, so there is nothing to pin")]
    NoEnsurepip { python: PythonVersion },
    #[error("the package index has no {project} {version}")]
    NoSuchVersion {
        project: Project,
        version: Version,
        /// The next older and the next newer version.
        near: Vec<Version>,
        /// The newest version that fits.
        newest: Option<Version>,
    },
    #[error("{project} {version} {}", reason.against(*python))]
    DoesNotFit {
        project: Project,
        version: Version,
        reason: Reason,
        python: PythonVersion,
        newest: Option<Version>,
    },
    #[error("no {project} that matches `{request}` fits CPython {python}")]
    NothingFits {
        project: Project,
        request: String,
        python: PythonVersion,
        /// The newest version that matches the request, and the reason against it.
        skipped: Option<(Version, Reason)>,
        newest: Option<Version>,
    },
    /// The index lists no usable digest of the versions that match the request.
    #[error("{project} {version} {reason}, so `{request}` cannot be resolved")]
    NothingVerifiable {
        project: Project,
        request: String,
        version: Version,
        reason: Reason,
    },
    #[error("{} is not a wheel", path.display())]
    NotAWheel { path: PathBuf, source: WheelProblem },
    #[error("{} is a wheel of {found}, not of {project}", path.display())]
    OtherProject {
        path: PathBuf,
        found: String,
        project: Project,
    },
    #[error("the package index lists {file_name}, but the file cannot be used")]
    NotAsListed {
        file_name: String,
        source: WheelProblem,
    },
    #[error("{} {}", path.display(), reason.against(*python))]
    WheelDoesNotFit {
        path: PathBuf,
        reason: Reason,
        python: PythonVersion,
    },
}

/// The defect of a file that should be a wheel.
#[derive(Debug, thiserror::Error)]
pub enum WheelProblem {
    #[error(transparent)]
    Name(#[from] InvalidWheelName),
    #[error("it cannot be read")]
    Io(#[from] std::io::Error),
    #[error("it cannot be read as a zip file")]
    Zip(#[from] zip::Error),
    /// `METADATA` is missing, or a field in it.
    #[error("it has no {0}")]
    Without(&'static str),
    #[error("its digest is {found} instead of {listed}")]
    Digest { found: Digest, listed: Digest },
    #[error("it is a wheel of {0}")]
    Project(String),
    #[error("its file name has version {name}, but its METADATA has {metadata}")]
    Versions { name: Version, metadata: String },
}

impl From<IndexError> for PinError {
    fn from(error: IndexError) -> Self {
        Self::Index(Box::new(error))
    }
}

impl Explain for PinError {
    fn exit_status(&self) -> ExitStatus {
        match self {
            Self::Index(error) => error.exit_status(),
            Self::SetuptoolsNeedsPip | Self::NoSetuptools { .. } => ExitStatus::Usage,
            Self::NotAWheel { .. } | Self::OtherProject { .. } | Self::NotAsListed { .. } => {
                ExitStatus::Input
            }
            _ => ExitStatus::Unresolvable,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Index(error) => return error.hint(),
            Self::SetuptoolsNeedsPip => "leave out either `--pip none` or `--setuptools`",
            Self::NoSetuptools { request, .. } if request == "none" => {
                "leave out --setuptools: there is nothing to remove"
            }
            Self::NoSetuptools { .. } => {
                "leave out --setuptools, and run `pip install setuptools` where it is needed"
            }
            Self::NoEnsurepip { .. } => {
                "ensurepip is part of CPython since 2.7.9 and 3.4: choose a later release"
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
                return Some(alternatives(*project, near, newest.as_ref()));
            }
            Self::DoesNotFit {
                reason: Reason::NoDigest(_),
                project,
                ..
            }
            | Self::NothingVerifiable { project, .. } => return Some(verified_by_hand(*project)),
            Self::DoesNotFit {
                project, newest, ..
            } => return Some(alternatives(*project, None, newest.as_ref())),
            Self::NothingFits {
                project,
                request,
                skipped,
                newest,
                ..
            } => {
                if request == "latest" && skipped.is_none() && newest.is_none() {
                    return Some(format!("give the path of a wheel: `--{project} FILE.whl`"));
                }
                let skipped = skipped.as_ref();
                let reason = skipped.map(|(version, reason)| format!("{version} {reason}"));
                return Some(alternatives(*project, reason, newest.as_ref()));
            }
            Self::NotAWheel { .. } => {
                "download it again and keep its published name, PROJECT-VERSION-py3-none-any.whl"
            }
            Self::NotAsListed { .. } => {
                "report this to the owner of the index; until it is fixed, pin another version, or \
                 use another index with --index-url"
            }
            Self::OtherProject { found, project, .. } => {
                return Some(match Project::named(found) {
                    Some(other) => format!("use it with `--{other}`"),
                    None => format!("give a wheel or a version of {project}"),
                });
            }
            Self::WheelDoesNotFit { .. } => "give the wheel of another version, or use `latest`",
        };
        Some(hint.to_owned())
    }
}

/// The hint for wheels of which the index lists no usable digest.
pub(super) fn verified_by_hand(project: Project) -> String {
    format!("download the wheel, verify it, and give its path: `--{project} FILE.whl`")
}

fn alternatives(project: Project, first: Option<String>, newest: Option<&Version>) -> String {
    let newest = newest.map(|version| format!("the newest {project} that fits is {version}"));
    let parts: Vec<String> = first.into_iter().chain(newest).collect();
    if parts.is_empty() {
        return format!("`--{project} latest` chooses the newest that fits");
    }
    parts.join("; ")
}
