//! The store's memory of signatures: `signatures/NAME.SHA256.asc` in the cache folder.
//!
//! It is there to be offline with, and is never believed: what it gives is verified anew.

use std::io::{self, Write as _};
use std::path::PathBuf;

use super::{ENDING, read_small};
use crate::digest::Sha256;
use crate::store::Store;

/// The signatures of the archives that were called `name`.
pub(super) struct Memory<'a> {
    store: &'a Store,
    name: &'a str,
}

impl<'a> Memory<'a> {
    pub(super) fn new(store: &'a Store, name: &'a str) -> Self {
        Self { store, name }
    }

    fn path(&self, sha256: Sha256) -> io::Result<PathBuf> {
        let folder = self.store.folder("signatures")?;
        Ok(folder.join(format!("{}.{sha256}{ENDING}", self.name)))
    }

    /// Keeps the signature of the archive with this digest.
    pub(super) fn keep(&self, sha256: Sha256, signature: &[u8]) -> io::Result<()> {
        let mut file = tempfile::Builder::new()
            .prefix("signature-")
            .tempfile_in(self.store.partial_dir()?)?;
        file.write_all(signature)?;
        file.as_file().sync_all()?;
        file.persist(self.path(sha256)?)
            .map_err(|error| error.error)?;
        Ok(())
    }

    /// The signature of the archive with this digest.
    pub(super) fn of(&self, sha256: Sha256) -> io::Result<Option<Vec<u8>>> {
        read_small(&self.path(sha256)?)
    }

    /// Throws that signature away.
    pub(super) fn forget(&self, sha256: Sha256) -> io::Result<()> {
        match fs_err::remove_file(self.path(sha256)?) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// The digests of the archives whose signatures are kept, sorted.
    pub(super) fn digests(&self) -> io::Result<Vec<Sha256>> {
        let mut digests = Vec::new();
        for entry in fs_err::read_dir(self.store.folder("signatures")?)? {
            let file_name = entry?.file_name();
            let digest = file_name.to_str().and_then(|file_name| {
                let rest = file_name.strip_prefix(self.name)?.strip_prefix('.')?;
                rest.strip_suffix(ENDING)?.parse::<Sha256>().ok()
            });
            digests.extend(digest);
        }
        digests.sort();
        Ok(digests)
    }
}
