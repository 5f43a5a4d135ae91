//! Root certificates: a fresh host has none, and without them no HTTPS request can be made.

use super::distribution::Distribution;
use super::install::InstallCommand;
use super::packages::Capability;
use crate::environment::Environment;
use crate::error::{self, Explain as _};
use crate::process::Runner;
use crate::progress::Reporter;

/// What a command does about a host without root certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenNoCertificates {
    /// It names the command that installs them.
    Name,
    /// The same, and the option that would have run that command.
    NameOption,
    /// `--dry-run --install-deps`: nothing is installed.
    DryRun,
    /// `--install-deps`: it installs them.
    Install,
}

/// Installs root certificates where that is wanted.
///
/// # Errors
/// The hint: what the user can do instead.
pub fn provide(
    when_missing: WhenNoCertificates,
    environment: &Environment,
    new_log: impl Fn() -> Runner,
    reporter: &dyn Reporter,
) -> Result<(), String> {
    let host = Distribution::of_this_host(environment);
    let as_root = rustix::process::geteuid().is_root();
    let needs = [Capability::RootCertificates];
    let command = host
        .manager
        .and_then(|manager| InstallCommand::new(manager, needs, as_root));
    let Some(command) = command else {
        return Err(format!(
            "install the root certificates of {} (mostly the package ca-certificates), or name a bundle of certificates with SSL_CERT_FILE",
            host.name
        ));
    };
    let by_hand = match when_missing {
        WhenNoCertificates::Name => format!("install root certificates: `{command}`"),
        WhenNoCertificates::NameOption => {
            format!("install root certificates: `{command}`, or run again with --install-deps")
        }
        WhenNoCertificates::DryRun => {
            format!("--dry-run installs nothing, so install root certificates before: `{command}`")
        }
        WhenNoCertificates::Install => {
            reporter.note(&format!(
                "installing root certificates, because this host has none: {command}"
            ));
            let runner = new_log();
            let Err(error) = command.run(environment, &runner, reporter) else {
                let _ = fs_err::remove_file(runner.log_path());
                return Ok(());
            };
            reporter.warn(&error::chain(&error));
            error
                .hint()
                .unwrap_or_else(|| format!("install root certificates: `{command}`"))
        }
    };
    Err(format!(
        "{by_hand}; SSL_CERT_FILE names a bundle of your own"
    ))
}
