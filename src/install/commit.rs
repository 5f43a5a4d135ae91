//! Step 9: the checked installation becomes the prefix, or part of it.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use super::check::CheckedInstall;
use super::manifest::Manifest;
use super::merge::Merge;
use super::record::{self, Record};
use super::{Error, FilesInTheWay};
use crate::failpoint::crash_point;
use crate::fs::durable::sync_file_system;
use crate::progress::{Reporter, Unit};
use crate::transaction::{is_vacant, place_whole};

/// An interpreter that is in its prefix, with its record.
#[derive(Debug)]
pub struct Installation {
    record: Record,
}

impl Installation {
    /// What is known of it.
    #[must_use]
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// The record's folder.
    #[must_use]
    pub fn record_folder(&self) -> PathBuf {
        self.record
            .plan
            .prefix
            .path()
            .join(record::folder(self.record.plan.python))
    }
}

/// What goes into the record's folder beside the record itself.
#[derive(Debug)]
pub struct RecordFiles {
    /// The record.
    pub record: Record,
    /// The patches that the record names: file name and content.
    pub patches: Vec<(String, Vec<u8>)>,
    /// The log so far.
    pub log: PathBuf,
}

/// Puts the installation into its prefix: an absent or empty prefix by one rename, any other one
/// through a transaction.
///
/// # Errors
/// [`Error::Transaction`] when foreign files are in the way, or the prefix cannot be written;
/// [`Error::Staging`]. The prefix is as it was then.
pub fn commit(
    checked: &CheckedInstall,
    papers: RecordFiles,
    in_the_way: FilesInTheWay,
    reporter: &dyn Reporter,
) -> Result<Installation, Error> {
    let staged = checked.staged();
    let mut phase = reporter.begin("commit", Unit::Steps, None);
    let manifest = Manifest::of_tree(staged.root()).map_err(Error::Staging)?;
    write_record_files(staged.root(), &papers, &manifest).map_err(Error::Staging)?;
    let prefix = staged.prefix();
    phase.set_current(&prefix.to_string());
    let mut made = folders_of(staged.root()).map_err(Error::Staging)?;
    if prefix.path().symlink_metadata().is_err() {
        made.insert(PathBuf::new());
    }
    let folder_list = staged
        .root()
        .join(record::folder(papers.record.plan.python))
        .join(record::FOLDERS);
    record::write_json(&folder_list, &made).map_err(Error::Staging)?;
    crash_point("commit.record-files");
    if !replace_whole(staged.root(), prefix.path())? {
        let merge = Merge {
            root: staged.root(),
            record: &papers.record,
            manifest: &manifest,
            folders: made,
            in_the_way,
            reporter,
        };
        merge.run(&folder_list)?;
    }
    crash_point("commit.done");
    phase.finish(&format!("{} files in {prefix}", manifest.len()));
    Ok(Installation {
        record: papers.record,
    })
}

fn write_record_files(root: &Path, papers: &RecordFiles, manifest: &Manifest) -> io::Result<()> {
    let folder = root.join(record::folder(papers.record.plan.python));
    fs_err::create_dir_all(&folder)?;
    for (name, content) in &papers.patches {
        fs_err::write(folder.join(name), content)?;
    }
    fs_err::copy(&papers.log, folder.join(record::LOG))?;
    record::write_json(&folder.join(record::FILES), manifest)?;
    record::write_json(&folder.join(record::RECORD), &papers.record)
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
