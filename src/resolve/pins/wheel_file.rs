//! A wheel that was named by its path: whose it is, which version, and whether that CPython may use it.

use std::path::Path;

use super::error::{PinError, WheelProblem};
use super::select::Reason;
use super::{Project, select};
use crate::digest::Sha256;
use crate::resolve::plan::{WheelInput, WheelLocation};
use crate::resolve::requires_python::RequiresPython;
use crate::resolve::version::PythonVersion;
use crate::resolve::wheel_name::{WheelName, normalised};
use crate::unzip::Zip;

/// Looks into the wheel at `path`, an absolute path.
///
/// # Errors
/// [`PinError::NotAWheel`], [`PinError::OtherProject`] and [`PinError::WheelDoesNotFit`].
pub(super) fn look_into(
    path: &Path,
    project: Project,
    python: PythonVersion,
) -> Result<WheelInput, PinError> {
    let bad = |source| PinError::NotAWheel {
        path: path.to_owned(),
        source,
    };
    let ours = |found: &str| {
        if normalised(found) == project.name() {
            return Ok(());
        }
        Err(PinError::OtherProject {
            path: path.to_owned(),
            found: select::printable(found),
            project,
        })
    };
    let name = name_of(path).map_err(bad)?;
    ours(name.project())?;
    let (sha256, metadata) = read(path).map_err(bad)?;
    ours(&metadata.name)?;
    if metadata.version.parse().as_ref() != Ok(name.version()) {
        return Err(bad(WheelProblem::Versions {
            name: name.version().clone(),
            metadata: select::printable(&metadata.version),
        }));
    }
    let requires = metadata.requires_python.as_deref();
    let requires = requires
        .and_then(RequiresPython::read)
        .filter(|requires| !requires.admits(python));
    let reason = if let Some(requires) = requires {
        Some(Reason::RequiresPython(requires))
    } else if !name.is_none_any() {
        Some(Reason::NoUniversalWheel)
    } else if !name.fits(python) {
        Some(Reason::OtherPython(name.python_tag().to_owned()))
    } else {
        None
    };
    if let Some(reason) = reason {
        return Err(PinError::WheelDoesNotFit {
            path: path.to_owned(),
            reason,
            python,
        });
    }
    Ok(WheelInput {
        project: project.name().to_owned(),
        version: name.version().clone(),
        file_name: name.to_string(),
        sha256,
        location: WheelLocation::Path(path.to_owned()),
    })
}

fn name_of(path: &Path) -> Result<WheelName, WheelProblem> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Ok(name.parse()?)
}

/// The headers of `METADATA` that matter here (the core metadata specification).
#[derive(Debug, Default)]
struct Metadata {
    name: String,
    version: String,
    requires_python: Option<String>,
}

fn read(path: &Path) -> Result<(Sha256, Metadata), WheelProblem> {
    let sha256 = Sha256::of_file(path)?;
    let zip = Zip::open(path)?;
    let text = match zip.files().find(|file| is_metadata(file)) {
        Some(file) => zip.read(file)?.unwrap_or_default(),
        None => return Err(WheelProblem::Without("METADATA")),
    };
    let metadata = headers(&String::from_utf8_lossy(&text));
    if metadata.name.is_empty() {
        return Err(WheelProblem::Without("name in its METADATA"));
    }
    Ok((sha256, metadata))
}

/// `pip-24.0.dist-info/METADATA`, at the top and not in something that the wheel carries along.
fn is_metadata(name: &str) -> bool {
    name.split_once('/')
        .is_some_and(|(folder, file)| folder.ends_with(".dist-info") && file == "METADATA")
}

fn headers(text: &str) -> Metadata {
    let mut metadata = Metadata::default();
    // The description follows an empty line and is none of ours.
    for line in text.lines().take_while(|line| !line.is_empty()) {
        let Some((header, value)) = line.split_once(':') else {
            continue;
        };
        let value = value.trim().to_owned();
        match header.to_ascii_lowercase().as_str() {
            "name" => metadata.name = value,
            "version" => metadata.version = value,
            "requires-python" => metadata.requires_python = Some(value),
            _ => {}
        }
    }
    metadata
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;
    use std::io::Write as _;
    use std::path::PathBuf;

    use super::{PinError, Project, look_into};
    use crate::digest::Sha256;
    use crate::resolve::plan::{WheelInput, WheelLocation};

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
            look_into(&path, Project::Pip, python.parse().unwrap())
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
    fn a_wheel_that_does_not_fit_says_why() {
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
            "has no wheel for every platform"
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
    fn what_is_no_wheel_is_refused() {
        let folder = Folder::new();
        let cause = |result: Result<WheelInput, PinError>| {
            result.unwrap_err().source().unwrap().to_string()
        };
        let name = "pip-24.0-py3-none-any.whl";
        assert!(cause(folder.look("pip.whl", PIP, "3.7.1")).contains("file name"));
        assert!(cause(folder.look(name, "Name: pip\nVersion: 23\n", "3.7.1")).contains("23"));
        assert!(cause(folder.look(name, "", "3.7.1")).contains("no name"));
        let look = |path: PathBuf| look_into(&path, Project::Pip, "3.7.1".parse().unwrap());
        let path = folder.0.path().join("pip-25.0-py3-none-any.whl");
        assert!(cause(look(path.clone())).contains("cannot be read"));
        fs_err::write(&path, "<html>").unwrap();
        assert!(cause(look(path)).contains("zip"));
    }
}
