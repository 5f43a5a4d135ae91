//! The cache folder: a content-addressed store of inputs, partial downloads, and index answers.
//!
//! | folder | content |
//! | --- | --- |
//! | `sha256/` | inputs, each under its digest; read-only |
//! | `index-3/` | answers of indexes, for `--offline` |
//! | `other-digests/` | the SHA-256 of files that an index lists with another digest only |
//! | `configure-1/` | answers of `configure`'s checks, per host; see `compile::configure_answers` |
//! | `signatures/` | signatures of archives, `NAME.SHA256.asc` |
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

use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::digest::{Hasher, Sha256};
use crate::environment::Environment;
use crate::failpoint::crash_point;
use crate::fs::disk::{self, may_not_be_written};
use crate::fs::lock::LockError;
use crate::fs::scratch::{self, ScratchFolder};
use crate::process::in_use::end_leftovers;

/// Older downloads are not resumed.
const LONG_AGO: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The beginning of the names of files that only the process that writes them can use.
const COPY: &str = "copy-";
/// The same in earlier versions, for signatures.
const SIGNATURE: &str = "signature-";

/// The folder of changes that are in progress.
const NOTES: &str = "changes";

/// The folder of logs.
pub(crate) const LOGS: &str = "logs";

/// The folder for everything that is downloaded: `PYBUILD_CACHE_DIR`, else the platform's cache
/// folder.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    root: PathBuf,
    /// For scratch folders, when the root cannot be written.
    temporary: PathBuf,
}

/// A file in the store, whose content had its digest when it was looked up.
#[derive(Debug, Clone)]
pub struct StoredFile {
    path: PathBuf,
    sha256: Sha256,
}

/// Why a file in the store cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Corrupt {
    #[error("{} in the store is damaged: it no longer has the digest that it is named by", path.display())]
    Damaged { path: PathBuf },
    #[error("{} in the store cannot be read", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
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

impl StoredFile {
    /// The content, which is read-only: other builds use it too.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn sha256(&self) -> Sha256 {
        self.sha256
    }
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

    /// The file with this digest, if it is there and still has it. [`Store::adopt`] replaces a
    /// corrupt file.
    pub(crate) fn get(&self, sha256: Sha256) -> Result<Option<StoredFile>, Corrupt> {
        let path = self.path_of(sha256);
        match ensure_regular(&path).and_then(|()| Sha256::of_file(&path)) {
            Ok(found) if found == sha256 => Ok(Some(StoredFile { path, sha256 })),
            Ok(_) => Err(Corrupt::Damaged { path }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(Corrupt::Unreadable { path, source }),
        }
    }

    /// Moves a finished file under its digest. The file must lie in [`Store::partial_dir`], so that
    /// it can be renamed, and the caller must have hashed it.
    pub(crate) fn adopt(&self, finished: &Path, sha256: Sha256) -> io::Result<StoredFile> {
        let path = self.path_of(sha256);
        if let Some(parent) = path.parent() {
            fs_err::create_dir_all(parent)?;
        }
        fs_err::File::open(finished)?.sync_all()?;
        crash_point("store.synced");
        fs_err::rename(finished, &path)?;
        crash_point("store.renamed");
        // Last, so that a killed process leaves no partial download that cannot be written.
        fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o444))?;
        Ok(StoredFile { path, sha256 })
    }

    /// Copies a local file in, and hashes it on the way. The inner error is a digest that is not
    /// among `accepted`. A store that cannot be written may have the file already.
    pub(crate) fn copy_in(
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
        // The scratch name is gone already.
        let _ = path.keep();
        Ok(Ok(stored))
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
        self.folder("partial")
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
        match self.folder("scratch").and_then(|folder| new(&folder, "")) {
            Err(error) if may_not_be_written(&error) => new(&self.temporary, "pybuild-"),
            made => made,
        }
    }

    /// A new file to rename into a folder of the cache, deleted when it is dropped.
    pub(crate) fn scratch_file(&self) -> io::Result<tempfile::NamedTempFile> {
        scratch::scratch_file(&self.partial_dir()?, COPY)
    }

    /// Deletes leftover files of killed processes, old partial downloads, and the notes of hosts that
    /// are gone. Errors are ignored.
    pub(crate) fn sweep(&self) {
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
                let modified = entry.metadata().and_then(|metadata| metadata.modified());
                let age = modified.map(|time| time.elapsed().unwrap_or_default());
                if age.is_ok_and(|age| age > LONG_AGO) {
                    let _ = std::fs::remove_file(entry.path());
                    let _ = std::fs::remove_dir_all(entry.path());
                }
            }
        }
    }

    /// The path of a file with this digest, which may not exist.
    pub(crate) fn path_of(&self, sha256: Sha256) -> PathBuf {
        self.root.join("sha256").join(sha256.to_string())
    }
}

/// Whether a file in `partial` is one that this version could have made.
fn is_known(name: &str) -> bool {
    Path::new(name).extension() == Some("part".as_ref())
        || name.starts_with(COPY)
        || name.starts_with(SIGNATURE)
}

/// Refuses everything but regular files: opening a pipe would wait for a writer.
pub(crate) fn ensure_regular(path: &Path) -> io::Result<()> {
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
    fn leftover_files_of_killed_processes_are_swept_and_files_in_use_are_not() {
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
    fn a_corrupt_file_is_not_returned_and_can_be_replaced() {
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
    fn only_old_leftover_files_are_swept() {
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
        assert!(unknown.exists(), "it belongs to another version");
    }
}
