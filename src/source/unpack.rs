//! Step 3: a verified archive (or a tree that the person vouches for) becomes one clean [`SourceTree`].

use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use tar::EntryType;

use crate::error::{ExitStatus, Explain};
use crate::fetch::{Compression, VerifiedArchive, VerifiedSource};
use crate::progress::{Phase, Reporter, Unit};
use crate::resolve::version::{PythonVersion, VersionRequest};

/// Far above any release (3.13.5 has 5,100 entries and 111 MB), far below what fills a disk.
const MOST_ENTRIES: u64 = 100_000;
const MOST_BYTES: u64 = 2 << 30;

/// The xz decoder may take this much; releases need 9 MiB.
const XZ_MEMORY: u64 = 256 << 20;

/// An unpacked CPython source tree of the version that was asked for.
#[derive(Debug)]
pub struct SourceTree {
    root: PathBuf,
    version: PythonVersion,
}

impl SourceTree {
    /// The folder that holds `configure`.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The same folder; the tree is about to become something else.
    #[must_use]
    pub fn into_root(self) -> PathBuf {
        self.root
    }

    /// Its version, as `Include/patchlevel.h` has it.
    #[must_use]
    pub fn version(&self) -> PythonVersion {
        self.version
    }
}

/// Why there is no source tree.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// The archive cannot be read to its end.
    #[error("{} cannot be unpacked", archive.display())]
    Archive {
        /// The archive.
        archive: PathBuf,
        /// What reading gave.
        source: io::Error,
    },
    /// The archive holds something that a release does not.
    #[error("{} is refused: its entry `{entry}` {what}", archive.display())]
    Entry {
        /// The archive.
        archive: PathBuf,
        /// The entry's name.
        entry: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A file of the scratch tree cannot be written.
    #[error("the source tree cannot be written")]
    Write(#[source] io::Error),
    /// The folder named with `--source` cannot be read.
    #[error("the source tree {} cannot be read", path.display())]
    Read {
        /// The folder.
        path: PathBuf,
        /// What reading gave.
        source: io::Error,
    },
    /// There is no CPython in it.
    #[error("{} is not a CPython source tree: {what}", path.display())]
    NotCPython {
        /// The archive or folder.
        path: PathBuf,
        /// What is missing.
        what: String,
    },
    /// It is another release.
    #[error("{} is CPython {found}, not {wanted}", path.display())]
    OtherVersion {
        /// The archive or folder.
        path: PathBuf,
        /// What it is.
        found: String,
        /// What was asked for.
        wanted: VersionRequest,
    },
    /// Somebody has built in it.
    #[error("the source tree {} has been configured or built in: it has `{found}`", path.display())]
    NotClean {
        /// The folder.
        path: PathBuf,
        /// What a clean tree does not have.
        found: &'static str,
    },
}

impl Explain for UnpackError {
    fn exit_status(&self) -> ExitStatus {
        match self {
            Self::Write(_) => ExitStatus::Failed,
            _ => ExitStatus::Input,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Archive { .. } | Self::Entry { .. } => {
                "the file had the digest that was asked for, so the digest is of a bad file: look at where it came from".to_owned()
            }
            Self::Write(_) => {
                "see that the build folder has some 600 MB free, or name another with --build-dir".to_owned()
            }
            Self::Read { .. } => "see that the folder and all in it can be read".to_owned(),
            Self::NotCPython { .. } => {
                "--source takes a release file, its address, or the folder that holds `configure`; a folder of release files is a --mirror".to_owned()
            }
            Self::OtherVersion { found, .. } => format!("ask for {found}, or name another source"),
            Self::NotClean { .. } => {
                "clean it with `make distclean`, or name a fresh checkout: objects of another build must not get into this one".to_owned()
            }
        })
    }
}

/// Unpacks or copies `source` into the folder `into`, which must not exist yet: one clean tree,
/// modes 0755 and 0644, one time for all files.
///
/// # Errors
/// See [`UnpackError`]; nothing is written outside `into`.
pub fn unpack(
    source: &VerifiedSource,
    wanted: PythonVersion,
    into: PathBuf,
    reporter: &dyn Reporter,
) -> Result<SourceTree, UnpackError> {
    let (newest, origin) = match source {
        VerifiedSource::Archive(archive) => {
            let newest = unpack_archive(archive, |_| true, &into, reporter)?;
            (newest, archive.path())
        }
        VerifiedSource::Tree(path) => (copy_tree(path, &into, reporter)?, path.as_path()),
    };
    // What is made from what is told by times in CPython's Makefile, and a checkout's times are
    // arbitrary: with one time for all, nothing that the release brings is made again.
    set_times(&into, newest).map_err(UnpackError::Write)?;
    let version = read_version(&into, origin)?;
    check_version(&version, VersionRequest::Exact(wanted), origin)?;
    Ok(SourceTree {
        root: into,
        version: wanted,
    })
}

/// Unpacks the few files that are `needed` (paths below the tree's root) into the folder `into`, which
/// must not exist yet. The archive is read to its end all the same, and as strictly.
///
/// # Errors
/// See [`UnpackError`]; nothing is written outside `into`.
pub fn unpack_part(
    archive: &VerifiedArchive,
    wanted: PythonVersion,
    needed: fn(&Path) -> bool,
    into: &Path,
    reporter: &dyn Reporter,
) -> Result<(), UnpackError> {
    unpack_archive(archive, needed, into, reporter)?;
    let version = read_version(into, archive.path())?;
    check_version(&version, VersionRequest::Exact(wanted), archive.path())?;
    Ok(())
}

fn unpack_archive(
    archive: &VerifiedArchive,
    needed: fn(&Path) -> bool,
    into: &Path,
    reporter: &dyn Reporter,
) -> Result<SystemTime, UnpackError> {
    let unreadable = |source| UnpackError::Archive {
        archive: archive.path().to_owned(),
        source,
    };
    let file = fs_err::File::open(archive.path()).map_err(unreadable)?;
    let size = file.metadata().map_err(unreadable)?.len();
    let mut phase = reporter.begin("unpack", Unit::Bytes, Some(size));
    let counted = Counted {
        inner: io::BufReader::with_capacity(1 << 16, file),
        phase: phase.as_mut(),
    };
    let plain: Box<dyn Read + '_> = match archive.compression() {
        Compression::Gzip => Box::new(flate2::read::MultiGzDecoder::new(counted)),
        Compression::Xz => {
            let stream = liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY, 0)
                .map_err(|error| unreadable(error.into()))?;
            Box::new(liblzma::read::XzDecoder::new_stream(counted, stream))
        }
    };
    let mut unpacked = Unpacked::new(archive.path(), needed, into);
    let mut tar = tar::Archive::new(plain);
    fs_err::create_dir_all(into).map_err(UnpackError::Write)?;
    for entry in tar.entries().map_err(unreadable)? {
        unpacked.take(&mut entry.map_err(unreadable)?)?;
    }
    let (entries, newest) = (unpacked.entries, unpacked.newest);
    drop(tar);
    phase.finish(&format!("{entries} entries"));
    Ok(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(newest))
}

/// The state of unpacking one archive.
struct Unpacked<'a> {
    archive: &'a Path,
    needed: fn(&Path) -> bool,
    into: &'a Path,
    /// All of the archive's, be they needed or not.
    seen: u64,
    entries: u64,
    bytes: u64,
    /// Seconds since 1970.
    newest: u64,
}

impl<'a> Unpacked<'a> {
    fn new(archive: &'a Path, needed: fn(&Path) -> bool, into: &'a Path) -> Self {
        Self {
            archive,
            needed,
            into,
            seen: 0,
            entries: 0,
            bytes: 0,
            newest: 0,
        }
    }

    fn take(&mut self, entry: &mut tar::Entry<'_, impl Read>) -> Result<(), UnpackError> {
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let refused = |what| UnpackError::Entry {
            archive: self.archive.to_owned(),
            entry: name.clone(),
            what,
        };
        let unreadable = |source| UnpackError::Archive {
            archive: self.archive.to_owned(),
            source,
        };
        self.seen += 1;
        self.bytes = self.bytes.saturating_add(entry.size());
        if self.seen > MOST_ENTRIES || self.bytes > MOST_BYTES {
            return Err(refused("makes it larger than any release"));
        }
        let path = entry.path().map_err(unreadable)?.into_owned();
        let Some(inside) = without_top_folder(&path) else {
            return Err(refused("leads out of the tree"));
        };
        if !(self.needed)(&inside) {
            return Ok(());
        }
        self.entries += 1;
        let kind = entry.header().entry_type();
        let target = self.into.join(&inside);
        if let Some(parent) = target.parent() {
            fs_err::create_dir_all(parent).map_err(UnpackError::Write)?;
            // A link that was unpacked before must not carry this entry elsewhere.
            if !is_real_folder_below(self.into, &inside) {
                return Err(refused("goes through a link"));
            }
        }
        match kind {
            EntryType::Directory => fs_err::create_dir_all(&target).map_err(UnpackError::Write)?,
            EntryType::Regular | EntryType::Continuous if !inside.as_os_str().is_empty() => {
                let executable = entry.header().mode().map_err(unreadable)? & 0o111 != 0;
                let mut file = fs_err::OpenOptions::new()
                    .write(true)
                    .create_new(true)
                    .open(&target)
                    .map_err(UnpackError::Write)?;
                // Reading and writing fail for different reasons, and the person must know which.
                copy(entry, &mut file, unreadable)?;
                let mode = if executable { 0o755 } else { 0o644 };
                file.set_permissions(std::fs::Permissions::from_mode(mode))
                    .map_err(UnpackError::Write)?;
            }
            EntryType::Symlink => {
                let link = entry
                    .link_name()
                    .map_err(unreadable)?
                    .ok_or_else(|| refused("is a link to nowhere"))?;
                if !stays_inside(inside.parent().unwrap_or(Path::new("")), &link) {
                    return Err(refused("is a link that leads out of the tree"));
                }
                std::os::unix::fs::symlink(&link, &target).map_err(UnpackError::Write)?;
            }
            EntryType::XGlobalHeader => {}
            _ => {
                return Err(refused(
                    "is neither a file, nor a folder, nor a link within the tree",
                ));
            }
        }
        self.newest = self.newest.max(entry.header().mtime().unwrap_or(0));
        Ok(())
    }
}

fn copy(
    from: &mut impl Read,
    to: &mut impl io::Write,
    unreadable: impl Fn(io::Error) -> UnpackError,
) -> Result<(), UnpackError> {
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = from.read(&mut buffer).map_err(&unreadable)?;
        if read == 0 {
            return Ok(());
        }
        to.write_all(&buffer[..read]).map_err(UnpackError::Write)?;
    }
}

/// `Lib/os.py` of `Python-3.11.2/Lib/os.py`; `None` for a path that is absolute or has `..`.
fn without_top_folder(path: &Path) -> Option<PathBuf> {
    let mut parts = path.components().filter(|part| *part != Component::CurDir);
    matches!(parts.next(), None | Some(Component::Normal(_))).then_some(())?;
    parts
        .map(|part| match part {
            Component::Normal(name) => Some(name),
            _ => None,
        })
        .collect()
}

/// Whether every folder on the way to `inside` is a folder and not a link.
fn is_real_folder_below(root: &Path, inside: &Path) -> bool {
    inside.ancestors().skip(1).all(|parent| {
        root.join(parent)
            .symlink_metadata()
            .is_ok_and(|metadata| metadata.is_dir())
    })
}

/// Whether a link in `folder` (relative to the tree's root) to `target` stays in the tree.
fn stays_inside(folder: &Path, target: &Path) -> bool {
    let mut depth = folder.components().count();
    for part in target.components() {
        match part {
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
            Component::ParentDir if depth > 0 => depth -= 1,
            _ => return false,
        }
    }
    true
}

/// Copies a tree without what version control and editors keep in it; gives its newest time.
fn copy_tree(from: &Path, into: &Path, reporter: &dyn Reporter) -> Result<SystemTime, UnpackError> {
    for found in ["Makefile", "config.status", "pybuilddir.txt"] {
        if from.join(found).exists() {
            return Err(UnpackError::NotClean {
                path: from.to_owned(),
                found,
            });
        }
    }
    if !from.join("configure").is_file() {
        return Err(UnpackError::NotCPython {
            path: from.to_owned(),
            what: "it has no `configure`".to_owned(),
        });
    }
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
            fs_err::create_dir_all(&target).map_err(UnpackError::Write)?;
        } else if metadata.is_symlink() {
            let link = fs_err::read_link(entry.path()).map_err(unreadable)?;
            std::os::unix::fs::symlink(link, &target).map_err(UnpackError::Write)?;
        } else if metadata.is_file() {
            fs_err::copy(entry.path(), &target).map_err(UnpackError::Write)?;
            let executable = metadata.permissions().mode() & 0o111 != 0;
            let mode = if executable { 0o755 } else { 0o644 };
            fs_err::set_permissions(&target, std::fs::Permissions::from_mode(mode))
                .map_err(UnpackError::Write)?;
            newest = newest.max(metadata.modified().unwrap_or(newest));
        }
        phase.advance(1);
    }
    phase.finish(&from.display().to_string());
    // A time in the future would make every `make` complain.
    Ok(newest.min(SystemTime::now()))
}

fn set_times(root: &Path, time: SystemTime) -> io::Result<()> {
    let times = std::fs::FileTimes::new()
        .set_accessed(time)
        .set_modified(time);
    for entry in walkdir::WalkDir::new(root).contents_first(true) {
        let entry = entry?;
        if !entry.file_type().is_symlink() {
            fs_err::File::open(entry.path())?
                .into_parts()
                .0
                .set_times(times)?;
        }
    }
    Ok(())
}

/// The version of an unpacked tree, if it is one that the request can mean.
///
/// # Errors
/// [`UnpackError::NotCPython`] and [`UnpackError::OtherVersion`].
pub fn version_of_tree(root: &Path, request: VersionRequest) -> Result<PythonVersion, UnpackError> {
    check_version(&read_version(root, root)?, request, root)
}

/// The version of an unpacked tree, whatever it is.
///
/// # Errors
/// [`UnpackError::NotCPython`].
pub fn version_found_in_tree(root: &Path) -> Result<PythonVersion, UnpackError> {
    let found = read_version(root, root)?;
    // A checkout between releases says `3.7.1+`.
    found
        .trim_end_matches('+')
        .parse()
        .map_err(|_| UnpackError::NotCPython {
            path: root.to_owned(),
            what: format!("Include/patchlevel.h says `{found}`, which is no release"),
        })
}

fn check_version(
    found: &str,
    wanted: VersionRequest,
    origin: &Path,
) -> Result<PythonVersion, UnpackError> {
    // A checkout between releases says `3.7.1+`.
    match found.trim_end_matches('+').parse() {
        Ok(version) if wanted.admits(version) => Ok(version),
        _ => Err(UnpackError::OtherVersion {
            path: origin.to_owned(),
            found: found.to_owned(),
            wanted,
        }),
    }
}

/// The version that `Include/patchlevel.h` defines as `PY_VERSION`.
fn read_version(root: &Path, origin: &Path) -> Result<String, UnpackError> {
    let not_cpython = |what: &str| UnpackError::NotCPython {
        path: origin.to_owned(),
        what: what.to_owned(),
    };
    let header = fs_err::read(root.join("Include/patchlevel.h"))
        .map_err(|_| not_cpython("it has no Include/patchlevel.h"))?;
    String::from_utf8_lossy(&header)
        .lines()
        .find_map(|line| {
            let value = line.trim().strip_prefix("#define")?.trim();
            let value = value.strip_prefix("PY_VERSION")?;
            value
                .starts_with([' ', '\t'])
                .then(|| value.split('"').nth(1))?
        })
        .map(ToOwned::to_owned)
        .ok_or_else(|| not_cpython("Include/patchlevel.h does not define PY_VERSION"))
}

/// Tells a phase how much of the archive has been read.
struct Counted<'a, R> {
    inner: R,
    phase: &'a mut dyn Phase,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.phase.advance(read as u64);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::{stays_inside, without_top_folder};
    use std::path::Path;

    #[test]
    fn nothing_leads_out_of_the_tree() {
        let inside = |path: &str| without_top_folder(Path::new(path));
        assert_eq!(
            inside("Python-3/Lib/os.py").as_deref(),
            Some(Path::new("Lib/os.py"))
        );
        assert_eq!(inside("./Python-3/Lib").as_deref(), Some(Path::new("Lib")));
        assert_eq!(inside("/etc/passwd"), None);
        assert_eq!(inside("../x"), None);
        assert_eq!(inside("Python-3/../../x"), None);
        assert!(stays_inside(Path::new("Lib/a"), Path::new("../b/./c")));
        assert!(!stays_inside(Path::new("Lib"), Path::new("../../b")));
        assert!(!stays_inside(Path::new("Lib"), Path::new("/b")));
    }
}
