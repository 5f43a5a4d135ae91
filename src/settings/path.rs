//! Paths and addresses in options and variables: made absolute, and checked once.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use super::error::Error;
use crate::digest::Sha256;
use crate::environment::Environment;
use crate::net::address::Address;
use crate::plan::{FileLocation, NamedFile, Origin, SourceLocation};

/// Returns the path that an option or variable names as an absolute path. An empty path is an error,
/// and so is a `~` that the shell did not expand.
pub(crate) fn absolute(
    option: &str,
    given: &Path,
    environment: &Environment,
) -> Result<PathBuf, Error> {
    if given.as_os_str().is_empty() {
        return Err(Error::usage(
            format!("{option} is empty"),
            "name a path, or leave the option out; a variable in the command line may be unset",
        ));
    }
    let path = environment.absolute(given);
    let Some(Component::Normal(first)) = given.components().next() else {
        return Ok(path);
    };
    // A file such as `~backup.patch` may exist.
    let is_home = first == OsStr::new("~")
        || first.as_bytes().starts_with(b"~") && !environment.absolute(Path::new(first)).exists();
    if is_home {
        return Err(Error::usage(
            format!(
                "{option} {} begins with `~`, which the shell did not expand",
                given.display()
            ),
            "write \"$HOME\" or the whole path, or ./~ for a folder of that name; shells do not expand \
             `~` inside quotes, after `=` and in variables read from files",
        ));
    }
    Ok(path)
}

pub(super) fn absolute_if_given(
    option: &str,
    given: Option<impl AsRef<Path>>,
    environment: &Environment,
) -> Result<Option<PathBuf>, Error> {
    given
        .map(|path| absolute(option, path.as_ref(), environment))
        .transpose()
}

/// The path in a variable, if it is set.
pub(crate) fn of_variable(name: &str, environment: &Environment) -> Result<Option<PathBuf>, Error> {
    absolute_if_given(name, environment.variable_os(name), environment)
}

/// A file that an option names, with its digest.
pub(super) fn file(
    option: &'static str,
    path: &Path,
    environment: &Environment,
) -> Result<(PathBuf, Sha256), Error> {
    let path = absolute(option, path, environment)?;
    match Sha256::of_file(&path) {
        Ok(sha256) => Ok((path, sha256)),
        Err(source) => Err(Error::not_opened(option, path, source)),
    }
}

/// A file that an option names by its path, or by its address with `#sha256=HEX` at the end.
pub(super) fn named_file(
    option: &'static str,
    given: &Path,
    environment: &Environment,
) -> Result<NamedFile, Error> {
    let Some(text) = given.to_str().filter(|text| text.contains("://")) else {
        let (path, sha256) = file(option, given, environment)?;
        let location = FileLocation::Path(path);
        return Ok(NamedFile { location, sha256 });
    };
    let (text, digest) = text.split_once("#sha256=").unwrap_or((text, ""));
    let address = address(option, text)?;
    match digest.parse() {
        Ok(sha256) => Ok(NamedFile {
            location: match address.to_file_path() {
                Some(path) => FileLocation::Path(path),
                None => FileLocation::Url(address),
            },
            sha256,
        }),
        Err(_) => Err(Error::usage(
            format!("{option} {address} has no digest"),
            "add `#sha256=` and the 64 digits of the file's SHA-256 to the address",
        )),
    }
}

pub(super) fn address(option: &str, text: &str) -> Result<Address, Error> {
    text.parse().map_err(|error| {
        Error::usage(
            format!("{option}: {error}"),
            "give an http, https or file address",
        )
    })
}

/// A source that must be readable if it is on this machine.
pub(super) fn source(
    option: &'static str,
    text: &str,
    environment: &Environment,
) -> Result<SourceLocation, Error> {
    let (path, location) = if text.contains("://") {
        let address = address(option, text)?;
        (address.to_file_path(), SourceLocation::Url(address))
    } else {
        let path = absolute(option, Path::new(text), environment)?;
        (Some(path.clone()), SourceLocation::Path(path))
    };
    if let Some(path) = path {
        let opened = if path.is_dir() {
            std::fs::read_dir(&path).map(drop)
        } else {
            crate::store::ensure_regular(&path).and_then(|()| std::fs::File::open(&path).map(drop))
        };
        opened.map_err(|source| Error::not_opened(option, path, source))?;
    }
    Ok(location)
}

/// A mirror; a folder must be readable.
pub(super) fn mirror(
    option: &'static str,
    text: &str,
    environment: &Environment,
) -> Result<Origin, Error> {
    let folder = if text.contains("://") {
        let address = address(option, text)?;
        match address.to_file_path() {
            Some(folder) => folder,
            None => return Ok(Origin::MirrorUrl(address)),
        }
    } else {
        absolute(option, Path::new(text), environment)?
    };
    match std::fs::read_dir(&folder) {
        Ok(_) => Ok(Origin::MirrorFolder(folder)),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Err(Error::NotAFolder {
            what: option,
            path: folder,
        }),
        Err(error) => Err(Error::not_opened(option, folder, error)),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::absolute;
    use crate::environment::Environment;
    use crate::error::Explain as _;

    #[test]
    fn a_tilde_that_the_shell_did_not_expand_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let environment = Environment::with_variables(dir.path(), [("HOME", "/home/me")]);
        fs_err::write(dir.path().join("~backup.patch"), "").unwrap();
        fs_err::create_dir(dir.path().join("~")).unwrap();
        let absolute = |given: &str| absolute("--prefix", Path::new(given), &environment);
        for given in ["~", "~/x", "~me", "~me/x", ""] {
            let error = absolute(given).unwrap_err();
            assert!(error.hint().is_some(), "{error}");
        }
        for given in ["./~/x", "a~", "a/~", "/~/x", "~backup.patch"] {
            let expected = environment.absolute(Path::new(given));
            assert_eq!(absolute(given).unwrap(), expected);
        }
    }
}
