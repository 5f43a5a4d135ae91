//! The settings of a hotpatch.

use std::path::PathBuf;

use super::error::Error;
pub use super::inputs::Mode;
use super::inputs::{PinSettings, choose};
use crate::cli::HotpatchArguments;
use crate::environment::Environment;
use crate::net::address::Address;
use crate::net::network::Network;
use crate::plan::pin_request::PinRequest;
use crate::process::in_use::WhenInUse;

#[derive(Debug)]
pub struct HotpatchSettings {
    /// Interpreters and prefixes, as given.
    pub targets: Vec<PathBuf>,
    pub task: Task,
    pub running: WhenInUse,
    pub mode: Mode,
}

#[derive(Debug)]
pub enum Task {
    /// `--undo`.
    Undo,
    /// Bundle other wheels in `ensurepip`.
    Pin {
        pip: PinRequest,
        setuptools: PinRequest,
        index_url: Option<Address>,
        network: Network,
        installed: InstalledPackages,
        /// Whether the result is checked.
        check: ResultCheck,
    },
}

/// The action on the pip and setuptools in the interpreter's site-packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstalledPackages {
    Keep,
    /// `--upgrade-installed`: the pinned ones replace them.
    Upgrade,
}

/// Whether the changed interpreter is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResultCheck {
    Run,
    /// `--no-check`.
    Skip,
}

impl HotpatchSettings {
    pub fn new(arguments: HotpatchArguments, environment: &Environment) -> Result<Self, Error> {
        let pins = PinSettings::new(arguments.pins, environment)?;
        let task = if arguments.undo {
            Task::Undo
        } else if pins.are_bundled() {
            return Err(Error::usage(
                "neither --pip nor --setuptools names a version to bundle in ensurepip",
                "add one, such as `--pip latest`, or restore the original files with --undo",
            ));
        } else if pins.pip == PinRequest::None {
            return Err(Error::usage(
                "hotpatch cannot remove pip from ensurepip",
                "`pybuild VERSION --pip none` builds an interpreter without pip",
            ));
        } else {
            Task::Pin {
                pip: pins.pip,
                setuptools: pins.setuptools,
                index_url: pins.index_url,
                network: pins.network,
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
