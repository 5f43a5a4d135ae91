//! The folder that one build works in, and its log; and the one of a command that builds nothing.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::commands::error::Error;
use crate::environment::Environment;
use crate::error::Explain as _;
use crate::fs::scratch::{self, ScratchFolder};
use crate::install::Installation;
use crate::plan::version::PythonVersion;
use crate::process::in_use::end_leftovers;
use crate::process::signals::HeldFolder;
use crate::process::{Runner, sweep_logs};
use crate::progress::Reporter;
use crate::settings::{BuildSettings, BuildTree};
use crate::store::{LOGS, Store};

/// The folder that one build works in. It is gone when the build ends, unless it is to be kept.
pub struct Scratch {
    folder: Option<ScratchFolder>,
    held: Option<HeldFolder>,
    runner: Runner,
    after: BuildTree,
}

impl Scratch {
    /// A new folder in the build folder.
    ///
    /// # Errors
    /// [`Error::Scratch`] when it cannot be created.
    pub fn new(
        settings: &BuildSettings,
        store: &Store,
        python: PythonVersion,
    ) -> Result<Self, Error> {
        let base = build_folder(settings, store);
        let new = || {
            fs_err::create_dir_all(&base)?;
            let folder = ScratchFolder::new(&base, &format!("{python}-"))?;
            Ok(folder)
        };
        let folder = new().map_err(|source| Error::Scratch {
            path: base.clone(),
            source,
        })?;
        let name = format!(
            "{python}-{}-{}.log",
            Timestamp::now().strftime("%Y%m%dT%H%M%S"),
            std::process::id()
        );
        let runner = new_log(store, &base, &name);
        let held = (settings.build_tree == BuildTree::Remove)
            .then(|| HeldFolder::new(folder.path().to_owned()));
        Ok(Self {
            folder: Some(folder),
            held,
            runner,
            after: settings.build_tree,
        })
    }

    /// Removes the folders that killed processes left in the build folder, and ends what still runs
    /// there.
    pub fn sweep(settings: &BuildSettings, store: &Store) {
        let base = build_folder(settings, store);
        // Every folder there begins with a version.
        for digit in 1..=9 {
            scratch::sweep_folders(&base, &digit.to_string(), end_leftovers);
        }
        for folder in [store.root(), &base] {
            sweep_logs(&folder.join(LOGS));
        }
    }

    /// The runner, whose log lies outside the folder so that it outlives a build that fails.
    #[must_use]
    pub fn runner(&self) -> &Runner {
        &self.runner
    }

    /// A folder in it that does not exist yet.
    #[must_use]
    pub fn folder(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// A folder in it that exists.
    ///
    /// # Errors
    /// [`Error::Scratch`] when it cannot be created.
    pub fn made_folder(&self, name: &str) -> Result<PathBuf, Error> {
        let path = self.folder(name);
        match fs_err::create_dir_all(&path) {
            Ok(()) => Ok(path),
            Err(source) => Err(Error::Scratch { path, source }),
        }
    }

    /// What the build's commands take for the home folder and for temporary files.
    ///
    /// # Errors
    /// [`Error::Scratch`] when it cannot be created.
    pub fn home(&self) -> Result<PathBuf, Error> {
        self.made_folder("home")
    }

    /// Removes or keeps the folder, and says where the log is. The log of a build that is installed
    /// stands in its record; the log of one that failed before any command ran says nothing.
    pub fn finish(&mut self, result: &Result<Installation, Error>, reporter: &dyn Reporter) {
        let log = self.runner.log_path();
        match result {
            Ok(_) => {
                let _ = fs_err::remove_file(log);
            }
            Err(_) if self.runner.timings().is_empty() => {
                let _ = fs_err::remove_file(log);
            }
            Err(error) => {
                let _ = self.runner.write(&format!(
                    "\n{} (exit code {})\n",
                    error,
                    error.exit_status() as u8
                ));
                reporter.warn(&format!(
                    "the build did not succeed; its log is {}",
                    log.display()
                ));
            }
        }
        if let Some(folder) = self.folder.take() {
            match self.after {
                BuildTree::Keep => {
                    let path = folder.keep();
                    reporter.note(&format!("the build folder is kept: {}", path.display()));
                }
                BuildTree::Remove => drop(folder),
            }
        }
        self.held = None;
    }

    /// The folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder
            .as_ref()
            .map_or(Path::new(""), |folder| folder.path())
    }
}

/// The folder of a command that builds nothing: in the cache folder, and gone when the command ends,
/// whatever comes of it. What a killed process left there is swept with the store.
pub struct SideFolder {
    folder: ScratchFolder,
    runner: Runner,
    _held: HeldFolder,
}

impl SideFolder {
    /// A new folder; `purpose` becomes part of its name.
    ///
    /// # Errors
    /// [`Error::Scratch`] when it cannot be created.
    pub fn new(store: &Store, purpose: &str) -> Result<Self, Error> {
        let folder = store.scratch(purpose).map_err(|source| Error::Scratch {
            path: store.root().to_owned(),
            source,
        })?;
        let held = HeldFolder::new(folder.path().to_owned());
        let runner = Runner::with_log([folder.path().join("log")]);
        Ok(Self {
            folder,
            runner,
            _held: held,
        })
    }

    /// A runner for the few commands that may be needed; its log goes with the folder.
    #[must_use]
    pub fn runner(&self) -> &Runner {
        &self.runner
    }

    /// A path in it that does not exist yet.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A folder in it that exists.
    ///
    /// # Errors
    /// [`Error::Scratch`] when it cannot be created.
    pub fn made(&self, name: &str) -> Result<PathBuf, Error> {
        let path = self.path(name);
        match fs_err::create_dir_all(&path) {
            Ok(()) => Ok(path),
            Err(source) => Err(Error::Scratch { path, source }),
        }
    }

    /// A folder in it that nobody else has, and that goes when it is dropped.
    ///
    /// # Errors
    /// [`Error::Scratch`] when it cannot be created.
    pub fn fresh(&self) -> Result<tempfile::TempDir, Error> {
        tempfile::tempdir_in(self.folder.path()).map_err(|source| Error::Scratch {
            path: self.folder.path().to_owned(),
            source,
        })
    }
}

/// A log for the installation of root certificates, before any build has a folder.
#[must_use]
pub fn certificate_log(store: &Store, environment: &Environment) -> Runner {
    let name = format!("certificates-{}.log", std::process::id());
    new_log(store, &environment.temporary_folder(), &name)
}

/// A log in the store; in the build folder when the store may not be written.
fn new_log(store: &Store, base: &Path, name: &str) -> Runner {
    Runner::with_log([store.root(), base].map(|folder| folder.join(LOGS).join(name)))
}

/// The build folder, which may not exist yet.
pub fn build_folder(settings: &BuildSettings, store: &Store) -> PathBuf {
    let named = settings.build_dir.clone();
    named.unwrap_or_else(|| store.root().join("build"))
}
