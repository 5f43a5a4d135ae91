//! `pybuild uninstall PREFIX|VERSION`: removes an installation.

use std::path::PathBuf;

use crate::cli::UninstallArguments;
use crate::commands::error::Error;
use crate::commands::invocation::Invocation;
use crate::fs::list::names_in;
use crate::hotpatch::InterpreterLock;
use crate::install;
use crate::install::{Uninstallation, record};
use crate::plan::version::{PythonVersion, VersionRequest};
use crate::progress::Unit;
use crate::settings::uninstall::{Place, UninstallSettings};
use crate::settings::{self, Mode};
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
    let wanted = UninstallSettings::new(arguments, environment)?;
    if wanted.mode == Mode::DryRun {
        for prefix in wanted.prefixes() {
            pending::report_pending(&prefix, reporter);
        }
        let (prefix, version) = wanted.find()?;
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
    let (prefix, version) = match wanted.find() {
        // The interrupted run had committed it.
        Err(Error::Install(install::Error::NotInstalled { .. })) if finished => return Ok(()),
        found => found?,
    };
    let note = pending.enter(&prefix, reporter);
    let _lock = InterpreterLock::take_if_there(&prefix, version, reporter)?;
    if let Some(record) = record::read_in(&prefix, version) {
        wanted.running.judge(&record.python())?;
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

impl UninstallSettings {
    /// The prefixes that may be meant, sorted.
    fn prefixes(&self) -> Vec<PathBuf> {
        let folder = match &self.place {
            Place::Prefix(prefix) => return vec![prefix.clone()],
            Place::Default(folder) => folder,
        };
        let names = names_in(folder).unwrap_or_default().into_iter();
        let admitted = names.filter(|name| {
            // A run with several pins adds them to the name: `3.11.2-pip24.0`.
            let name = name.to_string_lossy();
            let version = name.split('-').next().unwrap_or_default().parse();
            version.is_ok_and(|version| self.admits(version))
        });
        let mut prefixes: Vec<PathBuf> = admitted.map(|name| folder.join(name)).collect();
        // An interrupted removal may have renamed the folder.
        if let Some(VersionRequest::Exact(version)) = self.request {
            prefixes.push(folder.join(version.to_string()));
        }
        prefixes.sort();
        prefixes.dedup();
        prefixes
    }

    fn admits(&self, version: PythonVersion) -> bool {
        self.request.is_none_or(|request| request.admits(version))
    }

    /// Whether the record of an installation that may be meant is among these paths below a prefix.
    fn is_among(&self, paths: &[PathBuf]) -> bool {
        paths.iter().any(|path| {
            let folder = path.parent().filter(|_| path.ends_with(record::RECORD));
            let version = folder.and_then(|folder| folder.file_name()?.to_str()?.parse().ok());
            version.is_some_and(|version| self.admits(version))
        })
    }

    /// The one installation that is meant.
    fn find(&self) -> Result<(PathBuf, PythonVersion), Error> {
        let mut found = Vec::new();
        let mut others = Vec::new();
        for prefix in self.prefixes() {
            let installed =
                record::installed(&prefix).map_err(transaction::Error::prefix(&prefix))?;
            for version in installed {
                if self.admits(version) {
                    found.push((prefix.clone(), version));
                } else {
                    others.push(version.to_string());
                }
            }
        }
        match (found.pop(), found.is_empty()) {
            (Some(only), true) => Ok(only),
            (Some(last), false) => {
                found.push(last);
                let names: Vec<String> = found
                    .iter()
                    .map(|(prefix, version)| match &self.place {
                        Place::Default(folder) if !prefix.ends_with(version.to_string()) => {
                            let name = prefix.strip_prefix(folder).unwrap_or(prefix);
                            name.display().to_string()
                        }
                        _ => version.to_string(),
                    })
                    .collect();
                Err(settings::Error::Usage {
                    what: format!(
                        "{} can mean any of several installations: {}",
                        self.typed,
                        names.join(", ")
                    ),
                    hint: match &self.place {
                        Place::Prefix(prefix) => format!(
                            "name one: `pybuild uninstall {} --prefix {}`",
                            names[0],
                            prefix.display()
                        ),
                        Place::Default(_) if found[0].0.ends_with(found[0].1.to_string()) => {
                            format!("name one: `pybuild uninstall {}`", names[0])
                        }
                        Place::Default(_) => {
                            format!("name one: `pybuild uninstall {}`", found[0].0.display())
                        }
                    },
                }
                .into())
            }
            (None, _) => Err(install::Error::NotInstalled {
                what: match self.request {
                    Some(request) => format!("CPython {request}"),
                    None => "a CPython of pybuild".to_owned(),
                },
                place: match &self.place {
                    Place::Prefix(folder) | Place::Default(folder) => folder.clone(),
                },
                installed: others,
            }
            .into()),
        }
    }
}
