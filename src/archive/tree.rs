//! Trees that pybuild packs for itself: a POSIX tar in zstd. Content that comes from elsewhere is read by
//! [`super::tar`], which is strict.

use std::collections::BTreeMap;
use std::fs::{FileTimes, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use tar::EntryType;

/// A level that takes a second for an interpreter. Higher ones take several times as long and save a tenth
/// of the size.
const LEVEL: i32 = 3;

/// Writes a tree: its paths, and the files, links and folders that have the content. Modes and times are
/// kept, owners are not.
pub(crate) fn pack<W: Write>(tree: &BTreeMap<PathBuf, PathBuf>, to: W) -> io::Result<W> {
    let mut archive = tar::Builder::new(zstd::Encoder::new(to, LEVEL)?);
    archive.mode(tar::HeaderMode::Complete);
    archive.follow_symlinks(false);
    for (name, path) in tree {
        archive.append_path_with_name(path, name)?;
    }
    archive.into_inner()?.finish()
}

/// Unpacks a tree into a folder. Fails if an entry would be outside of it. After an error, an incomplete
/// tree is left.
pub(crate) fn unpack(from: impl Read, into: &Path) -> io::Result<()> {
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
                let modified = UNIX_EPOCH + Duration::from_secs(entry.header().mtime()?);
                let mut file = fs_err::File::create_new(&path)?;
                io::copy(&mut entry, &mut file)?;
                file.set_permissions(mode)?;
                file.file()
                    .set_times(FileTimes::new().set_modified(modified))?;
            }
            other => {
                let what = format!("an entry of the type {other:?} is not expected");
                return Err(io::Error::new(io::ErrorKind::InvalidData, what));
            }
        }
    }
    Ok(())
}
