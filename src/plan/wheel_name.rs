//! A wheel's file name, which says whose it is and what it fits before anything is fetched.

use std::fmt;
use std::str::FromStr;

use pep440_rs::Version;
use serde::{Deserialize, Serialize};

use crate::plan::version::PythonVersion;

/// The file name of a wheel, such as `pip-24.0-py3-none-any.whl` (PEP 427, with PEP 425's
/// compressed tag sets).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WheelName {
    text: String,
    project: String,
    version: Version,
    python: String,
    abi: String,
    platform: String,
}

/// A text that is not the file name of a wheel.
#[derive(Debug, Clone, thiserror::Error)]
#[error("`{0}` is not a wheel's file name: PROJECT-VERSION-PYTHON-ABI-PLATFORM.whl is expected")]
pub struct InvalidWheelName(String);

impl WheelName {
    /// The project, in PEP 503's normal form.
    #[must_use]
    pub fn project(&self) -> &str {
        &self.project
    }

    /// The version.
    #[must_use]
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// The tag of the Pythons it is for, as it stands in the name: `py3`, `py2.py3`, `cp311`.
    #[must_use]
    pub fn python_tag(&self) -> &str {
        &self.python
    }

    /// Each Python that it is for: `py2` and `py3` of `py2.py3`.
    pub fn python_tags(&self) -> impl Iterator<Item = &str> {
        self.python.split('.')
    }

    /// Whether it holds nothing compiled, so that every platform can use it.
    #[must_use]
    pub fn is_none_any(&self) -> bool {
        self.abi == "none" && self.platform == "any"
    }

    /// Whether `ensurepip` of that CPython can bundle it: `none-any`, and for all of the major version.
    #[must_use]
    pub fn fits(&self, python: PythonVersion) -> bool {
        let wanted = format!("py{}", python.series().0);
        self.is_none_any() && self.python_tags().any(|tag| tag == wanted)
    }
}

/// A project's name in its normal form: lower case, runs of `-`, `_` and `.` as one `-` (PEP 503).
#[must_use]
pub fn normalised(project: &str) -> String {
    let mut name = String::with_capacity(project.len());
    for c in project.chars() {
        if !matches!(c, '-' | '_' | '.') {
            name.push(c.to_ascii_lowercase());
        } else if !name.ends_with('-') {
            name.push('-');
        }
    }
    name
}

impl FromStr for WheelName {
    type Err = InvalidWheelName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidWheelName(text.to_owned());
        let stem = text.strip_suffix(".whl").ok_or_else(invalid)?;
        let parts: Vec<&str> = stem.split('-').collect();
        let (project, version, python, abi, platform) = match parts[..] {
            [project, version, python, abi, platform] => (project, version, python, abi, platform),
            // A build tag begins with a digit (PEP 427), which keeps it apart from a stray hyphen.
            [project, version, build, python, abi, platform]
                if build.starts_with(|c: char| c.is_ascii_digit()) =>
            {
                (project, version, python, abi, platform)
            }
            _ => return Err(invalid()),
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '+' | '!');
        if parts
            .iter()
            .any(|part| part.is_empty() || !part.chars().all(plain))
        {
            return Err(invalid());
        }
        let version = version
            .parse()
            // A hyphen of the version is written as an underscore.
            .or_else(|_| version.replace('_', "-").parse())
            .map_err(|_| invalid())?;
        Ok(Self {
            text: text.to_owned(),
            project: normalised(project),
            version,
            python: python.to_owned(),
            abi: abi.to_owned(),
            platform: platform.to_owned(),
        })
    }
}

impl fmt::Display for WheelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl TryFrom<String> for WheelName {
    type Error = InvalidWheelName;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<WheelName> for String {
    fn from(name: WheelName) -> Self {
        name.text
    }
}

#[cfg(test)]
mod tests {
    use super::{WheelName, normalised};
    use crate::plan::version::PythonVersion;

    #[test]
    fn a_name_says_project_version_and_tags() {
        let name: WheelName = "Zope.Interface-24.0.post1-2b-py2.py3-none-any.whl"
            .parse()
            .unwrap();
        assert_eq!(name.project(), "zope-interface");
        assert_eq!(name.version().to_string(), "24.0.post1");
        assert_eq!(name.python_tags().collect::<Vec<_>>(), ["py2", "py3"]);
        assert_eq!(
            name.to_string(),
            "Zope.Interface-24.0.post1-2b-py2.py3-none-any.whl"
        );
    }

    #[test]
    fn only_wheels_for_every_platform_fit() {
        let fits = |name: &str, major| {
            let name: WheelName = name.parse().unwrap();
            name.fits(PythonVersion::new(major, 7, 1))
        };
        assert!(fits("pip-24.0-py3-none-any.whl", 3));
        assert!(!fits("pip-24.0-py3-none-any.whl", 2));
        assert!(fits("pip-20.3.4-py2.py3-none-any.whl", 2));
        assert!(fits("pip-20.3.4-py2.py3-none-any.whl", 3));
        assert!(!fits("pip-24.0-cp37-none-any.whl", 3));
        assert!(!fits("pip-24.0-py3-none-linux_x86_64.whl", 3));
        assert!(!fits("pip-24.0-py3-abi3-any.whl", 3));
    }

    #[test]
    fn what_is_no_wheel_name_is_refused() {
        for text in [
            "pip-24.0.tar.gz",
            "pip.whl",
            "pip-24.0-py3-none.whl",
            "pip-24.0-x-py3-none-any.whl",
            "pip--py3-none-any.whl",
            "pip-new-py3-none-any.whl",
            "../pip-24.0-py3-none-any.whl",
            "pip-24.0-py3-none-any.whl.exe",
        ] {
            assert!(text.parse::<WheelName>().is_err(), "{text}");
        }
    }

    #[test]
    fn project_names_have_one_form() {
        assert_eq!(normalised("Ruamel.__yaml--Clib"), "ruamel-yaml-clib");
    }
}
