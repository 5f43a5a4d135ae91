//! Steps 3 and 4: from a verified archive to a tree in which everything is as it will be compiled.

pub mod change;
pub mod ensurepip;
pub mod patch;
mod patched;
pub mod sbom;
mod unpack;
pub mod wheel;

pub(crate) use patched::{PatchedTree, Provenance, apply_patches};
pub(crate) use unpack::unpack;
pub use unpack::{
    UnpackError, ensure_clean_tree, unpack_part, version_found_in_tree, version_of_tree,
};

use crate::error::{ExitStatus, Explain};

/// Why this step failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// See [`UnpackError`].
    #[error(transparent)]
    Unpack(#[from] UnpackError),
    /// See [`ensurepip::Error`].
    #[error(transparent)]
    Ensurepip(#[from] ensurepip::Error),
    /// See [`patch::Error`].
    #[error(transparent)]
    Patch(#[from] patch::Error),
}

impl Explain for Error {
    fn exit_status(&self) -> ExitStatus {
        match self {
            Self::Unpack(error) => error.exit_status(),
            Self::Ensurepip(error) => error.exit_status(),
            Self::Patch(error) => error.exit_status(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Unpack(error) => error.hint(),
            Self::Ensurepip(error) => error.hint(),
            Self::Patch(error) => error.hint(),
        }
    }
}
