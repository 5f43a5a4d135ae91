//! Reads the zip archive that a wheel is (PKWARE's APPNOTE.TXT, version 6.3). Accepts only an archive that
//! all readers read the same way: its entries follow each other without a gap, the central directory
//! follows the last of them, both describe each entry alike, and nothing else is in the file.
//!
//! Some readers trust the central directory, some the local headers, and some search for the first or the
//! last end record. A file that they read differently could be checked as one thing and used as another.
//! 47 wheels of pip and setuptools, 1.5.4 to 26.2.1, were examined: all are accepted; none has zip64
//! fields, comments, links or other methods than "stored" and "deflated".

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read as _};
use std::ops::Range;
use std::path::Path;

use flate2::Crc;
use flate2::read::DeflateDecoder;

use crate::archive::entries::{Entries, EntryKind, EntryName, Limits, Refused, shown};

/// The largest of those wheels has 2.2 MB.
const MOST_PACKED: u64 = 64 << 20;

/// The largest has 532 entries, 7.3 MB unpacked, and 0.4 MB in one file.
const LIMITS: Limits = Limits {
    entries: 10_000,
    bytes: 256 << 20,
    bytes_of_a_file: 32 << 20,
};

/// No file in them has more than 17 times its packed size. Below a megabyte it does not matter.
const MOST_TIMES: u64 = 200;
const NEVER_A_BOMB: u64 = 1 << 20;

/// Why a zip archive is refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("it cannot be read")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Archive(&'static str),
    #[error(transparent)]
    Entry(#[from] Refused),
}

/// A zip archive in memory, and the files in it.
pub struct Zip {
    content: Vec<u8>,
    files: BTreeMap<String, Entry>,
}

/// The description of an entry in both headers.
#[derive(Clone)]
struct Entry {
    /// As it is written.
    name: Vec<u8>,
    flags: u16,
    method: u16,
    crc: u32,
    packed: u32,
    size: u32,
    /// The offset of the local header.
    header: usize,
    /// The offset of the content.
    content: usize,
}

/// The flags that are allowed: the packer's effort; sizes follow the content; the name is UTF-8.
const DEFLATE_EFFORT: u16 = 0b110;
const SIZES_FOLLOW: u16 = 1 << 3;
const UTF8: u16 = 1 << 11;

const STORED: u16 = 0;
const DEFLATED: u16 = 8;

/// The size of the end record, without a comment.
const END: usize = 22;

impl Zip {
    /// Reads an archive and checks its structure. The content of a file is checked when it is read.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let mut content = Vec::new();
        let file = fs_err::File::open(path)?;
        file.take(MOST_PACKED + 1).read_to_end(&mut content)?;
        Self::new(content)
    }

    fn new(content: Vec<u8>) -> Result<Self, Error> {
        if content.len() as u64 > MOST_PACKED {
            return Err(Error::Archive("it is larger than any wheel of pip"));
        }
        let (directory, count) = directory(&content)?;
        let before_directory = &content[..directory.start];
        let mut rest = Bytes(&content[directory.clone()]);
        let mut entries = Entries::new(LIMITS);
        let mut folded = BTreeSet::new();
        let mut files = BTreeMap::new();
        let mut all = Vec::new();
        for _ in 0..count {
            let (mut entry, attributes) = next_entry(&mut rest)?;
            entry.check(attributes)?;
            let (name, kind) = entry.named()?;
            let size = entry.size.max(entry.packed).into();
            entries
                .add(&name, kind, size)
                .and_then(|()| entries.add_bytes(size))
                .map_err(|what| entry.refused(what))?;
            if !folded.insert(name.as_str().to_lowercase()) {
                return Err(entry.refused("differs from another one in nothing but case"));
            }
            entry.content = content_behind_header(&entry, before_directory)?;
            all.push(entry.clone());
            if kind == EntryKind::File {
                files.insert(name.as_str().to_owned(), entry);
            }
        }
        if !rest.0.is_empty() {
            return Err(Error::Archive(
                "its central directory holds more than the entries that it counts",
            ));
        }
        check_order(all, before_directory)?;
        Ok(Self { content, files })
    }

    /// The paths of its files, sorted.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    pub fn has(&self, file: &str) -> bool {
        self.files.contains_key(file)
    }

    /// The content of a file, checked against its size and checksum; `None` when there is no such file.
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
        Refused::new(shown(&self.name), what).into()
    }

    /// Checks the fields of the central directory.
    fn check(&self, attributes: u32) -> Result<(), Error> {
        if self.flags & !(DEFLATE_EFFORT | SIZES_FOLLOW | UTF8) != 0 {
            return Err(self.refused("is encrypted, or a patch, or written in another unusual way"));
        }
        if !matches!(self.method, STORED | DEFLATED) {
            return Err(self.refused("is packed with another method than deflate"));
        }
        // The upper half is the Unix mode (Info-ZIP), whichever system made the archive.
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
        if size > NEVER_A_BOMB && size > packed * MOST_TIMES {
            return Err(self.refused("is larger than any file of its packed size in a wheel"));
        }
        Ok(())
    }

    fn named(&self) -> Result<(EntryName, EntryKind), Error> {
        let name = EntryName::read(&self.name).map_err(|what| self.refused(what))?;
        // Without the flag, the encoding of the name is unknown.
        if !self.name.is_ascii() && self.flags & UTF8 == 0 {
            return Err(self.refused("has a name that is not marked as UTF-8"));
        }
        let (path, kind) = match self.name.strip_suffix(b"/") {
            Some(path) => (path, EntryKind::Folder),
            None => (&self.name[..], EntryKind::File),
        };
        if path != name.as_str().as_bytes() {
            return Err(self.refused("has a name with a part that is empty or `.`"));
        }
        Ok((name, kind))
    }
}

/// The span of the central directory, and the number of its entries.
fn directory(content: &[u8]) -> Result<(Range<usize>, u16), Error> {
    let no_end = Error::Archive(
        "it does not end where a zip archive ends: it is none, or is cut short, or something follows it",
    );
    let start = content.len().saturating_sub(END);
    let mut end = Bytes(&content[start..]);
    let mut fields = || Some((end.u32s()?, end.u16s()?, end.u32s()?, end.u16s()?));
    let Some(([0x0605_4b50], [disk, directory_disk, here, entries], [size, offset], [comment])) =
        fields()
    else {
        return Err(no_end);
    };
    if comment != 0 {
        return Err(Error::Archive("it has a comment"));
    }
    if (disk, directory_disk) != (0, 0) || here != entries {
        return Err(Error::Archive(
            "it is a part of an archive of several parts",
        ));
    }
    if entries == u16::MAX || size == u32::MAX || offset == u32::MAX {
        let what = "it has zip64 fields, which no small archive needs";
        return Err(Error::Archive(what));
    }
    let range = offset as usize..(offset as usize).saturating_add(size as usize);
    if range.end != start {
        return Err(Error::Archive(
            "its central directory is not at its offset, right before the end: there may be two",
        ));
    }
    Ok((range, entries))
}

/// The next entry of the central directory, and its external attributes.
fn next_entry(rest: &mut Bytes<'_>) -> Result<(Entry, u32), Error> {
    let mut next = || {
        let [signature, _made_by_and_needed] = rest.u32s()?;
        let [flags, method] = rest.u16s()?;
        let [_time_and_date, crc, packed, size] = rest.u32s()?;
        let [name, extra, comment, disk, _internal] = rest.u16s()?;
        let [attributes, header] = rest.u32s()?;
        let entry = Entry {
            name: rest.take(name.into())?.to_vec(),
            flags,
            method,
            crc,
            packed,
            size,
            header: header as usize,
            content: 0,
        };
        let extra = rest.take(extra.into())?;
        rest.take(comment.into())?;
        (signature == 0x0201_4b50).then_some((entry, extra, disk, attributes))
    };
    let (entry, extra, disk, attributes) = next().ok_or(Error::Archive(
        "its central directory holds something else than the entries that it counts",
    ))?;
    if disk != 0 {
        return Err(entry.refused("is in another part of the archive"));
    }
    check_extra(&entry, extra)?;
    Ok((entry, attributes))
}

/// Refuses extra fields that give an entry another name or another size than its header.
fn check_extra(entry: &Entry, extra: &[u8]) -> Result<(), Error> {
    const ZIP64: u16 = 0x0001;
    const UNICODE_PATH: u16 = 0x7075;
    let mut rest = Bytes(extra);
    while !rest.0.is_empty() {
        let mut field = || {
            let [id, length] = rest.u16s()?;
            rest.take(length.into()).map(|_| id)
        };
        match field() {
            Some(ZIP64) => return Err(entry.refused("has zip64 fields, which no small file needs")),
            Some(UNICODE_PATH) => return Err(entry.refused("has a second name")),
            Some(_) => {}
            None => return Err(entry.refused("has an extra field that is longer than its header")),
        }
    }
    Ok(())
}

/// The offset of an entry's content, behind its local header, which must agree with the central directory.
fn content_behind_header(entry: &Entry, before_directory: &[u8]) -> Result<usize, Error> {
    let mut rest = Bytes(before_directory.get(entry.header..).unwrap_or_default());
    if rest.u32s() != Some([0x0403_4b50]) {
        return Err(entry.refused("has no header where the central directory says"));
    }
    let mut next = || {
        let [_needed, flags, method] = rest.u16s()?;
        let [_time_and_date, crc, packed, size] = rest.u32s()?;
        let [name, extra] = rest.u16s()?;
        let (name, extra) = (rest.take(name.into())?, rest.take(extra.into())?);
        Some(((flags, method, name), [crc, packed, size], extra))
    };
    let (fields, sizes, extra) =
        next().ok_or_else(|| entry.refused("has a header that is cut short"))?;
    let follow = entry.flags & SIZES_FOLLOW != 0 && sizes == [0; 3];
    if fields != (entry.flags, entry.method, &entry.name)
        || (sizes != [entry.crc, entry.packed, entry.size] && !follow)
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

/// Entries must follow each other, from the beginning of the file to the central directory.
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
            let fields: Vec<u8> = fields.into_iter().flat_map(u32::to_le_bytes).collect();
            let found = &before_directory[end..];
            end += if found.starts_with(&fields) {
                16
            } else if found.starts_with(&fields[4..]) {
                12
            } else {
                return Err(entry.refused("is not followed by the sizes that it has"));
            };
        }
    }
    if end != before_directory.len() {
        return Err(Error::Archive(
            "it holds something between its last entry and its central directory",
        ));
    }
    Ok(())
}

/// Little-endian numbers and slices, taken from the front.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn u16s<const N: usize>(&mut self) -> Option<[u16; N]> {
        let bytes = self.take(2 * N)?;
        Some(std::array::from_fn(|at| {
            u16::from_le_bytes([bytes[2 * at], bytes[2 * at + 1]])
        }))
    }

    fn u32s<const N: usize>(&mut self) -> Option<[u32; N]> {
        let bytes = self.take(4 * N)?;
        let number = |at| {
            bytes[4 * at..]
                .first_chunk()
                .map_or(0, |bytes| u32::from_le_bytes(*bytes))
        };
        Some(std::array::from_fn(number))
    }
}

#[cfg(test)]
mod tests;
