//! pip's configuration files: where they are, in which order they count, what they say.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use configparser::ini::Ini;

use crate::environment::Environment;

/// The sections whose options count here, the strongest last. pip merges all files first and
/// weighs sections after that; what pybuild does is pip's `download`, for what pip's `install` does.
const SECTIONS: [&str; 3] = ["global", "download", "install"];

/// A configuration file that is not one.
#[derive(Debug, thiserror::Error)]
#[error("pip's configuration file {} cannot be read: {problem}", path.display())]
pub struct InvalidPipConfig {
    path: PathBuf,
    /// What the parser says; it has no error type of its own.
    problem: String,
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

/// The options of all of pip's configuration files together.
#[derive(Debug, Default)]
pub(super) struct PipConfig {
    /// By section and option, with the file that said it last.
    options: BTreeMap<(String, String), ConfigValue>,
}

/// What an option is set to, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ConfigValue {
    pub text: String,
    pub file: PathBuf,
}

impl PipConfig {
    /// Reads the files that there are.
    ///
    /// # Errors
    /// [`InvalidPipConfig`]. A file that is not there or not open to this user is passed over, as
    /// pip does.
    pub fn read(environment: &Environment, root: &SystemRoot) -> Result<Self, InvalidPipConfig> {
        let mut config = Self::default();
        for path in files(environment, root) {
            match fs_err::read_to_string(&path) {
                Ok(text) => config.take(&path, &text)?,
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    return Err(InvalidPipConfig {
                        path,
                        problem: "it is not UTF-8".to_owned(),
                    });
                }
                Err(_) => {}
            }
        }
        Ok(config)
    }

    fn take(&mut self, path: &Path, text: &str) -> Result<(), InvalidPipConfig> {
        let mut ini = Ini::new();
        ini.set_multiline(true);
        // Python's parser, and so pip, knows no comment behind a value: addresses may hold a `#`.
        ini.set_inline_comment_symbols(Some(&[]));
        let sections = ini
            .read(text.to_owned())
            .map_err(|problem| InvalidPipConfig {
                path: path.to_owned(),
                problem,
            })?;
        for (section, options) in sections {
            for (option, value) in options {
                // pip skips an empty value, so that a weaker section's one stands.
                let Some(text) = value.filter(|text| !text.is_empty()) else {
                    continue;
                };
                // `index_url` and `--index-url` are the same to pip.
                let option = option.replace('_', "-");
                let option = option.trim_start_matches('-').to_owned();
                self.options.insert(
                    (section.clone(), option),
                    ConfigValue {
                        text,
                        file: path.to_owned(),
                    },
                );
            }
        }
        Ok(())
    }

    /// What `option` is set to in the strongest section that sets it.
    pub fn get(&self, option: &str) -> Option<&ConfigValue> {
        SECTIONS.iter().rev().find_map(|section| {
            self.options
                .get(&((*section).to_owned(), option.to_owned()))
        })
    }
}

/// The files in pip's order, the strongest last: global, user, virtual environment, `PIP_CONFIG_FILE`.
fn files(environment: &Environment, root: &SystemRoot) -> Vec<PathBuf> {
    let named = environment
        .variable_os("PIP_CONFIG_FILE")
        .map(|path| environment.absolute(Path::new(path)));
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
