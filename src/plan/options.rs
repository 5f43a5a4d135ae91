//! Options of a build that decide its result.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::debug_info::DebugInfo;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildOptions {
    pub optimization: Optimization,
    pub library: Library,
    #[serde(
        default = "DebugInfo::of_earlier_records",
        skip_serializing_if = "DebugInfo::is_of_earlier_records"
    )]
    pub debug_info: DebugInfo,
    /// `--configure-arg`, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub configure_args: Vec<String>,
    #[serde(default, skip_serializing_if = "Bytecode::is_all")]
    pub bytecode: Bytecode,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Optimization {
    /// One compile, as `configure` does by default.
    Plain,
    /// `--optimize`: `configure --enable-optimizations --with-lto`.
    ProfileGuided,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Library {
    /// `libpython` is part of the interpreter.
    Static,
    /// `--enable-shared`.
    Shared,
}

/// `--bytecode`: the optimisation levels of the compiled modules that are installed.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::ValueEnum,
)]
#[serde(rename_all = "kebab-case")]
pub enum Bytecode {
    /// No compiled modules
    None,
    /// The level of python without -O
    Default,
    /// All levels, as make install does
    #[default]
    All,
}

impl Bytecode {
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde passes a reference"
    )]
    pub fn is_all(&self) -> bool {
        *self == Self::All
    }

    /// The digits of the levels.
    pub fn levels(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Default => "0",
            Self::All => "012",
        }
    }
}

/// The names of the programs in `bin`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProgramNames {
    /// As CPython installs them: `python3`, `python3.11`, `pip3`, `pip3.11` and so on.
    #[default]
    Versioned,
    /// `--unversioned-links`: also `python`, `pip` and so on.
    AlsoUnversioned,
}

impl ProgramNames {
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde passes a reference"
    )]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Standard library modules that must work in addition to the essential ones, and ones that need not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModulePolicy {
    /// `--require`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub required: BTreeSet<String>,
    /// `--allow-missing`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub may_be_missing: BTreeSet<String>,
    /// `--without-module`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub left_out: BTreeSet<String>,
}

impl ModulePolicy {
    /// An interpreter without these cannot install packages, so they are required by default.
    pub const ESSENTIAL: [&str; 3] = ["zlib", "ssl", "ctypes"];

    /// Whether the build stops if `module` does not work.
    pub fn requires(&self, module: &str) -> bool {
        let is_waived = self.may_be_missing.contains(module) || self.left_out.contains(module);
        self.required.contains(module) || (Self::ESSENTIAL.contains(&module) && !is_waived)
    }

    pub fn all_required(&self) -> BTreeSet<&str> {
        let required = self.required.iter().map(String::as_str);
        Self::ESSENTIAL
            .into_iter()
            .filter(|module| self.requires(module))
            .chain(required)
            .collect()
    }
}

/// The absolute path of the folder that the interpreter is configured for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InstallPrefix(PathBuf);

impl InstallPrefix {
    /// `path` must be absolute; see [`crate::environment::Environment::absolute`].
    pub fn new(path: PathBuf) -> Self {
        debug_assert!(path.is_absolute());
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The path of the prefix below a DESTDIR.
    pub fn below(&self, destdir: &Path) -> PathBuf {
        destdir.join(self.0.strip_prefix("/").unwrap_or(&self.0))
    }
}

impl fmt::Display for InstallPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.display().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::{BuildOptions, Bytecode, DebugInfo, Library, Optimization};

    #[test]
    fn a_record_of_an_earlier_version_equals_a_request_for_debug_information() {
        let earlier = r#"{"optimization":"plain","library":"static"}"#;
        let options = |debug_info| BuildOptions {
            optimization: Optimization::Plain,
            library: Library::Static,
            debug_info,
            bytecode: Bytecode::All,
            configure_args: Vec::new(),
        };
        let read: BuildOptions = serde_json::from_str(earlier).unwrap();
        assert_eq!(read, options(DebugInfo::InFiles));
        let written = |debug_info| serde_json::to_string(&options(debug_info)).unwrap();
        assert_eq!(written(DebugInfo::InFiles), earlier);
        for other in [DebugInfo::None, DebugInfo::Split] {
            assert_ne!(written(other), earlier);
            let read: BuildOptions = serde_json::from_str(&written(other)).unwrap();
            assert_eq!(read, options(other));
        }
    }
}
