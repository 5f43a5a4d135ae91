//! Step 3: a verified archive, or a source tree that the user names, becomes one clean [`SourceTree`].

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::archive::tar;
use crate::error::{ExitStatus, Explain};
use crate::failpoint::crash_point;
use crate::fetch::{VerifiedArchive, VerifiedInputs, VerifiedSource};
use crate::plan::Plan;
use crate::plan::version::{PythonVersion, VersionRequest};
use crate::progress::{Reporter, Unit};

/// An unpacked CPython source tree of the requested version.
#[derive(Debug)]
pub(crate) struct SourceTree {
    /// The folder that holds `configure`.
    pub(super) root: PathBuf,
    pub(super) plan: Plan,
    pub(super) inputs: VerifiedInputs,
}

/// Why there is no source tree.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    #[error(transparent)]
    Archive(#[from] tar::Error),
    #[error("the source tree {} cannot be read", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} is not a CPython source tree: {what}", path.display())]
    NotCPython { path: PathBuf, what: String },
    #[error("{} is CPython {found}, not {wanted}", path.display())]
    OtherVersion {
        path: PathBuf,
        found: String,
        wanted: VersionRequest,
    },
    #[error("the source tree {} has been configured or built in: it has `{found}`", path.display())]
    NotClean { path: PathBuf, found: &'static str },
}

impl Explain for UnpackError {
    fn exit_status(&self) -> ExitStatus {
        match self {
            Self::Archive(error) => error.exit_status(),
            _ => ExitStatus::Input,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Archive(error) => return error.hint(),
            Self::Read { .. } => "check that the folder and all its files are readable",
            Self::NotCPython { .. } => {
                "--source takes a release file, its address, or the folder that holds `configure`; \
                 a folder of release files is a --mirror"
            }
            Self::OtherVersion { found, .. } => {
                return Some(format!("ask for {found}, or name another source"));
            }
            Self::NotClean { .. } => {
                "clean it with `make distclean`, or name a fresh checkout: objects of another build \
                 must not get into this one"
            }
        };
        Some(hint.to_owned())
    }
}

/// An error of writing the unpacked tree.
pub(super) fn unwritable(source: io::Error) -> UnpackError {
    tar::Error::Write(source).into()
}

/// Unpacks or copies the source of `plan` into the folder `into`, which must not exist yet. Nothing
/// is written outside `into`.
pub(crate) fn unpack(
    plan: Plan,
    inputs: VerifiedInputs,
    into: PathBuf,
    reporter: &dyn Reporter,
) -> Result<SourceTree, UnpackError> {
    unpack_files(inputs.source(), plan.python(), &into, reporter)?;
    Ok(SourceTree {
        root: into,
        plan,
        inputs,
    })
}

/// Files have mode 0755 or 0644, and all have the same time.
fn unpack_files(
    source: &VerifiedSource,
    wanted: PythonVersion,
    into: &Path,
    reporter: &dyn Reporter,
) -> Result<(), UnpackError> {
    let (newest, origin) = match source {
        VerifiedSource::Archive(archive) => {
            let path = archive.path();
            let newest = tar::unpack(path, archive.compression(), |_| true, into, reporter)?;
            (newest, path)
        }
        VerifiedSource::Tree(path) => (copy_tree(path, into, reporter)?, path.as_path()),
    };
    crash_point("unpack.done");
    // CPython's Makefile compares times, and those of a checkout are arbitrary. With one time for all,
    // no generated file of the release is generated again.
    set_times(into, newest).map_err(unwritable)?;
    let version = read_version(into, origin)?;
    check_version(&version, VersionRequest::Exact(wanted), origin)?;
    Ok(())
}

/// Unpacks the files that are `needed` (paths below the tree's root) into the folder `into`, which must
/// not exist. All of the archive is read and checked all the same.
pub fn unpack_part(
    archive: &VerifiedArchive,
    wanted: PythonVersion,
    needed: fn(&Path) -> bool,
    into: &Path,
    reporter: &dyn Reporter,
) -> Result<(), UnpackError> {
    let path = archive.path();
    tar::unpack(path, archive.compression(), needed, into, reporter)?;
    let version = read_version(into, path)?;
    check_version(&version, VersionRequest::Exact(wanted), path)?;
    Ok(())
}

/// Refuses a folder that is no source tree, or that was configured or built in.
pub fn ensure_clean_tree(from: &Path) -> Result<(), UnpackError> {
    let path = || from.to_owned();
    for found in ["Makefile", "config.status", "pybuilddir.txt"] {
        if from.join(found).exists() {
            return Err(UnpackError::NotClean {
                path: path(),
                found,
            });
        }
    }
    if !from.join("configure").is_file() {
        let what = "it has no `configure`".to_owned();
        return Err(UnpackError::NotCPython { path: path(), what });
    }
    Ok(())
}

/// Copies a tree without files of git and bytecode; returns its newest time.
fn copy_tree(from: &Path, into: &Path, reporter: &dyn Reporter) -> Result<SystemTime, UnpackError> {
    ensure_clean_tree(from)?;
    let unreadable = |source: io::Error| UnpackError::Read {
        path: from.to_owned(),
        source,
    };
    let mut phase = reporter.begin("copy", Unit::Steps, Some(5_000));
    let mut newest = SystemTime::UNIX_EPOCH;
    let walk = walkdir::WalkDir::new(from)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(|entry| entry.file_name() != ".git" && entry.file_name() != "__pycache__");
    for entry in walk {
        let entry = entry.map_err(|error| unreadable(error.into()))?;
        let inside = entry.path().strip_prefix(from).unwrap_or(entry.path());
        let target = into.join(inside);
        let metadata = entry.metadata().map_err(|error| unreadable(error.into()))?;
        if metadata.is_dir() {
            fs_err::create_dir_all(&target).map_err(unwritable)?;
        } else if metadata.is_symlink() {
            let link = fs_err::read_link(entry.path()).map_err(unreadable)?;
            std::os::unix::fs::symlink(link, &target).map_err(unwritable)?;
        } else if metadata.is_file() {
            let executable = metadata.permissions().mode() & 0o111 != 0;
            let mode = if executable { 0o755 } else { 0o644 };
            fs_err::copy(entry.path(), &target)
                .and_then(|_| {
                    fs_err::set_permissions(&target, std::fs::Permissions::from_mode(mode))
                })
                .map_err(unwritable)?;
            newest = newest.max(metadata.modified().unwrap_or(newest));
        }
        phase.advance(1);
    }
    phase.finish(&from.display().to_string());
    // `make` would warn of a time in the future.
    Ok(newest.min(SystemTime::now()))
}

fn set_times(root: &Path, time: SystemTime) -> io::Result<()> {
    let times = std::fs::FileTimes::new()
        .set_accessed(time)
        .set_modified(time);
    for entry in walkdir::WalkDir::new(root).contents_first(true) {
        let entry = entry?;
        if !entry.file_type().is_symlink() {
            let file = fs_err::File::open(entry.path())?;
            file.file().set_times(times)?;
        }
    }
    Ok(())
}

/// The version of a source tree, if the request admits it.
pub fn version_of_tree(root: &Path, request: VersionRequest) -> Result<PythonVersion, UnpackError> {
    check_version(&read_version(root, root)?, request, root)
}

/// The version of any source tree.
pub fn version_found_in_tree(root: &Path) -> Result<PythonVersion, UnpackError> {
    let found = read_version(root, root)?;
    parse_version(&found).ok_or_else(|| UnpackError::NotCPython {
        path: root.to_owned(),
        what: format!("Include/patchlevel.h has the version `{found}`, which is no release"),
    })
}

fn parse_version(text: &str) -> Option<PythonVersion> {
    // A checkout between releases has `3.7.1+`.
    text.trim_end_matches('+').parse().ok()
}

fn check_version(
    found: &str,
    wanted: VersionRequest,
    origin: &Path,
) -> Result<PythonVersion, UnpackError> {
    let version = parse_version(found).filter(|version| wanted.admits(*version));
    version.ok_or_else(|| UnpackError::OtherVersion {
        path: origin.to_owned(),
        found: found.to_owned(),
        wanted,
    })
}

/// The `PY_VERSION` that `Include/patchlevel.h` defines.
fn read_version(root: &Path, origin: &Path) -> Result<String, UnpackError> {
    let not_cpython = |what: &str| UnpackError::NotCPython {
        path: origin.to_owned(),
        what: what.to_owned(),
    };
    let header = fs_err::read(root.join("Include/patchlevel.h"))
        .map_err(|_| not_cpython("it has no Include/patchlevel.h"))?;
    let version_in = |line: &str| {
        let value = line.trim().strip_prefix("#define")?.trim();
        let value = value.strip_prefix("PY_VERSION")?;
        let value = value.starts_with([' ', '\t']).then_some(value)?;
        value.split('"').nth(1).map(str::to_owned)
    };
    String::from_utf8_lossy(&header)
        .lines()
        .find_map(version_in)
        .ok_or_else(|| not_cpython("Include/patchlevel.h does not define PY_VERSION"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::path::{Path, PathBuf};
    use std::time::{Duration, SystemTime};

    use super::{UnpackError, unpack_files};
    use crate::fetch::VerifiedSource;
    use crate::testing::Said;

    /// A folder with a checkout in it.
    fn checkout() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = dir.path().join("tree").join(name);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, text).unwrap();
        };
        write("configure", "");
        write(
            "Include/patchlevel.h",
            "#define PY_VERSION_HEX \"1\"\n#define PY_VERSION \"3.11.2+\"\n",
        );
        write("Lib/os.py", "sep = '/'\n");
        dir
    }

    fn copied(dir: &Path, version: &str) -> Result<PathBuf, UnpackError> {
        let source = VerifiedSource::Tree(dir.join("tree"));
        let version = version.parse().unwrap();
        let copy = dir.join("copy");
        unpack_files(&source, version, &copy, &Said::default())?;
        Ok(copy)
    }

    #[test]
    fn a_tree_is_copied_without_files_of_git_and_python() {
        let dir = checkout();
        let tree = dir.path().join("tree");
        for folder in [".git", "Lib/__pycache__"] {
            fs_err::create_dir(tree.join(folder)).unwrap();
        }
        symlink("os.py", tree.join("Lib/link")).unwrap();
        let mode = |path: &Path| fs_err::metadata(path).unwrap().permissions().mode() & 0o7777;
        let change = |name: &str, mode| {
            let mode = std::fs::Permissions::from_mode(mode);
            fs_err::set_permissions(tree.join(name), mode).unwrap();
        };
        change("configure", 0o4711);
        change("Lib/os.py", 0o660);
        let future = SystemTime::now() + Duration::from_secs(1 << 30);
        let header = tree.join("Include/patchlevel.h");
        let header = fs_err::File::open(header).unwrap();
        header.file().set_modified(future).unwrap();

        let copy = copied(dir.path(), "3.11.2").unwrap();
        assert!(!copy.join(".git").exists() && !copy.join("Lib/__pycache__").exists());
        let link = fs_err::read_link(copy.join("Lib/link")).unwrap();
        assert_eq!(link, Path::new("os.py"));
        assert_eq!(mode(&copy.join("configure")), 0o755);
        assert_eq!(mode(&copy.join("Lib/os.py")), 0o644);
        let times = ["configure", "Lib/os.py", "Include"].map(|name| {
            let found = fs_err::metadata(copy.join(name)).unwrap();
            found.modified().unwrap()
        });
        assert!(times[0] <= SystemTime::now());
        assert_eq!(times, [times[0]; 3]);
    }

    #[test]
    fn an_unclean_tree_or_one_of_another_release_is_refused() {
        for found in ["Makefile", "config.status", "pybuilddir.txt"] {
            let dir = checkout();
            fs_err::write(dir.path().join("tree").join(found), "").unwrap();
            let error = copied(dir.path(), "3.11.2").unwrap_err();
            assert!(error.to_string().contains(found), "{error}");
            assert!(!dir.path().join("copy").exists());
        }
        let dir = checkout();
        let error = copied(dir.path(), "3.11.3").unwrap_err();
        assert!(matches!(error, UnpackError::OtherVersion { .. }));
        fs_err::remove_file(dir.path().join("tree/configure")).unwrap();
        let error = copied(dir.path(), "3.11.2").unwrap_err();
        assert!(
            error.to_string().contains("it has no `configure`"),
            "{error}"
        );
    }
}
