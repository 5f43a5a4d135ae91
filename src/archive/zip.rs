//! Reads the zip archive that a wheel is (PKWARE's APPNOTE.TXT, version 6.3), and takes only what can be
//! read in one way: its entries follow each other without a gap, the central directory follows the last
//! of them, both say the same of each entry, and nothing else is in the file.
//!
//! Readers go by the central directory, by what stands before each entry, or by the first or last thing
//! that looks like an end, and a file that they read differently is checked as one thing and used as
//! another. Every wheel of pip and setuptools that was looked at (47 of them, 1.5.4 to 26.2.1) is of
//! this kind; none has zip64 fields, comments, links or other methods than "stored" and "deflated".

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read as _};
use std::path::Path;

use flate2::Crc;
use flate2::read::DeflateDecoder;

use crate::archive::entry_name::{EntryName, Kind, Listing, shown};

/// The largest of those wheels has 2.2 MB …
const MOST_PACKED: u64 = 64 << 20;
/// … 7.3 MB when it is unpacked …
const MOST_BYTES: u64 = 256 << 20;
/// … and 532 entries.
const MOST_ENTRIES: usize = 10_000;
/// No file in them has more than 0.4 MB …
const MOST_BYTES_OF_A_FILE: u64 = 32 << 20;
/// … or more than 17 times its packed size. Below a megabyte it does not matter.
const MOST_TIMES: u64 = 200;
const NEVER_A_BOMB: u64 = 1 << 20;

/// Why a zip archive is not taken.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be read.
    #[error("it cannot be read")]
    Io(#[from] io::Error),
    /// As a whole.
    #[error("{0}")]
    Archive(&'static str),
    /// One of its entries.
    #[error("its entry `{entry}` {what}")]
    Entry {
        /// The entry's name, as it may be shown.
        entry: String,
        /// What is wrong with it.
        what: &'static str,
    },
}

/// A zip archive in memory, and the files in it.
pub struct Zip {
    content: Vec<u8>,
    files: BTreeMap<String, Entry>,
}

/// What both headers say of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    /// As it is written.
    name: Vec<u8>,
    flags: u16,
    method: u16,
    crc: u32,
    packed: u32,
    size: u32,
    /// Where its local header is.
    header: usize,
    /// Where its content is.
    content: usize,
}

/// The low bits say how hard the packer tried; then: sizes follow the content; the name is UTF-8.
const DEFLATE_EFFORT: u16 = 0b110;
const SIZES_FOLLOW: u16 = 1 << 3;
const UTF8: u16 = 1 << 11;

const STORED: u16 = 0;
const DEFLATED: u16 = 8;

const END: usize = 22;

impl Zip {
    /// Reads and checks the archive's structure; what is in its files is checked when it is read.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn open(path: &Path) -> Result<Self, Error> {
        let mut content = Vec::new();
        fs_err::File::open(path)?
            .take(MOST_PACKED + 1)
            .read_to_end(&mut content)?;
        Self::new(content)
    }

    fn new(content: Vec<u8>) -> Result<Self, Error> {
        if content.len() as u64 > MOST_PACKED {
            return Err(Error::Archive("it is larger than any wheel of pip"));
        }
        let (directory, entries) = directory(&content)?;
        let mut listing = Listing::default();
        let mut folded = BTreeSet::new();
        let mut files = BTreeMap::new();
        let mut bytes: u64 = 0;
        let mut rest = Bytes(&content[directory.clone()]);
        let mut in_order = Vec::new();
        for _ in 0..entries {
            let (mut entry, attributes) = entry_in_directory(&mut rest)?;
            entry.check(attributes)?;
            let (name, kind) = entry.named()?;
            listing
                .add(&name, kind)
                .map_err(|what| entry.refused(what))?;
            if !folded.insert(name.as_str().to_lowercase()) {
                return Err(entry.refused("differs from another one in nothing but case"));
            }
            if listing.len() > MOST_ENTRIES {
                return Err(entry.refused("is one more than any wheel of pip has"));
            }
            bytes += u64::from(entry.size);
            if bytes > MOST_BYTES {
                return Err(entry.refused("makes it larger than any wheel of pip"));
            }
            entry.content = content_behind_header(&entry, &content[..directory.start])?;
            in_order.push(entry.clone());
            if kind == Kind::File {
                files.insert(name.as_str().to_owned(), entry);
            }
        }
        if !rest.0.is_empty() {
            return Err(Error::Archive(
                "its central directory holds more than the entries that it counts",
            ));
        }
        check_order(in_order, &content[..directory.start])?;
        Ok(Self { content, files })
    }

    /// The paths of its files, sorted.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// Whether there is such a file.
    pub fn has(&self, file: &str) -> bool {
        self.files.contains_key(file)
    }

    /// What is in a file; `None` when there is no such file.
    ///
    /// # Errors
    /// When it is not what its size and its checksum say.
    pub fn read(&self, file: &str) -> Result<Option<Vec<u8>>, Error> {
        let Some(entry) = self.files.get(file) else {
            return Ok(None);
        };
        let packed = &self.content[entry.content..][..entry.packed as usize];
        let bytes = if entry.method == STORED {
            packed.to_vec()
        } else {
            let mut decoder = DeflateDecoder::new(packed);
            let mut bytes = Vec::new();
            (&mut decoder)
                .take(u64::from(entry.size) + 1)
                .read_to_end(&mut bytes)
                .map_err(|_| entry.refused("cannot be unpacked: its deflated data is broken"))?;
            if decoder.total_in() != packed.len() as u64 {
                return Err(entry.refused(
                    "does not have the size that its header says, or has data behind its end",
                ));
            }
            bytes
        };
        if bytes.len() != entry.size as usize {
            return Err(entry.refused("does not have the size that its header says"));
        }
        let mut crc = Crc::new();
        crc.update(&bytes);
        if crc.sum() != entry.crc {
            return Err(entry.refused("does not have the checksum that its header says"));
        }
        Ok(Some(bytes))
    }
}

impl Entry {
    fn refused(&self, what: &'static str) -> Error {
        Error::Entry {
            entry: shown(&self.name).to_string(),
            what,
        }
    }

    /// What the central directory says, as far as it can be wrong by itself.
    fn check(&self, attributes: u32) -> Result<(), Error> {
        if self.flags & !(DEFLATE_EFFORT | SIZES_FOLLOW | UTF8) != 0 {
            return Err(self.refused("is encrypted, or a patch, or written in another unusual way"));
        }
        if !matches!(self.method, STORED | DEFLATED) {
            return Err(self.refused("is packed with another method than deflate"));
        }
        // What Unix says of a file is in the upper half (Info-ZIP), whichever system made the archive.
        let mode = attributes >> 16;
        if !matches!(mode & 0o170_000, 0 | 0o040_000 | 0o100_000) {
            return Err(self.refused("is a link, or no file at all"));
        }
        if mode & 0o7000 != 0 {
            return Err(self.refused("has a setuid, setgid or sticky bit"));
        }
        let (packed, size) = (u64::from(self.packed), u64::from(self.size));
        if self.method == STORED && packed != size {
            return Err(self.refused("is not deflated, and has two sizes"));
        }
        let is_bomb = size > NEVER_A_BOMB && size > packed * MOST_TIMES;
        if size > MOST_BYTES_OF_A_FILE || is_bomb {
            return Err(self.refused("is larger than any file in a wheel of pip"));
        }
        Ok(())
    }

    fn named(&self) -> Result<(EntryName, Kind), Error> {
        let name = EntryName::read(&self.name).map_err(|what| self.refused(what))?;
        // Without the flag, the name is in an encoding that nobody names.
        if !self.name.is_ascii() && self.flags & UTF8 == 0 {
            return Err(self.refused("has a name that is not marked as UTF-8"));
        }
        let (path, kind) = match self.name.strip_suffix(b"/") {
            Some(path) => (path, Kind::Folder),
            None => (&self.name[..], Kind::File),
        };
        if path != name.as_str().as_bytes() {
            return Err(self.refused("has a name with a part that is empty or `.`"));
        }
        if kind == Kind::Folder && (self.size, self.packed) != (0, 0) {
            return Err(self.refused("is a folder with content"));
        }
        Ok((name, kind))
    }
}

/// Where the central directory is, and how many entries it counts.
fn directory(content: &[u8]) -> Result<(std::ops::Range<usize>, u16), Error> {
    const NO_END: Error = Error::Archive(
        "it does not end where a zip archive ends: it is none, or is cut short, or something follows it",
    );
    let start = content.len().checked_sub(END).ok_or(NO_END)?;
    let mut end = Bytes(&content[start..]);
    if end.u32() != Some(0x0605_4b50) {
        return Err(NO_END);
    }
    let mut short = || end.u16().ok_or(NO_END);
    let (disk, directory_disk, here, entries) = (short()?, short()?, short()?, short()?);
    let size = end.u32().ok_or(NO_END)?;
    let offset = end.u32().ok_or(NO_END)?;
    if end.u16() != Some(0) {
        return Err(Error::Archive("it says that a comment follows it"));
    }
    if (disk, directory_disk) != (0, 0) || here != entries {
        return Err(Error::Archive(
            "it is a part of an archive of several parts",
        ));
    }
    if entries == u16::MAX || size == u32::MAX || offset == u32::MAX {
        return Err(Error::Archive(
            "it has zip64 fields, which no small archive needs",
        ));
    }
    let range = offset as usize..(offset as usize).saturating_add(size as usize);
    if range.end != start {
        return Err(Error::Archive(
            "its central directory does not stand where it says, right before its end: there may be two",
        ));
    }
    Ok((range, entries))
}

/// The next entry of the central directory, and its external attributes.
fn entry_in_directory(rest: &mut Bytes<'_>) -> Result<(Entry, u32), Error> {
    const CUT: Error = Error::Archive(
        "its central directory holds something else than the entries that it counts",
    );
    if rest.u32() != Some(0x0201_4b50) {
        return Err(CUT);
    }
    let mut next = || {
        let _made_by_and_needed = rest.u32()?;
        let (flags, method) = (rest.u16()?, rest.u16()?);
        let _time_and_date = rest.u32()?;
        let (crc, packed, size) = (rest.u32()?, rest.u32()?, rest.u32()?);
        let (name, extra, comment) = (rest.u16()?, rest.u16()?, rest.u16()?);
        let disk = rest.u16()?;
        let _internal = rest.u16()?;
        let (attributes, header) = (rest.u32()?, rest.u32()?);
        let name = rest.take(name.into())?.to_vec();
        let extra = rest.take(extra.into())?;
        rest.take(comment.into())?;
        let entry = Entry {
            name,
            flags,
            method,
            crc,
            packed,
            size,
            header: header as usize,
            content: 0,
        };
        Some((entry, extra, disk, attributes))
    };
    let (entry, extra, disk, attributes) = next().ok_or(CUT)?;
    if disk != 0 {
        return Err(entry.refused("stands in another part of the archive"));
    }
    check_extra(&entry, extra)?;
    Ok((entry, attributes))
}

/// Fields that give an entry another name or another size than its header does.
fn check_extra(entry: &Entry, extra: &[u8]) -> Result<(), Error> {
    const ZIP64: u16 = 0x0001;
    const UNICODE_PATH: u16 = 0x7075;
    let mut rest = Bytes(extra);
    while !rest.0.is_empty() {
        let field = rest
            .u16()
            .and_then(|id| Some((id, rest.u16()?)))
            .and_then(|(id, length)| rest.take(length.into()).map(|_| id));
        match field {
            Some(ZIP64) => return Err(entry.refused("has zip64 fields, which no small file needs")),
            Some(UNICODE_PATH) => return Err(entry.refused("has a second name")),
            Some(_) => {}
            None => return Err(entry.refused("has an extra field that is longer than its header")),
        }
    }
    Ok(())
}

/// Where an entry's content begins; its local header must say what the central directory says.
fn content_behind_header(entry: &Entry, before_directory: &[u8]) -> Result<usize, Error> {
    let mut rest = Bytes(before_directory.get(entry.header..).unwrap_or_default());
    if rest.u32() != Some(0x0403_4b50) {
        return Err(entry.refused("has no header where the central directory says"));
    }
    let mut next = || {
        let _needed = rest.u16()?;
        let (flags, method) = (rest.u16()?, rest.u16()?);
        let _time_and_date = rest.u32()?;
        let sizes = (rest.u32()?, rest.u32()?, rest.u32()?);
        let (name, extra) = (rest.u16()?, rest.u16()?);
        let (name, extra) = (rest.take(name.into())?, rest.take(extra.into())?);
        Some((flags, method, sizes, name, extra))
    };
    let (flags, method, sizes, name, extra) =
        next().ok_or_else(|| entry.refused("has a header that is cut short"))?;
    let said = (entry.crc, entry.packed, entry.size);
    let is_said_later = flags & SIZES_FOLLOW != 0 && sizes == (0, 0, 0);
    if (flags, method, name) != (entry.flags, entry.method, &entry.name)
        || (sizes != said && !is_said_later)
    {
        return Err(entry.refused("is something else in its header than in the central directory"));
    }
    check_extra(entry, extra)?;
    let start = before_directory.len() - rest.0.len();
    if rest.take(entry.packed as usize).is_none() {
        return Err(entry.refused("is larger than the archive"));
    }
    Ok(start)
}

/// Entries must follow each other, from the file's beginning to the central directory.
fn check_order(mut entries: Vec<Entry>, before_directory: &[u8]) -> Result<(), Error> {
    entries.sort_by_key(|entry| entry.header);
    let mut end = 0;
    for entry in &entries {
        if entry.header < end {
            return Err(entry.refused("overlaps with the one before it"));
        }
        if entry.header > end {
            return Err(entry.refused("has something before it that is no entry"));
        }
        end = entry.content + entry.packed as usize;
        if entry.flags & SIZES_FOLLOW != 0 {
            // The signature is optional, and may be the checksum by chance.
            let fields = [0x0807_4b50, entry.crc, entry.packed, entry.size];
            let stand_there = |fields: &[u32]| {
                let bytes: Vec<u8> = fields
                    .iter()
                    .flat_map(|field| field.to_le_bytes())
                    .collect();
                before_directory[end..].starts_with(&bytes)
            };
            end += if stand_there(&fields) {
                16
            } else if stand_there(&fields[1..]) {
                12
            } else {
                return Err(entry.refused("is not followed by the sizes that it has"));
            };
        }
    }
    if end == before_directory.len() {
        Ok(())
    } else {
        Err(Error::Archive(
            "it holds something between its last entry and its central directory",
        ))
    }
}

/// Little-endian numbers and pieces, taken from the front.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn u16(&mut self) -> Option<u16> {
        let bytes = self.take(2)?.try_into().ok()?;
        Some(u16::from_le_bytes(bytes))
    }

    fn u32(&mut self) -> Option<u32> {
        let bytes = self.take(4)?.try_into().ok()?;
        Some(u32::from_le_bytes(bytes))
    }
}

#[cfg(test)]
mod tests;
