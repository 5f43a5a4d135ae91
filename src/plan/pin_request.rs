//! The values of `--pip` and `--setuptools`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use pep440_rs::{Version, VersionSpecifiers};

use super::text::serialize_as_text;

/// A request for one project that `ensurepip` bundles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PinRequest {
    /// `latest`: the newest version that fits.
    Latest,
    /// `bundled`: no change.
    Bundled,
    /// `none`: the project is removed.
    None,
    /// `24.0`: this version (PEP 440).
    Exact(Version),
    /// `<24`, `>=23,!=23.1`: the newest version of the range that fits (PEP 440).
    Specifiers(VersionSpecifiers),
    /// The path of a `.whl`.
    Wheel(PathBuf),
}

serialize_as_text!(PinRequest);

impl PinRequest {
    /// Whether the wheel is searched in an index or in `find-links`.
    pub fn needs_index(&self) -> bool {
        matches!(self, Self::Latest | Self::Exact(_) | Self::Specifiers(_))
    }
}

/// A text that is not a [`PinRequest`].
#[derive(Debug, Clone, thiserror::Error)]
#[error(
    "`{0}` is none of: latest, bundled, a version (24.0), versions (`<24`, `>=23,!=23.1`), \
     the path of a .whl, none"
)]
pub struct InvalidPin(String);

impl FromStr for PinRequest {
    type Err = InvalidPin;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        match text {
            "latest" => return Ok(Self::Latest),
            "bundled" => return Ok(Self::Bundled),
            "none" => return Ok(Self::None),
            _ => {}
        }
        if Path::new(text).extension().is_some_and(|end| end == "whl") {
            return Ok(Self::Wheel(PathBuf::from(text)));
        }
        if let Ok(version) = text.parse() {
            return Ok(Self::Exact(version));
        }
        match text.parse::<VersionSpecifiers>() {
            Ok(specifiers) if !specifiers.is_empty() => Ok(Self::Specifiers(specifiers)),
            _ => Err(InvalidPin(text.to_owned())),
        }
    }
}

impl fmt::Display for PinRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latest => f.write_str("latest"),
            Self::Bundled => f.write_str("bundled"),
            Self::None => f.write_str("none"),
            Self::Exact(version) => version.fmt(f),
            Self::Specifiers(specifiers) => specifiers.fmt(f),
            Self::Wheel(path) => path.display().fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::PinRequest;

    #[test]
    fn every_form_is_read_and_written_back() {
        for text in [
            "latest",
            "bundled",
            "none",
            "24",
            "24.1b1",
            "<24",
            "==24.0",
            ">=23, !=23.1",
            "==24.*",
            "./wheels/pip-24.0-py3-none-any.whl",
        ] {
            let request: PinRequest = text.parse().unwrap();
            assert_eq!(request.to_string(), text);
            let json = serde_json::to_string(&request).unwrap();
            assert_eq!(serde_json::from_str::<PinRequest>(&json).unwrap(), request);
        }
    }

    #[test]
    fn a_version_is_not_a_range() {
        let parse = |text: &str| text.parse::<PinRequest>().unwrap();
        assert!(matches!(parse("24"), PinRequest::Exact(_)));
        assert!(matches!(parse("==24.0"), PinRequest::Specifiers(_)));
    }

    #[test]
    fn the_error_for_other_texts_lists_the_forms() {
        for text in [
            "",
            " ",
            ",",
            "newest",
            "24.x",
            "24.*",
            "=24",
            "pip==24",
            "pip.whl.txt",
        ] {
            let error = text.parse::<PinRequest>().unwrap_err().to_string();
            assert!(error.contains("latest, bundled"), "{error}");
        }
    }
}
