//! Restrictions in pip's configuration. pybuild obeys the simple ones, and takes no wheel from an index
//! where there are others.

use std::path::Path;

use pep440_rs::VersionSpecifiers;

use crate::environment::Environment;
use crate::plan::wheel_name::normalised;
use crate::resolve::index::pip_config::{ConfigValue, InvalidPipConfig, PipConfig};

/// Restrictions in pip's configuration.
#[derive(Debug, Clone, Default)]
pub(crate) struct Restrictions {
    no_binary: Option<ConfigValue>,
    only_binary: Option<ConfigValue>,
    only_final: Option<ConfigValue>,
    all_releases: Option<ConfigValue>,
    limits: Vec<(String, Limit)>,
    refusals: Vec<Refusal>,
}

/// A constraint on the versions of a project.
#[derive(Debug, Clone)]
pub(crate) struct Limit {
    pub(crate) specifiers: VersionSpecifiers,
    pub(crate) named_by: String,
}

/// A reason to take no wheel from an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// `None` for all projects.
    project: Option<String>,
    /// The option and its file, or the variable.
    pub(super) named_by: String,
    /// A verb phrase.
    pub(super) demand: String,
}

impl Restrictions {
    pub(super) fn of(
        config: &PipConfig,
        environment: &Environment,
    ) -> Result<Self, InvalidPipConfig> {
        let mut restrictions = Self {
            no_binary: config.get("no-binary").cloned(),
            only_binary: config.get("only-binary").cloned(),
            only_final: config.get("only-final").cloned(),
            all_releases: config.get("all-releases").cloned(),
            ..Self::default()
        };
        if let Some(value) = config.flag("require-hashes")? {
            restrictions.refuse(None, value, "wants a hash that you give for each wheel");
        }
        if let Some(value) = config.get("uploaded-prior-to") {
            restrictions.refuse(None, value, "wants wheels of a certain age");
        }
        if let Some(value) = config.get("constraint") {
            for file in value.text.split_whitespace() {
                restrictions.read_constraints(file, value, environment);
            }
        }
        Ok(restrictions)
    }

    /// The reason to take no wheel of that project from an index.
    pub(super) fn refusal(&self, project: &str) -> Option<Refusal> {
        let named = |refusal: &&Refusal| {
            let other = refusal.project.as_deref();
            other.is_none_or(|other| other == project)
        };
        let forbidden = rules_out(self.no_binary.as_ref(), self.only_binary.as_ref(), project);
        let no_binary = forbidden.map(|value| Refusal {
            project: None,
            named_by: value.named_by.clone(),
            demand: "wants no wheel of it".to_owned(),
        });
        no_binary.or_else(|| self.refusals.iter().find(named).cloned())
    }

    /// The option that forbids pre-releases of that project, even if one is named.
    pub(crate) fn only_final(&self, project: &str) -> Option<&str> {
        let value = rules_out(
            self.only_final.as_ref(),
            self.all_releases.as_ref(),
            project,
        );
        value.map(|value| value.named_by.as_str())
    }

    /// The constraints on that project.
    pub(crate) fn limits<'a, 'b>(
        &'a self,
        project: &'b str,
    ) -> impl Iterator<Item = &'a Limit> + use<'a, 'b> {
        let limits = self.limits.iter();
        limits.filter_map(move |(other, limit)| (other == project).then_some(limit))
    }

    fn refuse(&mut self, project: Option<String>, value: &ConfigValue, demand: &str) {
        self.refusals.push(Refusal {
            project,
            named_by: value.named_by.clone(),
            demand: demand.to_owned(),
        });
    }

    /// Reads a file of constraints. A constraint on anything but versions is refused.
    fn read_constraints(&mut self, file: &str, value: &ConfigValue, environment: &Environment) {
        let path = environment.absolute(Path::new(file));
        let Ok(text) = std::fs::read_to_string(&path) else {
            return self.refuse(None, value, "names constraints that cannot be read here");
        };
        for line in text.replace("\\\n", " ").lines() {
            let line = line.split(" #").next().unwrap_or_default().trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            let end = line.find(|c| !is_name(c)).unwrap_or(line.len());
            let (name, rest) = line.split_at(end);
            if name.is_empty() || name.starts_with('-') {
                self.refuse(
                    None,
                    value,
                    "names constraints that pybuild does not understand",
                );
                continue;
            }
            let (project, rest) = (normalised(name), rest.trim());
            if rest.is_empty() {
                continue;
            }
            match rest.parse() {
                Ok(specifiers) => {
                    let named_by = value.named_by.clone();
                    let limit = Limit {
                        specifiers,
                        named_by,
                    };
                    self.limits.push((project, limit));
                }
                Err(_) => self.refuse(
                    Some(project),
                    value,
                    "names a constraint on it that pybuild does not understand",
                ),
            }
        }
    }
}

/// `forbidding`, if it names the project and `allowing` does not. In pip's lists of names, `:all:`
/// means all projects and `:none:` empties the list before it.
fn rules_out<'a>(
    forbidding: Option<&'a ConfigValue>,
    allowing: Option<&ConfigValue>,
    project: &str,
) -> Option<&'a ConfigValue> {
    let names = |value: Option<&ConfigValue>| -> Vec<String> {
        let text = value.map_or("", |value| &value.text);
        let names: Vec<String> = text
            .split(',')
            .map(|name| normalised(name.trim()))
            .collect();
        let none = names.iter().rposition(|name| name == ":none:");
        names[none.map_or(0, |at| at + 1)..].to_vec()
    };
    let (forbidden, allowed) = (names(forbidding), names(allowing));
    let has = |names: &[String], name: &str| names.iter().any(|other| other == name);
    let ruled_out = !has(&allowed, project)
        && (has(&forbidden, project) || (has(&forbidden, ":all:") && !has(&allowed, ":all:")));
    forbidding.filter(|_| ruled_out)
}
