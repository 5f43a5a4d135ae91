//! The names of an archive's entries, for release archives and for wheels alike: what is refused whatever
//! the archive's format is.

use std::collections::BTreeMap;
use std::fmt;

/// The longest path in a release has 116 bytes and 12 parts (3.15.0rc2), in a wheel of pip or setuptools
/// 113 bytes and 8 parts.
const LONGEST_NAME: usize = 1024;
const MOST_PARTS: usize = 64;

/// What file systems take (`NAME_MAX`).
const LONGEST_PART: usize = 255;

/// What a message shows of a name.
const LONGEST_SHOWN: usize = 200;

/// The path of an entry, relative to the archive: no empty part, no `.` and no `..`. Empty for `./`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryName(String);

impl EntryName {
    /// Reads a name as unpackers do: `./a//b/` is `a/b`.
    ///
    /// # Errors
    /// What is wrong with it, to be put behind the name.
    pub fn read(written: &[u8]) -> Result<Self, &'static str> {
        if written.is_empty() {
            return Err("has no name");
        }
        if written.len() > LONGEST_NAME {
            return Err("has a longer name than any file of a release");
        }
        let Ok(text) = std::str::from_utf8(written) else {
            return Err("has a name that is not UTF-8");
        };
        // What is no path on Windows is in no release: developers check CPython out there.
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

    /// The path.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its first part, and what follows; `a`, and nothing, of `a`.
    pub fn split_top(&self) -> (&str, &str) {
        self.0.split_once('/').unwrap_or((&self.0, ""))
    }
}

/// A name as a message may show it: on one line, of a bearable length, and without what a terminal
/// would take for a command.
pub fn shown(written: &[u8]) -> impl fmt::Display + use<> {
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

/// What stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Link,
}

/// The entries of an archive so far.
#[derive(Debug, Default)]
pub struct Listing {
    /// `None` stands for a folder that has no entry of its own (yet).
    kinds: BTreeMap<String, Option<Kind>>,
}

impl Listing {
    /// Takes one more entry in.
    ///
    /// # Errors
    /// When it stands there already, or below something that is no folder.
    pub fn add(&mut self, name: &EntryName, kind: Kind) -> Result<(), &'static str> {
        let name = name.as_str();
        for (end, _) in name.match_indices('/') {
            match self.kinds.get(&name[..end]) {
                Some(None | Some(Kind::Folder)) => {}
                Some(Some(Kind::File)) => return Err("stands below a file"),
                Some(Some(Kind::Link)) => return Err("goes through a link"),
                None => {
                    self.kinds.insert(name[..end].to_owned(), None);
                }
            }
        }
        match self.kinds.insert(name.to_owned(), Some(kind)) {
            None => Ok(()),
            Some(None) if kind == Kind::Folder => Ok(()),
            Some(None) => Err("takes the place of a folder"),
            Some(Some(_)) => Err("stands in it twice"),
        }
    }

    /// How many there are, folders without an entry of their own included.
    pub fn len(&self) -> usize {
        self.kinds.len()
    }
}

#[cfg(test)]
mod tests {
    use super::{EntryName, Kind, Listing, shown};

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
    fn a_name_that_is_no_path_below_the_tree_is_refused() {
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
    fn a_listing_has_one_thing_at_each_path() {
        let mut listing = Listing::default();
        let mut add =
            |name: &str, kind| listing.add(&EntryName::read(name.as_bytes()).unwrap(), kind);
        add("a/b", Kind::File).unwrap();
        add("a", Kind::Folder).unwrap();
        add("a/c/d", Kind::File).unwrap();
        add("l", Kind::Link).unwrap();
        for (name, kind, why) in [
            ("a/b", Kind::File, "twice"),
            ("a//./b", Kind::File, "twice"),
            ("a", Kind::Folder, "twice"),
            ("a/b/x", Kind::File, "below a file"),
            ("l/x", Kind::File, "through a link"),
            ("a/c", Kind::File, "place of a folder"),
        ] {
            assert!(add(name, kind).unwrap_err().contains(why), "{name}");
        }
    }

    #[test]
    fn a_name_is_shown_on_one_line() {
        assert_eq!(
            shown(b"a\x1b[2J\nb\xff").to_string(),
            "a\u{fffd}[2J\u{fffd}b\u{fffd}"
        );
        assert_eq!(shown(&[b'x'; 300]).to_string().chars().count(), 201);
    }
}
