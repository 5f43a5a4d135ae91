//! Lock files: the inputs that a recipe was resolved to. A lock is a plan without host paths.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use super::pin_request::PinRequest;
use super::pins::{Pin, Pins, WheelInput, WheelLocation};
use super::text;
use super::version::PythonVersion;
use super::{Plan, Request, Source};
use crate::digest::Sha256;
use crate::net::address::Address;

/// The format of this version's lock files.
const FORMAT: u32 = 1;

/// The variables of the caller that are flags or programs of the compile.
const FLAGS: [&str; 11] = [
    "AR",
    "CC",
    "CFLAGS",
    "CPP",
    "CPPFLAGS",
    "CXX",
    "CXXFLAGS",
    "LDFLAGS",
    "LIBS",
    "PROFILE_TASK",
    "SOURCE_DATE_EPOCH",
];

/// The text of a lock file, read and written again; `None` if this version does not read it. For fuzzing.
#[must_use]
pub fn rewritten_lock(text: &str) -> Option<String> {
    Lock::read(text).ok()?.text().ok()
}

/// `RECIPE.lock`.
pub(crate) fn lock_path(recipe: &Path) -> PathBuf {
    let mut name = recipe.file_name().unwrap_or_default().to_owned();
    name.push(".lock");
    recipe.with_file_name(name)
}

/// A lock file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lock {
    format: u32,
    /// In the order of the recipe's builds.
    build: Vec<LockedBuild>,
}

/// The inputs of one build.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LockedBuild {
    pub(crate) python: PythonVersion,
    /// The release archive. None for an unpacked tree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<LockedFile>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pip: Option<LockedWheel>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) setuptools: Option<LockedWheel>,
    /// The wheels to install, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) wheel: Vec<LockedFile>,
    /// The patches, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) patch: Vec<LockedPatch>,
    /// The flags in the caller's environment.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) environment: BTreeMap<String, String>,
    /// The keys of the recipe for this build.
    pub(crate) recipe: Table,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LockedFile {
    pub(crate) file: String,
    pub(crate) sha256: Sha256,
    /// In bytes.
    pub(crate) size: u64,
    /// None if it cannot be published, or if it was a file on the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) address: Option<String>,
    pub(crate) because: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LockedWheel {
    #[serde(with = "text")]
    pub(crate) version: pep440_rs::Version,
    #[serde(flatten)]
    pub(crate) file: LockedFile,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LockedPatch {
    /// The name of a built-in patch, or the file name of the recipe's patch.
    pub(crate) name: String,
    pub(crate) sha256: Sha256,
    pub(crate) because: String,
}

/// The defect of a lock file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidLock {
    #[error("{0}")]
    Toml(#[from] toml::de::Error),
    #[error("it has the format {found}, and this pybuild reads the format {FORMAT}")]
    Format { found: i64 },
}

/// A lock that is not for what would be built.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the lock disagrees in `{key}`: it has {locked}, and now it is {now}")]
pub(crate) struct Disagreement {
    pub(crate) key: String,
    pub(crate) locked: String,
    pub(crate) now: String,
}

impl Disagreement {
    fn new(key: impl Into<String>, locked: Option<String>, now: Option<String>) -> Self {
        let shown = |value: Option<String>| value.unwrap_or_else(|| "nothing".to_owned());
        Self {
            key: key.into(),
            locked: shown(locked),
            now: shown(now),
        }
    }
}

impl Lock {
    pub(crate) fn new(build: Vec<LockedBuild>) -> Self {
        let format = FORMAT;
        Self { format, build }
    }

    /// Reads a lock file. The format is checked first: another one has other keys.
    pub(crate) fn read(text: &str) -> Result<Self, InvalidLock> {
        let table: Table = toml::from_str(text)?;
        if let Some(found) = table.get("format").and_then(Value::as_integer)
            && found != i64::from(FORMAT)
        {
            return Err(InvalidLock::Format { found });
        }
        Ok(toml::from_str(text)?)
    }

    pub(crate) fn text(&self) -> Result<String, toml::ser::Error> {
        Ok(format!(
            "# Written by `pybuild lock`. Commit it beside the recipe, and do not edit it.\n{}",
            toml::to_string(self)?
        ))
    }

    pub(crate) fn builds(&self) -> &[LockedBuild] {
        &self.build
    }

    /// The name and the digest of each download.
    pub(crate) fn downloads(&self) -> BTreeSet<(String, Sha256)> {
        self.build.iter().flat_map(LockedBuild::downloads).collect()
    }

    /// The build for each of these sets of recipe keys.
    pub(crate) fn for_recipe(&self, recipes: &[Table]) -> Result<&[LockedBuild], Disagreement> {
        if self.build.len() != recipes.len() {
            let count = |count: usize| Some(format!("{count} builds"));
            return Err(Disagreement::new(
                "matrix",
                count(self.build.len()),
                count(recipes.len()),
            ));
        }
        for (build, recipe) in self.build.iter().zip(recipes) {
            if let Some(key) = differing_key(&build.recipe, recipe) {
                let shown = |table: &Table| table.get(key).map(ToString::to_string);
                return Err(Disagreement::new(key, shown(&build.recipe), shown(recipe)));
            }
        }
        Ok(&self.build)
    }
}

/// A key that differs, or that only one of the two has.
fn differing_key<'a>(one: &'a Table, other: &'a Table) -> Option<&'a str> {
    let keys: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    let mut keys = keys.into_iter();
    keys.find(|key| one.get(*key) != other.get(*key))
        .map(String::as_str)
}

impl LockedBuild {
    /// The name and the digest of each download.
    pub(crate) fn downloads(&self) -> Vec<(String, Sha256)> {
        let wheels = self.pip.iter().chain(&self.setuptools);
        let files = self.source.iter().chain(wheels.map(|wheel| &wheel.file));
        let files = files.chain(self.wheel.iter().filter(|file| file.address.is_some()));
        files.map(|file| (file.file.clone(), file.sha256)).collect()
    }

    /// Locks `plan`. `source` and the sizes of the wheels are of the fetched files; `size` returns that of a
    /// wheel.
    pub(crate) fn new(
        plan: &Plan,
        recipe: Table,
        source: Option<LockedFile>,
        wheel: Vec<LockedFile>,
        size: impl Fn(&WheelInput) -> u64,
    ) -> Self {
        let pinned = |pin: &Pin, request: String| match pin {
            Pin::Bundled | Pin::Removed => None,
            Pin::Wheel(input) => Some(LockedWheel {
                version: input.version.clone(),
                file: LockedFile {
                    file: input.file_name.clone(),
                    sha256: input.sha256,
                    size: size(input),
                    address: match &input.location {
                        WheelLocation::Url(address) => address.for_publication(),
                        WheelLocation::Path(_) => None,
                    },
                    because: request,
                },
            }),
        };
        let because = |request: &PinRequest| match request {
            PinRequest::Wheel(_) => "a file of the recipe".to_owned(),
            request => format!("`{request}` for CPython {}", plan.python()),
        };
        let request = plan.request();
        Self {
            python: plan.python(),
            source,
            pip: pinned(&plan.pins().pip, because(&request.pip)),
            setuptools: pinned(&plan.pins().setuptools, because(&request.setuptools)),
            wheel,
            patch: patches(plan),
            environment: flags(plan),
            recipe,
        }
    }

    /// The pins, if `locate` knows the address of every wheel, given by its project. A project without a wheel is
    /// as the request has it.
    pub(crate) fn pins(
        &self,
        request: &Request,
        locate: impl Fn(&str, &LockedWheel) -> Option<Address>,
    ) -> Option<Pins> {
        let is_removed = |request: &PinRequest| *request == PinRequest::None;
        let choose = |removed| if removed { Pin::Removed } else { Pin::Bundled };
        let no_pip = is_removed(&request.pip);
        let no_setuptools = is_removed(&request.setuptools) || no_pip;
        let pin = |locked: &Option<LockedWheel>, project: &str, removed| match locked {
            None => Some(choose(removed)),
            Some(wheel) => Some(Pin::Wheel(WheelInput {
                project: project.to_owned(),
                version: wheel.version.clone(),
                file_name: wheel.file.file.clone(),
                sha256: wheel.file.sha256,
                location: WheelLocation::Url(locate(project, wheel)?),
            })),
        };
        Some(Pins {
            pip: pin(&self.pip, "pip", no_pip)?,
            setuptools: pin(
                &self.setuptools,
                "setuptools",
                no_setuptools && self.python.bundles_setuptools(),
            )?,
        })
    }

    /// Compares the pins with those that were chosen.
    pub(crate) fn ensure_pins(&self, pins: &Pins) -> Result<(), Disagreement> {
        for (key, locked, pin) in [
            ("pip.sha256", &self.pip, &pins.pip),
            ("setuptools.sha256", &self.setuptools, &pins.setuptools),
        ] {
            let now = match pin {
                Pin::Wheel(wheel) => Some(wheel.sha256),
                Pin::Bundled | Pin::Removed => None,
            };
            let locked = locked.as_ref().map(|wheel| wheel.file.sha256);
            if locked != now {
                let shown = |digest: Option<Sha256>| digest.map(|digest| digest.to_string());
                return Err(Disagreement::new(key, shown(locked), shown(now)));
            }
        }
        Ok(())
    }

    /// Compares everything with the plan of a build.
    pub(crate) fn ensure_same(&self, plan: &Plan) -> Result<(), Disagreement> {
        self.ensure_pins(plan.pins())?;
        if let (Some(locked), Source::Archive { accepted, .. }) = (&self.source, plan.source())
            && !accepted.is_empty()
            && !accepted.iter().any(|file| file.sha256 == locked.sha256)
        {
            let now = accepted.first().map(|file| file.sha256.to_string());
            return Err(Disagreement::new(
                "source.sha256",
                Some(locked.sha256.to_string()),
                now,
            ));
        }
        let locked: Vec<Sha256> = self.wheel.iter().map(|file| file.sha256).collect();
        let wheels = plan.request().wheels.iter();
        let now: Vec<Sha256> = wheels.map(|wheel| wheel.sha256).collect();
        if locked != now {
            let shown = |digests: &[Sha256]| {
                let digests: Vec<String> = digests.iter().map(ToString::to_string).collect();
                (!digests.is_empty()).then(|| digests.join(", "))
            };
            return Err(Disagreement::new("wheel", shown(&locked), shown(&now)));
        }
        let names = |patches: &[LockedPatch]| {
            let named = patches
                .iter()
                .map(|patch| format!("{} {}", patch.name, patch.sha256));
            (!patches.is_empty()).then(|| named.collect::<Vec<_>>().join(", "))
        };
        let (locked, now) = (names(&self.patch), names(&patches(plan)));
        if locked != now {
            return Err(Disagreement::new("patch", locked, now));
        }
        let flags = flags(plan);
        let mut variables = self.environment.keys().chain(flags.keys());
        match variables.find(|name| self.environment.get(*name) != flags.get(*name)) {
            Some(name) => Err(Disagreement::new(
                format!("environment.{name}"),
                self.environment.get(name).cloned(),
                flags.get(name).cloned(),
            )),
            None => Ok(()),
        }
    }
}

fn patches(plan: &Plan) -> Vec<LockedPatch> {
    let patches = plan.patches().iter();
    let locked = patches.map(|patch| LockedPatch {
        name: patch.name.rsplit('/').next().unwrap_or_default().to_owned(),
        sha256: patch.sha256,
        because: patch.because.clone(),
    });
    locked.collect()
}

fn flags(plan: &Plan) -> BTreeMap<String, String> {
    let variables = plan.environment().iter();
    let flags = variables.filter(|(name, _)| FLAGS.contains(&name.as_str()));
    flags
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use toml::Table;

    use super::{InvalidLock, Lock, LockedBuild};

    fn table(text: &str) -> Table {
        toml::from_str(text).unwrap()
    }

    fn lock(recipe: &str) -> Lock {
        Lock::new(vec![LockedBuild {
            python: "3.11.2".parse().unwrap(),
            source: None,
            pip: None,
            setuptools: None,
            wheel: Vec::new(),
            patch: Vec::new(),
            environment: [("CFLAGS".to_owned(), "-O2".to_owned())].into(),
            recipe: table(recipe),
        }])
    }

    #[test]
    fn a_lock_is_read_as_it_was_written() {
        let lock = lock("python = \"3.11\"\nrequire = [\"ssl\"]");
        let read = Lock::read(&lock.text().unwrap()).unwrap();
        assert_eq!(read.builds(), lock.builds());
    }

    #[test]
    fn a_lock_of_another_recipe_is_refused_and_the_key_is_named() {
        let lock = lock("python = \"3.11\"\npip = \"latest\"");
        let said = |recipes: &[&str]| {
            let recipes: Vec<Table> = recipes.iter().map(|text| table(text)).collect();
            let found = lock.for_recipe(&recipes);
            found.map_or_else(|error| error.to_string(), |_| String::new())
        };
        let same = "python = \"3.11\"\npip = \"latest\"";
        assert_eq!(said(&[same]), "");
        assert!(said(&["python = \"3.11\"\npip = \"24.0\""]).contains("`pip`"));
        assert!(said(&["python = \"3.11\""]).contains("now it is nothing"));
        assert!(said(&[same, same]).contains("`matrix`: it has 1 builds"));
    }

    #[test]
    fn a_newer_format_is_refused_before_its_keys_are_read() {
        let error = Lock::read("format = 2\nother = 1").unwrap_err();
        assert!(matches!(error, InvalidLock::Format { found: 2 }));
        assert!(Lock::read("format = 1\nother = 1").is_err());
        assert!(Lock::read("[").is_err());
    }
}
