//! Why an `ensurepip` cannot be made to bundle other wheels.

use std::io;
use std::path::PathBuf;

use super::super::change::ChangeError;
use super::super::{sbom, wheel};
use crate::digest::Sha256;
use crate::error::{ExitStatus, Explain};
use crate::fs::disk;

/// Why an `ensurepip` cannot be made to bundle the planned wheels.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file has a form that is not known.
    #[error("{} is not understood", path.display())]
    Text {
        /// The file, below the root.
        path: PathBuf,
        /// What was looked for.
        source: NotUnderstood,
    },
    /// The source's own list of what it bundles is not as expected.
    #[error("{} is not understood", path.display())]
    Sbom {
        /// The file, below the root.
        path: PathBuf,
        /// Why.
        source: sbom::Error,
    },
    /// A file that is needed is not there, or cannot be read or written.
    #[error("{} cannot be used", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// `ensurepip` has no wheels of its own.
    #[error("{} has no `_bundled` folder", path.display())]
    NothingBundled {
        /// The folder of `ensurepip`.
        path: PathBuf,
    },
    /// A wheel that the text names, and that is to stay, is not there.
    #[error("{} names the wheel {file_name}, which is not in `_bundled`", path.display())]
    KeptWheelMissing {
        /// The file that names it.
        path: PathBuf,
        /// The wheel.
        file_name: String,
    },
    /// setuptools was to be changed where there is none.
    #[error("{} does not bundle setuptools", path.display())]
    NoSetuptools {
        /// The file that would name it.
        path: PathBuf,
    },
    /// `ensurepip` is there for pip.
    #[error("pip cannot be taken out of ensurepip")]
    PipRemoved,
    /// The wheel is of another project or version than planned.
    #[error("the wheel {file_name} is not {expected}")]
    OtherProject {
        /// The wheel.
        file_name: String,
        /// Project and version.
        expected: String,
    },
    /// `ensurepip` has no way to name that file.
    #[error("ensurepip cannot bundle a wheel named {file_name}")]
    CannotBeNamed {
        /// The wheel.
        file_name: String,
        /// The project.
        project: String,
    },
    /// It is no longer the file that was looked into.
    #[error("the wheel {} has the sha256 {found}, where {expected} was expected", path.display())]
    WheelChanged {
        /// The file.
        path: PathBuf,
        /// The planned digest.
        expected: Sha256,
        /// The digest that it has.
        found: Sha256,
    },
    /// It cannot be installed without the network.
    #[error("the wheel {file_name} needs {needed}, which ensurepip does not bundle")]
    NeedsOthers {
        /// The wheel.
        file_name: String,
        /// The first requirement.
        needed: String,
    },
    /// See [`wheel::Error`].
    #[error(transparent)]
    Wheel(#[from] wheel::Error),
    /// See [`ChangeError`].
    #[error(transparent)]
    Change(#[from] ChangeError),
}

impl Explain for Error {
    fn exit_status(&self) -> ExitStatus {
        match self {
            Self::PipRemoved | Self::NoSetuptools { .. } | Self::NeedsOthers { .. } => {
                ExitStatus::Unresolvable
            }
            // The inputs are what they should be.
            _ if disk::Refusal::behind(self).is_some() => ExitStatus::Failed,
            _ => ExitStatus::Input,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Text { .. } | Self::Sbom { .. } => {
                "this is not a text that a CPython release had; build the release's own source, or \
                 leave pip and setuptools as `bundled`"
                    .to_owned()
            }
            Self::NothingBundled { .. } | Self::KeptWheelMissing { .. } => {
                "a distribution took the wheels out: use the source that python.org released".to_owned()
            }
            Self::NoSetuptools { .. } => {
                "CPython 3.12 and later bundle pip alone: leave `--setuptools` away, and install it \
                 with pip where it is needed"
                    .to_owned()
            }
            Self::PipRemoved => "leave pip as `bundled`, or name a version".to_owned(),
            Self::OtherProject { .. } => "give a wheel of that project".to_owned(),
            Self::CannotBeNamed { project, .. } => format!(
                "only names of the form {project}-VERSION-TAG-none-any.whl can be bundled: rename \
                 the wheel if that is what it is"
            ),
            Self::NeedsOthers { .. } => {
                "choose a version that needs no other project".to_owned()
            }
            Self::Wheel(error) => return error.hint(),
            Self::File { .. } | Self::Change(_) | Self::WheelChanged { .. } => {
                disk::hint(self, "work elsewhere: --build-dir names the folder of a build, PYBUILD_CACHE_DIR that of a patch").unwrap_or_else(|| {
                    "check that the tree is whole, may be written, and is used by nothing else".to_owned()
                })
            }
        })
    }
}

/// What was looked for in a text and not found there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct NotUnderstood {
    what: String,
}

impl NotUnderstood {
    pub(super) fn new(what: String) -> Self {
        Self { what }
    }

    /// `what` was expected to be there.
    pub(super) fn missing(what: &str) -> Self {
        Self::new(format!("there is no {what}"))
    }
}
