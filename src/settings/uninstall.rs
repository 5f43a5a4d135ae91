//! The settings of `pybuild uninstall`.

use super::error::Error;
use super::inputs::{Mode, choose};
use super::installation::WantedInstallation;
use crate::cli::UninstallArguments;
use crate::environment::Environment;
use crate::process::in_use::WhenInUse;

#[derive(Debug)]
pub struct UninstallSettings {
    pub wanted: WantedInstallation,
    pub running: WhenInUse,
    pub mode: Mode,
}

impl UninstallSettings {
    pub fn new(arguments: &UninstallArguments, environment: &Environment) -> Result<Self, Error> {
        let prefix = arguments.prefix.as_deref();
        Ok(Self {
            wanted: WantedInstallation::new(&arguments.what, prefix, environment)?,
            running: choose(
                arguments.even_if_running,
                WhenInUse::Ignore,
                WhenInUse::Refuse,
            ),
            mode: choose(arguments.dry_run, Mode::DryRun, Mode::Change),
        })
    }
}
