//! Root certificates: a new host has none, and HTTPS needs them.

use super::distribution::Distribution;
use super::event::Event;
use super::packages::Capability;
use crate::environment::Environment;
use crate::error::Explain as _;
use crate::process::Runner;
use crate::progress::Reporter;

/// The handling of a host without root certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenNoCertificates {
    /// Print the command that installs them.
    Name,
    /// Print that command and the option that runs it.
    NameOption,
    /// `--dry-run --install-deps`: nothing is installed.
    DryRun,
    /// `--install-deps`: install them.
    Install,
}

/// Installs root certificates if that is requested. The error is the hint for the user.
pub fn provide(
    when_missing: WhenNoCertificates,
    environment: &Environment,
    new_log: impl Fn() -> Runner,
    reporter: &dyn Reporter,
) -> Result<(), String> {
    let host = Distribution::of_this_host(environment);
    let Some(command) = host.install_command([Capability::RootCertificates]) else {
        return Err(format!(
            "install the root certificates of {} (usually the package ca-certificates), or name a file of certificates with SSL_CERT_FILE",
            host.name
        ));
    };
    let hint = match when_missing {
        WhenNoCertificates::Name => format!("install root certificates: `{command}`"),
        WhenNoCertificates::NameOption => {
            format!("install root certificates: `{command}`, or run again with --install-deps")
        }
        WhenNoCertificates::DryRun => {
            format!(
                "install root certificates first, because --dry-run installs nothing: `{command}`"
            )
        }
        WhenNoCertificates::Install => {
            reporter.report(&Event::InstallsCertificates {
                command: command.to_string(),
            });
            let runner = new_log();
            let Err(error) = command.run(environment, &runner, reporter) else {
                let _ = fs_err::remove_file(runner.log_path());
                return Ok(());
            };
            reporter.report(&Event::CertificatesNotInstalled(&error));
            error.hint().unwrap_or_default()
        }
    };
    Err(format!(
        "{hint}; or name a file of certificates with SSL_CERT_FILE"
    ))
}
