//! A download under way: a file that survives the process, and that one process at a time writes to.

use std::io::{self, Write as _};
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
    /// Opens what is there of `what` under `name`, or begins anew. Waits for another process that is
    /// at it, and says so.
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

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// How much is there.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Whether it begins with what an earlier download left, maybe from another origin.
    pub(super) fn is_inherited(&self) -> bool {
        self.inherited
    }

    /// The digest of what is there.
    pub(super) fn digest(&self) -> Sha256 {
        self.hasher.clone().finish()
    }

    /// Forgets what is there.
    pub(super) fn restart(&mut self) -> io::Result<()> {
        use io::Seek as _;
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.hasher = Hasher::default();
        self.length = 0;
        self.inherited = false;
        Ok(())
    }

    /// Adds `bytes` at the end.
    pub(super) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.hasher.update(bytes);
        self.length += bytes.len() as u64;
        crash_point("download.part");
        Ok(())
    }

    /// Hands the finished file over to the store.
    pub(super) fn adopt(self, store: &Store) -> io::Result<StoredFile> {
        store.adopt(&self.path, self.digest())
    }
}

impl Drop for Partial {
    /// What has content is kept for the next run; an empty file is of no use to anybody.
    fn drop(&mut self) {
        if self.length == 0 {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
