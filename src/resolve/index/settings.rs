//! Which index is asked: `--index-url`, then what pip was told on this machine, then PyPI.

use std::path::{Path, PathBuf};

use super::pip_config::{InvalidPipConfig, PipConfig, SystemRoot};
use crate::address::{Address, InvalidAddress};
use crate::environment::Environment;
use crate::error::{ExitStatus, Explain};

/// PyPI's Simple API.
const PYPI: &str = "https://pypi.org/simple/";

/// What pip can be told about packages that pybuild does not do, because a pin comes from one index.
const NOT_USED: [&str; 6] = [
    "extra-index-url",
    "find-links",
    "no-index",
    "proxy",
    "client-cert",
    "trusted-host",
];

/// The index to ask and how to trust it.
#[derive(Debug, Clone)]
pub struct IndexSettings {
    /// The address that projects' pages lie below.
    pub address: Address,
    /// Who named it: an option, a variable, a file, or pybuild itself.
    pub named_by: String,
    /// pip's `cert`: a bundle of certificates, to be trusted beside the system's.
    pub certificates: Option<PathBuf>,
    /// pip's settings that are there and not used, such as `PIP_FIND_LINKS` or
    /// `find-links in /etc/pip.conf`.
    pub not_used: Vec<String>,
}

/// Why it cannot be said which index to ask.
#[derive(Debug, thiserror::Error)]
pub enum IndexSettingsError {
    /// What names an index is not an address.
    #[error("the package index named by {named_by} cannot be used")]
    Address {
        /// The variable or file.
        named_by: String,
        /// What is wrong with it.
        source: InvalidAddress,
    },
    /// See [`InvalidPipConfig`].
    #[error(transparent)]
    Config(#[from] InvalidPipConfig),
}

impl Explain for IndexSettingsError {
    fn exit_status(&self) -> ExitStatus {
        ExitStatus::Usage
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Address { .. } => {
                "name the index with --index-url, as https://HOST/simple/".to_owned()
            }
            Self::Config(_) => {
                "mend the file, or leave pip's files out with PIP_CONFIG_FILE=/dev/null".to_owned()
            }
        })
    }
}

impl IndexSettings {
    /// The settings of this machine and command line, in pip's order of precedence.
    ///
    /// # Errors
    /// [`IndexSettingsError`].
    pub fn of(
        index_url: Option<Address>,
        environment: &Environment,
        root: &SystemRoot,
    ) -> Result<Self, IndexSettingsError> {
        let config = PipConfig::read(environment, root)?;
        let (address, named_by) = if let Some(address) = index_url {
            (address, "--index-url".to_owned())
        } else if let Some(text) = environment.variable("PIP_INDEX_URL") {
            parsed(text, "PIP_INDEX_URL".to_owned())?
        } else if let Some(value) = config.get("index-url") {
            parsed(&value.text, value.file.display().to_string())?
        } else {
            parsed(PYPI, "default".to_owned())?
        };
        let certificates = config
            .get("cert")
            .map(|value| expanded(&value.text, environment));
        Ok(Self {
            address,
            named_by,
            certificates,
            not_used: not_used(environment, &config),
        })
    }
}

fn parsed(text: &str, named_by: String) -> Result<(Address, String), IndexSettingsError> {
    match text.parse() {
        Ok(address) => Ok((address, named_by)),
        Err(source) => Err(IndexSettingsError::Address { named_by, source }),
    }
}

/// A path as pip reads it, where `~` is the home folder.
fn expanded(path: &str, environment: &Environment) -> PathBuf {
    match (path.strip_prefix("~/"), environment.home()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => environment.absolute(Path::new(path)),
    }
}

fn not_used(environment: &Environment, config: &PipConfig) -> Vec<String> {
    let mut settings = Vec::new();
    for option in NOT_USED {
        let variable = format!("PIP_{}", option.to_ascii_uppercase().replace('-', "_"));
        if environment.variable_os(&variable).is_some() {
            settings.push(variable);
        } else if let Some(value) = config.get(option) {
            settings.push(format!("{option} in {}", value.file.display()));
        }
    }
    settings
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{IndexSettings, PYPI, SystemRoot};
    use crate::environment::Environment;

    struct Machine(tempfile::TempDir);

    impl Machine {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn root(&self) -> &Path {
            self.0.path()
        }

        fn with(self, file: &str, text: &str) -> Self {
            let path = self.root().join(file);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, text).unwrap();
            self
        }

        /// The settings with these variables; `ROOT` in a value is the machine's root.
        fn settings(&self, variables: &[(&str, &str)]) -> Result<IndexSettings, String> {
            let root = self.root().to_str().unwrap();
            let home = [("HOME", "ROOT/home")];
            let variables = home
                .iter()
                .chain(variables)
                .map(|(name, value)| (*name, value.replace("ROOT", root)));
            let environment = Environment::with_variables(self.root(), variables);
            IndexSettings::of(None, &environment, &SystemRoot::at(self.root().to_owned()))
                .map_err(|error| format!("{error:?}"))
        }

        fn index(&self, variables: &[(&str, &str)]) -> String {
            self.settings(variables).unwrap().address.to_string()
        }
    }

    fn conf(host: &str) -> String {
        format!("[global]\nindex-url = https://{host}.example/simple\n")
    }

    #[test]
    fn without_a_word_from_anybody_pypi_is_asked() {
        let settings = Machine::new().settings(&[]).unwrap();
        assert_eq!(settings.address.to_string(), PYPI);
        assert_eq!(settings.certificates, None);
        assert!(settings.not_used.is_empty());
    }

    #[test]
    fn each_place_is_stronger_than_the_one_before() {
        let mut machine = Machine::new();
        let variables = [
            ("VIRTUAL_ENV", "ROOT/venv"),
            ("XDG_CONFIG_HOME", "ROOT/config"),
        ];
        for (place, file) in [
            ("xdg", "etc/xdg/pip/pip.conf"),
            ("etc", "etc/pip.conf"),
            ("legacy", "home/.pip/pip.conf"),
            ("user", "config/pip/pip.conf"),
            ("venv", "venv/pip.conf"),
        ] {
            if cfg!(target_os = "macos") && ["xdg", "user"].contains(&place) {
                continue;
            }
            machine = machine.with(file, &conf(place));
            assert_eq!(
                machine.index(&variables),
                format!("https://{place}.example/simple")
            );
        }
        let with_variable = [
            variables[0],
            variables[1],
            ("PIP_INDEX_URL", "https://env.example/simple"),
        ];
        assert_eq!(machine.index(&with_variable), "https://env.example/simple");
    }

    #[test]
    fn a_named_file_stands_in_for_the_persons_own_and_dev_null_for_all() {
        let machine = Machine::new()
            .with("etc/pip.conf", "[global]\ncert = /etc/own.pem\n")
            .with(
                "home/.pip/pip.conf",
                "[install]\nindex-url = https://user.example\n",
            )
            .with("named.conf", &conf("named"));
        let settings = machine
            .settings(&[("PIP_CONFIG_FILE", "ROOT/named.conf")])
            .unwrap();
        assert_eq!(settings.address.to_string(), "https://named.example/simple");
        assert_eq!(
            settings.certificates.as_deref(),
            Some(Path::new("/etc/own.pem"))
        );
        let settings = machine
            .settings(&[("PIP_CONFIG_FILE", "/dev/null")])
            .unwrap();
        assert_eq!(settings.address.to_string(), PYPI);
        assert_eq!(settings.certificates, None);
        // One that is not there leaves the others alone.
        assert_eq!(
            machine.index(&[("PIP_CONFIG_FILE", "ROOT/none.conf")]),
            "https://user.example/"
        );
    }

    #[test]
    fn a_section_of_a_command_is_stronger_than_global_wherever_it_stands() {
        let machine = Machine::new()
            .with(
                "etc/pip.conf",
                "[install]\nindex_url: https://install.example/a#b\n",
            )
            .with("home/.pip/pip.conf", &conf("global"));
        assert_eq!(machine.index(&[]), "https://install.example/a#b");
    }

    #[test]
    fn what_is_not_used_is_said() {
        let machine = Machine::new().with(
            "etc/pip.conf",
            "[global]\nextra-index-url =\n    https://a.example\n    https://b.example\n\
             cert = ~/own.pem\n",
        );
        let settings = machine.settings(&[("PIP_FIND_LINKS", "/wheels")]).unwrap();
        assert_eq!(settings.not_used.len(), 2, "{:?}", settings.not_used);
        assert!(settings.not_used[0].starts_with("extra-index-url in "));
        assert_eq!(settings.not_used[1], "PIP_FIND_LINKS");
        assert_eq!(
            settings.certificates,
            Some(machine.root().join("home/own.pem"))
        );
    }

    #[test]
    fn what_cannot_be_used_is_refused_without_its_password() {
        let error = Machine::new()
            .settings(&[("PIP_INDEX_URL", "ftp://me:secret@h.example/simple")])
            .unwrap_err();
        assert!(
            error.contains("PIP_INDEX_URL") && !error.contains("secret"),
            "{error}"
        );
        let error = Machine::new()
            .with("etc/pip.conf", "[global\nindex-url = x\n")
            .settings(&[])
            .unwrap_err();
        assert!(error.contains("pip.conf"), "{error}");
    }
}
