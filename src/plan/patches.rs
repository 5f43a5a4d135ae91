//! Patches to CPython's source, as a plan has them.

use serde::{Deserialize, Serialize};

use super::compat::Flags;
use crate::digest::Sha256;

/// A patch to apply, and the reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedPatch {
    /// The name of a built-in patch, or the path or address of the user's patch.
    pub name: String,
    pub origin: PatchOrigin,
    /// The digest of the whole file, including its header.
    pub sha256: Sha256,
    /// The range and the conditions that are met.
    pub because: String,
    /// The defect, and how the patch fixes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub what: Option<String>,
    /// The error message that users see without the patch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Upstream's name for the defect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream: Option<String>,
    /// The vulnerabilities that the patch fixes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fixes: Vec<String>,
    /// Flags that the patch adds to variables of `configure`.
    #[serde(default, skip_serializing_if = "Flags::is_empty")]
    pub flags: Flags,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PatchOrigin {
    BuiltIn,
    /// `--patch`.
    File,
}
