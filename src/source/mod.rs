//! Steps 3 and 4: a verified archive becomes a tree that is ready to be compiled.

pub(crate) mod change;
mod date;
mod edits;
pub mod ensurepip;
mod original;
pub mod patch;
mod patched;
mod provenance;
mod sbom;
mod unpack;
mod vendored;
pub mod wheel;

pub(crate) use date::SourceDate;
pub(crate) use original::PINNED_PARTS;
pub(crate) use patched::{PatchedTree, apply_patches, pin};
pub(crate) use provenance::{Provenance, pin_names};
pub(crate) use sbom::vendored as vendored_by_pip;
pub(crate) use unpack::{
    UnpackError, ensure_clean_tree, unpack, unpack_part, version_found_in_tree, version_of_tree,
};
pub(crate) use vendored::Vendored;

use crate::error::{ExitStatus, Explain};

/// Why a source tree cannot be unpacked or patched.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Unpack(#[from] UnpackError),
    #[error(transparent)]
    Ensurepip(#[from] ensurepip::Error),
    #[error(transparent)]
    Patch(#[from] patch::Error),
}

impl Error {
    fn inner(&self) -> &dyn Explain {
        match self {
            Self::Unpack(error) => error,
            Self::Ensurepip(error) => error,
            Self::Patch(error) => error,
        }
    }
}

impl Explain for Error {
    fn exit_status(&self) -> ExitStatus {
        self.inner().exit_status()
    }

    fn hint(&self) -> Option<String> {
        self.inner().hint()
    }
}
