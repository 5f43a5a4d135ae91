//! Inputs in the store, each under its digest.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::corrupt::Corrupt;
use super::{Store, ensure_regular};
use crate::digest::{Hasher, Sha256};
use crate::failpoint::crash_point;
use crate::fs::disk::may_not_be_written;

/// The folder of inputs.
pub(super) const FOLDER: &str = "sha256";

/// A file in the store, whose content had its digest when it was looked up.
#[derive(Debug, Clone)]
pub struct StoredFile {
    path: PathBuf,
    sha256: Sha256,
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
    /// The file with this digest, if it is there and still has it. [`Store::adopt`] replaces a
    /// corrupt file.
    pub(crate) fn get(&self, sha256: Sha256) -> Result<Option<StoredFile>, Corrupt> {
        let path = self.path_of(sha256);
        match ensure_regular(&path).and_then(|()| Sha256::of_file(&path)) {
            Ok(found) if found == sha256 => {
                mark_used(&path);
                Ok(Some(StoredFile { path, sha256 }))
            }
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
        // The file stays locked until it is renamed: otherwise another build would sweep it.
        let (_lock, path) = scratch.into_parts();
        let stored = self.adopt(&path, sha256)?;
        // The scratch name is gone already.
        let _ = path.keep();
        Ok(Ok(stored))
    }

    /// The path of a file with this digest, which may not exist.
    pub(crate) fn path_of(&self, sha256: Sha256) -> PathBuf {
        self.root.join(FOLDER).join(sha256.to_string())
    }
}

/// Sets the time of a file to now, for the order in which unused files are removed. Only its owner can.
fn mark_used(path: &Path) {
    let marked = std::fs::File::open(path);
    let _ = marked.and_then(|file| file.set_modified(std::time::SystemTime::now()));
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
    use std::os::unix::fs::PermissionsExt as _;

    use crate::digest::Sha256;
    use crate::store::{Corrupt, Store};

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
}
