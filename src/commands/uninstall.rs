//! `pybuild uninstall PREFIX|VERSION`: takes an installation away again.

use std::path::{Path, PathBuf};

use crate::cli::UninstallArguments;
use crate::commands::error::Error;
use crate::commands::invocation::Invocation;
use crate::hotpatch::InterpreterLock;
use crate::install;
use crate::install::{Leaving, record};
use crate::plan::version::{PythonVersion, VersionRequest};
use crate::progress::{Reporter, Unit};
use crate::settings::uninstall::{Place, UninstallSettings};
use crate::settings::{self, Mode};
use crate::store::Store;
use crate::transaction::Recovered;
use crate::transaction::pending;
use crate::transaction::pending::PendingChanges;

/// Uninstalls what the arguments name.
///
/// # Errors
/// When it is not installed, or not one but several; when the prefix cannot be changed, and then it is
/// as it was.
pub fn run(arguments: &UninstallArguments, invocation: &Invocation<'_>) -> Result<(), Error> {
    let Invocation {
        environment,
        reporter,
        output,
    } = *invocation;
    let wanted = UninstallSettings::new(arguments, environment)?;
    if wanted.mode == Mode::DryRun {
        for prefix in wanted.prefixes() {
            super::warn_if_pending(&prefix, reporter);
        }
        let (prefix, version) = wanted.find()?;
        let leaving = Leaving::of(&prefix, version)?;
        let lines = leaving.removed.iter();
        let lines = lines.map(|path| format!("{}\n", prefix.join(path).display()));
        output
            .result_bytes(lines.collect::<String>().as_bytes())
            .map_err(Error::Output)?;
        tell(&leaving, &prefix, reporter);
        return Ok(());
    }
    let mut finished = false;
    for prefix in wanted.prefixes() {
        if let Recovered::Finished { removed } = pending::recover(&prefix, environment, reporter)? {
            finished |= wanted.is_among(&removed);
        }
    }
    let store = Store::of(environment);
    let pending = PendingChanges::of(&store);
    pending.settle(environment, reporter);
    let (prefix, version) = match wanted.find() {
        // The run that was killed had done it.
        Err(Error::Install(install::Error::NotInstalled { .. })) if finished => return Ok(()),
        found => found?,
    };
    let noted = pending.enter(&prefix, reporter);
    let _turn = InterpreterLock::take_if_there(&prefix, version, reporter)?;
    if let Some(record) = record::read_in(&prefix, version) {
        wanted.running.judge(&record.python())?;
    }
    let phase = reporter.begin("uninstall", Unit::Steps, None);
    let leaving = install::uninstall(&prefix, version, reporter)?;
    noted.finish();
    phase.finish(&format!(
        "CPython {version}: {} files in {}",
        leaving.removed.len(),
        prefix.display()
    ));
    tell(&leaving, &prefix, reporter);
    Ok(())
}

impl UninstallSettings {
    /// The prefixes that may be meant, sorted.
    fn prefixes(&self) -> Vec<PathBuf> {
        match &self.place {
            Place::Prefix(prefix) => vec![prefix.clone()],
            Place::Default(folder) => {
                // One whose removal was cut short is gone from here, and is asked for by its name.
                let mut prefixes: Vec<PathBuf> = std::fs::read_dir(folder)
                    .into_iter()
                    .flatten()
                    .flatten()
                    .filter(|entry| {
                        entry
                            .file_name()
                            .to_string_lossy()
                            .parse()
                            .is_ok_and(|version| self.admits(version))
                    })
                    .map(|entry| entry.path())
                    .chain(match self.request {
                        Some(VersionRequest::Exact(version)) => {
                            Some(folder.join(version.to_string()))
                        }
                        _ => None,
                    })
                    .collect();
                prefixes.sort();
                prefixes.dedup();
                prefixes
            }
        }
    }

    fn admits(&self, version: PythonVersion) -> bool {
        self.request.is_none_or(|request| request.admits(version))
    }

    /// Whether these paths below a prefix are those of an installation that may be meant.
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
                record::installed(&prefix).map_err(|source| install::Error::Prefix {
                    prefix: prefix.clone(),
                    source,
                })?;
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
                    .map(|(_, version)| version.to_string())
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
                        Place::Default(_) => format!("name one: `pybuild uninstall {}`", names[0]),
                    },
                }
                .into())
            }
            (None, _) => Err(install::Error::NotInstalled {
                what: match self.request {
                    Some(request) => format!("CPython {request}"),
                    None => "anything of pybuild's".to_owned(),
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

/// What stays, and why.
fn tell(leaving: &Leaving, prefix: &Path, reporter: &dyn Reporter) {
    for path in &leaving.changed {
        reporter.warn(&format!(
            "{} was changed since it was installed, and stays",
            prefix.join(path).display()
        ));
    }
    for (path, target) in &leaving.turned {
        reporter.note(&format!(
            "{} points at {} of the installation that stays",
            prefix.join(path).display(),
            target.display()
        ));
    }
    for (path, twin) in &leaving.restored {
        reporter.note(&format!(
            "{} is {} of the installation that stays",
            prefix.join(path).display(),
            twin.display()
        ));
    }
    let named = || leaving.turned.iter().chain(&leaving.restored);
    let unnamed = |path: &&PathBuf| !named().any(|(other, _)| other == *path);
    let shared: Vec<String> = leaving
        .shared
        .iter()
        .filter(unnamed)
        .map(|path| path.display().to_string())
        .collect();
    if !shared.is_empty() {
        reporter.note(&format!(
            "another installation there lists these too, so they stay: {}",
            shared.join(", ")
        ));
    }
    if !leaving.packages.is_empty() {
        let count = leaving.packages.len();
        let plural = if count == 1 { "" } else { "s" };
        reporter.note(&format!(
            "{count} package{plural} in site-packages came later and stay{}: {}",
            if count == 1 { "s" } else { "" },
            leaving.packages.join(", ")
        ));
    }
}
