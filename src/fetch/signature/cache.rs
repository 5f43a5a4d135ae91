//! The store's cache of signatures: `signatures/NAME.SHA256.asc` in the cache folder.
//!
//! It is there to be offline with, and is never believed: what it gives is verified anew.

use std::io;
use std::path::PathBuf;

use crate::digest::Sha256;
use crate::fetch::signature::beside::{ENDING, read_small};
use crate::fs::disk;
use crate::progress::Reporter;
use crate::store::{self, Store};

const FOLDER: &str = "signatures";

/// The signatures of the archives that were called `name`.
pub(super) struct SignatureCache<'a> {
    store: &'a Store,
    name: &'a str,
}

impl<'a> SignatureCache<'a> {
    pub(super) fn new(store: &'a Store, name: &'a str) -> Self {
        Self { store, name }
    }

    fn path(&self, sha256: Sha256) -> PathBuf {
        self.store.root().join(FOLDER).join(self.name_of(sha256))
    }

    fn name_of(&self, sha256: Sha256) -> String {
        format!("{}.{sha256}{ENDING}", self.name)
    }

    /// Keeps the signature of the archive with this digest. A store that may not be written has to do
    /// without.
    pub(super) fn keep(&self, sha256: Sha256, signature: &[u8]) -> io::Result<()> {
        match self.store.put(FOLDER, &self.name_of(sha256), signature) {
            Err(error) if !disk::may_not_be_written(&error) => Err(error),
            _ => Ok(()),
        }
    }

    /// The signature of the archive with this digest. Of one that cannot be read the person is warned; it
    /// is as if it were not there.
    pub(super) fn of(&self, sha256: Sha256, reporter: &dyn Reporter) -> Option<Vec<u8>> {
        let path = self.path(sha256);
        match store::ensure_regular(&path).and_then(|()| read_small(&path)) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                let path = path.display();
                reporter.warn(&format!("{path} in the store cannot be read: {error}"));
                None
            }
        }
    }

    /// Throws that signature away. Where that cannot be done it stays, and is judged anew each time.
    pub(super) fn forget(&self, sha256: Sha256) {
        let _ = fs_err::remove_file(self.path(sha256));
    }

    /// The digests of the archives whose signatures are kept, sorted.
    pub(super) fn digests(&self) -> io::Result<Vec<Sha256>> {
        let mut digests = Vec::new();
        let entries = match fs_err::read_dir(self.store.root().join(FOLDER)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(digests),
            Err(error) => return Err(error),
        };
        for entry in entries {
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
