//! Errors of pinning an `ensurepip`.

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};

use super::super::change::ChangeError;
use super::super::{sbom, wheel};
use crate::digest::Sha256;
use crate::error::{ExitStatus, Explain};
use crate::fs::disk;

/// Why an `ensurepip` cannot bundle the planned wheels.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{} is not understood", path.display())]
    Text { path: PathBuf, source: UnknownForm },
    #[error("{} is not understood", path.display())]
    Sbom { path: PathBuf, source: sbom::Error },
    #[error("{} cannot be used", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{} has no `_bundled` folder", path.display())]
    NothingBundled { path: PathBuf },
    #[error("{} names the wheel {file_name}, which is not in `_bundled`", path.display())]
    KeptWheelMissing { path: PathBuf, file_name: String },
    #[error("{} does not bundle setuptools", path.display())]
    NoSetuptools { path: PathBuf },
    #[error("the wheel {file_name} is not {expected}")]
    OtherProject { file_name: String, expected: String },
    #[error("ensurepip cannot bundle a wheel named {file_name}")]
    CannotBeNamed { file_name: String, project: String },
    #[error("the wheel {} has the sha256 {found}, where {expected} was expected", path.display())]
    WheelChanged {
        path: PathBuf,
        expected: Sha256,
        found: Sha256,
    },
    #[error("the wheel {file_name} needs {needed}, which ensurepip does not bundle")]
    NeedsOthers { file_name: String, needed: String },
    #[error(transparent)]
    Wheel(#[from] wheel::Error),
    #[error(transparent)]
    Change(#[from] ChangeError),
}

impl Error {
    pub(super) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        |source| Self::File { path, source }
    }

    pub(super) fn text(path: &Path) -> impl FnOnce(UnknownForm) -> Self {
        let path = path.to_owned();
        |source| Self::Text { path, source }
    }
}

impl Explain for Error {
    fn exit_status(&self) -> ExitStatus {
        match self {
            Self::NoSetuptools { .. } | Self::NeedsOthers { .. } => ExitStatus::Unresolvable,
            // The inputs are valid.
            _ if disk::Refusal::behind(self).is_some() => ExitStatus::Failed,
            _ => ExitStatus::Input,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Text { .. } | Self::Sbom { .. } => {
                "no CPython release has this text: build the source of the release, or leave pip \
                 and setuptools as `bundled`"
                    .to_owned()
            }
            Self::NothingBundled { .. } | Self::KeptWheelMissing { .. } => {
                "a distribution removed the wheels: use the source that python.org released"
                    .to_owned()
            }
            Self::NoSetuptools { .. } => {
                "CPython 3.12 and later bundle pip alone: leave out `--setuptools`, and install it \
                 with pip where it is needed"
                    .to_owned()
            }
            Self::OtherProject { .. } => "give a wheel of that project".to_owned(),
            Self::CannotBeNamed { project, .. } => format!(
                "only names of the form {project}-VERSION-TAG-none-any.whl can be bundled: rename \
                 the wheel if it has no other tags"
            ),
            Self::NeedsOthers { .. } => "choose a version that needs no other project".to_owned(),
            Self::Wheel(error) => return error.hint(),
            Self::WheelChanged { .. } => {
                "run the same command again: corrupt files are downloaded again".to_owned()
            }
            Self::File { .. } | Self::Change(_) => disk::hint(
                self,
                "work elsewhere: --build-dir names the folder of a build, PYBUILD_CACHE_DIR that \
                 of a patch",
            )
            .unwrap_or_else(|| {
                "check that the tree is complete and writable, and that nothing else uses it"
                    .to_owned()
            }),
        })
    }
}

/// The part of a text that was expected and not found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UnknownForm(Cow<'static, str>);

impl UnknownForm {
    pub(super) fn new(what: impl Into<Cow<'static, str>>) -> Self {
        Self(what.into())
    }

    pub(super) fn missing(what: &str) -> Self {
        Self::new(format!("there is no {what}"))
    }
}
