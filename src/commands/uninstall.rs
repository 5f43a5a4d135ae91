//! `pybuild uninstall PREFIX|VERSION`: removes an installation.

use crate::cli::UninstallArguments;
use crate::commands::error::Error;
use crate::commands::invocation::Invocation;
use crate::hotpatch::InterpreterLock;
use crate::install;
use crate::install::{Uninstallation, record};
use crate::progress::Unit;
use crate::settings::Mode;
use crate::settings::uninstall::UninstallSettings;
use crate::store::Store;
use crate::transaction::pending::{self, PendingChanges};
use crate::transaction::{self, Recovered};

/// Uninstalls the installation that the arguments name.
///
/// # Errors
/// When there is none, or several; when the prefix cannot be changed, which leaves it unchanged.
pub fn run(arguments: &UninstallArguments, invocation: &Invocation<'_>) -> Result<(), Error> {
    let Invocation {
        environment,
        reporter,
        output,
    } = *invocation;
    let settings = UninstallSettings::new(arguments, environment)?;
    let wanted = &settings.wanted;
    if settings.mode == Mode::DryRun {
        for prefix in wanted.prefixes() {
            pending::report_pending(&prefix, reporter);
        }
        let (prefix, version) = wanted.find("uninstall")?;
        let plan = Uninstallation::plan(&prefix, version)?;
        let lines = plan.removed.iter();
        let lines = lines.map(|path| format!("{}\n", prefix.join(path).display()));
        output
            .result_bytes(lines.collect::<String>().as_bytes())
            .map_err(Error::Output)?;
        plan.report(&prefix, reporter);
        return Ok(());
    }
    let mut finished = false;
    for prefix in wanted.prefixes() {
        if let Recovered::Finished { removed } = transaction::recover(&prefix, reporter)? {
            finished |= wanted.is_among(&removed);
        }
    }
    let store = Store::of(environment);
    let pending = PendingChanges::of(&store);
    pending.recover(reporter);
    let (prefix, version) = match wanted.find("uninstall") {
        // The interrupted run had committed it.
        Err(Error::Install(install::Error::NotInstalled { .. })) if finished => return Ok(()),
        found => found?,
    };
    let note = pending.enter(&prefix, reporter);
    let _lock = InterpreterLock::take_if_there(&prefix, version, reporter)?;
    if let Some(record) = record::read_in(&prefix, version) {
        settings.running.judge(&record.python())?;
    }
    let phase = reporter.begin("uninstall", Unit::Steps, None);
    let done = install::uninstall(&prefix, version, reporter)?;
    note.finish();
    phase.finish(&format!(
        "CPython {version}: {} files in {}",
        done.removed.len(),
        prefix.display()
    ));
    done.report(&prefix, reporter);
    Ok(())
}
