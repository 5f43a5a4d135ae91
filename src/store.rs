//! The cache folder: a content-addressed store of inputs, what is half downloaded, and index answers.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::digest::{Hasher, Sha256};
use crate::environment::Environment;

/// The folder that everything downloaded lives in: `PYBUILD_CACHE_DIR`, else the platform's cache folder.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

/// A file in the store, whose content had its digest when it was looked up.
#[derive(Debug, Clone)]
pub struct StoredFile {
    path: PathBuf,
    sha256: Sha256,
}

impl StoredFile {
    /// Where the content is. It is read-only: other builds use it too.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The content's digest.
    #[must_use]
    pub fn sha256(&self) -> Sha256 {
        self.sha256
    }
}

impl Store {
    /// The store that this environment names; nothing is created yet.
    #[must_use]
    pub fn of(environment: &Environment) -> Self {
        use etcetera::BaseStrategy as _;
        let root = environment
            .variable_os("PYBUILD_CACHE_DIR")
            .map(|dir| environment.absolute(Path::new(dir)))
            .or_else(|| {
                let cache = environment.variable_os("XDG_CACHE_HOME").map(PathBuf::from);
                Some(cache.filter(|dir| dir.is_absolute())?.join("pybuild"))
            })
            .or_else(|| {
                Some(
                    etcetera::choose_base_strategy()
                        .ok()?
                        .cache_dir()
                        .join("pybuild"),
                )
            })
            .unwrap_or_else(|| std::env::temp_dir().join("pybuild"));
        Self { root }
    }

    /// A store in the given folder.
    #[must_use]
    pub fn at(root: PathBuf) -> Self {
        Self { root }
    }

    /// The cache folder itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The file with this digest, if it is there and still has it. One that no longer has it is
    /// thrown away.
    ///
    /// # Errors
    /// When a file is there but cannot be read or thrown away; the error names it.
    pub fn get(&self, sha256: Sha256) -> io::Result<Option<StoredFile>> {
        let path = self.path_of(sha256);
        match Sha256::of_file(&path) {
            Ok(found) if found == sha256 => Ok(Some(StoredFile { path, sha256 })),
            Ok(_) => {
                fs_err::remove_file(&path)?;
                Ok(None)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Takes a finished file over under its digest. The file must lie in [`Store::partial_dir`],
    /// so that renaming it is enough, and must have been hashed by the caller while it was written.
    ///
    /// # Errors
    /// When it cannot be synced or renamed.
    pub fn adopt(&self, finished: &Path, sha256: Sha256) -> io::Result<StoredFile> {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.path_of(sha256);
        if let Some(parent) = path.parent() {
            fs_err::create_dir_all(parent)?;
        }
        fs_err::set_permissions(finished, std::fs::Permissions::from_mode(0o444))?;
        fs_err::File::open(finished)?.sync_all()?;
        fs_err::rename(finished, &path)?;
        Ok(StoredFile { path, sha256 })
    }

    /// Copies a local file in, hashing it on the way. What arrives is `expected` or it is thrown away.
    ///
    /// # Errors
    /// The outer error when reading or writing fails; the inner one is the digest that was found
    /// instead of one of `accepted`.
    pub fn copy_in(
        &self,
        from: &Path,
        accepted: &[Sha256],
    ) -> io::Result<Result<StoredFile, Sha256>> {
        let dir = self.partial_dir()?;
        let mut scratch = tempfile::Builder::new().prefix("copy-").tempfile_in(&dir)?;
        let sha256 = copy_hashed(&mut fs_err::File::open(from)?, scratch.as_file_mut())?;
        if !accepted.contains(&sha256) {
            return Ok(Err(sha256));
        }
        let path = scratch.into_temp_path();
        let stored = self.adopt(&path, sha256)?;
        // It has been renamed away: there is nothing left to delete under the scratch name.
        let _ = path.keep();
        Ok(Ok(stored))
    }

    /// The folder for downloads under way, created when it is not there.
    ///
    /// # Errors
    /// When it cannot be created; the error names it.
    pub fn partial_dir(&self) -> io::Result<PathBuf> {
        self.folder("partial")
    }

    /// A folder of the cache for one purpose, created when it is not there.
    ///
    /// # Errors
    /// When it cannot be created; the error names it.
    pub fn folder(&self, name: &str) -> io::Result<PathBuf> {
        let dir = self.root.join(name);
        fs_err::create_dir_all(&dir)?;
        Ok(dir)
    }

    fn path_of(&self, sha256: Sha256) -> PathBuf {
        self.root.join("sha256").join(sha256.to_string())
    }
}

fn copy_hashed(from: &mut impl io::Read, to: &mut File) -> io::Result<Sha256> {
    let mut hasher = Hasher::default();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(hasher.finish()),
            n => {
                hasher.update(&buffer[..n]);
                to.write_all(&buffer[..n])?;
            }
        }
    }
}
