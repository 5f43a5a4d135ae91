//! The result of the checks: a report, or an error.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::process::ExitStatus as CommandStatus;

use serde::{Deserialize, Serialize};

use super::scripts::DeadScript;
use crate::error::{ExitStatus, Explain};
use crate::fs::disk;
use crate::fs::disk::Refusal;
use crate::process::{CommandError, excerpt};

/// The answers of the staged interpreter; part of the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CheckReport {
    /// `python --version`.
    pub(crate) python: String,
    /// The version of the installed pip, of the bundled one and of a new venv's: all are equal. `None` for an
    /// interpreter without pip.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pip: Option<String>,
    /// The version of the installed setuptools.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) setuptools: Option<String>,
    /// The pip of a new venv; `None` if that CPython has no `venv`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) venv_pip: Option<String>,
    /// The modules that can be imported.
    pub(crate) modules: BTreeSet<String>,
    /// The other modules, with the reasons.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) missing_modules: BTreeMap<String, String>,
}

/// `pip 24.0`, or that there is none.
pub(crate) fn named_pip(version: Option<&str>) -> String {
    version.map_or("no pip".to_owned(), |version| format!("pip {version}"))
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum CheckError {
    #[error("the check `{what}` cannot be run")]
    NotRun {
        what: &'static str,
        source: CommandError,
    },
    #[error("the check `{what}` failed: {status}{}", excerpt(lines))]
    Failed {
        what: &'static str,
        status: CommandStatus,
        /// The relevant lines of the output.
        lines: Vec<String>,
        /// An error of the disk that the output mentions.
        source: Option<io::Error>,
    },
    #[error("{what} is {found}, not {wanted}")]
    Differs {
        what: &'static str,
        found: String,
        wanted: String,
    },
    /// Required modules cannot be imported, with the reasons.
    #[error("these modules do not work: {}", list(modules))]
    Modules { modules: BTreeMap<String, String> },
    #[error(transparent)]
    Script(DeadScript),
    #[error("the staged installation cannot be read")]
    Scratch(#[source] io::Error),
}

/// `ssl (no such file), zlib (…)`.
pub(super) fn list(modules: &BTreeMap<String, String>) -> String {
    let shown: Vec<String> = modules
        .iter()
        .map(|(module, error)| format!("{module} ({error})"))
        .collect();
    shown.join(", ")
}

impl Explain for CheckError {
    fn exit_status(&self) -> ExitStatus {
        // A full disk is no defect of the interpreter.
        match Refusal::behind(self) {
            Some(_) => ExitStatus::Failed,
            None => ExitStatus::Check,
        }
    }

    fn hint(&self) -> Option<String> {
        let instead = match self {
            Self::NotRun { source, .. } => source.instead(),
            _ => "name another folder with --build-dir",
        };
        disk::hint(self, instead).or_else(|| {
            Some(match self {
                Self::Modules { modules } => format!(
                    "see the log for why they were not built; `--allow-missing {}` installs without",
                    modules.keys().next().map_or("MODULE", String::as_str)
                ),
                _ => "nothing was installed; --keep-build keeps the staged tree for inspection"
                    .to_owned(),
            })
        })
    }
}
