//! The flow of a hotpatch and of an undo, each one transaction.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use crate::digest::Sha256;
use crate::fs::durable::{copy, keep};
use crate::fs::list::files_below;
use crate::hotpatch::change::ChangeList;
use crate::hotpatch::error::Error;
use crate::hotpatch::installed::InstalledChange;
use crate::hotpatch::interpreter_lock::InterpreterLock;
use crate::hotpatch::originals::{Original, ensure_folders, is_compiled};
use crate::hotpatch::projects::{claims, files_of, is_loose, projects_of};
use crate::hotpatch::record::{HotpatchRecord, Part};
use crate::hotpatch::target::{RECORD, Target};
use crate::install::{Item, Manifest, record};
use crate::plan::Pins;
use crate::progress::{self, Level, Reporter};
use crate::transaction::{self, Applied, Transaction};

/// A file outside the projects' folders that the user has written.
struct ForeignFileStays(PathBuf);

impl progress::Event for ForeignFileStays {
    fn level(&self) -> Level {
        Level::Warning
    }
}

impl std::fmt::Display for ForeignFileStays {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} stays: it is not as pip wrote it", self.0.display())
    }
}

/// An interpreter that this process may change, with its record.
pub(crate) struct Hotpatch<'r> {
    reporter: &'r dyn Reporter,
    pub target: Target,
    /// `None` when it is not hotpatched.
    pub record: Option<HotpatchRecord>,
    _lock: InterpreterLock,
}

impl<'r> Hotpatch<'r> {
    /// Reads the record of an interpreter whose `lock` this is, after recovering its prefix.
    pub fn open(
        target: &Target,
        lock: InterpreterLock,
        reporter: &'r dyn Reporter,
    ) -> Result<Self, Error> {
        transaction::recover(&target.prefix, reporter)?;
        Ok(Self {
            reporter,
            target: target.clone(),
            record: HotpatchRecord::of(target)?,
            _lock: lock,
        })
    }

    /// Makes the changes of `ensurepip` and of site-packages. The originals and the record are part of
    /// the transaction.
    pub fn apply(
        &self,
        mut changes: ChangeList,
        installed: Option<&InstalledChange>,
        pins: &Pins,
    ) -> Result<Applied, Error> {
        let target = &self.target;
        let mut record = match &self.record {
            Some(record) => record.clone(),
            None => HotpatchRecord::new(target.version, pins),
        };
        record.note_pins(pins);
        let mut transaction = Transaction::begin(&target.prefix, self.reporter)?;
        transaction.make_folders_like_parents();

        let mut originals: BTreeSet<PathBuf> = changes.paths().map(Path::to_owned).collect();
        if !changes.is_empty() {
            // All of `ensurepip`: the user may also remove files that do not change.
            let all = files_below(&target.stdlib.join("ensurepip")).into_iter();
            originals.extend(all.map(|path| target.below_prefix(&path)));
        }
        originals.extend(self.manifest().map(|(path, _)| path));
        for path in originals {
            record.keep(Part::Ensurepip, &path, keep, target, &mut transaction)?;
        }
        for (path, digest) in changes.texts() {
            record.note_written(path, digest);
        }
        if let Some(installed) = installed {
            // Files of the projects that were not kept the first time are no originals.
            let projects = projects_of(record.originals(Part::Installed));
            for path in files_of(target, &projects)? {
                record.note_absent(Part::Installed, path);
            }
            for (paths, place) in [
                (
                    installed.paths(),
                    keep as fn(&Path, &Path) -> io::Result<()>,
                ),
                (&installed.beside, copy),
            ] {
                for path in paths {
                    record.keep(Part::Installed, path, place, target, &mut transaction)?;
                }
            }
            for (path, digest) in installed.loose(target)? {
                record.note_written(&path, digest);
            }
            installed.add_to(&mut changes, target)?;
        }
        changes.stage(target, &mut transaction)?;
        self.refresh_manifest(&record, &mut transaction)?;

        let folder = target.hotpatch_folder();
        let missing = folder.ancestors().take_while(|folder| !folder.is_dir());
        let missing = missing.map(|folder| target.below_prefix(folder));
        record.folders.extend(missing);
        let path = folder.join(RECORD);
        let new = transaction.staging_path(&target.below_prefix(&path))?;
        record::write_json(&new, &record).map_err(Error::file(&path))?;
        Ok(transaction.apply()?)
    }

    /// The list of files of an installation that pybuild made: its path below the prefix, and its text.
    fn manifest(&self) -> Option<(PathBuf, Vec<u8>)> {
        let path = record::folder(self.target.version).join(record::FILES);
        let text = fs_err::read(self.target.prefix.join(&path)).ok()?;
        Some((path, text))
    }

    /// Updates that list with the changes of the transaction. Compiled files of `ensurepip` stay in it:
    /// Python makes them again.
    fn refresh_manifest(
        &self,
        record: &HotpatchRecord,
        transaction: &mut Transaction,
    ) -> Result<(), Error> {
        let Some((path, text)) = self.manifest() else {
            return Ok(());
        };
        let file = self.target.prefix.join(&path);
        let mut manifest: Manifest =
            serde_json::from_slice(&text).map_err(|source| Error::Record {
                path: file.clone(),
                source: Some(source),
            })?;
        let installed = record.originals(Part::Installed);
        for (path, new) in transaction.changes() {
            let is_listed = !is_compiled(path) || installed.contains_key(path);
            if is_listed && !path.starts_with(record::hotpatches()) {
                let item = match new {
                    Some(new) => Item::at(&new).map_err(Error::file(&new))?,
                    None => None,
                };
                manifest.set(path, item);
            }
        }
        let mut after = serde_json::to_string_pretty(&manifest)
            .map_err(|error| Error::file(&file)(error.into()))?;
        after.push('\n');
        if after.as_bytes() != text {
            let mut change = ChangeList::default();
            change.add_text(path, after);
            change.stage(&self.target, transaction)?;
        }
        Ok(())
    }

    /// Ensures that the originals are whole and that nothing is in their way.
    ///
    /// # Errors
    /// [`Error::ChangedSince`], [`Error::KeptDamaged`], [`Error::InTheWay`].
    pub fn ensure_undoable(&self) -> Result<(), Error> {
        let Some(record) = &self.record else {
            return Ok(());
        };
        let prefix = &self.target.prefix;
        let own = self.target.below_prefix(&self.target.purelib);
        for part in Part::ALL {
            let folder = self.target.hotpatch_folder().join(part.folder());
            for (path, original) in record.originals(part) {
                if let Original::File(file) = original {
                    let kept = file.kept_in(&folder);
                    if !file.is_content_of(&kept) {
                        let path = path.clone();
                        return Err(Error::KeptDamaged { kept, path });
                    }
                }
                ensure_folders(prefix, path, &own)?;
                let file = prefix.join(path);
                let is_folder = file.symlink_metadata().is_ok_and(|found| found.is_dir());
                if is_folder && *original != Original::Absent {
                    return Err(Error::InTheWay { path: file });
                }
            }
        }
        let originals = record.originals(Part::Ensurepip);
        for (path, digests) in &record.written {
            let Some(original) = originals.get(path) else {
                continue;
            };
            let file = prefix.join(path);
            match Sha256::of_file(&file) {
                Ok(found) if digests.contains(&found) => {}
                Ok(_) => match original {
                    Original::File(kept) if kept.is_content_of(&file) => {}
                    _ => return Err(Error::ChangedSince { path: file }),
                },
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(Error::file(&file)(error)),
            }
        }
        Ok(())
    }

    /// Restores the originals and removes the record.
    pub fn undo(&self) -> Result<(), Error> {
        self.ensure_undoable()?;
        let Some(record) = &self.record else {
            return Ok(());
        };
        let target = &self.target;
        let folder = target.hotpatch_folder();
        let mut changes = ChangeList::default();
        for path in self.brought_since(record)? {
            changes.remove(path);
        }
        let ensurepip = record.originals(Part::Ensurepip);
        for (path, original) in ensurepip {
            changes.remove_compiled(path, ensurepip, target)?;
            if *original == Original::Absent {
                changes.remove(path.clone());
            }
        }
        for part in Part::ALL {
            let kept = folder.join(part.folder());
            for (path, original) in record.originals(part) {
                changes.restore(path, original, &kept, &target.prefix);
            }
        }
        let mut transaction = Transaction::begin(&target.prefix, self.reporter)?;
        transaction.make_folders_like_parents();
        changes.stage(target, &mut transaction)?;
        let mut files = Vec::new();
        for entry in walkdir::WalkDir::new(&folder).into_iter().flatten() {
            let path = target.below_prefix(entry.path());
            if entry.file_type().is_dir() {
                transaction.remove_if_empty([path]);
            } else {
                files.push(path);
            }
        }
        // The record last.
        files.sort_by_key(|path| path.ends_with(RECORD));
        for path in &files {
            transaction.remove(path);
        }
        transaction.remove_if_empty([record::hotpatches(), record::records()]);
        transaction.remove_if_empty(record.folders.iter().cloned());
        transaction.commit_if(|| {
            let originals = Part::ALL
                .into_iter()
                .flat_map(|part| record.originals(part));
            for (path, original) in originals {
                let file = target.prefix.join(path);
                // Python may write a compiled file at any time.
                if *original != Original::Absent && !is_compiled(path) && !original.is_at(&file) {
                    return Err(Error::NotRestored { path: file });
                }
            }
            Ok(())
        })
    }

    /// The files of the kept projects that are there now and are no originals, whoever brought them. A
    /// file outside the projects' folders that neither a hotpatch nor pip wrote as it is now belongs to
    /// the user: it stays and is reported.
    fn brought_since(&self, record: &HotpatchRecord) -> Result<BTreeSet<PathBuf>, Error> {
        let target = &self.target;
        let originals = record.originals(Part::Installed);
        let projects = projects_of(originals);
        let claims = claims(target, &projects)?;
        let is_written = |path: &Path, digest: Sha256| {
            let written = record.written.get(path);
            written.is_some_and(|digests| digests.contains(&digest))
                || claims.get(path).is_some_and(|entry| {
                    !entry.hash.starts_with("sha256=") || entry.has_digest(digest)
                })
        };
        let own = target.below_prefix(&target.purelib);
        let mut now = files_of(target, &projects)?;
        now.extend(originals.keys().cloned());
        now.retain(|path| {
            let is_absent_at_first = matches!(originals.get(path), None | Some(Original::Absent));
            let file = target.prefix.join(path);
            let Ok(found) = file.symlink_metadata() else {
                return false;
            };
            if !is_absent_at_first || ensure_folders(&target.prefix, path, &own).is_err() {
                return false;
            }
            let is_brought = !is_loose(target, path)
                || is_compiled(path)
                || (found.is_file()
                    && Sha256::of_file(&file).is_ok_and(|digest| is_written(path, digest)));
            if !is_brought {
                self.reporter.report(&ForeignFileStays(file));
            }
            is_brought
        });
        Ok(now)
    }
}
