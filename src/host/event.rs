//! The events of the check of a host.

use std::fmt;

use super::error::Error;
use super::missing::Missing;
use super::modules::found::MissingModule;
use super::toolchain::error::ToolchainError;
use crate::error::chain;
use crate::process::CommandError;
use crate::progress::{self, Level};

pub(super) enum Event<'a> {
    InstallsPackages {
        command: String,
    },
    /// In a dry run.
    WouldInstallPackages {
        command: String,
    },
    PackageListsNotUpdated(&'a CommandError),
    InstallsCertificates {
        command: String,
    },
    CertificatesNotInstalled(&'a Error),
    /// In a dry run without a compiler.
    PatchesNotKnown(&'a ToolchainError),
    ModuleWillBeMissing(&'a MissingModule),
    ModulesWillBeMissing(Missing),
    VersionsDiffer {
        module: &'static str,
        headers: &'a str,
        library: &'a str,
    },
}

impl progress::Event for Event<'_> {
    fn level(&self) -> Level {
        match self {
            Self::CertificatesNotInstalled(_)
            | Self::PatchesNotKnown(_)
            | Self::ModulesWillBeMissing(_)
            | Self::VersionsDiffer { .. } => Level::Warning,
            Self::InstallsPackages { .. }
            | Self::WouldInstallPackages { .. }
            | Self::InstallsCertificates { .. } => Level::Note,
            Self::PackageListsNotUpdated(_) | Self::ModuleWillBeMissing(_) => Level::Detail,
        }
    }
}

impl fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InstallsPackages { command } => {
                write!(f, "installing the missing packages: {command}")
            }
            Self::WouldInstallPackages { command } => {
                write!(f, "a build would install the missing packages: {command}")
            }
            Self::PackageListsNotUpdated(error) => error.fmt(f),
            Self::InstallsCertificates { command } => write!(
                f,
                "installing root certificates, because this host has none: {command}"
            ),
            Self::CertificatesNotInstalled(error) => f.write_str(&chain(error)),
            Self::PatchesNotKnown(error) => write!(
                f,
                "the plan leaves out patches that depend on the compiler: {error}"
            ),
            Self::ModuleWillBeMissing(module) => write!(
                f,
                "{} will be missing: {} ({})",
                module.module, module.feature, module.detail
            ),
            Self::ModulesWillBeMissing(missing) => f.write_str(&missing.warning()),
            Self::VersionsDiffer {
                module,
                headers,
                library,
            } => write!(
                f,
                "{module} is compiled with the headers of {headers}, but will run with {library}"
            ),
        }
    }
}
