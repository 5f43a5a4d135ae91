//! Checks the entries of one archive and writes them.

use std::io::{self, BufRead, Read};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tar::EntryType;

use super::error::Error;
use super::extensions::{self, Extensions};
use super::stream::{Bomb, Plain, ensure_end};
use crate::archive::compression::Compression;
use crate::archive::entries::{Entries, EntryKind, EntryName, Limits, Refused, shown};

/// Measured as in [`super::stream`]: at most 5,870 entries (3.15.0rc2), and 6.5 MB in one file.
const LIMITS: Limits = Limits {
    entries: 50_000,
    bytes: 0,
    bytes_of_a_file: 128 << 20,
};

pub(super) struct Unpacker<'a> {
    archive: &'a Path,
    needed: fn(&Path) -> bool,
    into: &'a Path,
    /// All of them, needed or not.
    entries: Entries,
    /// The folder that holds all entries.
    top: Option<String>,
    extensions: Extensions,
    /// The name of the last entry, printable.
    last: Option<String>,
    /// The number of written entries.
    pub(super) written: u64,
    /// Seconds since 1970.
    newest: u64,
}

/// The content of an entry that was checked.
enum Content {
    File { is_executable: bool },
    Folder,
    Link(PathBuf),
}

impl<'a> Unpacker<'a> {
    pub(super) fn new(archive: &'a Path, needed: fn(&Path) -> bool, into: &'a Path) -> Self {
        Self {
            archive,
            needed,
            into,
            entries: Entries::new(LIMITS),
            top: None,
            extensions: Extensions::default(),
            last: None,
            written: 0,
            newest: 0,
        }
    }

    pub(super) fn read(
        &mut self,
        packed: &mut impl BufRead,
        size: u64,
        compression: Option<Compression>,
    ) -> Result<(), Error> {
        let plain = Plain::new(packed, size, compression);
        let plain = plain.map_err(|source| self.unreadable(source))?;
        self.entries.limits.bytes = plain.most;
        let mut tar = tar::Archive::new(plain);
        fs_err::create_dir_all(self.into).map_err(Error::Write)?;
        let mut end = 0;
        let entries = tar.entries().map_err(|source| self.unreadable(source))?;
        // Raw: extensions are read here, so that they can be compared with each other.
        for entry in entries.raw(true) {
            let mut entry = entry.map_err(|source| self.unreadable(source))?;
            let blocks = entry.size().div_ceil(512).saturating_mul(512);
            end = entry.raw_file_position().saturating_add(blocks);
            self.take(&mut entry)?;
        }
        if self.extensions != Extensions::default() {
            return Err(self.refused("is described by an extension, and does not follow"));
        }
        let finished = tar
            .into_inner()
            .finish(end)
            .and_then(|()| ensure_end(packed));
        finished.map_err(|source| self.unreadable(source))
    }

    fn take(&mut self, entry: &mut tar::Entry<'_, impl Read>) -> Result<(), Error> {
        let written = self.extensions.name.clone();
        let written = written.unwrap_or_else(|| entry.header().path_bytes().into_owned());
        self.last = Some(shown(&written));
        let added = self.entries.add_bytes(entry.size());
        added.map_err(|what| self.refused(what))?;
        if Extensions::is(entry.header().entry_type()) {
            return self.read_extension(entry);
        }
        let extensions = std::mem::take(&mut self.extensions);
        let name = EntryName::read(&written).map_err(|what| self.refused(what))?;
        let content = self.check(&written, &name, &extensions, entry)?;
        if !name.as_str().is_empty() {
            self.write(&name, &content, entry)?;
        }
        Ok(())
    }

    fn read_extension(&mut self, entry: &mut tar::Entry<'_, impl Read>) -> Result<(), Error> {
        if entry.size() > extensions::LARGEST {
            return Err(self.refused("is larger than any name or record"));
        }
        let mut content = Vec::new();
        let read = entry.read_to_end(&mut content);
        read.map_err(|source| self.unreadable(source))?;
        if content.len() as u64 != entry.size() {
            return Err(self.unreadable(io::ErrorKind::UnexpectedEof.into()));
        }
        let read = self.extensions.read(entry.header().entry_type(), &content);
        read.map_err(|what| self.refused(what))
    }

    /// Checks an entry before a byte of its content is read.
    fn check(
        &mut self,
        written: &[u8],
        name: &EntryName,
        extensions: &Extensions,
        entry: &tar::Entry<'_, impl Read>,
    ) -> Result<Content, Error> {
        let header = entry.header();
        let kind = match header.entry_type() {
            EntryType::Directory => EntryKind::Folder,
            EntryType::Regular | EntryType::Continuous => EntryKind::File,
            EntryType::Symlink => EntryKind::Link,
            EntryType::Link => return Err(self.refused("is a hard link")),
            EntryType::Char | EntryType::Block | EntryType::Fifo => {
                return Err(self.refused("is a device or a pipe"));
            }
            EntryType::GNUSparse => return Err(self.refused("is a sparse file")),
            _ => return Err(self.refused("is neither a file, nor a folder, nor a link")),
        };
        // The high bit marks a binary number, which readers take for 63, 64 or 95 bits.
        if header.as_old().size[0] & 0x80 != 0
            || extensions.size.is_some_and(|size| size != entry.size())
        {
            return Err(self.refused("has a size that it cannot have"));
        }
        if kind == EntryKind::File && written.ends_with(b"/") {
            return Err(self.refused("is a file with a folder's name"));
        }
        let mode = header.mode().map_err(|source| self.unreadable(source))?;
        // Some releases have folders with setgid, which new files in them inherit. It is dropped.
        if kind == EntryKind::File && mode & 0o7000 != 0 {
            return Err(self.refused("has a setuid, setgid or sticky bit"));
        }
        let content = match kind {
            EntryKind::File => Content::File {
                is_executable: mode & 0o111 != 0,
            },
            EntryKind::Folder => Content::Folder,
            EntryKind::Link => {
                let target = header.link_name_bytes();
                let target = extensions.link.as_deref().or(target.as_deref());
                match target.map(std::str::from_utf8) {
                    Some(Ok(target)) if stays_inside(name, target) => Content::Link(target.into()),
                    _ => return Err(self.refused("is a link that leads out of the tree")),
                }
            }
        };
        let (top, inside) = name.split_top();
        if inside.is_empty() && kind != EntryKind::Folder {
            return Err(self.refused("is beside the tree's folder"));
        }
        if !top.is_empty() && self.top.get_or_insert_with(|| top.to_owned()) != top {
            return Err(self.refused("is in another folder than the entries before it"));
        }
        let added = self.entries.add(name, kind, entry.size());
        added.map_err(|what| self.refused(what))?;
        Ok(content)
    }

    fn write(
        &mut self,
        name: &EntryName,
        content: &Content,
        entry: &mut tar::Entry<'_, impl Read>,
    ) -> Result<(), Error> {
        let inside = Path::new(name.split_top().1);
        if !(self.needed)(inside) {
            return Ok(());
        }
        self.written += 1;
        let target = self.into.join(inside);
        if let Some(parent) = target.parent() {
            fs_err::create_dir_all(parent).map_err(Error::Write)?;
            // The entries were checked, but the folder may have been changed by others.
            let is_folder = |folder: &Path| {
                let found = self.into.join(folder).symlink_metadata();
                found.is_ok_and(|found| found.is_dir())
            };
            if !inside.ancestors().skip(1).all(is_folder) {
                return Err(self.refused("goes through a link"));
            }
        }
        match content {
            Content::Link(link) => {
                std::os::unix::fs::symlink(link, &target).map_err(Error::Write)?;
            }
            Content::Folder => fs_err::create_dir_all(&target).map_err(Error::Write)?,
            Content::File { is_executable } => self.write_file(&target, *is_executable, entry)?,
        }
        self.newest = self.newest.max(entry.header().mtime().unwrap_or(0));
        Ok(())
    }

    fn write_file(
        &self,
        target: &Path,
        is_executable: bool,
        entry: &mut tar::Entry<'_, impl Read>,
    ) -> Result<(), Error> {
        let mut file = fs_err::OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(target)
            .map_err(Error::Write)?;
        // Not `io::copy`: errors of reading and of writing have different hints.
        let mut buffer = vec![0; 1 << 16];
        loop {
            let read = entry.read(&mut buffer);
            let read = read.map_err(|source| self.unreadable(source))?;
            if read == 0 {
                break;
            }
            io::Write::write_all(&mut file, &buffer[..read]).map_err(Error::Write)?;
        }
        let mode = if is_executable { 0o755 } else { 0o644 };
        let mode = std::fs::Permissions::from_mode(mode);
        file.set_permissions(mode).map_err(Error::Write)
    }

    /// The newest time of an entry, but not a time in the future: `make` would warn of it.
    pub(super) fn newest(&self) -> SystemTime {
        let now = SystemTime::now();
        SystemTime::UNIX_EPOCH
            .checked_add(Duration::from_secs(self.newest))
            .map_or(now, |newest| newest.min(now))
    }

    fn refused(&self, what: &'static str) -> Error {
        Error::Entry {
            archive: self.archive.to_owned(),
            refused: Refused::new(self.last.clone().unwrap_or_default(), what),
        }
    }

    pub(super) fn unreadable(&self, source: io::Error) -> Error {
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

/// Whether a link at `name` to `target` stays below the archive's top folder. `..` is allowed only at the
/// beginning, where it follows folders: behind the name of a link it could lead anywhere.
fn stays_inside(name: &EntryName, target: &str) -> bool {
    let (_, inside) = name.split_top();
    let above = inside.matches('/').count();
    let parts = || target.split('/').filter(|part| !matches!(*part, "" | "."));
    let up = parts().take_while(|part| *part == "..").count();
    let is_plain = !target.is_empty() && !target.starts_with('/') && !target.contains('\0');
    is_plain && up <= above && parts().skip(up).all(|part| part != "..")
}
