//! What pip is configured with: its configuration files, and its variables.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::ini;
use crate::environment::Environment;

/// The sections whose options count here, the strongest last. pip merges all files first and weighs
/// sections after that; what pybuild does is pip's `download`, for what pip's `install` does.
const SECTIONS: [&str; 4] = ["global", "download", "install", VARIABLES];

/// What pip calls the section of its variables.
const VARIABLES: &str = ":env:";

/// What pip is configured with, and pybuild cannot read.
#[derive(Debug, thiserror::Error)]
pub enum InvalidPipConfig {
    /// A file that cannot be opened or read.
    #[error("pip's configuration file cannot be read")]
    Unreadable(#[source] io::Error),
    /// A file in another encoding.
    #[error("pip's configuration file {} is not UTF-8", path.display())]
    Encoding {
        /// The file.
        path: PathBuf,
    },
    /// A file that pip could not read either.
    #[error("pip's configuration file {} has an error in line {}: {}", path.display(), problem.line, problem.what)]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: ini::Problem,
    },
    /// A variable with something else than text.
    #[error("{variable} is not UTF-8")]
    Variable {
        /// Its name.
        variable: String,
    },
    /// An option that should be switched on or off.
    #[error("{named_by} is neither yes nor no")]
    NotAFlag {
        /// The option and its file, or the variable.
        named_by: String,
    },
}

impl InvalidPipConfig {
    /// What the user should do next.
    pub(super) fn hint(&self) -> String {
        let fix = match self {
            Self::Unreadable(_) => "see that it is a file and may be read",
            Self::Encoding { .. } => "save it as UTF-8",
            Self::Syntax { problem, .. } => problem.fix,
            Self::Variable { .. } => return "unset it, or set it to text".to_owned(),
            Self::NotAFlag { .. } => {
                return "pip takes true, yes, on, 1 and false, no, off, 0".to_owned();
            }
        };
        format!("{fix}, or leave pip's files out with PIP_CONFIG_FILE=/dev/null")
    }
}

/// The folder that system-wide files such as `/etc/pip.conf` are looked for under.
#[derive(Debug, Clone)]
pub struct SystemRoot(PathBuf);

impl SystemRoot {
    /// Another folder than `/`, for tests and images.
    #[must_use]
    pub fn at(root: PathBuf) -> Self {
        Self(root)
    }

    fn join(&self, path: &str) -> PathBuf {
        self.0.join(path)
    }
}

impl Default for SystemRoot {
    fn default() -> Self {
        Self(PathBuf::from("/"))
    }
}

/// The options of all of pip's configuration files and variables together.
#[derive(Debug, Default)]
pub(super) struct PipConfig {
    /// By section and option, with where it was set last.
    options: BTreeMap<(String, String), ConfigValue>,
}

/// What an option is set to, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ConfigValue {
    pub text: String,
    /// `PIP_PROXY`, or `proxy in /etc/pip.conf`.
    pub named_by: String,
}

impl PipConfig {
    /// Reads the files that there are, and the variables.
    ///
    /// # Errors
    /// [`InvalidPipConfig`]. pip passes over a file that it may not read; that file could hold a
    /// restriction, so it is an error here.
    pub fn read(environment: &Environment, root: &SystemRoot) -> Result<Self, InvalidPipConfig> {
        let mut config = Self::default();
        for path in files(environment, root) {
            // A folder that may not be entered hides whether there is a file; pip takes it for none.
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

    /// What `option` is set to in the strongest section that sets it. pip passes over an empty value,
    /// so that a weaker section's one counts.
    pub fn get(&self, option: &str) -> Option<&ConfigValue> {
        SECTIONS.iter().rev().find_map(|section| {
            self.options
                .get(&((*section).to_owned(), option.to_owned()))
                .filter(|value| !value.text.is_empty())
        })
    }

    /// The value of an option that is switched on; `None` when it is off or not set.
    ///
    /// # Errors
    /// [`InvalidPipConfig::NotAFlag`].
    pub fn flag(&self, option: &str) -> Result<Option<&ConfigValue>, InvalidPipConfig> {
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
    // A named file that is there stands in for the person's own ones.
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
            root.join("Library/Application Support/pip/pip.conf"),
            root.join("etc/pip.conf"),
        ];
    }
    let mut folders: Vec<PathBuf> = environment
        .variable_os("XDG_CONFIG_DIRS")
        .map(|folders| std::env::split_paths(folders).collect())
        .unwrap_or_default();
    folders.retain(|folder| folder.is_absolute());
    if folders.is_empty() {
        folders.push(root.join("etc/xdg"));
    }
    let mut files: Vec<PathBuf> = folders
        .into_iter()
        .map(|folder| folder.join("pip/pip.conf"))
        .collect();
    files.push(root.join("etc/pip.conf"));
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
