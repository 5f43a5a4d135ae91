//! The working folder and the log of a command.

use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::commands::error::Error;
use crate::commands::event::Event;
use crate::environment::Environment;
use crate::error::Explain as _;
use crate::fs::scratch::{self, ScratchFolder};
use crate::plan::version::PythonVersion;
use crate::process::in_use::end_leftovers;
use crate::process::signals::HeldFolder;
use crate::process::{Runner, sweep_logs};
use crate::progress::Reporter;
use crate::settings::{BuildSettings, BuildTree};
use crate::store::{LOGS, Store};

/// The folder of one build. It is removed at the end of the build, unless `--keep-build` is given.
pub(crate) struct BuildFolder {
    folder: ScratchFolder,
    held: Option<HeldFolder>,
    runner: Runner,
}

impl BuildFolder {
    pub(crate) fn new(
        settings: &BuildSettings,
        store: &Store,
        python: PythonVersion,
    ) -> Result<Self, Error> {
        let base = build_folder(settings, store);
        let new_folder = || {
            fs_err::create_dir_all(&base)?;
            // The flags of a folder of the user stay.
            if settings.build_dir.is_none() {
                scratch::place_folders_apart(&base);
            }
            ScratchFolder::new(&base, &format!("{python}-"))
        };
        let folder = new_folder().map_err(unusable(&base))?;
        // Several builds of one process may begin in one second.
        let unique = folder.path().file_name().unwrap_or_default();
        let name = format!(
            "{}-{}-{}.log",
            unique.display(),
            Timestamp::now().strftime("%Y%m%dT%H%M%S"),
            std::process::id()
        );
        let held = (settings.build_tree == BuildTree::Remove)
            .then(|| HeldFolder::new(folder.path().to_owned()));
        Ok(Self {
            folder,
            held,
            runner: new_log(store, &base, &name),
        })
    }

    /// Removes the leftover folders of killed processes, and ends the commands that still run there.
    pub(crate) fn sweep(settings: &BuildSettings, store: &Store) {
        let base = build_folder(settings, store);
        // The name of every folder begins with a version.
        for digit in 1..=9 {
            scratch::sweep_folders(&base, &digit.to_string(), end_leftovers);
        }
        for folder in [store.root(), &base] {
            sweep_logs(&folder.join(LOGS));
        }
    }

    /// Its log is outside the folder, so that it outlives a failed build.
    pub(crate) fn runner(&self) -> &Runner {
        &self.runner
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Creates a folder in this one, unless it exists.
    pub(crate) fn made(&self, name: &str) -> Result<PathBuf, Error> {
        make(self.path().join(name))
    }

    /// The home folder of the build's commands, which also holds their temporary files.
    pub(crate) fn home(&self) -> Result<PathBuf, Error> {
        self.made("home")
    }

    /// Removes or keeps the folder, and reports the log of a failed build. A successful build has its
    /// log in its record, and without a command the log is empty. Returns the path of the log of a failed
    /// build.
    pub(crate) fn finish<T>(
        self,
        result: &Result<T, Error>,
        reporter: &dyn Reporter,
    ) -> Option<PathBuf> {
        let log = self.runner.log_path();
        let kept = match result {
            Err(error) if !self.runner.timings().is_empty() => {
                let status = error.exit_status() as u8;
                let _ = self
                    .runner
                    .write(&format!("\n{error} (exit code {status})\n"));
                reporter.report(&Event::BuildFailed { log });
                Some(log.to_owned())
            }
            _ => {
                drop(fs_err::remove_file(log));
                None
            }
        };
        if self.held.is_none() {
            reporter.report(&Event::BuildFolderKept(&self.folder.keep()));
        }
        kept
    }
}

/// The folder of a command that builds nothing. It is in the cache folder and goes with this value;
/// [`Store::sweep`] removes the leftover folders of killed processes.
pub(crate) struct SideFolder {
    folder: ScratchFolder,
    runner: Runner,
    _held: HeldFolder,
}

impl SideFolder {
    /// The folder's name contains `purpose`.
    pub(crate) fn new(store: &Store, purpose: &str) -> Result<Self, Error> {
        let folder = store.scratch(purpose).map_err(unusable(store.root()))?;
        Ok(Self {
            _held: HeldFolder::new(folder.path().to_owned()),
            runner: Runner::with_log([folder.path().join("log")]),
            folder,
        })
    }

    /// Its log is in the folder.
    pub(crate) fn runner(&self) -> &Runner {
        &self.runner
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Creates a folder in this one, unless it exists.
    pub(crate) fn made(&self, name: &str) -> Result<PathBuf, Error> {
        make(self.path(name))
    }

    /// A new folder in this one, removed when it is dropped.
    pub(crate) fn fresh(&self) -> Result<tempfile::TempDir, Error> {
        let folder = self.folder.path();
        tempfile::tempdir_in(folder).map_err(unusable(folder))
    }
}

fn make(path: PathBuf) -> Result<PathBuf, Error> {
    fs_err::create_dir_all(&path).map_err(unusable(&path))?;
    Ok(path)
}

/// The error for a folder.
pub(crate) fn unusable(path: &Path) -> impl Fn(io::Error) -> Error + '_ {
    move |source| Error::Scratch {
        path: path.to_owned(),
        source,
    }
}

/// The log of the installation of root certificates, which comes before any build folder.
pub(crate) fn certificate_log(store: &Store, environment: &Environment) -> Runner {
    let name = format!("certificates-{}.log", std::process::id());
    new_log(store, &environment.temporary_folder(), &name)
}

/// A log in the store, or below `base` if the store is not writable.
fn new_log(store: &Store, base: &Path, name: &str) -> Runner {
    Runner::with_log([store.root(), base].map(|folder| folder.join(LOGS).join(name)))
}

/// The folder of all builds, which may not exist yet.
pub(crate) fn build_folder(settings: &BuildSettings, store: &Store) -> PathBuf {
    let named = settings.build_dir.clone();
    named.unwrap_or_else(|| store.root().join("build"))
}
