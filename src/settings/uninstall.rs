//! The settings of `pybuild uninstall`.

use std::path::PathBuf;

use super::error::Error;
use super::inputs::{Mode, choose};
use super::path::absolute;
use crate::cli::UninstallArguments;
use crate::environment::Environment;
use crate::install::prefix;
use crate::plan::version::VersionRequest;
use crate::process::in_use::WhenInUse;

#[derive(Debug)]
pub struct UninstallSettings {
    /// The argument, as typed.
    pub typed: String,
    /// The version; `None` for any version in the prefix.
    pub request: Option<VersionRequest>,
    pub place: Place,
    pub running: WhenInUse,
    pub mode: Mode,
}

/// The folder to search.
#[derive(Debug, PartialEq, Eq)]
pub enum Place {
    Prefix(PathBuf),
    /// The folder that contains the default prefixes.
    Default(PathBuf),
}

impl UninstallSettings {
    /// An argument that reads as a version is a version; a folder of that name is `./3.11`.
    pub fn new(arguments: &UninstallArguments, environment: &Environment) -> Result<Self, Error> {
        let typed = arguments.what.to_string_lossy().into_owned();
        let request: Option<VersionRequest> = typed.parse().ok();
        let request = request.filter(|request| *request != VersionRequest::Latest);
        let place = match (&arguments.prefix, request) {
            (Some(prefix), Some(_)) => Place::Prefix(absolute("--prefix", prefix, environment)?),
            (Some(_), None) => {
                return Err(Error::usage(
                    format!("`{typed}` is not a CPython version"),
                    "with --prefix, name the version to uninstall",
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
            (None, None) => Place::Prefix(absolute("PREFIX", &arguments.what, environment)?),
        };
        Ok(Self {
            typed,
            request,
            place,
            running: choose(
                arguments.even_if_running,
                WhenInUse::Ignore,
                WhenInUse::Refuse,
            ),
            mode: choose(arguments.dry_run, Mode::DryRun, Mode::Change),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Place, UninstallSettings};
    use crate::cli::UninstallArguments;
    use crate::environment::Environment;
    use crate::error::{ExitStatus, Explain as _};

    fn place(what: &str, prefix: Option<&str>) -> Result<Place, ExitStatus> {
        let environment = Environment::with_variables(Path::new("/here"), [("HOME", "/home/me")]);
        let arguments = UninstallArguments {
            what: what.into(),
            prefix: prefix.map(Into::into),
            even_if_running: false,
            dry_run: false,
        };
        match UninstallSettings::new(&arguments, &environment) {
            Ok(settings) => Ok(settings.place),
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
