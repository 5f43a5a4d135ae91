//! Reading a release archive: every entry looked at before it is written, and nothing written outside.

use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use tar::EntryType;

use super::unpack::UnpackError;
use crate::fetch::{Compression, VerifiedArchive};
use crate::progress::{Phase, Reporter, Unit};

/// Far above any release (3.13.5 has 5,100 entries and 111 MB), far below what fills a disk.
const MOST_ENTRIES: u64 = 100_000;
const MOST_BYTES: u64 = 2 << 30;

/// The xz decoder may take this much; releases need 9 MiB.
const XZ_MEMORY: u64 = 256 << 20;

/// Unpacks what is `needed` into the folder `into`; gives the newest time of an entry.
///
/// # Errors
/// See [`UnpackError`]; nothing is written outside `into`.
pub(super) fn unpack_archive(
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
