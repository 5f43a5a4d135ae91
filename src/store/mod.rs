//! The cache folder: a store of inputs by digest, index answers, and built things by key.
//!
//! | folder | content |
//! | --- | --- |
//! | `sha256/` | inputs, each under its digest; read-only |
//! | `index-3/` | answers of indexes, for `--offline` |
//! | `other-digests/` | the SHA-256 of files that an index lists with another digest only |
//! | `configure-1/` | answers of `configure`'s checks, per host; see `compile::configure_answers` |
//! | `signatures/` | signatures of archives, `NAME.SHA256.asc` |
//! | `compiles-1/` | kept compiles, a folder for each key: see [`built`] |
//! | `saved/` | what the built things of each kind have saved |
//! | `partial/` | `*.part`: downloads in progress; `copy-*`, `signature-*`: about to be renamed |
//! | `scratch/`, `build/` | folders of running processes, each with a locked file `in-use` |
//! | `changes/` | the prefixes that are being changed, each file locked by the process that does it |
//! | `logs/`, `locks/` | logs of failed builds; locks for work that one process at a time may do |
//!
//! Several versions of pybuild may share one cache folder at the same time. This is safe because the
//! meaning of a name in this table never changes: another format gets another name, such as
//! `index-4/`, and files with unknown names are left alone. Content under its digest and signatures
//! have no format of pybuild's own.
//!
//! A store that cannot be written, in an image or mounted read-only, is still read.

mod built;
mod corrupt;
mod downloads;
mod entry;
mod in_use;
mod inventory;
mod payload;
mod prune;
mod removal;
mod size;
mod sweep;

pub(crate) use built::{BuiltEntry, Keeping, Kind};
pub(crate) use corrupt::Corrupt;
pub(crate) use downloads::StoredFile;
pub(crate) use in_use::{Removing, StoreUse};
pub(crate) use inventory::{Category, Item};
pub(crate) use prune::{Limit, Prune};
pub(crate) use removal::Removal;
pub(crate) use size::Size;

use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::environment::Environment;
use crate::fs::disk::{self, may_not_be_written};
use crate::fs::lock::LockError;
use crate::fs::scratch::{self, ScratchFolder};

/// The beginning of the names of files that only the process that writes them can use.
const COPY: &str = "copy-";

/// The folder of changes that are in progress.
const NOTES: &str = "changes";

/// The folder of logs.
pub(crate) const LOGS: &str = "logs";

/// The folder of downloads in progress.
const PARTIAL: &str = "partial";

/// The folder of scratch folders.
const SCRATCH: &str = "scratch";

/// The folder for everything that is downloaded or kept: `PYBUILD_CACHE_DIR`, else the platform's cache
/// folder.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    root: PathBuf,
    /// For scratch folders, when the root cannot be written.
    temporary: PathBuf,
}

/// The next step when the cache folder cannot be used.
pub(crate) fn cache_hint(error: &io::Error) -> String {
    const HINT: &str = "check the space and the permissions there, or name another folder with \
                        PYBUILD_CACHE_DIR";
    if LockError::is(error) {
        return "the file system there has no working locks, as it happens with NFS: name a folder \
                on a local disk with PYBUILD_CACHE_DIR"
            .to_owned();
    }
    disk::hint(error, "name another folder with PYBUILD_CACHE_DIR")
        .unwrap_or_else(|| HINT.to_owned())
}

impl Store {
    /// The store that this environment names; nothing is created yet.
    pub(crate) fn of(environment: &Environment) -> Self {
        use etcetera::BaseStrategy as _;
        let absolute = |name| {
            let path = environment.variable_os(name).map(PathBuf::from);
            path.filter(|path| path.is_absolute())
        };
        let platform = || Some(etcetera::choose_base_strategy().ok()?.cache_dir());
        let temporary = environment.temporary_folder();
        let root = match environment.variable_os("PYBUILD_CACHE_DIR") {
            Some(named) => environment.absolute(Path::new(named)),
            None => absolute("XDG_CACHE_HOME")
                .or_else(platform)
                .unwrap_or_else(|| temporary.clone())
                .join("pybuild"),
        };
        Self { root, temporary }
    }

    /// A store in the given folder, which uses no other folder.
    pub(crate) fn at(root: PathBuf) -> Self {
        Self {
            temporary: root.clone(),
            root,
        }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Writes a file of a cache folder, in place of an earlier one. It is as readable as the inputs,
    /// for other users of the store.
    pub(crate) fn put(&self, folder: &str, name: &str, content: &[u8]) -> io::Result<()> {
        let folder = self.folder(folder)?;
        let mut scratch = self.scratch_file()?;
        scratch.write_all(content)?;
        let mode = std::fs::Permissions::from_mode(0o644);
        scratch.as_file().set_permissions(mode)?;
        scratch.as_file().sync_all()?;
        scratch.persist(folder.join(name))?;
        Ok(())
    }

    /// The folder for downloads in progress, which is created.
    pub(crate) fn partial_dir(&self) -> io::Result<PathBuf> {
        self.folder(PARTIAL)
    }

    /// The folder of changes that are in progress, which is created.
    pub(crate) fn notes(&self) -> io::Result<PathBuf> {
        self.folder(NOTES)
    }

    /// The same folder, which may not exist.
    pub(crate) fn notes_if_there(&self) -> PathBuf {
        self.root.join(NOTES)
    }

    /// A folder of the cache for one purpose, which is created.
    pub(crate) fn folder(&self, name: &str) -> io::Result<PathBuf> {
        let dir = self.root.join(name);
        fs_err::create_dir_all(&dir)?;
        Ok(dir)
    }

    /// A new folder, deleted when it is dropped: in the cache or, where that cannot be written, in
    /// the folder for temporary files.
    pub(crate) fn scratch(&self, purpose: &str) -> io::Result<ScratchFolder> {
        let new =
            |base: &Path, prefix: &str| ScratchFolder::new(base, &format!("{prefix}{purpose}-"));
        match self.folder(SCRATCH).and_then(|folder| new(&folder, "")) {
            Err(error) if may_not_be_written(&error) => new(&self.temporary, "pybuild-"),
            made => made,
        }
    }

    /// A new file to rename into a folder of the cache, deleted when it is dropped.
    pub(crate) fn scratch_file(&self) -> io::Result<tempfile::NamedTempFile> {
        scratch::scratch_file(&self.partial_dir()?, COPY)
    }
}

/// Refuses everything but regular files: opening a pipe would wait for a writer.
pub(crate) fn ensure_regular(path: &Path) -> io::Result<()> {
    if fs_err::metadata(path)?.is_file() {
        return Ok(());
    }
    Err(io::Error::other("it is not a regular file"))
}
