//! Paths and addresses that options and variables name, made absolute and looked at once.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use super::usage;
use crate::cli::{PinArguments, SourceArguments};
use crate::digest::Sha256;
use crate::environment::Environment;
use crate::net::address::Address;
use crate::plan::{Origin, SourceLocation};
use crate::settings::error::Error;

/// The path that an option or variable names, made absolute.
///
/// # Errors
/// [`Error::Usage`] for an empty path, and for one with a `~` that no shell has replaced.
pub(crate) fn absolute(
    option: &str,
    given: &Path,
    environment: &Environment,
) -> Result<PathBuf, Error> {
    if given.as_os_str().is_empty() {
        return Err(usage(
            format!("{option} names no path: its value is empty"),
            "a variable in the command line may be unset; name the path, or leave the option out",
        ));
    }
    let Some(Component::Normal(first)) = given.components().next() else {
        return Ok(environment.absolute(given));
    };
    // A file such as `~backup.patch` may exist.
    let is_home = first == OsStr::new("~")
        || first.as_bytes().starts_with(b"~") && !environment.absolute(Path::new(first)).exists();
    if is_home {
        return Err(usage(
            format!(
                "{option} {} begins with `~`, which the shell has not replaced by a home folder",
                given.display()
            ),
            "a shell leaves `~` as it is inside quotes, after `=` and in variables of files: write \
             \"$HOME\" or the whole path, or ./~ for a folder of that name",
        ));
    }
    Ok(environment.absolute(given))
}

/// The path that a variable names, if it is set.
///
/// # Errors
/// As [`absolute`].
pub(crate) fn of_variable(name: &str, environment: &Environment) -> Result<Option<PathBuf>, Error> {
    let value = environment.variable_os(name);
    value
        .map(|value| absolute(name, Path::new(value), environment))
        .transpose()
}

/// A file that an option names, with its digest.
pub(super) fn named_file(
    option: &'static str,
    path: &Path,
    environment: &Environment,
) -> Result<(PathBuf, Sha256), Error> {
    let path = absolute(option, path, environment)?;
    match Sha256::of_file(&path) {
        Ok(sha256) => Ok((path, sha256)),
        Err(source) => Err(not_read(option, path, source)),
    }
}

fn not_read(what: &'static str, path: PathBuf, source: io::Error) -> Error {
    match source.kind() {
        io::ErrorKind::NotFound => Error::Missing { what, path },
        _ => Error::Unreadable { path, source },
    }
}

fn looks_like_address(text: &str) -> bool {
    text.contains("://")
}

fn address(text: &str, option: &str) -> Result<Address, Error> {
    text.parse().map_err(|error| {
        usage(
            format!("{option}: {error}"),
            "give an http, https or file address",
        )
    })
}

/// `--index-url`. The parser of arguments would show it in its errors, and with it what it may hold.
pub(super) fn index_url(arguments: &PinArguments) -> Result<Option<Address>, Error> {
    let text = arguments.index_url.as_deref();
    text.map(|text| address(text, "--index-url")).transpose()
}

/// `--source`, which has to be there and readable when it is on this machine.
pub(super) fn named_source(
    arguments: &SourceArguments,
    environment: &Environment,
) -> Result<Option<SourceLocation>, Error> {
    const OPTION: &str = "--source";
    let Some(text) = &arguments.source else {
        return Ok(None);
    };
    if looks_like_address(text) {
        let address = address(text, OPTION)?;
        if let Some(path) = address.to_file_path() {
            ensure_readable(OPTION, path)?;
        }
        return Ok(Some(SourceLocation::Url(address)));
    }
    let path = absolute(OPTION, Path::new(text), environment)?;
    ensure_readable(OPTION, path.clone())?;
    Ok(Some(SourceLocation::Path(path)))
}

fn ensure_readable(what: &'static str, path: PathBuf) -> Result<(), Error> {
    let is_folder = path.is_dir();
    let readable = if is_folder {
        std::fs::read_dir(&path).map(drop)
    } else {
        crate::store::ensure_regular(&path).and_then(|()| std::fs::File::open(&path).map(drop))
    };
    readable.map_err(|source| not_read(what, path, source))
}

/// `--mirror`, then `PYBUILD_MIRROR`.
pub(super) fn mirrors(
    arguments: &SourceArguments,
    environment: &Environment,
) -> Result<Vec<Origin>, Error> {
    const VARIABLE: &str = "PYBUILD_MIRROR";
    let variable = environment.variable(VARIABLE).unwrap_or_default();
    let options = arguments.mirror.iter().map(|text| ("--mirror", &**text));
    options
        .chain(variable.split_whitespace().map(|text| (VARIABLE, text)))
        .map(|(named_by, text)| mirror(named_by, text, environment))
        .collect()
}

fn mirror(named_by: &'static str, text: &str, environment: &Environment) -> Result<Origin, Error> {
    let folder = if looks_like_address(text) {
        let address = address(text, named_by)?;
        match address.to_file_path() {
            Some(folder) => folder,
            None => return Ok(Origin::MirrorUrl(address)),
        }
    } else {
        absolute(named_by, Path::new(text), environment)?
    };
    match std::fs::read_dir(&folder) {
        Ok(_) => Ok(Origin::MirrorFolder(folder)),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Err(Error::NotAFolder {
            what: named_by,
            path: folder,
        }),
        Err(error) => Err(not_read(named_by, folder, error)),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::absolute;
    use crate::environment::Environment;
    use crate::error::Explain as _;

    #[test]
    fn a_tilde_that_no_shell_has_replaced_is_refused() {
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
