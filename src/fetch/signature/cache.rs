//! The store's cache of signatures: `signatures/NAME.SHA256.asc` in the cache folder.
//!
//! It makes offline runs possible. A signature from it is verified again.

use std::io::{self, Write as _};
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
        let folder = self.store.root().join(FOLDER);
        folder.join(format!("{}.{sha256}{ENDING}", self.name))
    }

    /// Keeps the signature of the archive with this digest, unless the store is read-only.
    pub(super) fn keep(&self, sha256: Sha256, signature: &[u8]) -> io::Result<()> {
        match self.write(sha256, signature) {
            Err(error) if disk::may_not_be_written(&error) => Ok(()),
            written => written,
        }
    }

    fn write(&self, sha256: Sha256, signature: &[u8]) -> io::Result<()> {
        use std::os::unix::fs::PermissionsExt as _;
        self.store.folder(FOLDER)?;
        let mut builder = tempfile::Builder::new();
        builder.prefix(store::SIGNATURE);
        let mut file = builder.tempfile_in(self.store.partial_dir()?)?;
        file.write_all(signature)?;
        // As readable as the inputs: a store may be shared.
        let mode = std::fs::Permissions::from_mode(0o644);
        file.as_file().set_permissions(mode)?;
        file.as_file().sync_all()?;
        file.persist(self.path(sha256))?;
        Ok(())
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
