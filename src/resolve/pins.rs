//! What `ensurepip` is to bundle: what people type, and the wheel that it comes to.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What was asked for one project that `ensurepip` bundles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum PinRequest {
    /// `latest`.
    Latest,
    /// `bundled`.
    Bundled,
    /// `none`.
    None,
    /// `24.0`.
    Exact(pep440_rs::Version),
    /// `<24`, `>=23,!=23.1`.
    Specifiers(pep440_rs::VersionSpecifiers),
    /// The path of a `.whl`.
    Wheel(PathBuf),
}

/// A text that is no pin.
#[derive(Debug, Clone, thiserror::Error)]
#[error("`{0}` is no pin")]
pub struct InvalidPin(String);

impl FromStr for PinRequest {
    type Err = InvalidPin;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "latest" => Ok(Self::Latest),
            "bundled" => Ok(Self::Bundled),
            _ => Err(InvalidPin(text.to_owned())),
        }
    }
}

impl fmt::Display for PinRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stub")
    }
}

impl TryFrom<String> for PinRequest {
    type Error = InvalidPin;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<PinRequest> for String {
    fn from(request: PinRequest) -> Self {
        request.to_string()
    }
}
