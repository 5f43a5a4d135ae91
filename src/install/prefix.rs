//! Checks a prefix before anything is compiled, and knows the default one.

use std::io;
use std::path::{Path, PathBuf};

use super::Error;
use crate::environment::Environment;
use crate::plan::InstallPrefix;
use crate::plan::version::PythonVersion;

/// `pybuild/versions/VERSION` in the data folder: `XDG_DATA_HOME`, else `~/.local/share`, on macOS
/// too, where the platform's own one has a space in its name and CPython's Makefile cannot have that.
#[must_use]
pub fn default_for(version: PythonVersion, environment: &Environment) -> Option<InstallPrefix> {
    Some(InstallPrefix::new(
        default_folder(environment)?.join(version.to_string()),
    ))
}

/// The folder of all default prefixes.
#[must_use]
pub fn default_folder(environment: &Environment) -> Option<PathBuf> {
    let data = environment
        .variable_os("XDG_DATA_HOME")
        .map(PathBuf::from)
        .filter(|folder| folder.is_absolute())
        .or_else(|| Some(environment.home()?.join(".local/share")))?;
    Some(environment.absolute(&data).join("pybuild/versions"))
}

/// Refuses the root folder, a file, and a folder that may not be written. Nothing is changed.
pub fn ensure_usable(prefix: &InstallPrefix) -> Result<(), Error> {
    let path = prefix.path();
    let unusable = |what, source| {
        Err(Error::Unusable {
            prefix: path.to_owned(),
            what,
            source,
        })
    };
    if path == Path::new("/") {
        return unusable("is the root folder", None);
    }
    match path.metadata() {
        Ok(metadata) if metadata.is_dir() => {}
        Ok(_) => return unusable("is a file", None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            return unusable("lies below a file", Some(error));
        }
        Err(error) => return unusable("cannot be examined", Some(error)),
    }
    let existing = nearest_existing(path);
    let access = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
    match rustix::fs::access(existing, access) {
        Ok(()) => Ok(()),
        Err(error) => unusable("cannot be written", Some(error.into())),
    }
}

/// The nearest folder above `path` that exists, or `path` itself.
#[must_use]
pub fn nearest_existing(path: &Path) -> &Path {
    path.ancestors()
        .find(|ancestor| ancestor.exists())
        .unwrap_or(Path::new("/"))
}

#[cfg(test)]
mod tests {
    use super::ensure_usable;
    use crate::plan::InstallPrefix;

    #[test]
    fn an_unusable_prefix_is_refused_before_the_build() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs_err::write(&file, "").unwrap();
        let said = |path: &std::path::Path| {
            let answer = ensure_usable(&InstallPrefix::new(path.to_owned()));
            answer
                .err()
                .map(|error| error.to_string())
                .unwrap_or_default()
        };
        assert_eq!(said(&dir.path().join("new/deep")), "");
        assert!(said(&file).ends_with("is a file"));
        assert!(said(&file.join("below")).ends_with("lies below a file"));
        assert!(said(std::path::Path::new("/")).ends_with("is the root folder"));
        assert!(!dir.path().join("new").exists());
    }
}
