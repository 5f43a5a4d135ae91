//! CPython versions, and the requests that users type for them.

use std::fmt;
use std::str::FromStr;

use super::text::serialize_as_text;

/// The version of one CPython release, such as `3.11.2` or `3.15.0rc1`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PythonVersion {
    major: u32,
    minor: u32,
    micro: u32,
    stage: Stage,
}

/// Pre-releases sort before the final release.
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

    /// `(3, 11)` for 3.11.2.
    #[must_use]
    pub fn series(self) -> (u32, u32) {
        (self.major, self.minor)
    }

    /// `3.11` for 3.11.2, as in the names of programs and folders.
    #[must_use]
    pub fn short(self) -> String {
        format!("{}.{}", self.major, self.minor)
    }

    /// The final release that a pre-release precedes; python.org has both in its folder.
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
        self.series() >= (3, 4) || (self.series() == (2, 7) && self.micro >= 9)
    }

    /// Whether `ensurepip` bundles setuptools as well (until 3.12, gh-95299).
    #[must_use]
    pub fn bundles_setuptools(self) -> bool {
        self.series() < (3, 12)
    }

    /// The version for comparisons with PEP 440 specifiers.
    #[must_use]
    pub fn to_pep440(self) -> pep440_rs::Version {
        use pep440_rs::{Prerelease, PrereleaseKind, Version};
        let (kind, number) = match self.stage {
            Stage::Alpha(number) => (PrereleaseKind::Alpha, number),
            Stage::Beta(number) => (PrereleaseKind::Beta, number),
            Stage::Candidate(number) => (PrereleaseKind::Rc, number),
            Stage::Final => {
                return Version::new([self.major, self.minor, self.micro].map(u64::from));
            }
        };
        let number = u64::from(number);
        let release = self.final_release().to_pep440();
        release.with_pre(Some(Prerelease { kind, number }))
    }
}

impl FromStr for PythonVersion {
    type Err = InvalidVersion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let [major, minor, last] = text.split('.').collect::<Vec<_>>()[..] else {
                return None;
            };
            let is_letter = |c: char| !c.is_ascii_digit();
            let (micro, stage) = last.split_at(last.find(is_letter).unwrap_or(last.len()));
            let digits = stage.find(|c: char| c.is_ascii_digit());
            Some(Self {
                major: number(major)?,
                minor: number(minor)?,
                micro: number(micro)?,
                stage: match stage.split_at(digits.unwrap_or(stage.len())) {
                    ("", "") => Stage::Final,
                    ("a", digits) => Stage::Alpha(number(digits)?),
                    ("b", digits) => Stage::Beta(number(digits)?),
                    ("rc", digits) => Stage::Candidate(number(digits)?),
                    _ => return None,
                },
            })
        };
        parse().ok_or_else(|| InvalidVersion(text.to_owned()))
    }
}

/// Reads digits only: `+3`, ` 3` and `03` are probably typing errors.
fn number(text: &str) -> Option<u32> {
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

/// A request for one release, or for the newest one of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VersionRequest {
    /// `3.11.2`: this release.
    Exact(PythonVersion),
    /// `3.11`: the newest final release of the series.
    Series(u32, u32),
    /// `3`: the newest final release of all its series.
    Major(u32),
    /// `latest`: the newest final release.
    Latest,
}

serialize_as_text!(PythonVersion, VersionRequest);

impl VersionRequest {
    /// Whether `version` matches the request.
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
        let request = match text.split('.').collect::<Vec<_>>()[..] {
            ["latest"] => Some(Self::Latest),
            [major] => number(major).map(Self::Major),
            [major, minor] => number(major)
                .zip(number(minor))
                .map(|(major, minor)| Self::Series(major, minor)),
            _ => return text.parse().map(Self::Exact),
        };
        request.ok_or_else(|| InvalidVersion(text.to_owned()))
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
