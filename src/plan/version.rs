//! CPython versions, and what people type when they ask for one.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The version of one CPython release, such as `3.11.2` or `3.15.0rc1`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PythonVersion {
    major: u32,
    minor: u32,
    micro: u32,
    stage: Stage,
}

/// Alpha, beta and release candidate sort before the final release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Stage {
    Alpha(u32),
    Beta(u32),
    Candidate(u32),
    Final,
}

/// A text that is not a CPython version.
#[derive(Debug, Clone, thiserror::Error)]
#[error("`{0}` is not a CPython version")]
pub struct InvalidVersion(String);

impl PythonVersion {
    /// A final release.
    #[must_use]
    pub const fn new(major: u32, minor: u32, micro: u32) -> Self {
        Self {
            major,
            minor,
            micro,
            stage: Stage::Final,
        }
    }

    /// `(3, 11)` of 3.11.2.
    #[must_use]
    pub fn series(self) -> (u32, u32) {
        (self.major, self.minor)
    }

    /// `3.11` of 3.11.2: what the interpreter's programs and folders are named after.
    #[must_use]
    pub fn short(self) -> String {
        format!("{}.{}", self.major, self.minor)
    }

    /// The release that a pre-release leads to; where python.org keeps it.
    #[must_use]
    pub fn final_release(self) -> Self {
        Self::new(self.major, self.minor, self.micro)
    }

    /// Whether this is a final release.
    #[must_use]
    pub fn is_final(self) -> bool {
        self.stage == Stage::Final
    }

    /// Whether this release has `ensurepip` (PEP 453 for 3.4, PEP 477 for 2.7.9).
    #[must_use]
    pub fn has_ensurepip(self) -> bool {
        match self.series() {
            (2, 7) => self.micro >= 9,
            (major, minor) => major > 3 || (major == 3 && minor >= 4),
        }
    }

    /// Whether `ensurepip` brings setuptools along with pip (gh-95299 ended that in 3.12).
    #[must_use]
    pub fn bundles_setuptools(self) -> bool {
        self.series() < (3, 12)
    }

    /// The version as PEP 440 sees it, for `Requires-Python`.
    #[must_use]
    pub fn to_pep440(self) -> pep440_rs::Version {
        let release = pep440_rs::Version::new([
            u64::from(self.major),
            u64::from(self.minor),
            u64::from(self.micro),
        ]);
        let pre = |kind, number| {
            Some(pep440_rs::Prerelease {
                kind,
                number: u64::from(number),
            })
        };
        release.with_pre(match self.stage {
            Stage::Alpha(number) => pre(pep440_rs::PrereleaseKind::Alpha, number),
            Stage::Beta(number) => pre(pep440_rs::PrereleaseKind::Beta, number),
            Stage::Candidate(number) => pre(pep440_rs::PrereleaseKind::Rc, number),
            Stage::Final => None,
        })
    }
}

impl FromStr for PythonVersion {
    type Err = InvalidVersion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidVersion(text.to_owned());
        let mut parts = text.split('.');
        let major = number(parts.next()).ok_or_else(invalid)?;
        let minor = number(parts.next()).ok_or_else(invalid)?;
        let last = parts.next().ok_or_else(invalid)?;
        if parts.next().is_some() {
            return Err(invalid());
        }
        let digits = last
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(last.len());
        let (micro, stage) = last.split_at(digits);
        let micro = number(Some(micro)).ok_or_else(invalid)?;
        let stage = if stage.is_empty() {
            Some(Stage::Final)
        } else if let Some(n) = stage.strip_prefix("rc") {
            number(Some(n)).map(Stage::Candidate)
        } else if let Some(n) = stage.strip_prefix('a') {
            number(Some(n)).map(Stage::Alpha)
        } else if let Some(n) = stage.strip_prefix('b') {
            number(Some(n)).map(Stage::Beta)
        } else {
            None
        };
        Ok(Self {
            major,
            minor,
            micro,
            stage: stage.ok_or_else(invalid)?,
        })
    }
}

/// Digits only: `+3`, ` 3` and `03` are how typing errors look.
fn number(text: Option<&str>) -> Option<u32> {
    let text = text?;
    let plain = text.chars().all(|c| c.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    plain.then(|| text.parse().ok()).flatten()
}

impl fmt::Display for PythonVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.micro)?;
        match self.stage {
            Stage::Alpha(n) => write!(f, "a{n}"),
            Stage::Beta(n) => write!(f, "b{n}"),
            Stage::Candidate(n) => write!(f, "rc{n}"),
            Stage::Final => Ok(()),
        }
    }
}

impl fmt::Debug for PythonVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PythonVersion({self})")
    }
}

impl TryFrom<String> for PythonVersion {
    type Error = InvalidVersion;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<PythonVersion> for String {
    fn from(version: PythonVersion) -> Self {
        version.to_string()
    }
}

/// What somebody asks for: one release, or the newest of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum VersionRequest {
    /// `3.11.2`: this release and no other.
    Exact(PythonVersion),
    /// `3.11`: the newest final release of the series.
    Series(u32, u32),
    /// `3`: the newest final release of all its series.
    Major(u32),
    /// `latest`: the newest final release.
    Latest,
}

impl VersionRequest {
    /// Whether `version` is one that the request can mean.
    #[must_use]
    pub fn admits(self, version: PythonVersion) -> bool {
        match self {
            Self::Exact(exact) => version == exact,
            Self::Series(major, minor) => version.is_final() && version.series() == (major, minor),
            Self::Major(major) => version.is_final() && version.series().0 == major,
            Self::Latest => version.is_final(),
        }
    }
}

impl FromStr for VersionRequest {
    type Err = InvalidVersion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidVersion(text.to_owned());
        if text == "latest" {
            return Ok(Self::Latest);
        }
        let parts: Vec<&str> = text.split('.').collect();
        match parts[..] {
            [major] => Ok(Self::Major(number(Some(major)).ok_or_else(invalid)?)),
            [major, minor] => Ok(Self::Series(
                number(Some(major)).ok_or_else(invalid)?,
                number(Some(minor)).ok_or_else(invalid)?,
            )),
            _ => Ok(Self::Exact(text.parse()?)),
        }
    }
}

impl fmt::Display for VersionRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(version) => version.fmt(f),
            Self::Series(major, minor) => write!(f, "{major}.{minor}"),
            Self::Major(major) => major.fmt(f),
            Self::Latest => f.write_str("latest"),
        }
    }
}

impl TryFrom<String> for VersionRequest {
    type Error = InvalidVersion;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<VersionRequest> for String {
    fn from(request: VersionRequest) -> Self {
        request.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::{PythonVersion, VersionRequest};

    #[test]
    fn versions_sort_as_releases_do() {
        let sorted = [
            "2.7.18",
            "3.9.2",
            "3.14.0a7",
            "3.14.0b1",
            "3.14.0rc3",
            "3.14.0",
            "3.14.10",
        ];
        let versions: Vec<PythonVersion> = sorted.iter().map(|v| v.parse().unwrap()).collect();
        assert!(versions.is_sorted());
        for (text, version) in sorted.iter().zip(versions) {
            assert_eq!(version.to_string(), *text);
        }
    }

    #[test]
    fn a_series_is_a_request_and_not_a_version() {
        assert!("3.14".parse::<PythonVersion>().is_err());
        assert_eq!(
            "3.14".parse::<VersionRequest>().unwrap(),
            VersionRequest::Series(3, 14)
        );
        let admitted = |r: &str, v: &str| {
            r.parse::<VersionRequest>()
                .unwrap()
                .admits(v.parse().unwrap())
        };
        assert!(admitted("3.14", "3.14.2"));
        assert!(!admitted("3.1", "3.14.2"));
        assert!(!admitted("latest", "3.15.0rc1"));
        assert!(admitted("3.15.0rc1", "3.15.0rc1"));
    }

    #[test]
    fn typing_errors_are_refused() {
        for text in [
            "", "3.", "3.11.2.1", "v3.11", "3.11.x", "3.011", "3.11.2rc", "+3", "3 .1",
        ] {
            assert!(text.parse::<VersionRequest>().is_err(), "{text}");
        }
    }
}
