//! The arguments of a hotpatch, validated.

use std::path::PathBuf;

use super::path::index_url;
use super::{absolute_pin, choose, usage};
use crate::cli::HotpatchArguments;
use crate::environment::Environment;
use crate::net::address::Address;
use crate::net::network::Network;
use crate::plan::pin_request::PinRequest;
use crate::process::in_use::WhenInUse;
use crate::settings::error::Error;

/// What is to be done to which interpreters.
#[derive(Debug)]
pub struct HotpatchSettings {
    /// Interpreters and prefixes, as they were given.
    pub targets: Vec<PathBuf>,
    /// What is to be done to them.
    pub task: Task,
    /// What to do about processes that run them.
    pub running: WhenInUse,
    /// Whether anything is done at all.
    pub mode: Mode,
}

/// What is to be done to an interpreter.
#[derive(Debug)]
pub enum Task {
    /// `--undo`: it is put back as it was.
    Undo,
    /// Its `ensurepip` is to bundle other wheels.
    Pin {
        /// The pip asked for.
        pip: PinRequest,
        /// The setuptools asked for.
        setuptools: PinRequest,
        /// `--index-url`.
        index_url: Option<Address>,
        /// Whether other hosts may be asked.
        network: Network,
        /// What becomes of the pip and setuptools that the interpreter has itself.
        installed: InstalledPackages,
        /// Whether the result is checked.
        check: ResultCheck,
    },
}

/// What becomes of the pip and setuptools in the interpreter's own site-packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstalledPackages {
    /// They stay.
    Keep,
    /// `--upgrade-installed`: they are brought to the pins.
    Upgrade,
}

/// Whether the changed interpreter is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResultCheck {
    Run,
    /// `--no-check`.
    Skip,
}

/// Whether anything is done at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It is done.
    Change,
    /// `--dry-run`: what would be done is shown.
    DryRun,
}

impl HotpatchSettings {
    /// The settings that these arguments and this environment mean.
    ///
    /// # Errors
    /// [`Error::Usage`] when nothing is asked for.
    pub fn new(arguments: HotpatchArguments, environment: &Environment) -> Result<Self, Error> {
        let pins = arguments.pins;
        let task = if arguments.undo {
            Task::Undo
        } else if pins.pip == PinRequest::Bundled && pins.setuptools == PinRequest::Bundled {
            return Err(usage(
                "neither --pip nor --setuptools says what ensurepip is to bundle".to_owned(),
                "name one, such as `--pip latest`, or put back what was there with --undo",
            ));
        } else {
            Task::Pin {
                index_url: index_url(&pins)?,
                pip: absolute_pin("--pip", pins.pip, environment)?,
                setuptools: absolute_pin("--setuptools", pins.setuptools, environment)?,
                network: choose(pins.offline, Network::Offline, Network::Online),
                installed: choose(
                    arguments.upgrade_installed,
                    InstalledPackages::Upgrade,
                    InstalledPackages::Keep,
                ),
                check: choose(arguments.no_check, ResultCheck::Skip, ResultCheck::Run),
            }
        };
        Ok(Self {
            targets: arguments.targets,
            task,
            running: choose(
                arguments.even_if_running,
                WhenInUse::Ignore,
                WhenInUse::Refuse,
            ),
            mode: choose(arguments.dry_run, Mode::DryRun, Mode::Change),
        })
    }

    /// What becomes of the installed packages.
    #[must_use]
    pub fn installed(&self) -> InstalledPackages {
        match self.task {
            Task::Pin { installed, .. } => installed,
            Task::Undo => InstalledPackages::Keep,
        }
    }

    /// Whether the result is checked.
    #[must_use]
    pub fn check(&self) -> ResultCheck {
        match self.task {
            Task::Pin { check, .. } => check,
            Task::Undo => ResultCheck::Skip,
        }
    }
}
