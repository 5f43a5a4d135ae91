//! What fetching hands on: files whose content was hashed, and that nobody else can make.

use std::path::{Path, PathBuf};

use crate::digest::Sha256;
use crate::resolve::plan::WheelInput;
use crate::resolve::proof::Proof;
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

/// How a tar archive is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// `.tgz`, `.tar.gz` (RFC 1952).
    Gzip,
    /// `.tar.xz`.
    Xz,
}

impl Compression {
    /// What a file that begins like this is compressed with; `None` for anything else.
    pub(super) fn of(beginning: &[u8]) -> Option<Self> {
        if beginning.starts_with(&[0x1f, 0x8b]) {
            Some(Self::Gzip)
        } else if beginning.starts_with(&[0xfd, b'7', b'z', b'X', b'Z', 0]) {
            Some(Self::Xz)
        } else {
            None
        }
    }

    /// Whether a file of this name is expected to be compressed like this.
    pub(super) fn fits(self, name: &str) -> bool {
        // Release files are named by python.org, always in lower case.
        match self {
            Self::Gzip => name.ends_with("gz"),
            Self::Xz => name.ends_with("xz"),
        }
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
