//! The cache folder: a content-addressed store of inputs, what is half downloaded, and index answers.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::digest::{Hasher, Sha256};
use crate::environment::Environment;
use crate::lock::{self, ScratchFolder};
use crate::seam::crash_point;

/// Nobody resumes a download that is older than this.
const LONG_AGO: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How the names of files begin that are of no use to anybody but the process that writes them.
const COPY: &str = "copy-";

/// The folder for notes of what is being changed.
const NOTES: &str = "changes";

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
        fs_err::File::open(finished)?.sync_all()?;
        crash_point("store.synced");
        fs_err::rename(finished, &path)?;
        crash_point("store.renamed");
        // Last, so that a process that is killed leaves nothing half downloaded that cannot be written.
        fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o444))?;
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
        let mut scratch = self.scratch_file()?;
        let sha256 = copy_hashed(&mut fs_err::File::open(from)?, &mut scratch)?;
        if !accepted.contains(&sha256) {
            return Ok(Err(sha256));
        }
        crash_point("store.copied");
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

    /// The folder for notes of what is being changed, created when it is not there.
    ///
    /// # Errors
    /// When it cannot be created; the error names it.
    pub fn notes(&self) -> io::Result<PathBuf> {
        self.folder(NOTES)
    }

    /// The same, whether it is there or not.
    #[must_use]
    pub fn notes_if_there(&self) -> PathBuf {
        self.root.join(NOTES)
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

    /// A new folder in the cache, deleted when it is dropped.
    ///
    /// # Errors
    /// When it cannot be created; the error names it.
    pub fn scratch(&self, purpose: &str) -> io::Result<ScratchFolder> {
        ScratchFolder::new(&self.folder("scratch")?, &format!("{purpose}-"))
    }

    /// A new file that is to be renamed into some folder of the cache, and deleted when it is dropped.
    ///
    /// # Errors
    /// When it cannot be created; the error names it.
    pub fn scratch_file(&self) -> io::Result<tempfile::NamedTempFile> {
        lock::scratch_file(&self.partial_dir()?, COPY)
    }

    /// Deletes what killed processes left half done, downloads that nobody went on with for long, and
    /// notes of hosts that are gone. What cannot be deleted stays.
    pub fn sweep(&self) {
        lock::sweep_folders(&self.root.join("scratch"), "", |_| {});
        lock::sweep_files(&self.root.join("partial"), |name, size| {
            name.starts_with(COPY) || size == 0
        });
        for folder in ["partial", "scratch", NOTES] {
            let entries = std::fs::read_dir(self.root.join(folder));
            for entry in entries.into_iter().flatten().flatten() {
                let age = entry
                    .metadata()
                    .and_then(|metadata| metadata.modified())
                    .map(|time| time.elapsed().unwrap_or_default());
                if age.is_ok_and(|age| age > LONG_AGO) {
                    let _ = std::fs::remove_file(entry.path());
                    let _ = std::fs::remove_dir_all(entry.path());
                }
            }
        }
    }

    fn path_of(&self, sha256: Sha256) -> PathBuf {
        self.root.join("sha256").join(sha256.to_string())
    }
}

fn copy_hashed(from: &mut impl io::Read, to: &mut impl io::Write) -> io::Result<Sha256> {
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

#[cfg(test)]
mod tests {
    use std::fs::FileTimes;
    use std::time::{Duration, SystemTime};

    use super::Store;
    use crate::digest::Sha256;

    #[test]
    fn a_file_that_was_changed_is_thrown_away() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::at(dir.path().join("cache"));
        let original = dir.path().join("file");
        fs_err::write(&original, "content").unwrap();
        let digest = Sha256::of(b"content");
        let other = Sha256::of(b"other");
        assert!(store.get(digest).unwrap().is_none());
        assert_eq!(
            store.copy_in(&original, &[other]).unwrap().unwrap_err(),
            digest
        );
        let stored = store.copy_in(&original, &[other, digest]).unwrap().unwrap();
        assert_eq!(store.get(digest).unwrap().unwrap().path(), stored.path());
        assert!(
            fs_err::read_dir(store.partial_dir().unwrap())
                .unwrap()
                .next()
                .is_none()
        );

        fs_err::remove_file(stored.path()).unwrap();
        fs_err::write(stored.path(), "contents").unwrap();
        assert!(store.get(digest).unwrap().is_none());
        assert!(!stored.path().exists());
    }

    #[test]
    fn only_what_was_left_long_ago_is_swept() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::at(dir.path().to_owned());
        let new = store.partial_dir().unwrap().join("new");
        let old = store.partial_dir().unwrap().join("old");
        fs_err::write(&new, "half").unwrap();
        let file = std::fs::File::create(&old).unwrap();
        let month_ago = SystemTime::now() - Duration::from_secs(30 * 24 * 3600);
        file.set_times(FileTimes::new().set_modified(month_ago))
            .unwrap();
        store.sweep();
        assert!(new.exists() && !old.exists());
    }
}
