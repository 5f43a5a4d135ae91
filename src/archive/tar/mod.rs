//! Reading a release archive: every entry looked at before it is written, and nothing written outside.

mod error;
mod extensions;
mod stream;
#[cfg(test)]
mod tests;

use std::io::{self, BufRead, Read};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tar::EntryType;

use crate::archive::compression::Compression;
use crate::archive::entry_name::{EntryName, Kind, Listing, shown};
pub use crate::archive::tar::error::Error;
use crate::archive::tar::extensions::{Extensions, Problem};
use crate::archive::tar::stream::{Bomb, Counted, Plain};
use crate::progress::{Reporter, Unit};

/// Measured as in [`stream`]: at most 5,870 entries (3.15.0rc2) …
const MOST_ENTRIES: usize = 50_000;

/// … and 6.5 MB in one file.
const MOST_BYTES_OF_A_FILE: u64 = 128 << 20;

/// Unpacks what is `needed` into the folder `into`; gives the newest time of an entry.
///
/// # Errors
/// See [`Error`]; nothing is written outside `into`.
pub fn unpack(
    archive: &Path,
    compression: Compression,
    needed: fn(&Path) -> bool,
    into: &Path,
    reporter: &dyn Reporter,
) -> Result<SystemTime, Error> {
    let mut unpacked = Unpacked::new(archive, needed, into);
    let open = || {
        let file = fs_err::File::open(archive)?;
        let size = file.metadata()?.len();
        Ok((file, size))
    };
    let (file, size) = open().map_err(|source| unpacked.unreadable(source))?;
    let mut phase = reporter.begin("unpack", Unit::Bytes, Some(size));
    let packed = Counted {
        inner: io::BufReader::with_capacity(1 << 16, file),
        phase: phase.as_mut(),
    };
    unpacked.read(packed, size, Some(compression))?;
    phase.finish(&format!("{} entries", unpacked.entries));
    Ok(unpacked.newest())
}

/// Unpacks all of an archive that lies in memory (`None`: a tar archive that is not compressed) into
/// the folder `into`, which must not exist yet, as strictly as [`unpack`] does: the door for
/// fuzzing, which has no verified archives.
///
/// # Errors
/// See [`Error`]; nothing is written outside `into`.
pub fn unpack_bytes(
    content: &[u8],
    compression: Option<Compression>,
    into: &Path,
) -> Result<SystemTime, Error> {
    let mut unpacked = Unpacked::new(Path::new("archive"), |_| true, into);
    unpacked.read(content, content.len() as u64, compression)?;
    Ok(unpacked.newest())
}

/// The state of unpacking one archive.
struct Unpacked<'a> {
    archive: &'a Path,
    needed: fn(&Path) -> bool,
    into: &'a Path,
    /// All of the archive's, be they needed or not.
    listing: Listing,
    /// The folder that everything stands in.
    top: Option<String>,
    extensions: Extensions,
    /// The last entry that was looked at, as it may be shown.
    last: Option<String>,
    entries: u64,
    bytes: u64,
    /// Seconds since 1970.
    newest: u64,
}

/// One entry, once its name was looked at.
struct Looked {
    name: EntryName,
    /// Behind a link, what it links to.
    link: Option<PathBuf>,
    kind: Kind,
    is_executable: bool,
}

impl<'a> Unpacked<'a> {
    fn new(archive: &'a Path, needed: fn(&Path) -> bool, into: &'a Path) -> Self {
        Self {
            archive,
            needed,
            into,
            listing: Listing::default(),
            top: None,
            extensions: Extensions::default(),
            last: None,
            entries: 0,
            bytes: 0,
            newest: 0,
        }
    }

    fn read(
        &mut self,
        packed: impl BufRead,
        size: u64,
        compression: Option<Compression>,
    ) -> Result<(), Error> {
        let plain =
            Plain::new(packed, size, compression).map_err(|source| self.unreadable(source))?;
        let most = plain.most();
        let mut tar = tar::Archive::new(plain);
        fs_err::create_dir_all(self.into).map_err(Error::Write)?;
        let mut end = 0;
        let entries = tar.entries().map_err(|source| self.unreadable(source))?;
        // Raw: what entries say of others is read here, where it is held against the others.
        for entry in entries.raw(true) {
            let mut entry = entry.map_err(|source| self.unreadable(source))?;
            end = entry
                .raw_file_position()
                .saturating_add(entry.size().div_ceil(512).saturating_mul(512));
            self.take(&mut entry, most)?;
        }
        if self.extensions != Extensions::default() {
            return Err(self.refused("is said something of, and does not follow"));
        }
        tar.into_inner()
            .finish(end)
            .map_err(|source| self.unreadable(source))
    }

    fn take(&mut self, entry: &mut tar::Entry<'_, impl Read>, most: u64) -> Result<(), Error> {
        let written = self.extensions.name.clone();
        let written = written.unwrap_or_else(|| entry.header().path_bytes().into_owned());
        self.last = Some(shown(&written).to_string());
        self.bytes = self.bytes.saturating_add(entry.size());
        if self.bytes > most {
            return Err(self.refused("makes it larger than any release of its packed size"));
        }
        if Extensions::is(entry.header().entry_type()) {
            return self
                .extensions
                .read(entry)
                .map_err(|problem| match problem {
                    Problem::Refused(what) => self.refused(what),
                    Problem::Unread(source) => self.unreadable(source),
                });
        }
        let extensions = std::mem::take(&mut self.extensions);
        let looked = self.look(&written, &extensions, entry)?;
        if !looked.name.as_str().is_empty() {
            self.write(&looked, entry)?;
        }
        Ok(())
    }

    /// Everything that can be said against an entry before a byte of it is read.
    fn look(
        &mut self,
        written: &[u8],
        extensions: &Extensions,
        entry: &tar::Entry<'_, impl Read>,
    ) -> Result<Looked, Error> {
        let header = entry.header();
        let name = EntryName::read(written).map_err(|what| self.refused(what))?;
        let kind = match header.entry_type() {
            EntryType::Directory => Kind::Folder,
            EntryType::Regular | EntryType::Continuous => Kind::File,
            EntryType::Symlink => Kind::Link,
            EntryType::Link => return Err(self.refused("is a hard link")),
            EntryType::Char | EntryType::Block | EntryType::Fifo => {
                return Err(self.refused("is a device or a pipe"));
            }
            EntryType::GNUSparse => return Err(self.refused("is a sparse file")),
            _ => return Err(self.refused("is neither a file, nor a folder, nor a link")),
        };
        // Behind the high bit is a number in binary, which readers take for 63, 64 or 95 bits.
        if header.as_old().size[0] & 0x80 != 0
            || extensions.size.is_some_and(|size| size != entry.size())
        {
            return Err(self.refused("has a size that it cannot have"));
        }
        if entry.size() > MOST_BYTES_OF_A_FILE {
            return Err(self.refused("is larger than any file of a release"));
        }
        if kind != Kind::File && entry.size() != 0 {
            return Err(self.refused("has content, which only files have"));
        }
        if kind == Kind::File && written.ends_with(b"/") {
            return Err(self.refused("is a file with a folder's name"));
        }
        let mode = header.mode().map_err(|source| self.unreadable(source))?;
        // A folder's are passed on to what is made in it, where people unpack; here they are dropped.
        if kind == Kind::File && mode & 0o7000 != 0 {
            return Err(self.refused("has a setuid, setgid or sticky bit"));
        }
        let link = match kind {
            Kind::Link => Some(self.link_of(&name, extensions, header)?),
            Kind::File | Kind::Folder => None,
        };
        self.list(&name, kind)?;
        Ok(Looked {
            name,
            link,
            kind,
            is_executable: mode & 0o111 != 0,
        })
    }

    /// What a link links to, if that is in the tree.
    fn link_of(
        &self,
        name: &EntryName,
        extensions: &Extensions,
        header: &tar::Header,
    ) -> Result<PathBuf, Error> {
        let target = extensions.link.clone();
        let target = target.or_else(|| header.link_name_bytes().map(std::borrow::Cow::into_owned));
        match target.as_deref().map(std::str::from_utf8) {
            Some(Ok(target)) if stays_inside(name, target) => Ok(target.into()),
            _ => Err(self.refused("is a link that leads out of the tree")),
        }
    }

    fn list(&mut self, name: &EntryName, kind: Kind) -> Result<(), Error> {
        let (top, inside) = name.split_top();
        if inside.is_empty() && kind != Kind::Folder {
            return Err(self.refused("stands beside the tree's folder"));
        }
        if !top.is_empty() && self.top.get_or_insert_with(|| top.to_owned()) != top {
            return Err(self.refused("stands in another folder than what is before it"));
        }
        self.listing
            .add(name, kind)
            .map_err(|what| self.refused(what))?;
        if self.listing.len() > MOST_ENTRIES {
            return Err(self.refused("is one more than any release has"));
        }
        Ok(())
    }

    fn write(
        &mut self,
        looked: &Looked,
        entry: &mut tar::Entry<'_, impl Read>,
    ) -> Result<(), Error> {
        let (_, inside) = looked.name.split_top();
        let inside = Path::new(inside);
        if !(self.needed)(inside) {
            return Ok(());
        }
        self.entries += 1;
        let target = self.into.join(inside);
        if let Some(parent) = target.parent() {
            fs_err::create_dir_all(parent).map_err(Error::Write)?;
            // The listing says so already; the disk has the last word.
            if !is_real_folder_below(self.into, inside) {
                return Err(self.refused("goes through a link"));
            }
        }
        match (looked.kind, &looked.link) {
            (Kind::Link, link) => {
                let link = link.as_deref().unwrap_or(Path::new(""));
                std::os::unix::fs::symlink(link, &target).map_err(Error::Write)?;
            }
            (Kind::Folder, _) => fs_err::create_dir_all(&target).map_err(Error::Write)?,
            (Kind::File, _) => {
                let mut file = fs_err::OpenOptions::new()
                    .write(true)
                    .create_new(true)
                    .open(&target)
                    .map_err(Error::Write)?;
                self.copy(entry, &mut file)?;
                let mode = if looked.is_executable { 0o755 } else { 0o644 };
                file.set_permissions(std::fs::Permissions::from_mode(mode))
                    .map_err(Error::Write)?;
            }
        }
        self.newest = self.newest.max(entry.header().mtime().unwrap_or(0));
        Ok(())
    }

    /// Reading and writing fail for different reasons, and the person must know which.
    fn copy(&self, entry: &mut impl Read, to: &mut impl io::Write) -> Result<(), Error> {
        let mut buffer = vec![0; 1 << 16];
        loop {
            let read = entry
                .read(&mut buffer)
                .map_err(|source| self.unreadable(source))?;
            if read == 0 {
                return Ok(());
            }
            to.write_all(&buffer[..read]).map_err(Error::Write)?;
        }
    }

    /// The newest time of an entry, and no time to come: every `make` would complain of it.
    fn newest(&self) -> SystemTime {
        let now = SystemTime::now();
        SystemTime::UNIX_EPOCH
            .checked_add(Duration::from_secs(self.newest))
            .map_or(now, |newest| newest.min(now))
    }

    fn refused(&self, what: &'static str) -> Error {
        Error::Entry {
            archive: self.archive.to_owned(),
            entry: self.last.clone().unwrap_or_default(),
            what,
        }
    }

    fn unreadable(&self, source: io::Error) -> Error {
        if Bomb::is_cause_of(&source) {
            return self.refused("is followed by more than any release of its packed size holds");
        }
        Error::Archive {
            archive: self.archive.to_owned(),
            after: self.last.clone(),
            source,
        }
    }
}

/// Whether every folder on the way to `inside` is a folder and not a link.
fn is_real_folder_below(root: &Path, inside: &Path) -> bool {
    inside.ancestors().skip(1).all(|parent| {
        root.join(parent)
            .symlink_metadata()
            .is_ok_and(|metadata| metadata.is_dir())
    })
}

/// Whether a link at `name` to `target` stays in the tree, below the archive's one folder. `..` may
/// stand only at the beginning, where it goes up folders that are no links: behind the name of a link
/// it would go up wherever that leads.
fn stays_inside(name: &EntryName, target: &str) -> bool {
    let (_, inside) = name.split_top();
    let above = inside.matches('/').count();
    let parts = || target.split('/').filter(|part| !matches!(*part, "" | "."));
    let up = parts().take_while(|part| *part == "..").count();
    let is_plain = !target.is_empty() && !target.starts_with('/') && !target.contains('\0');
    is_plain && up <= above && parts().skip(up).all(|part| part != "..")
}
