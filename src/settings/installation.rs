//! The installation that a command names: a prefix, or a version with or without its prefix.

use std::path::{Path, PathBuf};

use super::error::Error;
use super::path::absolute;
use crate::environment::Environment;
use crate::install::prefix;
use crate::plan::version::VersionRequest;

#[derive(Debug)]
pub struct WantedInstallation {
    /// The argument, as typed.
    pub typed: String,
    /// The version; `None` for any version in the prefix.
    pub request: Option<VersionRequest>,
    pub place: Place,
}

/// The folder to search.
#[derive(Debug, PartialEq, Eq)]
pub enum Place {
    Prefix(PathBuf),
    /// The folder that contains the default prefixes.
    Default(PathBuf),
}

impl WantedInstallation {
    /// An argument that reads as a version is a version; a folder of that name is `./3.11`.
    pub fn new(
        what: &Path,
        prefix: Option<&Path>,
        environment: &Environment,
    ) -> Result<Self, Error> {
        let typed = what.to_string_lossy().into_owned();
        let request: Option<VersionRequest> = typed.parse().ok();
        let request = request.filter(|request| *request != VersionRequest::Latest);
        let place = match (prefix, request) {
            (Some(prefix), Some(_)) => Place::Prefix(absolute("--prefix", prefix, environment)?),
            (Some(_), None) => {
                return Err(Error::usage(
                    format!("`{typed}` is not a CPython version"),
                    "with --prefix, name an installed version",
                ));
            }
            (None, Some(_)) => match prefix::default_folder(environment) {
                Some(folder) => Place::Default(folder),
                None => {
                    return Err(Error::usage(
                        "there is no data folder: neither HOME nor XDG_DATA_HOME is set",
                        "name the prefix with --prefix",
                    ));
                }
            },
            (None, None) => Place::Prefix(absolute("PREFIX", what, environment)?),
        };
        Ok(Self {
            typed,
            request,
            place,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Place, WantedInstallation};
    use crate::environment::Environment;
    use crate::error::{ExitStatus, Explain as _};

    fn place(what: &str, prefix: Option<&str>) -> Result<Place, ExitStatus> {
        let environment = Environment::with_variables(Path::new("/here"), [("HOME", "/home/me")]);
        match WantedInstallation::new(Path::new(what), prefix.map(Path::new), &environment) {
            Ok(wanted) => Ok(wanted.place),
            Err(error) => {
                assert!(error.hint().is_some(), "{error}");
                Err(error.exit_status())
            }
        }
    }

    #[test]
    fn a_version_and_a_prefix_are_distinguished() {
        let prefix = |path: &str| Ok(Place::Prefix(path.into()));
        assert!(matches!(place("3.11", None), Ok(Place::Default(_))));
        assert_eq!(place("./3.11", None), prefix("/here/3.11"));
        assert_eq!(place("latest", None), prefix("/here/latest"));
        assert_eq!(place("3.11.2", Some("opt")), prefix("/here/opt"));
        assert_eq!(place("opt", Some("opt")), Err(ExitStatus::Usage));
    }

    /// An empty path would be the current folder.
    #[test]
    fn an_empty_path_and_a_tilde_that_the_shell_did_not_expand_are_refused() {
        for (what, prefix) in [
            ("", None),
            ("~/python", None),
            ("3.11.2", Some("")),
            ("3.11.2", Some("~/python")),
        ] {
            assert_eq!(place(what, prefix), Err(ExitStatus::Usage), "{what}");
        }
    }
}
