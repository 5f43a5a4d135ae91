//! Trees that pybuild packs for itself: a POSIX tar in zstd. Content that comes from elsewhere is read by
//! [`super::tar`], which is strict.

use std::collections::BTreeMap;
use std::fs::{FileTimes, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::panic::resume_unwind;
use std::path::{Component, Path, PathBuf};
use std::sync::mpsc::{self, SyncSender};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tar::EntryType;

/// A level that takes a second for an interpreter. Higher ones take several times as long and save a tenth
/// of the size.
const LEVEL: i32 = 3;

/// Writes a tree: its paths, and the files, links and folders that have the content. Modes and times are
/// kept, owners are not.
pub(crate) fn pack<W: Write>(tree: &BTreeMap<PathBuf, PathBuf>, to: W) -> io::Result<W> {
    pack_with(tar::HeaderMode::Complete, tree, to)
}

/// As [`pack`], without times and rights: equal content gives equal bytes.
pub(crate) fn pack_content<W: Write>(tree: &BTreeMap<PathBuf, PathBuf>, to: W) -> io::Result<W> {
    pack_with(tar::HeaderMode::Deterministic, tree, to)
}

fn pack_with<W: Write>(
    mode: tar::HeaderMode,
    tree: &BTreeMap<PathBuf, PathBuf>,
    to: W,
) -> io::Result<W> {
    let mut archive = tar::Builder::new(zstd::Encoder::new(to, LEVEL)?);
    archive.mode(mode);
    archive.follow_symlinks(false);
    for (name, path) in tree {
        archive.append_path_with_name(path, name)?;
    }
    archive.into_inner()?.finish()
}

/// A larger file is written while it is read, so that memory does not depend on it.
const SMALL: u64 = 64 << 10;

/// The most small files that wait for a writer: 2 MiB. What a thread has freed can stay with it, so several
/// builds in one run have this several times.
const WAITING: usize = 32;

/// Unpacks a tree into a folder. Fails if an entry would be outside of it. After an error, an incomplete
/// tree is left. Other threads write the small files, which takes longer than reading them.
pub(crate) fn unpack(from: impl Read, into: &Path) -> io::Result<()> {
    let (sender, receiver) = mpsc::sync_channel::<(Target, Vec<u8>)>(WAITING);
    let receiver = Mutex::new(receiver);
    let write = || {
        let next = || {
            receiver
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .recv()
        };
        while let Ok((target, content)) = next() {
            if let Err(error) = target.write(&mut content.as_slice()) {
                // Nobody writes what still comes.
                while next().is_ok() {}
                return Err(error);
            }
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let writers = [scope.spawn(write), scope.spawn(write)];
        let read = read_entries(from, into, &sender);
        drop(sender);
        let written =
            writers.map(|writer| writer.join().unwrap_or_else(|panic| resume_unwind(panic)));
        written.into_iter().collect::<io::Result<()>>().and(read)
    })
}

/// A regular file to be written.
struct Target {
    path: PathBuf,
    mode: Permissions,
    modified: SystemTime,
}

impl Target {
    fn write(&self, content: &mut impl Read) -> io::Result<()> {
        let mut file = fs_err::File::create_new(&self.path)?;
        io::copy(content, &mut file)?;
        file.set_permissions(self.mode.clone())?;
        let times = FileTimes::new().set_modified(self.modified);
        file.file().set_times(times)
    }
}

/// Makes the folders, links and large files, and sends the small ones.
fn read_entries(
    from: impl Read,
    into: &Path,
    small: &SyncSender<(Target, Vec<u8>)>,
) -> io::Result<()> {
    let mut archive = tar::Archive::new(zstd::Decoder::new(from)?);
    for entry in archive.entries()? {
        let mut entry = entry?;
        let name = entry.path()?.into_owned();
        let is_inside =
            |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
        if !name.components().all(is_inside) {
            let what = format!("{} is outside of the tree", name.display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        let path = into.join(name);
        let mode = Permissions::from_mode(entry.header().mode()? & 0o7777);
        match entry.header().entry_type() {
            EntryType::Directory => {
                fs_err::create_dir_all(&path)?;
                fs_err::set_permissions(&path, mode)?;
            }
            EntryType::Symlink => {
                let target = entry.link_name()?.unwrap_or_default();
                std::os::unix::fs::symlink(target, &path)?;
            }
            EntryType::Regular => {
                if let Some(folder) = path.parent() {
                    fs_err::create_dir_all(folder)?;
                }
                let modified = UNIX_EPOCH + Duration::from_secs(entry.header().mtime()?);
                let target = Target {
                    path,
                    mode,
                    modified,
                };
                if entry.size() > SMALL {
                    target.write(&mut entry)?;
                    continue;
                }
                let mut content = Vec::new();
                entry.read_to_end(&mut content)?;
                // Without a writer, its error is returned.
                let _ = small.send((target, content));
            }
            other => {
                let what = format!("an entry of the type {other:?} is not expected");
                return Err(io::Error::new(io::ErrorKind::InvalidData, what));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::path::{Path, PathBuf};

    use super::{SMALL, pack, unpack};

    fn packed(folder: &Path) -> Vec<u8> {
        let mut tree = BTreeMap::new();
        for entry in walkdir::WalkDir::new(folder)
            .min_depth(1)
            .sort_by_file_name()
        {
            let path = entry.unwrap().into_path();
            tree.insert(path.strip_prefix(folder).unwrap().to_owned(), path);
        }
        pack(&tree, Vec::new()).unwrap()
    }

    #[test]
    fn a_tree_is_unpacked_as_it_was_packed() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join("a").join(name);
        fs_err::create_dir_all(path("folder/empty")).unwrap();
        for number in 0..200 {
            fs_err::write(path(&format!("folder/{number}")), number.to_string()).unwrap();
        }
        let large = vec![7; usize::try_from(SMALL).unwrap() + 1];
        fs_err::write(path("large"), &large).unwrap();
        fs_err::set_permissions(path("large"), std::fs::Permissions::from_mode(0o750)).unwrap();
        symlink("nowhere", path("link")).unwrap();
        let content = packed(&dir.path().join("a"));
        let into = dir.path().join("b");
        fs_err::create_dir(&into).unwrap();
        unpack(content.as_slice(), &into).unwrap();
        let list = |folder: &Path| -> Vec<(PathBuf, u32, i64, Vec<u8>)> {
            use std::os::unix::fs::MetadataExt as _;
            let walk = walkdir::WalkDir::new(folder)
                .min_depth(1)
                .sort_by_file_name();
            walk.into_iter()
                .map(|entry| {
                    let entry = entry.unwrap();
                    let found = entry.metadata().unwrap();
                    let time = if found.is_file() { found.mtime() } else { 0 };
                    let content = fs_err::read(entry.path()).unwrap_or_default();
                    let name = entry.path().strip_prefix(folder).unwrap().to_owned();
                    (name, found.mode(), time, content)
                })
                .collect()
        };
        assert_eq!(list(&dir.path().join("a")), list(&into));
        // Nothing is replaced, whichever thread would write it.
        assert!(unpack(content.as_slice(), &into).is_err());
        assert!(unpack(&content[..content.len() / 2], &dir.path().join("c")).is_err());
    }

    #[test]
    fn a_path_outside_of_the_tree_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs_err::write(&file, "content").unwrap();
        let mut header = tar::Header::new_gnu();
        header.as_gnu_mut().unwrap().name[..7].copy_from_slice(b"../file");
        header.set_size(0);
        header.set_mode(0o644);
        header.set_cksum();
        let mut archive = tar::Builder::new(zstd::Encoder::new(Vec::new(), 1).unwrap());
        archive.append(&header, std::io::empty()).unwrap();
        let content = archive.into_inner().unwrap().finish().unwrap();
        let into = dir.path().join("into");
        fs_err::create_dir(&into).unwrap();
        let error = unpack(content.as_slice(), &into).unwrap_err();
        assert!(error.to_string().contains("outside"), "{error}");
    }
}
