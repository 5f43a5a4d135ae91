//! The debug information of a build.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `--debug-info`; the comments are part of `--help`.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::ValueEnum,
)]
#[serde(rename_all = "kebab-case")]
pub enum DebugInfo {
    /// Compile without -g
    #[default]
    None,
    /// Compile with -g, as CPython's own build does
    InFiles,
    /// Compile with -g, and keep the debug information in .debug folders beside the files
    Split,
}

impl DebugInfo {
    /// The value of records of earlier versions, which have none: those always compiled with `-g`.
    pub fn of_earlier_records() -> Self {
        Self::InFiles
    }

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde passes a reference"
    )]
    pub fn is_of_earlier_records(&self) -> bool {
        *self == Self::of_earlier_records()
    }
}
