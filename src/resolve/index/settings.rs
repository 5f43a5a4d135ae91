//! The index and how to ask it: `--index-url`, then pip's configuration on this machine, then PyPI.

use crate::environment::Environment;
use crate::error::{ExitStatus, Explain};
use crate::net::address::{Address, InvalidAddress};
use crate::net::settings::{ClientSettings, NamedProxy};
use crate::resolve::index::find_links::{self, FindLinks};
use crate::resolve::index::pip_config::{InvalidPipConfig, PipConfig, SystemRoot, named_file};
use crate::resolve::index::restrictions::Restrictions;

/// PyPI's Simple API.
const PYPI: &str = "https://pypi.org/simple/";

/// pip's settings that would lead to other wheels or hosts, and that pybuild ignores.
const IGNORED: [(&str, &str); 3] = [
    ("extra-index-url", "a pin comes from one index"),
    ("trusted-host", "every certificate is verified"),
    ("client-cert", "pybuild shows no certificate of its own"),
];

/// The index and how to ask it.
#[derive(Debug, Clone)]
pub(crate) struct IndexSettings {
    /// The address above the projects' pages.
    pub(crate) address: Address,
    /// The option, variable or file that names it, or `default`.
    pub(crate) named_by: String,
    /// The option, variable or file that sets pip's `no-index`.
    pub(super) no_index: Option<String>,
    pub(super) find_links: Vec<FindLinks>,
    pub(super) restrictions: Restrictions,
    /// pip's `cert`, `proxy` and `timeout`.
    pub(crate) client: ClientSettings,
    /// pip's settings that pybuild does not follow.
    pub(crate) warnings: Vec<String>,
}

/// Why pip's settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IndexSettingsError {
    #[error("the package index named by {named_by} cannot be used")]
    Address {
        named_by: String,
        source: InvalidAddress,
    },
    #[error("the proxy named by {named_by} cannot be used")]
    Proxy {
        named_by: String,
        source: InvalidAddress,
    },
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
    #[cfg(test)]
    pub(crate) fn new(address: Address) -> Self {
        Self {
            address,
            named_by: "test".to_owned(),
            no_index: None,
            find_links: Vec::new(),
            restrictions: Restrictions::default(),
            client: ClientSettings::default(),
            warnings: Vec::new(),
        }
    }

    /// The settings of this machine and command line, in pip's order of precedence.
    pub(crate) fn of(
        index_url: Option<Address>,
        environment: &Environment,
        root: &SystemRoot,
    ) -> Result<Self, IndexSettingsError> {
        let config = PipConfig::read(environment, root)?;
        let (address, named_by) = match (index_url, config.get("index-url")) {
            (Some(address), _) => (Ok(address), "--index-url".to_owned()),
            (None, Some(value)) => (value.text.parse(), value.named_by.clone()),
            (None, None) => (Address::published(PYPI), "default".to_owned()),
        };
        let address = match address {
            Ok(address) => address,
            Err(source) => return Err(IndexSettingsError::Address { named_by, source }),
        };
        let (find_links, mut warnings) = find_links::configured(&config, environment);
        warnings.extend(ignored(&config)?);
        if let Some(path) = named_file(environment).filter(|path| !path.exists()) {
            let path = path.display();
            warnings.push(format!(
                "PIP_CONFIG_FILE names {path}, which does not exist"
            ));
        }
        let no_index = config.flag("no-index")?;
        let cert = config.get("cert");
        Ok(Self {
            address,
            named_by,
            no_index: no_index.map(|value| value.named_by.clone()),
            find_links,
            restrictions: Restrictions::of(&config, environment)?,
            client: ClientSettings {
                certificates: cert.map(|value| environment.expanded(&value.text)),
                proxy: proxy(&config)?,
                timeout: config.get("timeout").map(|value| value.text.clone()),
            },
            warnings,
        })
    }
}

/// pip takes a proxy without a scheme for an HTTP proxy.
fn proxy(config: &PipConfig) -> Result<Option<NamedProxy>, IndexSettingsError> {
    let Some(value) = config.get("proxy") else {
        return Ok(None);
    };
    let named_by = value.named_by.clone();
    let has_scheme = value.text.contains("://");
    let scheme = if has_scheme { "" } else { "http://" };
    match format!("{scheme}{}", value.text.trim()).parse() {
        Ok(address) => Ok(Some(NamedProxy { address, named_by })),
        Err(source) => Err(IndexSettingsError::Proxy { named_by, source }),
    }
}

/// A warning for each setting that pybuild ignores.
fn ignored(config: &PipConfig) -> Result<Vec<String>, InvalidPipConfig> {
    let values = IGNORED
        .iter()
        .filter_map(|(option, why)| Some((config.get(option)?, *why)));
    let pre = config.flag("pre")?;
    let pre = pre.map(|value| (value, "name a pre-release to get it"));
    Ok(values
        .chain(pre)
        .map(|(value, why)| format!("{} is not used: {why}", value.named_by))
        .collect())
}

#[cfg(test)]
mod tests;
