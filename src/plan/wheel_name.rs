//! Wheel file names.

use std::fmt;
use std::str::FromStr;

use pep440_rs::Version;

use super::text::serialize_as_text;
use super::version::PythonVersion;

/// The file name of a wheel, such as `pip-24.0-py3-none-any.whl` (PEP 427, with PEP 425's
/// compressed tag sets).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct WheelName {
    text: String,
    project: String,
    version: Version,
    python: String,
    abi: String,
    platform: String,
}

serialize_as_text!(WheelName);

/// A text that is not the file name of a wheel.
#[derive(Debug, Clone, thiserror::Error)]
#[error("`{0}` is not a wheel's file name: PROJECT-VERSION-PYTHON-ABI-PLATFORM.whl is expected")]
pub struct InvalidWheelName(String);

impl WheelName {
    /// The project's normalised name (PEP 503).
    pub fn project(&self) -> &str {
        &self.project
    }

    pub fn version(&self) -> &Version {
        &self.version
    }

    /// The Python tag set: `py3`, `py2.py3`, `cp311`.
    pub fn python_tag(&self) -> &str {
        &self.python
    }

    /// The tags of the set: `py2` and `py3` for `py2.py3`.
    pub fn python_tags(&self) -> impl Iterator<Item = &str> {
        self.python.split('.')
    }

    /// Whether every platform can use the wheel.
    pub fn is_none_any(&self) -> bool {
        self.abi == "none" && self.platform == "any"
    }

    /// Whether `ensurepip` of that CPython can bundle the wheel: it has to be a `none-any` wheel for
    /// the major version.
    pub fn fits(&self, python: PythonVersion) -> bool {
        let wanted = format!("py{}", python.series().0);
        self.is_none_any() && self.python_tags().any(|tag| tag == wanted)
    }
}

/// The normalised name of a project: lower case, and one `-` for each run of `-`, `_` and `.` (PEP 503).
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
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '+' | '!');
        let is_plain = |part: &&str| !part.is_empty() && part.chars().all(plain);
        let parse = || {
            let parts: Vec<&str> = text.strip_suffix(".whl")?.split('-').collect();
            let (version, [python, abi, platform]) = match parts[..] {
                [_, version, python, abi, platform] => (version, [python, abi, platform]),
                // A build tag begins with a digit (PEP 427).
                [_, version, build, python, abi, platform]
                    if build.starts_with(|c: char| c.is_ascii_digit()) =>
                {
                    (version, [python, abi, platform])
                }
                _ => return None,
            };
            if !parts.iter().all(is_plain) {
                return None;
            }
            // A `-` in a version is written as `_` in the name.
            let with_hyphen = || version.replace('_', "-").parse();
            Some(Self {
                text: text.to_owned(),
                project: normalised(parts[0]),
                version: version.parse().or_else(|_| with_hyphen()).ok()?,
                python: python.to_owned(),
                abi: abi.to_owned(),
                platform: platform.to_owned(),
            })
        };
        parse().ok_or_else(|| InvalidWheelName(text.to_owned()))
    }
}

impl fmt::Display for WheelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::{WheelName, normalised};
    use crate::plan::version::PythonVersion;

    #[test]
    fn a_name_contains_project_version_and_tags() {
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
    fn other_file_names_are_refused() {
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
    fn project_names_are_normalised() {
        assert_eq!(normalised("Ruamel.__yaml--Clib"), "ruamel-yaml-clib");
    }
}
