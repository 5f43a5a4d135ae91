//! Finds the installation that a command names.

use std::path::PathBuf;

use crate::commands::error::Error;
use crate::fs::list::names_in;
use crate::install;
use crate::install::record;
use crate::plan::version::{PythonVersion, VersionRequest};
use crate::settings;
use crate::settings::installation::{Place, WantedInstallation};
use crate::transaction;

impl WantedInstallation {
    /// The prefixes that may be meant, sorted.
    pub(super) fn prefixes(&self) -> Vec<PathBuf> {
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
    pub(super) fn is_among(&self, paths: &[PathBuf]) -> bool {
        paths.iter().any(|path| {
            let folder = path.parent().filter(|_| path.ends_with(record::RECORD));
            let version = folder.and_then(|folder| folder.file_name()?.to_str()?.parse().ok());
            version.is_some_and(|version| self.admits(version))
        })
    }

    /// The one installation that is meant, for the subcommand `command`.
    pub(super) fn find(&self, command: &str) -> Result<(PathBuf, PythonVersion), Error> {
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
                            "name one: `pybuild {command} {} --prefix {}`",
                            names[0],
                            prefix.display()
                        ),
                        Place::Default(_) if found[0].0.ends_with(found[0].1.to_string()) => {
                            format!("name one: `pybuild {command} {}`", names[0])
                        }
                        Place::Default(_) => {
                            format!("name one: `pybuild {command} {}`", found[0].0.display())
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
