//! What some entries of a tar archive say of the one behind them: names too long for its header (GNU's
//! `L` and `K`), and records of any kind (`x`, and `g` for all: POSIX, `pax`, "pax Extended Header").

use std::io::{self, Read};

use tar::EntryType;

/// Releases have up to 19 such entries, none larger than a block of 512 bytes.
const LARGEST: u64 = 64 << 10;

/// What is known of the next entry.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Extensions {
    /// Its name.
    pub name: Option<Vec<u8>>,
    /// What it links to.
    pub link: Option<Vec<u8>>,
    /// Its size, in bytes.
    pub size: Option<u64>,
}

/// Why such an entry cannot be used.
#[derive(Debug)]
pub enum Problem {
    /// What is wrong with it, to be put behind its name.
    Refused(&'static str),
    /// It cannot be read.
    Unread(io::Error),
}

impl From<&'static str> for Problem {
    fn from(what: &'static str) -> Self {
        Self::Refused(what)
    }
}

const MALFORMED: &str = "has a record that is not as long as it says";
const TWICE: &str = "says the same thing twice";

impl Extensions {
    /// Whether an entry is of this kind.
    pub fn is(kind: EntryType) -> bool {
        kind.is_gnu_longname()
            || kind.is_gnu_longlink()
            || kind.is_pax_local_extensions()
            || kind.is_pax_global_extensions()
    }

    /// Takes one in.
    pub fn read(&mut self, entry: &mut tar::Entry<'_, impl Read>) -> Result<(), Problem> {
        let kind = entry.header().entry_type();
        if entry.size() > LARGEST {
            return Err("is larger than any name or record".into());
        }
        let mut content = Vec::new();
        entry.read_to_end(&mut content).map_err(Problem::Unread)?;
        if content.len() as u64 != entry.size() {
            return Err(Problem::Unread(io::ErrorKind::UnexpectedEof.into()));
        }
        if kind.is_gnu_longname() {
            set(&mut self.name, without_end(content))?;
        } else if kind.is_gnu_longlink() {
            set(&mut self.link, without_end(content))?;
        } else {
            self.take_records(&content, kind.is_pax_global_extensions())?;
        }
        Ok(())
    }

    fn take_records(&mut self, content: &[u8], is_global: bool) -> Result<(), &'static str> {
        let mut rest = content;
        while !rest.is_empty() {
            let (key, value, after) = first_record(rest).ok_or(MALFORMED)?;
            rest = after;
            if key.starts_with(b"GNU.sparse.") {
                return Err("says that a file is sparse");
            }
            if is_global && matches!(key, b"path" | b"linkpath" | b"size") {
                return Err("gives all files the same name or size");
            }
            match key {
                b"path" => set(&mut self.name, value.to_vec())?,
                b"linkpath" => set(&mut self.link, value.to_vec())?,
                b"size" => set(&mut self.size, number(value).ok_or(MALFORMED)?)?,
                // Times, owners, comments: nothing of it is unpacked.
                _ => {}
            }
        }
        Ok(())
    }
}

/// Programs differ in whether the first or the last one counts.
fn set<T>(place: &mut Option<T>, value: T) -> Result<(), &'static str> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(TWICE),
    }
}

/// Long names end in a NUL that does not belong to them.
fn without_end(mut name: Vec<u8>) -> Vec<u8> {
    if name.last() == Some(&0) {
        name.pop();
    }
    name
}

/// Key and value of `27 path=a/long/name\n`, and what follows. The number counts itself.
fn first_record(text: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = text.iter().position(|byte| *byte == b' ')?;
    let length = usize::try_from(number(&text[..space])?).ok()?;
    let record = text.get(space + 1..length)?.strip_suffix(b"\n")?;
    let equals = record.iter().position(|byte| *byte == b'=')?;
    Some((&record[..equals], &record[equals + 1..], &text[length..]))
}

fn number(digits: &[u8]) -> Option<u64> {
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}
