//! How a change ends: well, taken back, undone later, or cut short and put in order by the next process.

use std::io;

use super::Error;
use super::kept::{BEFORE, Kept, ORIGINALS, OUT, Part};
use super::kept_record::{KeptRecord, RECORD};
use super::stage::{BEGAN, FORGOTTEN, Stage, UNDER_WAY, UNDOING};
use crate::failpoint::crash_point;
use crate::fs::durable::{remove_if_there, sync_folder};
use crate::hotpatch::change::Change;
use crate::hotpatch::originals::Originals;
use crate::install::record;

impl Kept<'_> {
    /// Brings to an end what a killed process was at.
    pub(super) fn finish(&mut self) -> Result<(), Error> {
        let outcome = match Stage::of(&self.folder())? {
            Stage::Settled => return Ok(()),
            // Nothing that an interpreter is made of.
            Stage::Littered => {
                self.sweep();
                return Ok(());
            }
            Stage::Forgotten => {
                self.take_record(FORGOTTEN)?;
                return self.forget();
            }
            Stage::Changing(under_way) => {
                for (part, items) in under_way.before {
                    let folder = self.folder().join(part.before());
                    self.before.push((part, Originals::new(folder, items)));
                }
                self.was_hotpatched = under_way.was_hotpatched;
                self.folders = under_way.folders;
                self.roll_back()?;
                "everything is as it was before"
            }
            Stage::Undoing => {
                self.take_record(UNDOING)?;
                self.put_originals_back()?;
                "the hotpatch is undone"
            }
        };
        self.reporter().warn(&format!(
            "an earlier pybuild was ended while it hotpatched {}; what it left was put in order: {outcome}",
            self.target().prefix().display()
        ));
        Ok(())
    }

    fn take_record(&mut self, name: &str) -> Result<(), Error> {
        self.record = KeptRecord::read(&self.folder().join(name))?;
        if let Some(record) = &self.record {
            self.folders.clone_from(&record.folders);
        }
        Ok(())
    }

    /// Ends a change that is made and proved: from now on only `--undo` goes back.
    ///
    /// # Errors
    /// When the folder of what was kept cannot be written.
    pub fn settle(&mut self) -> Result<(), Error> {
        self.is_not_under_way()?;
        self.sweep();
        Ok(())
    }

    fn is_not_under_way(&self) -> Result<(), Error> {
        let folder = self.folder();
        let path = folder.join(UNDER_WAY);
        if path.exists() {
            let end = remove_if_there(&path).and_then(|()| sync_folder(&folder));
            end.map_err(Error::file(&path))?;
            crash_point("hotpatch.settled");
        }
        Ok(())
    }

    /// Goes back to what stood there when this run began.
    ///
    /// # Errors
    /// When something cannot be written; then the next command can.
    pub fn roll_back(&mut self) -> Result<(), Error> {
        for (part, originals) in std::mem::take(&mut self.before).into_iter().rev() {
            match part {
                Part::Installed => self.put_installed_back(&originals)?,
                Part::Ensurepip => {
                    Change::of_originals(&originals).bring_about(self.target().prefix())?;
                }
            }
        }
        if !self.was_hotpatched {
            return self.forget();
        }
        let (began, record) = (self.folder().join(BEGAN), self.folder().join(RECORD));
        if began.exists() {
            fs_err::rename(&began, &record).map_err(Error::file(&record))?;
            crash_point("hotpatch.began-again");
        }
        self.record = KeptRecord::read(&record)?;
        self.settle()
    }

    /// Puts back what stood there before the first time, and forgets it.
    ///
    /// # Errors
    /// When something cannot be written; then the next command finishes it.
    pub fn undo(&mut self) -> Result<(), Error> {
        self.ensure_undoable()?;
        self.rename_record(RECORD, UNDOING)?;
        self.put_originals_back()
    }

    fn put_originals_back(&mut self) -> Result<(), Error> {
        let installed = self.originals(Part::Installed);
        self.put_installed_back(&installed)?;
        let originals = Change::of_originals(&self.originals(Part::Ensurepip));
        originals.bring_about(self.target().prefix())?;
        for part in [Part::Installed, Part::Ensurepip] {
            self.originals(part)
                .ensure_restored(self.target().prefix())?;
        }
        self.forget()
    }

    /// Does nothing where there is no such record.
    fn rename_record(&self, from: &str, to: &str) -> Result<(), Error> {
        let folder = self.folder();
        let from = folder.join(from);
        if from.exists() {
            let renamed = fs_err::rename(&from, folder.join(to));
            let renamed = renamed.and_then(|()| sync_folder(&folder));
            renamed.map_err(Error::file(&from))?;
            crash_point("hotpatch.renamed");
        }
        Ok(())
    }

    /// Clears away what no record speaks of: what a run kept for going back, and what one that was
    /// killed or undone kept besides. What cannot be removed stays until the next time.
    pub(super) fn sweep(&self) {
        for litter in [BEFORE, OUT] {
            let _ = fs_err::remove_dir_all(self.folder().join(litter));
        }
        for part in [Part::Ensurepip, Part::Installed] {
            self.originals(part).sweep();
        }
        let _ = remove_if_there(&self.folder().join(BEGAN));
    }

    /// Removes everything that was kept; the record last, which says what there is to remove.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub(super) fn forget(&mut self) -> Result<(), Error> {
        for name in [RECORD, UNDOING] {
            self.rename_record(name, FORGOTTEN)?;
        }
        let folder = self.folder();
        let remove = || -> io::Result<()> {
            for litter in [BEFORE, OUT, ORIGINALS] {
                match fs_err::remove_dir_all(folder.join(litter)) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
            for name in [BEGAN, UNDER_WAY] {
                remove_if_there(&folder.join(name))?;
            }
            crash_point("hotpatch.cleared");
            remove_if_there(&folder.join(FORGOTTEN))?;
            crash_point("hotpatch.forgotten");
            match fs_err::remove_dir_all(&folder) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            }
        };
        remove().map_err(Error::file(&folder))?;
        self.record = None;
        // Ours, and empty unless something else of ours is there.
        let records = self.target().prefix().join(record::records());
        let _ = fs_err::remove_dir(records.join("hotpatch"));
        let _ = fs_err::remove_dir(&records);
        let mut made = std::mem::take(&mut self.folders);
        made.sort();
        for path in made.iter().rev() {
            let _ = fs_err::remove_dir(self.target().prefix().join(path));
        }
        Ok(())
    }
}
