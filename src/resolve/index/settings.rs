//! Which index is asked: `--index-url`, then what pip is configured with on this machine, then PyPI.

use super::find_links::{self, FindLinks};
use super::pip_config::{InvalidPipConfig, PipConfig, SystemRoot, named_file};
use super::restrictions::Restrictions;
use crate::environment::Environment;
use crate::error::{ExitStatus, Explain};
use crate::net::address::{Address, InvalidAddress};
use crate::net::http::{ClientSettings, NamedProxy};

/// PyPI's Simple API.
const PYPI: &str = "https://pypi.org/simple/";

/// What pip can be configured with that would lead to other wheels or hosts, and that pybuild does not do.
const NOT_USED: [(&str, &str); 3] = [
    ("extra-index-url", "a pin comes from one index"),
    ("trusted-host", "every certificate is verified"),
    ("client-cert", "pybuild shows no certificate of its own"),
];

/// The index to ask, what stands beside it, and how to ask.
#[derive(Debug, Clone)]
pub struct IndexSettings {
    /// The address that projects' pages lie below.
    pub address: Address,
    /// Who named it: an option, a variable, a file, or pybuild itself.
    pub named_by: String,
    /// Who says that no index may be asked (pip's `no-index`).
    pub no_index: Option<String>,
    /// pip's `find-links`.
    pub find_links: Vec<FindLinks>,
    /// What else pip's configuration rules out.
    pub restrictions: Restrictions,
    /// pip's `cert`, `proxy` and `timeout`.
    pub client: ClientSettings,
    /// What pip is configured with, and pybuild does otherwise.
    pub warnings: Vec<String>,
}

/// Why it is not known which index to ask, or how.
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
    /// What names a proxy is not an address.
    #[error("the proxy named by {named_by} cannot be used")]
    Proxy {
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
            Self::Proxy { .. } => "name the proxy as http://HOST:PORT".to_owned(),
            Self::Config(error) => error.hint(),
        })
    }
}

impl IndexSettings {
    /// This index, with nothing else configured.
    #[must_use]
    pub fn new(address: Address, named_by: String) -> Self {
        Self {
            address,
            named_by,
            no_index: None,
            find_links: Vec::new(),
            restrictions: Restrictions::default(),
            client: ClientSettings::default(),
            warnings: Vec::new(),
        }
    }

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
        let (address, named_by) = match (index_url, config.get("index-url")) {
            (Some(address), _) => (address, "--index-url".to_owned()),
            (None, Some(value)) => parsed(&value.text, value.named_by.clone())?,
            (None, None) => published(PYPI)?,
        };
        let (find_links, mut warnings) = find_links::configured(&config, environment);
        warnings.extend(not_used(&config)?);
        if let Some(path) = named_file(environment).filter(|path| !path.exists()) {
            warnings.push(format!(
                "PIP_CONFIG_FILE names {}, which is not there",
                path.display()
            ));
        }
        let no_index = config.flag("no-index")?;
        let cert = config.get("cert");
        Ok(Self {
            no_index: no_index.map(|value| value.named_by.clone()),
            find_links,
            restrictions: Restrictions::of(&config, environment)?,
            client: ClientSettings {
                certificates: cert.map(|value| environment.expanded(&value.text)),
                proxy: proxy(&config)?,
                timeout: config.get("timeout").map(|value| value.text.clone()),
            },
            warnings,
            ..Self::new(address, named_by)
        })
    }
}

fn parsed(text: &str, named_by: String) -> Result<(Address, String), IndexSettingsError> {
    match text.parse() {
        Ok(address) => Ok((address, named_by)),
        Err(source) => Err(IndexSettingsError::Address { named_by, source }),
    }
}

fn published(text: &'static str) -> Result<(Address, String), IndexSettingsError> {
    let named_by = "default".to_owned();
    match Address::published(text) {
        Ok(address) => Ok((address, named_by)),
        Err(source) => Err(IndexSettingsError::Address { named_by, source }),
    }
}

fn proxy(config: &PipConfig) -> Result<Option<NamedProxy>, IndexSettingsError> {
    let Some(value) = config.get("proxy") else {
        return Ok(None);
    };
    let named_by = value.named_by.clone();
    // Like pip, without a scheme it is one that speaks HTTP.
    let scheme = if value.text.contains("://") {
        ""
    } else {
        "http://"
    };
    match format!("{scheme}{}", value.text.trim()).parse() {
        Ok(address) => Ok(Some(NamedProxy { address, named_by })),
        Err(source) => Err(IndexSettingsError::Proxy { named_by, source }),
    }
}

fn not_used(config: &PipConfig) -> Result<Vec<String>, InvalidPipConfig> {
    let set = NOT_USED
        .iter()
        .filter_map(|(option, why)| Some((config.get(option)?, *why)));
    let pre = config
        .flag("pre")?
        .map(|value| (value, "name a pre-release to get it"));
    Ok(set
        .chain(pre)
        .map(|(value, why)| format!("{} is not used: {why}", value.named_by))
        .collect())
}

#[cfg(test)]
mod tests;
