//! Recovery: rolls back or finishes the transaction that a killed process left in a prefix.

use std::io;
use std::path::{Path, PathBuf};

use crate::failpoint::crash_point;
use crate::fs::durable::{remove_folder_if_there, remove_if_there, sync_file_system, sync_folder};
use crate::fs::lock;
use crate::fs::scratch;
use crate::progress::Reporter;
use crate::transaction::error::Error;
use crate::transaction::event::Event;
use crate::transaction::journal::{COMMITTED, FOLDER, JOURNAL, Journal, LOCK, new_path, old_path};
use crate::transaction::whole::{self, coming_name, gone_name};

/// The result of a recovery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Recovered {
    /// No change.
    Nothing,
    /// An unfinished change, which was undone.
    RolledBack,
    /// A committed change with leftover files.
    Finished {
        /// The paths that it removed, below the prefix.
        removed: Vec<PathBuf>,
    },
}

/// Recovers `prefix` from an interrupted run and reports it. Waits for a process that is changing the
/// prefix.
pub(crate) fn recover(prefix: &Path, reporter: &dyn Reporter) -> Result<Recovered, Error> {
    sweep_beside(prefix);
    ensure_no_older_hotpatch(prefix)?;
    if !is_pending(prefix) {
        return Ok(Recovered::Nothing);
    }
    let Some(_lock) = lock(prefix, reporter)? else {
        // The process that had it has finished.
        return Ok(Recovered::Nothing);
    };
    let recovered = settle(prefix)
        .and_then(|recovered| clean_up(prefix).map(|()| recovered))
        .map_err(Error::prefix(prefix))?;
    report(&recovered, prefix, reporter);
    Ok(recovered)
}

/// Makes the transaction's folder, empty but for its lock, which it returns. Recovers an interrupted
/// transaction first.
pub(super) fn open(prefix: &Path, reporter: &dyn Reporter) -> Result<fs_err::File, Error> {
    let failed = Error::prefix(prefix);
    ensure_no_older_hotpatch(prefix)?;
    let lock = loop {
        fs_err::create_dir_all(prefix.join(FOLDER)).map_err(&failed)?;
        if let Some(lock) = lock(prefix, reporter)? {
            break lock;
        }
    };
    let recovered = settle(prefix).map_err(&failed)?;
    report(&recovered, prefix, reporter);
    let make = || {
        discard(prefix)?;
        for name in ["new", "old"] {
            fs_err::create_dir_all(prefix.join(FOLDER).join(name))?;
        }
        Ok(lock)
    };
    make().map_err(|source| {
        let _ = clean_up(prefix);
        failed(source)
    })
}

/// Whether a process is changing the prefix, or was killed while it did.
pub(crate) fn is_pending(prefix: &Path) -> bool {
    prefix.join(FOLDER).is_dir()
}

fn report(recovered: &Recovered, prefix: &Path, reporter: &dyn Reporter) {
    let prefix = prefix.to_owned();
    reporter.report(&match recovered {
        Recovered::Nothing => Event::LeftoversRemoved { prefix },
        Recovered::RolledBack => Event::RolledBack { prefix },
        Recovered::Finished { .. } => Event::Finished { prefix },
    });
}

/// The lock of a prefix whose transaction folder exists; `None` when the folder was removed meanwhile.
fn lock(prefix: &Path, reporter: &dyn Reporter) -> Result<Option<fs_err::File>, Error> {
    let path = prefix.join(FOLDER).join(LOCK);
    let what = format!("changes {}", prefix.display());
    match lock::open_locked(&path, &what, reporter) {
        Ok(lock) => Ok(Some(lock)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::prefix(prefix)(source)),
    }
}

/// Versions up to 0.1 kept the state of a hotpatch beside its originals. Only they can recover it.
fn ensure_no_older_hotpatch(prefix: &Path) -> Result<(), Error> {
    let interpreters = std::fs::read_dir(prefix.join("share/pybuild/hotpatch"));
    let mut folders: Vec<PathBuf> = interpreters
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    folders.sort();
    for folder in folders {
        for name in ["under-way.json", "undoing.json", "forgotten.json"] {
            let path = folder.join(name);
            if path.exists() {
                let prefix = prefix.to_owned();
                return Err(Error::OlderHotpatch { path, prefix });
            }
        }
    }
    Ok(())
}

/// Rolls back, unless the transaction is committed or nothing was changed.
pub(super) fn settle(prefix: &Path) -> io::Result<Recovered> {
    let folder = prefix.join(FOLDER);
    if let Some(journal) = read_committed(prefix)? {
        let removed = journal.changes.into_iter().filter(|change| !change.adds);
        return Ok(Recovered::Finished {
            removed: removed.map(|change| change.path).collect(),
        });
    }
    let Some(journal) = Journal::read(&folder.join(JOURNAL))? else {
        return Ok(Recovered::Nothing);
    };
    let exists = |path: &Path| path.symlink_metadata().is_ok();
    for (number, change) in journal.changes.iter().enumerate().rev() {
        let path = prefix.join(&change.path);
        let old = old_path(prefix, number);
        let is_placed = change.adds && !exists(&new_path(prefix, number));
        if exists(&old) {
            // Before the change, the path has the old file, or a newer foreign one.
            if is_placed || !change.adds || !exists(&path) {
                fs_err::rename(&old, &path)?;
            }
        } else if is_placed && !change.replaces {
            remove_if_there(&path)?;
        }
        if change.after_sync {
            sync_file_system(prefix)?;
        }
        crash_point("rollback.change");
    }
    for created in journal.folders.iter().rev() {
        // One that has a foreign file by now stays.
        let _ = fs_err::remove_dir(prefix.join(created));
    }
    sync_file_system(prefix)?;
    crash_point("rollback.done");
    fs_err::remove_file(folder.join(JOURNAL))?;
    Ok(Recovered::RolledBack)
}

/// Removes the transaction's folder and the folders that the journal says may go, the prefix itself
/// among them.
pub(super) fn clean_up(prefix: &Path) -> io::Result<()> {
    if read_committed(prefix)?.is_some_and(|journal| journal.may_go.contains(Path::new(""))) {
        discard_all_but_journal(prefix)?;
        if remove_prefix(prefix)? {
            return Ok(());
        }
    }
    discard(prefix)?;
    crash_point("tidy.discarded");
    fs_err::remove_dir_all(prefix.join(FOLDER))
}

/// Removes the files of a settled transaction, and the folders that it left empty.
fn discard(prefix: &Path) -> io::Result<()> {
    discard_all_but_journal(prefix)?;
    crash_point("tidy.old");
    remove_if_there(&prefix.join(FOLDER).join(COMMITTED))
}

fn discard_all_but_journal(prefix: &Path) -> io::Result<()> {
    if let Some(journal) = read_committed(prefix)? {
        // Children first. One that has a foreign file stays.
        for path in journal.may_go.iter().rev() {
            if !path.as_os_str().is_empty() {
                let _ = fs_err::remove_dir(prefix.join(path));
            }
        }
        crash_point("tidy.folders");
    }
    for name in ["new", "old"] {
        remove_folder_if_there(&prefix.join(FOLDER).join(name))?;
    }
    Ok(())
}

fn read_committed(prefix: &Path) -> io::Result<Option<Journal>> {
    Journal::read(&prefix.join(FOLDER).join(COMMITTED))
}

/// Removes a prefix that holds nothing but the transaction's folder; returns whether it is gone. One
/// rename takes it out of the way first, so that a killed process leaves no part of it.
fn remove_prefix(prefix: &Path) -> io::Result<bool> {
    let mut others = fs_err::read_dir(prefix)?
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name() != FOLDER);
    // A link to a folder was made by the user.
    if others.next().is_some() || prefix.is_symlink() {
        return Ok(false);
    }
    let Some((parent, name)) = whole::parent_and_name(prefix) else {
        return Ok(false);
    };
    let gone = parent.join(format!("{}{}", gone_name(&name), std::process::id()));
    if std::fs::rename(prefix, &gone).is_err() {
        // A mount point, or a parent that may not be written: the empty folder stays.
        return Ok(false);
    }
    crash_point("tidy.gone");
    fs_err::remove_dir_all(gone.join(FOLDER))?;
    if fs_err::remove_dir(&gone).is_err() {
        // Another process has put something into it.
        fs_err::rename(&gone, prefix)?;
    }
    sync_folder(parent)?;
    Ok(true)
}

/// Removes the folders that killed processes left beside the prefix.
fn sweep_beside(prefix: &Path) {
    let Some((parent, name)) = whole::parent_and_name(prefix) else {
        return;
    };
    scratch::sweep_folders(parent, &coming_name(&name), |_| {});
    let gone = gone_name(&name);
    for entry in std::fs::read_dir(parent).into_iter().flatten().flatten() {
        let folder = entry.path().join(FOLDER);
        if !entry.file_name().to_string_lossy().starts_with(&gone) {
            continue;
        }
        let lock = fs_err::OpenOptions::new()
            .write(true)
            .open(folder.join(LOCK));
        if lock
            .map_or(Ok(true), |lock| lock::try_take(lock.file(), &folder))
            .unwrap_or(false)
        {
            let _ = fs_err::remove_dir_all(folder);
            let _ = fs_err::remove_dir(entry.path());
        }
    }
}
