//! The lock of one interpreter: a hotpatch, a build over it and its uninstallation never overlap.

use std::path::Path;

use crate::fs::lock::{self, LockError};
use crate::hotpatch::error::Error;
use crate::hotpatch::target::Target;
use crate::plan::version::PythonVersion;
use crate::progress::Reporter;

/// The lock of an interpreter's `ensurepip` folder. It is taken before a transaction on the prefix is
/// opened; otherwise two processes could wait for each other.
#[derive(Debug)]
pub(crate) struct InterpreterLock {
    _lock: fs_err::File,
}

impl InterpreterLock {
    fn take(stdlib: &Path, reporter: &dyn Reporter) -> Result<Self, Error> {
        let folder = stdlib.join("ensurepip");
        let what = format!("changes {}", folder.display());
        let lock = lock::lock_folder(&folder, &what, reporter).map_err(Error::file(&folder))?;
        Ok(Self { _lock: lock })
    }

    /// The locks of these interpreters, all different, in their order. They are taken in the order of
    /// the paths; otherwise two processes could wait for each other.
    pub fn take_each(targets: &[Target], reporter: &dyn Reporter) -> Result<Vec<Self>, Error> {
        let mut numbered: Vec<(usize, &Target)> = targets.iter().enumerate().collect();
        numbered.sort_by_key(|(_, target)| &target.stdlib);
        let mut locks = Vec::new();
        for (number, target) in numbered {
            locks.push((number, Self::take(&target.stdlib, reporter)?));
        }
        locks.sort_by_key(|(number, _)| *number);
        Ok(locks.into_iter().map(|(_, lock)| lock).collect())
    }

    /// The lock of the interpreter of that series in a prefix, if there is one.
    pub fn take_if_there(
        prefix: &Path,
        version: PythonVersion,
        reporter: &dyn Reporter,
    ) -> Result<Option<Self>, Error> {
        let stdlib = prefix.join(format!("lib/python{}", version.short()));
        if !stdlib.join("ensurepip").is_dir() {
            return Ok(None);
        }
        match Self::take(&stdlib, reporter) {
            Ok(lock) => Ok(Some(lock)),
            // No process can be hotpatching if folders cannot be locked.
            Err(Error::File { source, .. })
                if LockError::is(&source) || source.kind() == std::io::ErrorKind::NotFound =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}
