//! Whose lock it is: a hotpatch of an interpreter, a build over it and its uninstallation never overlap.

use std::path::Path;

use crate::fs::lock;
use crate::fs::lock::LockError;
use crate::hotpatch::{Error, Target};
use crate::plan::version::PythonVersion;
use crate::progress::Reporter;

/// The right to change an interpreter's `ensurepip`, until it is dropped: the lock of that folder.
/// Whoever opens a [`Transaction`](crate::transaction::Transaction) too takes this first; otherwise two
/// could wait for each other.
#[derive(Debug)]
pub struct InterpreterLock {
    _lock: fs_err::File,
}

impl InterpreterLock {
    /// The lock for the interpreter with this standard library, after waiting for whoever has it.
    ///
    /// # Errors
    /// When the folder is not there or cannot be locked.
    fn take(stdlib: &Path, reporter: &dyn Reporter) -> Result<Self, Error> {
        let folder = stdlib.join("ensurepip");
        let what = format!("changes {}", folder.display());
        let lock = lock::lock_folder(&folder, &what, reporter).map_err(Error::file(&folder))?;
        Ok(Self { _lock: lock })
    }

    /// The locks for these interpreters, all different, in their order. They are taken in the order of
    /// the paths: otherwise two processes could wait for each other.
    ///
    /// # Errors
    /// As [`InterpreterLock::take`].
    pub fn take_each(targets: &[Target], reporter: &dyn Reporter) -> Result<Vec<Self>, Error> {
        let mut numbered: Vec<(usize, &Target)> = targets.iter().enumerate().collect();
        numbered.sort_by_key(|(_, target)| target.stdlib());
        let mut locks = Vec::new();
        for (number, target) in numbered {
            locks.push((number, Self::take(target.stdlib(), reporter)?));
        }
        locks.sort_by_key(|(number, _)| *number);
        Ok(locks.into_iter().map(|(_, lock)| lock).collect())
    }

    /// The lock for the interpreter of that series in a prefix, if there is one.
    ///
    /// # Errors
    /// When the folder is there and cannot be opened.
    pub fn take_if_there(
        prefix: &Path,
        version: PythonVersion,
        reporter: &dyn Reporter,
    ) -> Result<Option<Self>, Error> {
        let stdlib = prefix
            .join("lib")
            .join(format!("python{}", version.short()));
        if !stdlib.join("ensurepip").is_dir() {
            return Ok(None);
        }
        match Self::take(&stdlib, reporter) {
            Ok(lock) => Ok(Some(lock)),
            // Where folders cannot be locked, nobody can be hotpatching.
            Err(Error::File { source, .. }) if LockError::is(&source) => Ok(None),
            Err(Error::File { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}
