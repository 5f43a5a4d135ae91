//! Why an installed interpreter was not changed, or not put back.

use std::io;
use std::path::{Path, PathBuf};

use crate::error::{ExitStatus, Explain};
use crate::fs::disk;
use crate::fs::lock;
use crate::fs::lock::LockError;
use crate::install;
use crate::plan::version::PythonVersion;
use crate::process::CommandError;

/// Why an installed interpreter was not changed, or not put back.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing is there.
    #[error("there is no interpreter {}", path.display())]
    NotThere {
        /// What was given.
        path: PathBuf,
    },
    /// A folder without an interpreter.
    #[error("{} has no interpreter: no bin/python3.X or bin/python2.7", prefix.display())]
    NoInterpreter {
        /// What was given.
        prefix: PathBuf,
    },
    /// A folder with more than one.
    #[error("{} has several interpreters: {}", prefix.display(), shown(found))]
    SeveralInterpreters {
        /// What was given.
        prefix: PathBuf,
        /// The interpreters.
        found: Vec<PathBuf>,
    },
    /// It does not answer as a Python does.
    #[error("{} is not a Python: it answers `{said}`", path.display())]
    NotPython {
        /// What was run.
        path: PathBuf,
        /// The last line that it printed.
        said: String,
    },
    /// It cannot be run, or what it was to do failed.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// A program that starts an interpreter that lies elsewhere.
    #[error("{} is not an interpreter, but a program that starts {}", path.display(), real.display())]
    Shim {
        /// What was given.
        path: PathBuf,
        /// The interpreter.
        real: PathBuf,
    },
    /// A virtual environment has no `ensurepip` of its own.
    #[error("{} belongs to a virtual environment, which has no ensurepip of its own", path.display())]
    VirtualEnvironment {
        /// What was given.
        path: PathBuf,
        /// The interpreter that it was made from, where that is known.
        base: Option<PathBuf>,
    },
    /// A distribution's interpreter: the wheels are packages of their own.
    #[error("the ensurepip of {} bundles no wheels: {what}", python.display())]
    NothingBundled {
        /// The interpreter.
        python: PathBuf,
        /// What was looked for.
        what: String,
    },
    /// A place that has to be written and may not be.
    #[error("{} may not be written", path.display())]
    ReadOnly {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// PEP 668: its site-packages belong to somebody else.
    #[error("the packages of {} are managed by something else: {} is there", python.display(), marker.display())]
    ExternallyManaged {
        /// The interpreter.
        python: PathBuf,
        /// The file that says so.
        marker: PathBuf,
    },
    /// A file cannot be read or written.
    #[error("{} cannot be worked on", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The record of an earlier hotpatch cannot be understood.
    #[error("{} is not a record that this pybuild understands", path.display())]
    Record {
        /// The record.
        path: PathBuf,
        /// Why; `None` for one of another format.
        source: Option<serde_json::Error>,
    },
    /// Another release stands where the hotpatched one was.
    #[error("CPython {found} is in {}, where {hotpatched} was hotpatched", prefix.display())]
    Replaced {
        /// The prefix.
        prefix: PathBuf,
        /// The release that is there.
        found: PythonVersion,
        /// The release that the record speaks of.
        hotpatched: PythonVersion,
    },
    /// A file is neither as hotpatch found it nor as it left it.
    #[error("{} was changed by somebody else since it was hotpatched", path.display())]
    ChangedSince {
        /// The file.
        path: PathBuf,
    },
    /// Something else is at a path where an original file or its folder belongs.
    #[error("{} is in the way of the interpreter's own files", path.display())]
    InTheWay {
        /// The folder, file or link.
        path: PathBuf,
    },
    /// After an undo, an original is not in place.
    #[error("{} is not as it was before the hotpatch", path.display())]
    NotRestored {
        /// The original's path.
        path: PathBuf,
    },
    /// A kept original is gone or is not what it was.
    #[error("the kept copy {} of {} is not what was kept", kept.display(), path.display())]
    KeptDamaged {
        /// The copy.
        kept: PathBuf,
        /// What it is a copy of.
        path: PathBuf,
    },
    /// pip wrote elsewhere than it should.
    #[error("pip installs {}, which is outside the prefix {}", path.display(), prefix.display())]
    Outside {
        /// What it wrote.
        path: PathBuf,
        /// Where it should have.
        prefix: PathBuf,
    },
    /// A script that pip made would not run.
    #[error(transparent)]
    Script(install::DeadScript),
    /// The proof found something else.
    #[error("{what} of {} is {found}, not {wanted}", python.display())]
    Differs {
        /// The interpreter.
        python: PathBuf,
        /// What was looked at.
        what: &'static str,
        /// What it is.
        found: String,
        /// What it should be.
        wanted: String,
    },
    /// The proof did not get to its end.
    #[error("the proof that {} works failed", python.display())]
    Proof {
        /// The interpreter.
        python: PathBuf,
        /// What failed.
        source: CommandError,
    },
    /// See [`install::Error`].
    #[error(transparent)]
    Install(#[from] install::Error),
    /// After a failure, putting things back failed too.
    #[error("{} could not be put back after this failure: {first}", prefix.display())]
    NotPutBack {
        /// The prefix.
        prefix: PathBuf,
        /// The failure.
        first: String,
        /// Why it was not put back.
        source: Box<Error>,
    },
}

impl Error {
    /// A file that cannot be worked on, for `map_err`.
    pub(super) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }
}

fn shown(paths: &[PathBuf]) -> String {
    let shown: Vec<String> = paths
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    shown.join(", ")
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
            | Self::Proof { .. }
            | Self::NotRestored { .. }
            | Self::Script(_) => ExitStatus::Check,
            Self::Install(error) => error.exit_status(),
            _ => ExitStatus::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        if let Some(hint) = disk::hint(self, "move the interpreter to another disk") {
            return Some(hint);
        }
        Some(match self {
            Self::NotThere { .. } => "name an interpreter, or the folder that has it in bin".to_owned(),
            Self::NoInterpreter { .. } => {
                "name the folder above the interpreter's bin, or the interpreter itself".to_owned()
            }
            Self::SeveralInterpreters { .. } => "name the one that is meant, or all of them".to_owned(),
            Self::NotPython { .. } | Self::Command(_) => {
                "name an interpreter that runs on this host".to_owned()
            }
            Self::Shim { real, .. } => format!("give the interpreter itself: {}", real.display()),
            Self::VirtualEnvironment { base, .. } => match base {
                Some(base) => format!(
                    "give the interpreter that it was made from: {}; the pip of the environment is upgraded with `pip install --upgrade pip`",
                    base.display()
                ),
                None => "give the interpreter that it was made from".to_owned(),
            },
            Self::NothingBundled { .. } => {
                "a distribution took the wheels out and updates pip with its own packages: build an interpreter with `pybuild VERSION --pip SPEC`".to_owned()
            }
            Self::ReadOnly { .. } => {
                "run as a user who may write there, or on a copy of the interpreter".to_owned()
            }
            Self::ExternallyManaged { .. } => {
                "leave out --upgrade-installed: ensurepip alone is brought up to date, and with it every new venv".to_owned()
            }
            Self::File { source, .. } if LockError::is(source) => lock::HINT.to_owned(),
            Self::File { .. } => {
                "check the space and who may read and write there, then run this again".to_owned()
            }
            Self::Record { .. } => "use the pybuild that hotpatched it".to_owned(),
            Self::Replaced { .. } | Self::ChangedSince { .. } => {
                "what was kept no longer belongs there; if the interpreter is as it should be, remove the `hotpatch` folder in its share/pybuild".to_owned()
            }
            Self::KeptDamaged { .. } => {
                "nothing was changed; install the interpreter again, or hotpatch it with the pip that it was released with".to_owned()
            }
            Self::InTheWay { .. } => "nothing was changed; move it away, then run this again".to_owned(),
            Self::NotRestored { .. } => {
                "the originals are still kept: run `pybuild hotpatch --undo` once more when no other process changes the interpreter".to_owned()
            }
            Self::Outside { .. } | Self::Script(_) => {
                "leave out --upgrade-installed, and upgrade the installed pip by hand".to_owned()
            }
            Self::Differs { .. } | Self::Proof { .. } => {
                "everything was put back; choose another version, or see what the interpreter makes of it with --no-check".to_owned()
            }
            Self::Install(error) => return error.hint(),
            Self::NotPutBack { .. } => "run `pybuild hotpatch --undo` on it".to_owned(),
        })
    }
}
