//! pip's configuration files and variables.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use crate::environment::Environment;
use crate::resolve::index::ini;

/// The sections that pybuild reads, the strongest last. pip merges all files first and orders the
/// sections then. What pybuild does is pip's `download`, in order to do what pip's `install` does.
const SECTIONS: [&str; 4] = ["global", "download", "install", VARIABLES];

/// pip's name for the section of its variables.
const VARIABLES: &str = ":env:";

/// A configuration that pybuild cannot read.
#[derive(Debug, thiserror::Error)]
pub enum InvalidPipConfig {
    #[error("pip's configuration file cannot be read")]
    Unreadable(#[source] io::Error),
    #[error("pip's configuration file {} is not UTF-8", path.display())]
    Encoding { path: PathBuf },
    /// pip refuses the file too.
    #[error("pip's configuration file {} has an error in line {}: {}", path.display(), problem.line, problem.what)]
    Syntax {
        path: PathBuf,
        problem: ini::Problem,
    },
    #[error("{variable} is not UTF-8")]
    Variable { variable: String },
    #[error("{named_by} is neither yes nor no")]
    NotAFlag { named_by: String },
}

impl InvalidPipConfig {
    pub(super) fn hint(&self) -> String {
        let fix = match self {
            Self::Unreadable(_) => "check that it is a file and its permissions",
            Self::Encoding { .. } => "save it as UTF-8",
            Self::Syntax { problem, .. } => problem.fix,
            Self::Variable { .. } => return "unset it, or set it to text".to_owned(),
            Self::NotAFlag { .. } => {
                return "pip takes true, yes, on, 1 and false, no, off, 0".to_owned();
            }
        };
        format!("{fix}, or ignore pip's files with PIP_CONFIG_FILE=/dev/null")
    }
}

/// The root of system-wide files such as `/etc/pip.conf`; another folder than `/` in tests.
#[derive(Debug, Clone)]
pub(crate) struct SystemRoot(pub(super) PathBuf);

impl Default for SystemRoot {
    fn default() -> Self {
        Self(PathBuf::from("/"))
    }
}

/// The options of all of pip's configuration files and variables.
#[derive(Debug, Default)]
pub(super) struct PipConfig {
    /// By section and option; the last file that sets an option wins.
    options: BTreeMap<(String, String), ConfigValue>,
}

/// The value of an option, and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ConfigValue {
    pub(super) text: String,
    /// `PIP_PROXY`, or `proxy in /etc/pip.conf`.
    pub(super) named_by: String,
}

impl PipConfig {
    /// Reads the existing files, and the variables. pip skips a file that it may not read; that file
    /// could hold a restriction, so it is an error here.
    pub(super) fn read(
        environment: &Environment,
        root: &SystemRoot,
    ) -> Result<Self, InvalidPipConfig> {
        let mut config = Self::default();
        for path in files(environment, root) {
            // As with pip, a file in a folder that may not be entered does not exist.
            if path.exists() {
                config.take_file(&path)?;
            }
        }
        for (name, value) in environment.variables_with("PIP_") {
            let variable = format!("PIP_{name}");
            let Some(value) = value.to_str() else {
                return Err(InvalidPipConfig::Variable { variable });
            };
            config.take(VARIABLES, name, value, variable);
        }
        Ok(config)
    }

    fn take_file(&mut self, path: &Path) -> Result<(), InvalidPipConfig> {
        let bytes = fs_err::read(path).map_err(InvalidPipConfig::Unreadable)?;
        let path = path.to_owned();
        let Ok(text) = String::from_utf8(bytes) else {
            return Err(InvalidPipConfig::Encoding { path });
        };
        let sections = match ini::read(&text) {
            Ok(sections) => sections,
            Err(problem) => return Err(InvalidPipConfig::Syntax { path, problem }),
        };
        for section in sections {
            for (name, value) in &section.options {
                let named_by = format!("{} in {}", canonical(name), path.display());
                self.take(&section.name, name, value, named_by);
            }
        }
        Ok(())
    }

    fn take(&mut self, section: &str, name: &str, value: &str, named_by: String) {
        let value = ConfigValue {
            text: value.to_owned(),
            named_by,
        };
        self.options
            .insert((section.to_owned(), canonical(name)), value);
    }

    /// The value of `option` in the strongest section that sets it. As with pip, an empty value does
    /// not count.
    pub(super) fn get(&self, option: &str) -> Option<&ConfigValue> {
        SECTIONS.iter().rev().find_map(|section| {
            self.options
                .get(&((*section).to_owned(), option.to_owned()))
                .filter(|value| !value.text.is_empty())
        })
    }

    /// The value of an option that is switched on; `None` when it is off or not set.
    pub(super) fn flag(&self, option: &str) -> Result<Option<&ConfigValue>, InvalidPipConfig> {
        let Some(value) = self.get(option) else {
            return Ok(None);
        };
        match value.text.to_ascii_lowercase().as_str() {
            "y" | "yes" | "t" | "true" | "on" | "1" => Ok(Some(value)),
            "n" | "no" | "f" | "false" | "off" | "0" => Ok(None),
            _ => Err(InvalidPipConfig::NotAFlag {
                named_by: value.named_by.clone(),
            }),
        }
    }
}

/// An option's name: to pip, `index_url`, `--index-url` and `pypi-url` are the same.
fn canonical(name: &str) -> String {
    let name = name.to_lowercase().replace('_', "-");
    match name.strip_prefix("--").unwrap_or(&name) {
        "pypi-url" => "index-url".to_owned(),
        "default-timeout" => "timeout".to_owned(),
        name => name.to_owned(),
    }
}

/// `PIP_CONFIG_FILE`, as an absolute path.
pub(super) fn named_file(environment: &Environment) -> Option<PathBuf> {
    environment
        .variable_os("PIP_CONFIG_FILE")
        .map(|path| environment.absolute(Path::new(path)))
}

/// The files in pip's order, the strongest last: global, user, virtual environment, `PIP_CONFIG_FILE`.
fn files(environment: &Environment, root: &SystemRoot) -> Vec<PathBuf> {
    let named = named_file(environment);
    if named.as_deref() == Some(Path::new("/dev/null")) {
        return Vec::new();
    }
    let mut files = global_files(environment, root);
    // A named file that exists replaces the user's own files.
    if !named.as_deref().is_some_and(Path::exists) {
        files.extend(user_files(environment));
    }
    files.extend(
        environment
            .variable_os("VIRTUAL_ENV")
            .map(|folder| Path::new(folder).join("pip.conf")),
    );
    files.extend(named);
    files
}

fn global_files(environment: &Environment, root: &SystemRoot) -> Vec<PathBuf> {
    if cfg!(target_os = "macos") {
        return vec![
            root.0.join("Library/Application Support/pip/pip.conf"),
            root.0.join("etc/pip.conf"),
        ];
    }
    let mut folders: Vec<PathBuf> = environment
        .variable_os("XDG_CONFIG_DIRS")
        .map(|folders| std::env::split_paths(folders).collect())
        .unwrap_or_default();
    folders.retain(|folder| folder.is_absolute());
    if folders.is_empty() {
        folders.push(root.0.join("etc/xdg"));
    }
    let mut files: Vec<PathBuf> = folders
        .into_iter()
        .map(|folder| folder.join("pip/pip.conf"))
        .collect();
    files.push(root.0.join("etc/pip.conf"));
    files
}

fn user_files(environment: &Environment) -> Vec<PathBuf> {
    let home = environment.home();
    let legacy = home.map(|home| home.join(".pip/pip.conf"));
    let mac = home
        .map(|home| home.join("Library/Application Support/pip"))
        .filter(|folder| cfg!(target_os = "macos") && folder.is_dir());
    let xdg = environment
        .variable_os("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .filter(|folder| folder.is_absolute() && !cfg!(target_os = "macos"))
        .or_else(|| Some(home?.join(".config")))
        .map(|folder| folder.join("pip"));
    let own = mac.or(xdg).map(|folder| folder.join("pip.conf"));
    legacy.into_iter().chain(own).collect()
}
