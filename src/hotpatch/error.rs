//! Why an installed interpreter was not changed or not restored.

use std::io;
use std::path::{Path, PathBuf};

use crate::error::{ExitStatus, Explain};
use crate::fs::disk;
use crate::fs::lock::{self, LockError};
use crate::install;
use crate::plan::version::PythonVersion;
use crate::process::CommandError;
use crate::transaction;

/// Why an installed interpreter was not changed or not restored.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("there is no interpreter {}", path.display())]
    NotThere { path: PathBuf },
    #[error("{} has no interpreter: no bin/python3.X or bin/python2.7", prefix.display())]
    NoInterpreter { prefix: PathBuf },
    #[error("{} has several interpreters: {}", prefix.display(), shown(found))]
    SeveralInterpreters {
        prefix: PathBuf,
        found: Vec<PathBuf>,
    },
    #[error("{} is not a Python: it answers `{answer}`", path.display())]
    NotPython { path: PathBuf, answer: String },
    #[error(transparent)]
    Command(#[from] CommandError),
    /// A program that starts an interpreter at another path.
    #[error("{} is not an interpreter, but a program that starts {}", path.display(), real.display())]
    Shim { path: PathBuf, real: PathBuf },
    #[error("{} belongs to a virtual environment, which has no ensurepip of its own", path.display())]
    VirtualEnvironment {
        path: PathBuf,
        /// The interpreter that it was made from, if that is known.
        base: Option<PathBuf>,
    },
    /// A distribution's interpreter: the wheels are packages of their own.
    #[error("the ensurepip of {} bundles no wheels: {what}", python.display())]
    NothingBundled { python: PathBuf, what: String },
    #[error("{} may not be written", path.display())]
    ReadOnly { path: PathBuf, source: io::Error },
    /// PEP 668.
    #[error("the packages of {} are managed by something else: {} is there", python.display(), marker.display())]
    ExternallyManaged { python: PathBuf, marker: PathBuf },
    #[error("{} cannot be read or written", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{} is not a record that this pybuild understands", path.display())]
    Record {
        path: PathBuf,
        /// `None` for one of another format.
        source: Option<serde_json::Error>,
    },
    #[error("CPython {found} is in {}, but {hotpatched} was hotpatched there", prefix.display())]
    Replaced {
        prefix: PathBuf,
        found: PythonVersion,
        hotpatched: PythonVersion,
    },
    #[error("{} was changed by another program since it was hotpatched", path.display())]
    ChangedSince { path: PathBuf },
    /// A foreign file, folder or link is at the path of an original or of a folder above it.
    #[error("{} is in the way of the interpreter's own files", path.display())]
    InTheWay { path: PathBuf },
    #[error("{} could not be restored", path.display())]
    NotRestored { path: PathBuf },
    #[error("the kept copy {} of {} was changed or removed", kept.display(), path.display())]
    KeptDamaged { kept: PathBuf, path: PathBuf },
    #[error("{} is outside the prefix {}", path.display(), prefix.display())]
    Outside { path: PathBuf, prefix: PathBuf },
    /// A script that pip made would not run.
    #[error(transparent)]
    Script(install::DeadScript),
    #[error("{what} of {} is {found}, not {wanted}", python.display())]
    Differs {
        python: PathBuf,
        what: &'static str,
        found: String,
        wanted: String,
    },
    #[error("the check of {} failed", python.display())]
    Check {
        python: PathBuf,
        source: CommandError,
    },
    #[error(transparent)]
    Transaction(#[from] transaction::Error),
    /// After a failure, rolling back failed too.
    #[error("{} could not be restored after this failure: {first}", prefix.display())]
    NotRolledBack {
        prefix: PathBuf,
        first: String,
        source: transaction::Error,
    },
}

impl Error {
    /// A file cannot be read or written, for `map_err`.
    pub(super) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }
}

fn shown(paths: &[PathBuf]) -> String {
    let shown = paths.iter().map(|path| path.display().to_string());
    shown.collect::<Vec<_>>().join(", ")
}

impl Explain for Error {
    fn exit_status(&self) -> ExitStatus {
        match self {
            Self::NotThere { .. }
            | Self::NoInterpreter { .. }
            | Self::SeveralInterpreters { .. }
            | Self::NotPython { .. }
            | Self::Shim { .. }
            | Self::VirtualEnvironment { .. }
            | Self::NothingBundled { .. }
            | Self::ExternallyManaged { .. } => ExitStatus::Usage,
            Self::Differs { .. }
            | Self::Check { .. }
            | Self::NotRestored { .. }
            | Self::Script(_) => ExitStatus::Check,
            _ => ExitStatus::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        if let Some(hint) = disk::hint(self, "move the interpreter to another disk") {
            return Some(hint);
        }
        let hint = match self {
            Self::NotThere { .. } => "name an interpreter, or the folder that has it in bin",
            Self::NoInterpreter { .. } => {
                "name the folder above the interpreter's bin, or the interpreter itself"
            }
            Self::SeveralInterpreters { .. } => "name one of them, or each of them",
            Self::NotPython { .. } | Self::Command(_) => {
                "name an interpreter that runs on this host"
            }
            Self::Shim { real, .. } => {
                return Some(format!("name the interpreter itself: {}", real.display()));
            }
            Self::VirtualEnvironment {
                base: Some(base), ..
            } => {
                return Some(format!(
                    "name the interpreter that it was made from: {}; the pip of the environment is upgraded with `pip install --upgrade pip`",
                    base.display()
                ));
            }
            Self::VirtualEnvironment { base: None, .. } => {
                "name the interpreter that it was made from"
            }
            Self::NothingBundled { .. } => {
                "the distribution removed the wheels and updates pip with its own packages: build an interpreter with `pybuild VERSION --pip SPEC`"
            }
            Self::ReadOnly { .. } => {
                "run as a user who may write there, or on a copy of the interpreter"
            }
            Self::ExternallyManaged { .. } => {
                "leave out --upgrade-installed: ensurepip is updated all the same, and with it every new venv"
            }
            Self::File { source, .. } if LockError::is(source) => lock::HINT,
            Self::File { .. } => {
                "check the free space and the permissions there, then run this again"
            }
            Self::Record { .. } => "use the pybuild that hotpatched it",
            Self::Replaced { .. } | Self::ChangedSince { .. } => {
                "the originals no longer belong there; if the interpreter is as you want it, remove the `hotpatch` folder in its share/pybuild"
            }
            Self::KeptDamaged { .. } => {
                "nothing was changed; install the interpreter again, or hotpatch it with the pip that it was released with"
            }
            Self::InTheWay { .. } => "nothing was changed; move it away, then run this again",
            Self::NotRestored { .. } => {
                "nothing was changed; run `pybuild hotpatch --undo` again when no other process changes the interpreter"
            }
            Self::Outside { .. } => {
                "only files below the prefix are changed; if pip wanted this one, leave out --upgrade-installed"
            }
            Self::Script(_) => {
                "leave out --upgrade-installed, and upgrade the installed pip with pip itself"
            }
            Self::Differs { .. } | Self::Check { .. } => {
                "the interpreter was restored; choose another version, or try the change with --no-check"
            }
            Self::Transaction(error) => return error.hint(),
            Self::NotRolledBack { .. } => "run this again: the next command rolls back first",
        };
        Some(hint.to_owned())
    }
}
