//! The store's cache of signatures: `signatures/NAME.SHA256.asc` in the cache folder.
//!
//! It makes offline runs possible. A signature from it is verified again.

use std::io;
use std::path::PathBuf;

use super::event::SignatureEvent;
use super::file::{ENDING, read_small};
use crate::digest::Sha256;
use crate::fs::disk;
use crate::progress::Reporter;
use crate::store::{self, Store};

const FOLDER: &str = "signatures";

/// The signatures of archives with this name.
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

    /// Keeps the signature of the archive with this digest, unless the store is read-only.
    pub(super) fn keep(&self, sha256: Sha256, signature: &[u8]) -> io::Result<()> {
        match self.store.put(FOLDER, &self.name_of(sha256), signature) {
            Err(error) if !disk::may_not_be_written(&error) => Err(error),
            _ => Ok(()),
        }
    }

    /// The signature of the archive with this digest; an unreadable one only causes a warning.
    pub(super) fn get(&self, sha256: Sha256, reporter: &dyn Reporter) -> Option<Vec<u8>> {
        let path = self.path(sha256);
        match store::ensure_regular(&path).and_then(|()| read_small(&path)) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                reporter.report(&SignatureEvent::UnreadableInStore { path, error });
                None
            }
        }
    }

    /// Removes that signature. If that fails it stays, and is verified again each time.
    pub(super) fn discard(&self, sha256: Sha256) {
        let _ = fs_err::remove_file(self.path(sha256));
    }

    /// The digests of the archives that have a kept signature, sorted.
    pub(super) fn digests(&self) -> io::Result<Vec<Sha256>> {
        let mut digests = Vec::new();
        let entries = match fs_err::read_dir(self.store.root().join(FOLDER)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(digests),
            Err(error) => return Err(error),
        };
        for entry in entries {
            let name = entry?.file_name();
            let rest = name.to_str().and_then(|name| name.strip_prefix(self.name));
            let digest = rest.and_then(|rest| rest.strip_prefix('.')?.strip_suffix(ENDING));
            digests.extend(digest.and_then(|digest| digest.parse::<Sha256>().ok()));
        }
        digests.sort();
        Ok(digests)
    }
}
