//! What fetching hands on: files whose content was hashed, and that nobody else can make.

use std::path::{Path, PathBuf};

use crate::archive::compression::Compression;
use crate::digest::Sha256;
use crate::plan::WheelInput;
use crate::plan::verification::Proof;
use crate::store::StoredFile;

/// Every input of a plan, with the digest that the plan asks for. Only [`super::fetch`] makes it.
#[derive(Debug, Clone)]
pub struct VerifiedInputs {
    pub(super) source: VerifiedSource,
    pub(super) wheels: Vec<VerifiedWheel>,
    pub(super) patches: Vec<VerifiedPatch>,
}

impl VerifiedInputs {
    /// CPython's source.
    #[must_use]
    pub fn source(&self) -> &VerifiedSource {
        &self.source
    }

    /// The wheels that `ensurepip` will bundle, in the plan's order.
    #[must_use]
    pub fn wheels(&self) -> &[VerifiedWheel] {
        &self.wheels
    }

    /// The person's patches, in the order they were given.
    #[must_use]
    pub fn patches(&self) -> &[VerifiedPatch] {
        &self.patches
    }
}

/// CPython's source.
#[derive(Debug, Clone)]
pub enum VerifiedSource {
    /// A release file.
    Archive(VerifiedArchive),
    /// A tree that the person vouches for.
    Tree(PathBuf),
}

/// A release file in the store.
#[derive(Debug, Clone)]
pub struct VerifiedArchive {
    pub(super) file: StoredFile,
    pub(super) name: String,
    pub(super) compression: Compression,
    pub(super) origin: String,
    pub(super) proofs: Vec<Proof>,
}

impl VerifiedArchive {
    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Its digest.
    #[must_use]
    pub fn sha256(&self) -> Sha256 {
        self.file.sha256()
    }

    /// Its name on python.org.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How it is compressed, as its first bytes say.
    #[must_use]
    pub fn compression(&self) -> Compression {
        self.compression
    }

    /// Where it came from this time, in words.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// What it proved itself with; at least one.
    #[must_use]
    pub fn proofs(&self) -> &[Proof] {
        &self.proofs
    }
}

/// A wheel in the store.
#[derive(Debug, Clone)]
pub struct VerifiedWheel {
    pub(super) input: WheelInput,
    pub(super) file: StoredFile,
}

impl VerifiedWheel {
    /// What the plan says of it.
    #[must_use]
    pub fn input(&self) -> &WheelInput {
        &self.input
    }

    /// Where it is, under its digest and not under its name.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.file.path()
    }
}

/// A patch of the person's, as it was when the request was read.
#[derive(Debug, Clone)]
pub struct VerifiedPatch {
    pub(super) path: PathBuf,
    pub(super) content: Vec<u8>,
}

impl VerifiedPatch {
    /// Where it was read.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it held: old sources, and so patches for them, are not always UTF-8.
    #[must_use]
    pub fn content(&self) -> &[u8] {
        &self.content
    }
}
