//! Compatibility patches as data: their headers and conditions, and the patches that are built in.

mod condition;
mod embedded;
mod header;

use std::collections::BTreeSet;

pub use condition::{Component, HostFacts};
pub use header::{FlagVariable, Flags, Header, HeaderError};
use serde::{Deserialize, Serialize};

use crate::plan::version::PythonVersion;

/// The built-in patches that may be applied.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CompatPolicy {
    /// Every patch that fits.
    #[default]
    All,
    /// `--no-compat-patch`: every patch that fits, except these.
    Without(BTreeSet<String>),
    /// `--no-compat-patches`.
    None,
}

impl CompatPolicy {
    /// Whether every patch that fits is applied.
    #[must_use]
    pub fn is_all(&self) -> bool {
        *self == Self::All
    }

    /// The names of the built-in patches that are for this release and are not left out, on any host.
    #[must_use]
    pub fn patches_for(&self, python: PythonVersion) -> Vec<&'static str> {
        let patches = built_in().unwrap_or_default().into_iter();
        patches
            .filter(|patch| !self.leaves_out(patch.name))
            .filter(|patch| patch.header.range_of(python).is_some())
            .map(|patch| patch.name)
            .collect()
    }

    /// Whether the built-in patch of this name is not to be applied.
    #[must_use]
    pub fn leaves_out(&self, name: &str) -> bool {
        match self {
            Self::All => false,
            Self::Without(names) => names.contains(name),
            Self::None => true,
        }
    }
}

/// A patch whose header cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the patch {patch} cannot be used")]
pub struct InvalidPatch {
    /// The patch: a name, or the path of a file.
    pub patch: String,
    /// The cause.
    pub source: HeaderError,
}

/// A built-in patch.
#[derive(Debug, Clone)]
pub struct BuiltIn {
    /// The file's name without its ending.
    pub name: &'static str,
    /// The whole file.
    pub content: &'static [u8],
    /// Its header.
    pub header: Header,
    /// Its diff; empty if the patch only adds flags.
    pub diff: &'static [u8],
}

/// All built-in patches, sorted by name.
///
/// # Errors
/// [`InvalidPatch`] if a built-in patch has a wrong header, which a test rules out.
pub fn built_in() -> Result<Vec<BuiltIn>, InvalidPatch> {
    embedded::FILES
        .iter()
        .map(|(name, content)| {
            let (header, diff) = Header::split(content).map_err(|source| InvalidPatch {
                patch: (*name).to_owned(),
                source,
            })?;
            Ok(BuiltIn {
                name,
                content,
                header,
                diff,
            })
        })
        .collect()
}

/// The names of the built-in patches.
pub fn names() -> impl Iterator<Item = &'static str> {
    embedded::FILES.iter().map(|(name, _)| *name)
}

/// The whole file of the built-in patch of this name; `None` when there is none.
#[must_use]
pub fn built_in_file(name: &str) -> Option<&'static [u8]> {
    let mut files = embedded::FILES.iter();
    let (_, content) = files.find(|(known, _)| *known == name)?;
    Some(content)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{built_in, names};

    #[test]
    fn every_file_of_the_folder_is_built_in_and_can_be_used() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/patches");
        let files: BTreeSet<String> = fs_err::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        let embedded: Vec<String> = names().map(|name| format!("{name}.patch")).collect();
        assert_eq!(files.into_iter().collect::<Vec<_>>(), embedded);
        for patch in built_in().unwrap() {
            assert!(!patch.header.error.is_empty(), "{}", patch.name);
        }
    }
}
