//! The simplest change of a prefix: a whole tree becomes an absent or empty prefix by one rename.

use std::io;
use std::path::Path;

use crate::failpoint::crash_point;
use crate::fs::durable::{bring, sync_file_system, sync_folder};
use crate::fs::scratch::ScratchFolder;
use crate::process::signals::HeldFolder;
use crate::transaction::error::Error;

/// The folder that a prefix is in, and its name there.
pub(super) fn parent_and_name(prefix: &Path) -> Option<(&Path, String)> {
    let name = prefix.file_name()?.to_string_lossy().into_owned();
    Some((prefix.parent()?, name))
}

/// The beginning of the names of folders beside a prefix of that name that will become it.
pub(super) fn coming_name(name: &str) -> String {
    format!(".pybuild-coming-{name}.")
}

/// The beginning of the names of folders that were the prefix.
pub(super) fn gone_name(name: &str) -> String {
    format!(".pybuild-gone-{name}.")
}

/// Whether the prefix is absent, or an empty folder and no link to one.
pub(crate) fn is_vacant(prefix: &Path) -> Result<bool, Error> {
    match fs_err::read_dir(prefix) {
        Ok(mut entries) => Ok(!prefix.is_symlink() && entries.next().is_none()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(source) => Err(Error::prefix(prefix)(source)),
    }
}

/// Makes the tree `root`, which is synced, a vacant prefix. Returns `false` when the prefix is a mount
/// point or is vacant no longer.
pub(crate) fn place_whole(root: &Path, prefix: &Path) -> Result<bool, Error> {
    place(root, prefix).map_err(Error::prefix(prefix))
}

fn place(root: &Path, prefix: &Path) -> io::Result<bool> {
    let parent = prefix.parent().unwrap_or(Path::new("/"));
    fs_err::create_dir_all(parent)?;
    crash_point("replace.synced");
    let renamed = match std::fs::rename(root, prefix) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
            let name = parent_and_name(prefix).map(|(_, name)| name);
            let scratch = ScratchFolder::new(parent, &coming_name(&name.unwrap_or_default()))?;
            let _held = HeldFolder::new(scratch.path().to_owned());
            let copy = scratch.path().join("prefix");
            copy_tree(root, &copy)?;
            sync_file_system(&copy)?;
            crash_point("replace.copied");
            std::fs::rename(&copy, prefix)
        }
        renamed => renamed,
    };
    match renamed {
        Ok(()) => crash_point("replace.renamed"),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::ResourceBusy | io::ErrorKind::DirectoryNotEmpty
            ) =>
        {
            return Ok(false);
        }
        Err(error) => return Err(error),
    }
    sync_folder(parent)?;
    Ok(true)
}

fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    for entry in walkdir::WalkDir::new(from) {
        let entry = entry?;
        let target = to.join(entry.path().strip_prefix(from).unwrap_or(entry.path()));
        if entry.file_type().is_dir() {
            fs_err::create_dir_all(&target)?;
        } else {
            bring(entry.path(), &target)?;
        }
    }
    Ok(())
}
