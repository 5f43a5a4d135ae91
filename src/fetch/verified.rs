//! Verified inputs: files whose content was hashed. Only this step makes them.

use std::path::{Path, PathBuf};

use crate::archive::compression::Compression;
use crate::digest::Sha256;
use crate::plan::WheelInput;
use crate::plan::verification::Proof;
use crate::store::StoredFile;

/// Every input of a plan, with the digest that the plan names.
#[derive(Debug, Clone)]
pub struct VerifiedInputs {
    pub(super) source: VerifiedSource,
    pub(super) changes: VerifiedChanges,
}

/// The inputs that change the release: wheels and patches.
#[derive(Debug, Clone)]
pub struct VerifiedChanges {
    pub(super) wheels: Vec<VerifiedWheel>,
    pub(super) patches: Vec<VerifiedPatch>,
    pub(super) packages: Vec<VerifiedPackage>,
}

impl VerifiedInputs {
    pub(crate) fn source(&self) -> &VerifiedSource {
        &self.source
    }

    pub(crate) fn changes(&self) -> &VerifiedChanges {
        &self.changes
    }
}

impl VerifiedChanges {
    /// The wheels for `ensurepip`, in the plan's order.
    pub(crate) fn wheels(&self) -> &[VerifiedWheel] {
        &self.wheels
    }

    /// The user's patches, in the order in which they were given.
    pub(crate) fn patches(&self) -> &[VerifiedPatch] {
        &self.patches
    }

    /// The wheels to install into the interpreter, in the order in which they were given.
    pub(crate) fn packages(&self) -> &[VerifiedPackage] {
        &self.packages
    }
}

/// CPython's source.
#[derive(Debug, Clone)]
pub enum VerifiedSource {
    Archive(VerifiedArchive),
    /// An unpacked tree, which the user is responsible for.
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
    pub(crate) fn path(&self) -> &Path {
        self.file.path()
    }

    pub(crate) fn sha256(&self) -> Sha256 {
        self.file.sha256()
    }

    /// Its name on python.org.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn compression(&self) -> Compression {
        self.compression
    }

    /// The origin of this run, in words.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// At least one.
    pub(crate) fn proofs(&self) -> &[Proof] {
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
    pub(crate) fn input(&self) -> &WheelInput {
        &self.input
    }

    /// The path in the store, which ends in the digest and not in the wheel's name.
    pub(crate) fn path(&self) -> &Path {
        self.file.path()
    }
}

/// A patch of the user's, as it was when the request was read.
#[derive(Debug, Clone)]
pub struct VerifiedPatch {
    pub(super) name: String,
    pub(super) content: Vec<u8>,
}

impl VerifiedPatch {
    /// The path or the address.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Bytes, because old sources and patches for them are not always UTF-8.
    pub(crate) fn content(&self) -> &[u8] {
        &self.content
    }
}

/// A wheel in the store that is to be installed into the interpreter.
#[derive(Debug, Clone)]
pub struct VerifiedPackage {
    pub(super) file: StoredFile,
    pub(super) name: String,
    pub(super) from: String,
}

impl VerifiedPackage {
    /// The path in the store, which ends in the digest and not in the wheel's name.
    pub(crate) fn path(&self) -> &Path {
        self.file.path()
    }

    pub(crate) fn sha256(&self) -> Sha256 {
        self.file.sha256()
    }

    /// The file name of the wheel.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Its path or its address.
    pub(crate) fn from(&self) -> &str {
        &self.from
    }
}
