//! The rules for entries that hold for every archive, release or wheel: names, places and sizes.

use std::collections::BTreeMap;

/// The longest path in a release has 116 bytes and 12 parts (3.15.0rc2), in a wheel of pip or setuptools
/// 113 bytes and 8 parts.
const LONGEST_NAME: usize = 1024;
const MOST_PARTS: usize = 64;

/// The limit of file systems (`NAME_MAX`).
const LONGEST_PART: usize = 255;

/// The number of characters of a name that a message shows.
const LONGEST_SHOWN: usize = 200;

/// An entry that is refused.
#[derive(Debug, thiserror::Error)]
#[error("its entry `{entry}` {what}")]
pub struct Refused {
    entry: String,
    what: &'static str,
}

impl Refused {
    /// `entry` is printable.
    pub(super) fn new(entry: String, what: &'static str) -> Self {
        Self { entry, what }
    }
}

/// The path of an entry, relative to the archive: no empty part, no `.` and no `..`. Empty for `./`.
#[derive(Debug)]
pub(crate) struct EntryName(String);

impl EntryName {
    /// Reads a name as unpackers do: `./a//b/` is `a/b`. The error continues "its entry `NAME` …".
    pub(crate) fn read(written: &[u8]) -> Result<Self, &'static str> {
        if written.is_empty() {
            return Err("has no name");
        }
        if written.len() > LONGEST_NAME {
            return Err("has a longer name than any file of a release");
        }
        let Ok(text) = std::str::from_utf8(written) else {
            return Err("has a name that is not UTF-8");
        };
        // No release has a path that is invalid on Windows: developers check out CPython there.
        if text.contains(|c: char| c.is_control() || matches!(c, '\\' | ':')) {
            return Err("has a name with a backslash, a colon or a control character in it");
        }
        if text.starts_with('/') {
            return Err("has an absolute path, which leads out of the tree");
        }
        let parts: Vec<&str> = text
            .split('/')
            .filter(|part| !matches!(*part, "" | "."))
            .collect();
        if parts.contains(&"..") {
            return Err("leads out of the tree");
        }
        if parts.len() > MOST_PARTS || parts.iter().any(|part| part.len() > LONGEST_PART) {
            return Err("has a longer or deeper path than any file of a release");
        }
        Ok(Self(parts.join("/")))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The first part and the rest; `a` has an empty rest.
    pub(super) fn split_top(&self) -> (&str, &str) {
        self.0.split_once('/').unwrap_or((&self.0, ""))
    }
}

/// A name on one line, shortened, and without characters that control a terminal.
pub(super) fn shown(written: &[u8]) -> String {
    let text = String::from_utf8_lossy(written);
    let mut line: String = text
        .chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .take(LONGEST_SHOWN)
        .collect();
    if text.chars().nth(LONGEST_SHOWN).is_some() {
        line.push('…');
    }
    line
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EntryKind {
    File,
    Folder,
    Link,
}

/// Limits well above the figures of real archives.
#[derive(Debug)]
pub(super) struct Limits {
    pub(super) entries: usize,
    pub(super) bytes: u64,
    pub(super) bytes_of_a_file: u64,
}

/// The entries of an archive so far.
pub(super) struct Entries {
    pub(super) limits: Limits,
    /// `None` for a folder that has no entry of its own so far.
    kinds: BTreeMap<String, Option<EntryKind>>,
    bytes: u64,
}

impl Entries {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            kinds: BTreeMap::new(),
            bytes: 0,
        }
    }

    /// Adds the unpacked size of an entry.
    pub(super) fn add_bytes(&mut self, bytes: u64) -> Result<(), &'static str> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > self.limits.bytes {
            return Err("makes the archive larger than any release or wheel of its packed size");
        }
        Ok(())
    }

    /// Adds an entry, unless its path is taken, or is below a path that is no folder.
    pub(super) fn add(
        &mut self,
        name: &EntryName,
        kind: EntryKind,
        size: u64,
    ) -> Result<(), &'static str> {
        if size > self.limits.bytes_of_a_file {
            return Err("is larger than any file of a release or wheel");
        }
        if kind != EntryKind::File && size > 0 {
            return Err("has content, which only files have");
        }
        let name = name.as_str();
        for (end, _) in name.match_indices('/') {
            match self.kinds.get(&name[..end]) {
                Some(None | Some(EntryKind::Folder)) => {}
                Some(Some(EntryKind::File)) => return Err("is below a file"),
                Some(Some(EntryKind::Link)) => return Err("goes through a link"),
                None => {
                    self.kinds.insert(name[..end].to_owned(), None);
                }
            }
        }
        match self.kinds.insert(name.to_owned(), Some(kind)) {
            None => {}
            Some(None) if kind == EntryKind::Folder => {}
            Some(None) => return Err("takes the place of a folder"),
            Some(Some(_)) => return Err("is in the archive twice"),
        }
        if self.kinds.len() > self.limits.entries {
            return Err("is one entry more than any release or wheel has");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Entries, EntryKind, EntryName, Limits, shown};

    #[test]
    fn a_name_is_read_as_unpackers_read_it() {
        for (written, read) in [
            ("Python-3/Lib/os.py", "Python-3/Lib/os.py"),
            ("./Python-3//Lib/./", "Python-3/Lib"),
            ("./", ""),
            ("a/...", "a/..."),
            ("ä/ß", "ä/ß"),
        ] {
            assert_eq!(EntryName::read(written.as_bytes()).unwrap().as_str(), read);
        }
    }

    #[test]
    fn a_name_that_is_no_path_inside_the_tree_is_refused() {
        let long = "x".repeat(256);
        let deep = "x/".repeat(65);
        let longer = "x".repeat(200) + &"/y".repeat(600);
        for (written, why) in [
            (&b""[..], "no name"),
            (b"/etc/passwd", "absolute"),
            (b"//x", "absolute"),
            (b"..", "leads out"),
            (b"a/../b", "leads out"),
            (b"a/..", "leads out"),
            (b"a\\..\\b", "backslash"),
            (b"C:/x", "colon"),
            (b"a\nb", "control character"),
            (b"a\0b", "control character"),
            (b"a\x1b[2Jb", "control character"),
            (b"a/\xff", "not UTF-8"),
            (long.as_bytes(), "longer or deeper"),
            (deep.as_bytes(), "longer or deeper"),
            (longer.as_bytes(), "longer name"),
        ] {
            let refused = EntryName::read(written).unwrap_err();
            assert!(refused.contains(why), "{}: {refused}", shown(written));
        }
    }

    #[test]
    fn entries_have_paths_of_their_own_and_stay_below_the_limits() {
        let mut entries = Entries::new(Limits {
            entries: 8,
            bytes: 100,
            bytes_of_a_file: 10,
        });
        let mut add = |name: &str, kind, size| {
            entries.add(&EntryName::read(name.as_bytes()).unwrap(), kind, size)
        };
        add("a/b", EntryKind::File, 0).unwrap();
        add("a", EntryKind::Folder, 0).unwrap();
        add("a/c/d", EntryKind::File, 0).unwrap();
        add("l", EntryKind::Link, 0).unwrap();
        for (name, kind, why) in [
            ("a/b", EntryKind::File, "twice"),
            ("a//./b", EntryKind::File, "twice"),
            ("a", EntryKind::Folder, "twice"),
            ("a/b/x", EntryKind::File, "below a file"),
            ("l/x", EntryKind::File, "through a link"),
            ("a/c", EntryKind::File, "place of a folder"),
        ] {
            assert!(add(name, kind, 0).unwrap_err().contains(why), "{name}");
        }
        assert!(add("f", EntryKind::File, 10).is_ok());
        for (kind, size, why) in [
            (EntryKind::File, 11, "larger than any file"),
            (EntryKind::Folder, 1, "has content"),
            (EntryKind::Link, 1, "has content"),
        ] {
            assert!(add("x", kind, size).unwrap_err().contains(why), "{size}");
        }
        add("m/n", EntryKind::File, 0).unwrap();
        let error = add("o", EntryKind::File, 0).unwrap_err();
        assert!(error.contains("one entry more"), "{error}");
        entries.add_bytes(100).unwrap();
        assert!(entries.add_bytes(1).unwrap_err().contains("larger"));
    }

    #[test]
    fn a_name_is_shown_on_one_line() {
        assert_eq!(shown(b"a\x1b[2J\nb\xff"), "a\u{fffd}[2J\u{fffd}b\u{fffd}");
        assert_eq!(shown(&[b'x'; 300]).chars().count(), 201);
    }
}
