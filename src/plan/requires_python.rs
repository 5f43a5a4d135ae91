//! `Requires-Python` of a wheel.

use std::fmt;

use pep440_rs::{Operator, VersionSpecifiers};

use super::version::PythonVersion;

/// The value of a wheel's `Requires-Python` (PEP 345, with PEP 440's specifiers).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequiresPython {
    text: String,
    /// `None` when the text is not a set of specifiers.
    specifiers: Option<VersionSpecifiers>,
}

impl RequiresPython {
    /// Reads the value; `None` when it is empty. Tolerates the mistakes of old uploads: quotes,
    /// superfluous commas, and `>=3.6.*`.
    pub fn read(text: &str) -> Option<Self> {
        let text: String = text
            .chars()
            .filter(|c| !c.is_control() && !matches!(c, '\'' | '"'))
            .collect();
        let parts: Vec<&str> = text
            .split(',')
            .map(|part| without_wildcard(part.trim()))
            .filter(|part| !part.is_empty())
            .collect();
        if parts.is_empty() {
            return None;
        }
        Some(Self {
            specifiers: parts.join(",").parse().ok(),
            text,
        })
    }

    /// Whether that CPython may use the wheel. A pre-release counts as its final release, as in pip.
    /// A value that cannot be read admits no CPython.
    pub fn admits(&self, python: PythonVersion) -> bool {
        let version = python.final_release().to_pep440();
        let specifiers = self.specifiers.as_ref();
        specifiers.is_some_and(|specifiers| specifiers.contains(&version))
    }
}

/// Turns `>=3.6.*` into `>=3.6`: old uploads use it with that meaning, but PEP 440 does not allow it.
fn without_wildcard(specifier: &str) -> &str {
    match specifier.strip_suffix(".*") {
        Some(start) if start.starts_with(['<', '>', '~']) => start,
        _ => specifier,
    }
}

/// Continues a sentence that begins with a version: `needs Python 3.10 or later`.
impl fmt::Display for RequiresPython {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(specifiers) = &self.specifiers else {
            let text = &self.text;
            return write!(f, "has a `Requires-Python` that cannot be read: `{text}`");
        };
        match &specifiers[..] {
            [only] if *only.operator() == Operator::GreaterThanEqual => {
                write!(f, "needs Python {} or later", only.version())
            }
            _ => write!(f, "needs Python {specifiers}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::RequiresPython;

    fn admits(text: &str, python: &str) -> bool {
        RequiresPython::read(text).is_none_or(|requires| requires.admits(python.parse().unwrap()))
    }

    #[test]
    fn the_exact_version_decides() {
        assert!(admits(">=2.7,!=3.0.*,!=3.1.*", "2.7.18"));
        assert!(!admits(">=2.7,!=3.0.*,!=3.1.*", "3.1.5"));
        assert!(!admits(">=3.6.2", "3.6.1"));
        assert!(admits("", "2.7.18"));
        assert!(admits(">=3.15", "3.15.0rc1"));
    }

    #[test]
    fn mistakes_of_old_uploads_are_tolerated_and_other_texts_admit_no_cpython() {
        assert!(admits(">=2.6,!=3.0.*,", "3.7.1"));
        assert!(!admits(">=2.6,!=3.0.*,", "3.0.1"));
        assert!(admits(">='2.7'", "3.7.1") && !admits(">='2.7'", "2.6.9"));
        assert!(admits("'>=2.7'", "3.7.1"));
        assert!(admits(">=3.6.*", "3.6.0"));
        assert!(!admits("three", "3.7.1"));
    }

    #[test]
    fn it_is_shown_as_a_sentence() {
        let shown = |text| RequiresPython::read(text).unwrap().to_string();
        assert_eq!(shown(">=3.10"), "needs Python 3.10 or later");
        assert_eq!(shown(">=2.7,!=3.0.*"), "needs Python >=2.7, !=3.0.*");
        assert_eq!(
            shown("three"),
            "has a `Requires-Python` that cannot be read: `three`"
        );
    }
}
