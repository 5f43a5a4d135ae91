//! A download in progress: a file that survives the process, and that one process at a time writes.

use std::io::{self, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use crate::digest::{Hasher, Sha256};
use crate::failpoint::crash_point;
use crate::fs::lock;
use crate::progress::Reporter;
use crate::store::{Store, StoredFile};

/// The beginning of a file, locked, with the hash of it so far.
pub(super) struct Partial {
    path: PathBuf,
    file: fs_err::File,
    hasher: Hasher,
    length: u64,
    inherited: bool,
}

impl Partial {
    /// Opens or creates the partial file called `name`. Waits for another process that has it, and
    /// reports that with `what`.
    pub(super) fn open(
        store: &Store,
        name: &str,
        what: &str,
        reporter: &dyn Reporter,
    ) -> io::Result<Self> {
        let path = store.partial_dir()?.join(format!("{name}.part"));
        let file = lock::open_locked(&path, &format!("fetches {what}"), reporter)?;
        crash_point("download.begun");
        let mut hasher = Hasher::default();
        let length = io::copy(&mut file.file(), &mut hasher)?;
        Ok(Self {
            path,
            file,
            hasher,
            length,
            inherited: length > 0,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Whether it begins with bytes of an earlier download, maybe from another origin.
    pub(super) fn is_inherited(&self) -> bool {
        self.inherited
    }

    /// The digest of the bytes so far.
    pub(super) fn digest(&self) -> Sha256 {
        self.hasher.clone().finish()
    }

    /// Empties it.
    pub(super) fn restart(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.hasher = Hasher::default();
        self.length = 0;
        self.inherited = false;
        Ok(())
    }

    pub(super) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.hasher.update(bytes);
        self.length += bytes.len() as u64;
        crash_point("download.part");
        Ok(())
    }

    /// Moves the finished file into the store.
    pub(super) fn adopt(self, store: &Store) -> io::Result<StoredFile> {
        store.adopt(&self.path, self.digest())
    }
}

impl Drop for Partial {
    /// The next run resumes a file with content; an empty file is of no use.
    fn drop(&mut self) {
        if self.length == 0 {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
