//! `pybuild verify PREFIX|VERSION`: compares an installation with its record.

use crate::cli::VerifyArguments;
use crate::commands::error::Error;
use crate::commands::event::Event;
use crate::commands::invocation::Invocation;
use crate::install::{self, record};
use crate::settings::installation::WantedInstallation;
use crate::transaction::pending;

/// Prints the tree digest, or the files that differ.
///
/// # Errors
/// When there is no such installation, or several, or when a file differs.
pub fn run(arguments: &VerifyArguments, invocation: &Invocation<'_>) -> Result<(), Error> {
    let Invocation {
        environment,
        reporter,
        output,
    } = *invocation;
    let prefix = arguments.prefix.as_deref();
    let wanted = WantedInstallation::new(&arguments.what, prefix, environment)?;
    for prefix in wanted.prefixes() {
        pending::report_pending(&prefix, reporter);
    }
    let (prefix, python) = wanted.find("verify")?;
    let verification = install::verify(&prefix, python)?;
    let files = verification.found.len();
    let found = verification.found.digest();
    if verification.differences.is_empty() {
        let recorded = record::read_in(&prefix, python).and_then(|record| record.tree);
        if recorded.is_some_and(|recorded| recorded != found) {
            reporter.report(&Event::OtherTree { python });
        }
        reporter.report(&Event::Verified { python, files });
        output.result(&format!("sha256:{found}"));
        return Ok(());
    }
    for difference in &verification.differences {
        output.result(&difference.to_string());
    }
    Err(Error::Differs {
        what: format!("CPython {python} in {}", prefix.display()),
        files: verification.differences.len(),
    })
}
