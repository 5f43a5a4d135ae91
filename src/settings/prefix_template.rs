//! The prefix of a build, with placeholders for the versions: several builds need several prefixes.

use std::path::PathBuf;

use super::error::Error;
use crate::environment::Environment;
use crate::install::prefix;
use crate::plan::version::PythonVersion;
use crate::plan::{InstallPrefix, Pin, Pins};

const VERSION: &str = "{version}";
const PIP: &str = "{pip}";
const SETUPTOOLS: &str = "{setuptools}";
const ALL: [&str; 3] = [VERSION, PIP, SETUPTOOLS];

/// A prefix that may have placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PrefixTemplate {
    /// The name of a folder among the default prefixes.
    Default(String),
    /// `--prefix`.
    Given(PathBuf),
}

/// The options of which a run has several values.
#[derive(Debug, Clone, Copy)]
pub struct Several {
    pub versions: bool,
    pub pips: bool,
    pub setuptools: bool,
}

impl PrefixTemplate {
    /// Refuses unknown placeholders, and a prefix that several builds would share.
    pub fn new(given: Option<PathBuf>, several: Several) -> Result<Self, Error> {
        let Several {
            versions,
            pips,
            setuptools,
        } = several;
        let Some(path) = given else {
            let pip = if pips { "-pip{pip}" } else { "" };
            let setuptools = if setuptools {
                "-setuptools{setuptools}"
            } else {
                ""
            };
            return Ok(Self::Default(format!("{VERSION}{pip}{setuptools}")));
        };
        let text = path.to_string_lossy();
        if let Some(unknown) = unknown_placeholder(&text) {
            return Err(Error::usage(
                format!("--prefix {text} has the unknown placeholder `{unknown}`"),
                format!("the placeholders are {}", ALL.join(", ")),
            ));
        }
        let needed = [(versions, VERSION), (pips, PIP), (setuptools, SETUPTOOLS)];
        for (is_needed, placeholder) in needed {
            if is_needed && !text.contains(placeholder) {
                let needed = needed.iter().filter(|(is_needed, _)| *is_needed);
                let needed: Vec<&str> = needed.map(|(_, placeholder)| *placeholder).collect();
                return Err(Error::usage(
                    format!("--prefix {text} is one folder for several builds"),
                    format!(
                        "each build needs its own: use {} in it",
                        needed.join(" and ")
                    ),
                ));
            }
        }
        Ok(Self::Given(path))
    }

    /// Whether [`PrefixTemplate::fill`] needs the pins.
    pub fn names_pins(&self) -> bool {
        let text = match self {
            Self::Default(name) => name.into(),
            Self::Given(path) => path.to_string_lossy(),
        };
        text.contains(PIP) || text.contains(SETUPTOOLS)
    }

    /// The prefix of one build. Without `pins`, their placeholders stay.
    pub fn fill(
        &self,
        python: PythonVersion,
        pins: Option<&Pins>,
        environment: &Environment,
    ) -> Result<InstallPrefix, Error> {
        let fill = |text: &str| {
            let text = text.replace(VERSION, &python.to_string());
            match pins {
                Some(pins) => text
                    .replace(PIP, &shown(&pins.pip))
                    .replace(SETUPTOOLS, &shown(&pins.setuptools)),
                None => text,
            }
        };
        let path = match self {
            Self::Given(path) => path
                .to_str()
                .map_or_else(|| path.clone(), |text| fill(text).into()),
            Self::Default(name) => {
                let folder = prefix::default_folder(environment).ok_or_else(|| {
                    Error::usage(
                        "there is no data folder to install into: neither HOME nor XDG_DATA_HOME is set",
                        "name the folder with --prefix",
                    )
                })?;
                folder.join(fill(name))
            }
        };
        Ok(InstallPrefix::new(path))
    }
}

fn shown(pin: &Pin) -> String {
    match pin {
        Pin::Bundled => "bundled".to_owned(),
        Pin::Removed => "none".to_owned(),
        Pin::Wheel(wheel) => wheel.version.to_string(),
    }
}

/// The first `{…}` that is not known, or an opening brace that is not closed.
fn unknown_placeholder(text: &str) -> Option<&str> {
    let mut rest = text;
    while let Some(begin) = rest.find('{') {
        rest = &rest[begin..];
        let end = rest.find('}').map_or(rest.len(), |end| end + 1);
        if !ALL.contains(&&rest[..end]) {
            return Some(&rest[..end]);
        }
        rest = &rest[end..];
    }
    None
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{PrefixTemplate, Several};
    use crate::environment::Environment;
    use crate::plan::{Pin, Pins};

    const ONE: Several = Several {
        versions: false,
        pips: false,
        setuptools: false,
    };

    fn filled(template: &PrefixTemplate) -> String {
        let pins = Pins {
            pip: Pin::Bundled,
            setuptools: Pin::Removed,
        };
        let environment = Environment::with_variables(Path::new("/"), [("HOME", "/home/me")]);
        let python = "3.11.2".parse().unwrap();
        let prefix = template.fill(python, Some(&pins), &environment);
        prefix.unwrap().to_string()
    }

    #[test]
    fn placeholders_are_filled_in() {
        let given = Some("/opt/{version}/pip-{pip}-{setuptools}".into());
        let template = PrefixTemplate::new(given, ONE).unwrap();
        assert!(template.names_pins());
        assert_eq!(filled(&template), "/opt/3.11.2/pip-bundled-none");
    }

    #[test]
    fn the_default_prefix_names_the_pins_that_differ() {
        let default = |several| filled(&PrefixTemplate::new(None, several).unwrap());
        let folder = "/home/me/.local/share/pybuild/versions";
        assert_eq!(default(ONE), format!("{folder}/3.11.2"));
        let several = Several { pips: true, ..ONE };
        assert_eq!(default(several), format!("{folder}/3.11.2-pipbundled"));
    }

    #[test]
    fn unknown_and_missing_placeholders_are_refused_with_a_hint() {
        let several = Several {
            versions: true,
            ..ONE
        };
        for (given, several, what) in [
            ("/opt/{python}", ONE, "`{python}`"),
            ("/opt/{version", ONE, "`{version`"),
            ("/opt/python", several, "one folder for several builds"),
        ] {
            let error = PrefixTemplate::new(Some(given.into()), several).unwrap_err();
            assert!(error.to_string().contains(what), "{error}");
            let hint = crate::error::Explain::hint(&error).unwrap();
            assert!(hint.contains("{version}"), "{hint}");
        }
    }
}
