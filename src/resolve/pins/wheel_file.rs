//! Wheel files as candidates: their project, version and `Requires-Python`.

use std::path::{Path, PathBuf};

use super::error::{PinError, WheelProblem};
use super::project::Project;
use super::select::{Reason, printable};
use crate::archive::zip::Zip;
use crate::digest::{Digest, Sha256};
use crate::plan::requires_python::RequiresPython;
use crate::plan::version::PythonVersion;
use crate::plan::wheel_metadata::Metadata;
use crate::plan::wheel_name::{WheelName, normalised};
use crate::plan::{WheelInput, WheelLocation};
use crate::resolve::index::IndexWheel;

/// Fetches wheels that an index lists, so that their `METADATA` can be read before a plan names them.
pub trait WheelFiles {
    type Error: From<PinError>;

    /// Fetches `wheel` from another host; the file must have this digest.
    fn get(&self, wheel: &IndexWheel, digest: &Digest) -> Result<WheelFile, Self::Error>;
}

/// A wheel on this machine.
#[derive(Debug, Clone)]
pub struct WheelFile {
    /// In the store, the file has another name than the wheel.
    pub path: PathBuf,
    pub sha256: Sha256,
}

/// Reads the wheel at `path`, an absolute path from the command line.
pub(super) fn read_named(
    path: &Path,
    project: Project,
    python: PythonVersion,
) -> Result<WheelInput, PinError> {
    let read = || {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name: WheelName = name.parse()?;
        if name.project() != project.name() {
            return Err(WheelProblem::Project(name.project().to_owned()));
        }
        let sha256 = Sha256::of_file(path)?;
        Ok((requires_python(path, &name)?, name, sha256))
    };
    let (requires, name, sha256) = read().map_err(|source| match source {
        WheelProblem::Project(found) => PinError::OtherProject {
            path: path.to_owned(),
            found,
            project,
        },
        source => PinError::NotAWheel {
            path: path.to_owned(),
            source,
        },
    })?;
    let reason = if let Err(reason) = ensure_admitted(requires, python) {
        reason
    } else if !name.is_none_any() {
        Reason::NoUniversalWheel
    } else if !name.fits(python) {
        Reason::OtherPython(name.python_tag().to_owned())
    } else {
        return Ok(WheelInput {
            project: project.name().to_owned(),
            version: name.version().clone(),
            file_name: name.to_string(),
            sha256,
            location: WheelLocation::Path(path.to_owned()),
        });
    };
    Err(PinError::WheelDoesNotFit {
        path: path.to_owned(),
        reason,
        python,
    })
}

/// Reads a wheel on this machine that an index lists, and checks the listed digest.
pub(super) fn read_local(
    path: PathBuf,
    listed: Option<&Digest>,
    name: &WheelName,
) -> Result<WheelFile, PinError> {
    let read = || {
        if let Some(listed) = listed {
            let found = listed.same_of_file(&path)?;
            if found != *listed {
                let listed = listed.clone();
                return Err(WheelProblem::Digest { found, listed });
            }
        }
        Ok(Sha256::of_file(&path)?)
    };
    match read() {
        Ok(sha256) => Ok(WheelFile { path, sha256 }),
        Err(source) => Err(not_as_listed(name, source)),
    }
}

/// Checks that the file is the wheel `name`, and that its `METADATA` admits that CPython.
pub(super) fn check(
    file: &WheelFile,
    name: &WheelName,
    python: PythonVersion,
) -> Result<Result<(), Reason>, PinError> {
    match requires_python(&file.path, name) {
        Ok(requires) => Ok(ensure_admitted(requires, python)),
        Err(source) => Err(not_as_listed(name, source)),
    }
}

fn not_as_listed(name: &WheelName, source: WheelProblem) -> PinError {
    PinError::NotAsListed {
        file_name: name.to_string(),
        source,
    }
}

fn ensure_admitted(requires: Option<RequiresPython>, python: PythonVersion) -> Result<(), Reason> {
    match requires {
        Some(requires) if !requires.admits(python) => Err(Reason::RequiresPython(requires)),
        _ => Ok(()),
    }
}

/// The `Requires-Python` of the wheel at `path`, whose metadata must match `name`.
fn requires_python(path: &Path, name: &WheelName) -> Result<Option<RequiresPython>, WheelProblem> {
    let metadata = Metadata::of(&Zip::open(path)?)?.ok_or(WheelProblem::Without("METADATA"))?;
    if metadata.name.is_empty() {
        return Err(WheelProblem::Without("name in its METADATA"));
    }
    if normalised(&metadata.name) != name.project() {
        return Err(WheelProblem::Project(printable(&metadata.name)));
    }
    if metadata.version.parse().as_ref() != Ok(name.version()) {
        return Err(WheelProblem::Versions {
            name: name.version().clone(),
            metadata: printable(&metadata.version),
        });
    }
    Ok(metadata.requires_python)
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;
    use std::io::Write as _;
    use std::path::PathBuf;

    use super::{PinError, Project, read_named};
    use crate::digest::Sha256;
    use crate::plan::{WheelInput, WheelLocation};

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn wheel(&self, file_name: &str, metadata: &str) -> PathBuf {
            let path = self.0.path().join(file_name);
            let mut zip = zip::ZipWriter::new(fs_err::File::create(&path).unwrap());
            let options = zip::write::SimpleFileOptions::default();
            for (name, text) in [
                ("pip/_vendor/x-1.dist-info/METADATA", "Name: x\n"),
                ("own.dist-info/METADATA", metadata),
            ] {
                zip.start_file(name, options).unwrap();
                zip.write_all(text.as_bytes()).unwrap();
            }
            zip.finish().unwrap();
            path
        }

        fn look(
            &self,
            file_name: &str,
            metadata: &str,
            python: &str,
        ) -> Result<WheelInput, PinError> {
            let path = self.wheel(file_name, metadata);
            read_named(&path, Project::Pip, python.parse().unwrap())
        }
    }

    const PIP: &str = "Metadata-Version: 2.1\nName: pip\nVersion: 24.0\nRequires-Python: >=3.7\n\n\
                       Requires-Python: >=4\n";

    #[test]
    fn a_wheel_is_taken_with_its_digest() {
        let folder = Folder::new();
        let file_name = "pip-24.0-py3-none-any.whl";
        let wheel = folder.look(file_name, PIP, "3.7.1").unwrap();
        let path = folder.0.path().join(file_name);
        assert_eq!(wheel.version.to_string(), "24.0");
        assert_eq!(wheel.sha256, Sha256::of(&fs_err::read(&path).unwrap()));
        assert_eq!(wheel.location, WheelLocation::Path(path));
    }

    #[test]
    fn the_error_for_a_wheel_that_does_not_fit_has_the_reason() {
        let folder = Folder::new();
        let refused = |name: &str, python: &str| {
            let metadata = PIP.replace(">=3.7", if python == "2.7.18" { "" } else { ">=3.7" });
            let error = folder
                .look(name, &metadata, python)
                .unwrap_err()
                .to_string();
            error.split_once(".whl ").unwrap().1.to_owned()
        };
        assert_eq!(
            refused("pip-24.0-py3-none-any.whl", "3.6.15"),
            "needs Python 3.7 or later, and this is 3.6.15"
        );
        assert_eq!(
            refused("pip-24.0-py3-none-any.whl", "2.7.18"),
            "has a wheel for py3 only, and this is 2.7.18"
        );
        assert_eq!(
            refused("pip-24.0-py3-none-linux_x86_64.whl", "3.7.1"),
            "has no platform-independent wheel"
        );
    }

    #[test]
    fn another_projects_wheel_is_refused_by_its_name_and_by_its_metadata() {
        let folder = Folder::new();
        for (name, metadata) in [
            ("setuptools-68.0.0-py3-none-any.whl", PIP),
            (
                "pip-24.0-py3-none-any.whl",
                "Name: setuptools\nVersion: 24.0\n",
            ),
        ] {
            let error = folder.look(name, metadata, "3.7.1").unwrap_err();
            assert!(
                error
                    .to_string()
                    .ends_with("is a wheel of setuptools, not of pip"),
                "{error}"
            );
        }
    }

    #[test]
    fn other_files_are_refused() {
        let folder = Folder::new();
        let cause = |result: Result<WheelInput, PinError>| {
            result.unwrap_err().source().unwrap().to_string()
        };
        let name = "pip-24.0-py3-none-any.whl";
        assert!(cause(folder.look("pip.whl", PIP, "3.7.1")).contains("file name"));
        assert!(cause(folder.look(name, "Name: pip\nVersion: 23\n", "3.7.1")).contains("23"));
        assert!(cause(folder.look(name, "", "3.7.1")).contains("no name"));
        let look = |path: PathBuf| read_named(&path, Project::Pip, "3.7.1".parse().unwrap());
        let path = folder.0.path().join("pip-25.0-py3-none-any.whl");
        assert!(cause(look(path.clone())).contains("cannot be read"));
        fs_err::write(&path, "<html>").unwrap();
        assert!(cause(look(path)).contains("zip"));
    }
}
