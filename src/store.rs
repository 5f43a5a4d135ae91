//! The cache folder: a content-addressed store of inputs, what is half downloaded, and index answers.
//!
//! | folder | what is in it |
//! | --- | --- |
//! | `sha256/` | inputs, each under its digest; read-only |
//! | `index-3/` | what indexes answered, for `--offline` |
//! | `other-digests/` | the SHA-256 of files that an index lists with another digest only |
//! | `signatures/` | signatures of archives, `NAME.SHA256.asc` |
//! | `partial/` | `*.part`: downloads under way; `copy-*`, `signature-*`: about to be renamed |
//! | `scratch/`, `build/` | folders of running processes, each with a locked file `in-use` |
//! | `changes/` | notes of which prefixes are being changed, held by the processes that do |
//! | `logs/`, `locks/` | logs of builds that failed; what one process at a time may do |
//!
//! Several versions of pybuild may share one cache folder, newer and older ones at the same time. The rule
//! that makes this safe: what a name in this table means never changes. What gets another format gets
//! another name too, such as `index-4/`, and what has a name that is not known here is left alone. Content
//! under its digest and signatures have no format of pybuild's own.
//!
//! A store that may not be written, baked into an image or mounted read-only, gives what is in it.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::digest::{Hasher, Sha256};
use crate::environment::Environment;
use crate::failpoint::crash_point;
use crate::fs::disk::may_not_be_written;
use crate::fs::scratch::{self, ScratchFolder};
use crate::process::in_use::end_leftovers;

/// Nobody resumes a download that is older than this.
const LONG_AGO: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How the names of files begin that are of no use to anybody but the process that writes them.
const COPY: &str = "copy-";
/// The same of signatures.
pub const SIGNATURE: &str = "signature-";

/// The folder for notes of what is being changed.
const NOTES: &str = "changes";

/// The folder of logs.
pub const LOGS: &str = "logs";

/// The folder that everything downloaded lives in: `PYBUILD_CACHE_DIR`, else the platform's cache folder.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
    /// Where to work when nothing may be written there.
    temporary: PathBuf,
}

/// A file in the store, whose content had its digest when it was looked up.
#[derive(Debug, Clone)]
pub struct StoredFile {
    path: PathBuf,
    sha256: Sha256,
}

/// Why what is in the store under a digest is of no use.
#[derive(Debug, thiserror::Error)]
pub enum Corrupt {
    /// Its content is another one.
    #[error("{} in the store is damaged: it no longer has the digest that it is named by", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// It cannot be read.
    #[error("{} in the store cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
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
            .unwrap_or_else(|| environment.temporary_folder().join("pybuild"));
        Self {
            root,
            temporary: environment.temporary_folder(),
        }
    }

    /// A store in the given folder, which has to do without any other.
    #[must_use]
    pub fn at(root: PathBuf) -> Self {
        Self {
            temporary: root.clone(),
            root,
        }
    }

    /// The cache folder itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The file with this digest, if it is there and still has it.
    ///
    /// # Errors
    /// [`Corrupt`] when what is there is of no use. [`Store::adopt`] takes its place where it can.
    pub fn get(&self, sha256: Sha256) -> Result<Option<StoredFile>, Corrupt> {
        let path = self.path_of(sha256);
        match ensure_regular(&path).and_then(|()| Sha256::of_file(&path)) {
            Ok(found) if found == sha256 => Ok(Some(StoredFile { path, sha256 })),
            Ok(_) => Err(Corrupt::Damaged { path }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(Corrupt::Unreadable { path, source }),
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
    /// In a store that may not be written, it is enough that it is there already.
    ///
    /// # Errors
    /// The outer error when reading or writing fails; the inner one is the digest that was found
    /// instead of one of `accepted`.
    pub fn copy_in(
        &self,
        from: &Path,
        accepted: &[Sha256],
    ) -> io::Result<Result<StoredFile, Sha256>> {
        let mut scratch = match self.scratch_file() {
            Ok(scratch) => scratch,
            Err(error) if may_not_be_written(&error) => {
                let sha256 = Sha256::of_file(from)?;
                if !accepted.contains(&sha256) {
                    return Ok(Err(sha256));
                }
                return match self.get(sha256) {
                    Ok(Some(file)) => Ok(Ok(file)),
                    _ => Err(error),
                };
            }
            Err(error) => return Err(error),
        };
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

    /// A new folder, deleted when it is dropped: in the cache or, where that may not be written, in the
    /// system's folder for temporary files.
    ///
    /// # Errors
    /// When it cannot be created; the error names it.
    pub fn scratch(&self, purpose: &str) -> io::Result<ScratchFolder> {
        let new =
            |base: &Path, prefix: &str| ScratchFolder::new(base, &format!("{prefix}{purpose}-"));
        match self.folder("scratch").and_then(|folder| new(&folder, "")) {
            Err(error) if may_not_be_written(&error) => new(&self.temporary, "pybuild-"),
            made => made,
        }
    }

    /// A new file that is to be renamed into some folder of the cache, and deleted when it is dropped.
    ///
    /// # Errors
    /// When it cannot be created; the error names it.
    pub fn scratch_file(&self) -> io::Result<tempfile::NamedTempFile> {
        scratch::scratch_file(&self.partial_dir()?, COPY)
    }

    /// Deletes what killed processes left half done, downloads that nobody went on with for long, and
    /// notes of hosts that are gone. What cannot be deleted stays.
    pub fn sweep(&self) {
        scratch::sweep_folders(&self.root.join("scratch"), "", end_leftovers);
        scratch::sweep_files(&self.root.join("partial"), |name, size| {
            name.starts_with(COPY) || (size == 0 && is_known(name))
        });
        for folder in ["partial", "scratch", NOTES] {
            let entries = std::fs::read_dir(self.root.join(folder));
            for entry in entries.into_iter().flatten().flatten() {
                if folder == "partial" && !is_known(&entry.file_name().to_string_lossy()) {
                    continue;
                }
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

    /// Where a file with this digest is, if it is there.
    #[must_use]
    pub fn path_of(&self, sha256: Sha256) -> PathBuf {
        self.root.join("sha256").join(sha256.to_string())
    }
}

/// Whether a file in `partial` is one that this pybuild could have made.
fn is_known(name: &str) -> bool {
    Path::new(name).extension() == Some("part".as_ref())
        || name.starts_with(COPY)
        || name.starts_with(SIGNATURE)
}

/// Refuses what is no file: opening a pipe would wait for somebody to write to it.
///
/// # Errors
/// When nothing is there, or something else than a file.
pub fn ensure_regular(path: &Path) -> io::Result<()> {
    if fs_err::metadata(path)?.is_file() {
        return Ok(());
    }
    Err(io::Error::other("it is not a regular file"))
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
    use std::os::unix::fs::PermissionsExt as _;
    use std::time::{Duration, SystemTime};

    use super::{Corrupt, Store};
    use crate::digest::Sha256;

    #[test]
    fn what_killed_processes_left_is_swept_and_what_others_work_at_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::at(dir.path().to_owned());
        let (folder, file) = (store.scratch("a").unwrap(), store.scratch_file().unwrap());
        let killed = store.folder("scratch").unwrap().join("b-killed");
        fs_err::create_dir(&killed).unwrap();
        fs_err::write(killed.join("in-use"), "").unwrap();
        let partial = store.partial_dir().unwrap();
        let [copy, empty, resumable] =
            ["copy-x", "x.part", "y.part"].map(|name| partial.join(name));
        fs_err::write(&copy, "half").unwrap();
        fs_err::write(&empty, "").unwrap();
        fs_err::write(&resumable, "half").unwrap();
        store.sweep();
        assert!(folder.path().exists() && file.path().exists() && resumable.exists());
        assert!(!killed.exists() && !copy.exists() && !empty.exists());
    }

    #[test]
    fn what_is_spoilt_is_not_given_and_can_be_replaced() {
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
        let mode = fs_err::metadata(stored.path())
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o444);
        assert!(
            fs_err::read_dir(store.partial_dir().unwrap())
                .unwrap()
                .next()
                .is_none()
        );

        fs_err::remove_file(stored.path()).unwrap();
        fs_err::write(stored.path(), "contents").unwrap();
        assert!(matches!(store.get(digest), Err(Corrupt::Damaged { .. })));
        store.copy_in(&original, &[digest]).unwrap().unwrap();
        assert!(store.get(digest).unwrap().is_some());

        fs_err::remove_file(stored.path()).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            stored.path(),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RWXU,
            0,
        )
        .unwrap();
        assert!(matches!(store.get(digest), Err(Corrupt::Unreadable { .. })));
        store.copy_in(&original, &[digest]).unwrap().unwrap();
        assert!(store.get(digest).unwrap().is_some());
    }

    #[test]
    fn only_what_was_left_long_ago_is_swept() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::at(dir.path().to_owned());
        let new = store.partial_dir().unwrap().join("new.part");
        let old = store.partial_dir().unwrap().join("old.part");
        let unknown = store.partial_dir().unwrap().join("old");
        fs_err::write(&new, "half").unwrap();
        let month_ago = SystemTime::now() - Duration::from_secs(30 * 24 * 3600);
        for path in [&old, &unknown] {
            let file = std::fs::File::create(path).unwrap();
            file.set_times(FileTimes::new().set_modified(month_ago))
                .unwrap();
        }
        store.sweep();
        assert!(new.exists() && !old.exists());
        assert!(unknown.exists(), "another version's business");
    }
}
