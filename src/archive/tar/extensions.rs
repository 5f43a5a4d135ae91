//! Entries of a tar archive that describe the next one: names too long for its header (GNU's `L` and `K`),
//! and records of any kind (`x`, and `g` for all: POSIX, `pax`, "pax Extended Header").

use tar::EntryType;

/// Releases have up to 19 such entries, none larger than a block of 512 bytes.
pub(super) const LARGEST: u64 = 64 << 10;

/// The description of the next entry.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Extensions {
    pub(super) name: Option<Vec<u8>>,
    /// The target of a link.
    pub(super) link: Option<Vec<u8>>,
    /// In bytes.
    pub(super) size: Option<u64>,
}

const MALFORMED: &str = "has a record that is not as long as its length field";

impl Extensions {
    pub(super) fn is(kind: EntryType) -> bool {
        kind.is_gnu_longname()
            || kind.is_gnu_longlink()
            || kind.is_pax_local_extensions()
            || kind.is_pax_global_extensions()
    }

    /// Reads the content of such an entry. The error continues "its entry `NAME` …".
    pub(super) fn read(&mut self, kind: EntryType, content: &[u8]) -> Result<(), &'static str> {
        // Long names end in a NUL that does not belong to them.
        let long_name = || content.strip_suffix(b"\0").unwrap_or(content).to_vec();
        if kind.is_gnu_longname() {
            return set(&mut self.name, long_name());
        } else if kind.is_gnu_longlink() {
            return set(&mut self.link, long_name());
        }
        let mut rest = content;
        while !rest.is_empty() {
            let (key, value, after) = first_record(rest).ok_or(MALFORMED)?;
            rest = after;
            if key.starts_with(b"GNU.sparse.") {
                return Err("declares a sparse file");
            }
            if kind.is_pax_global_extensions() && matches!(key, b"path" | b"linkpath" | b"size") {
                return Err("gives all files the same name or size");
            }
            match key {
                b"path" => set(&mut self.name, value.to_vec())?,
                b"linkpath" => set(&mut self.link, value.to_vec())?,
                b"size" => set(&mut self.size, number(value).ok_or(MALFORMED)?)?,
                // Times, owners and comments are not unpacked.
                _ => {}
            }
        }
        Ok(())
    }
}

/// Programs disagree on whether the first or the last value counts.
fn set<T>(place: &mut Option<T>, value: T) -> Result<(), &'static str> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err("sets the same value twice"),
    }
}

/// Key and value of `27 path=a/long/name\n`, and the rest. The number counts itself.
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
