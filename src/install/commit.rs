//! Step 9: the recorded installation becomes the prefix, or part of it.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use super::error::Error;
use super::foreign::FilesInTheWay;
use super::merge::Merge;
use super::record::{self, Record};
use super::recorded::RecordedInstall;
use crate::failpoint::crash_point;
use crate::fs::durable::sync_file_system;
use crate::progress::{Reporter, Unit};
use crate::transaction::{is_vacant, place_whole};

/// Moves the installation into its prefix: with one rename if the prefix is absent or empty, otherwise
/// with a transaction. After an error, the prefix is unchanged.
pub(crate) fn commit(
    recorded: RecordedInstall,
    in_the_way: FilesInTheWay,
    reporter: &dyn Reporter,
) -> Result<Record, Error> {
    let mut phase = reporter.begin("commit", Unit::Steps, None);
    let (root, record, manifest) = (recorded.root(), recorded.record(), recorded.manifest());
    let prefix = record.plan.prefix();
    phase.set_current(&prefix.to_string());
    let mut made = folders_of(root).map_err(Error::Staging)?;
    if prefix.path().symlink_metadata().is_err() {
        made.insert(PathBuf::new());
    }
    let folder_list = root
        .join(record::folder(record.plan.python()))
        .join(record::FOLDERS);
    record::write_json(&folder_list, &made).map_err(Error::Staging)?;
    crash_point("commit.record-files");
    if !replace_whole(root, prefix.path())? {
        let merge = Merge {
            root,
            record,
            manifest,
            folders: made,
            in_the_way,
            reporter,
        };
        merge.run(&folder_list)?;
    }
    crash_point("commit.done");
    phase.finish(&format!("{} files in {prefix}", manifest.len()));
    Ok(recorded.into_record())
}

/// Makes the staged tree the prefix if that is absent or empty; returns whether it did.
fn replace_whole(root: &Path, prefix: &Path) -> Result<bool, Error> {
    if !is_vacant(prefix)? {
        return Ok(false);
    }
    sync_file_system(root).map_err(Error::Staging)?;
    Ok(place_whole(root, prefix)?)
}

/// The folders below `root`, relative to it.
fn folders_of(root: &Path) -> io::Result<BTreeSet<PathBuf>> {
    let mut folders = BTreeSet::new();
    for entry in walkdir::WalkDir::new(root).min_depth(1) {
        let entry = entry?;
        if entry.file_type().is_dir() {
            let path = entry.path().strip_prefix(root).unwrap_or(entry.path());
            folders.insert(path.to_owned());
        }
    }
    Ok(folders)
}
