//! What the store contains, by category. Only names that pybuild gives are seen, so that a cache folder
//! which is a home folder by mistake loses nothing.

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::built::{Kind, SAVED};
use super::in_use::LOCKS;
use super::sweep::is_known;
use super::{LOGS, PARTIAL, SCRATCH, Store, downloads, entry};
use crate::digest::Sha256;
use crate::fs::list::names_in;

/// One kind of content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Category {
    Compiles,
    Installs,
    ConfigureAnswers,
    Inputs,
    IndexAnswers,
    Signatures,
    OtherDigests,
    PartialDownloads,
    Builds,
    Scratch,
    Logs,
    Savings,
    Locks,
}

/// The lock that protects an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Guard {
    /// The lock that all users of the store share.
    Store,
    /// The lock of the description of a built thing.
    Entry,
    /// The item is a file, and locked itself.
    Itself,
    /// The file `in-use` in the item, a folder.
    InUse,
}

impl Category {
    pub(crate) const ALL: [Self; 13] = [
        Self::Compiles,
        Self::Installs,
        Self::ConfigureAnswers,
        Self::Inputs,
        Self::IndexAnswers,
        Self::Signatures,
        Self::OtherDigests,
        Self::PartialDownloads,
        Self::Builds,
        Self::Scratch,
        Self::Logs,
        Self::Savings,
        Self::Locks,
    ];

    pub(super) fn folder(self) -> &'static str {
        match self {
            Self::Compiles => Kind::Compile.folder(),
            Self::Installs => Kind::Install.folder(),
            Self::ConfigureAnswers => "configure-1",
            Self::Inputs => downloads::FOLDER,
            Self::IndexAnswers => "index-3",
            Self::Signatures => "signatures",
            Self::OtherDigests => "other-digests",
            Self::PartialDownloads => PARTIAL,
            Self::Builds => "build",
            Self::Scratch => SCRATCH,
            Self::Logs => LOGS,
            Self::Savings => SAVED,
            Self::Locks => LOCKS,
        }
    }

    /// The name for people, in the plural.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Compiles => "kept compiles",
            Self::Installs => "kept installations",
            Self::ConfigureAnswers => "configure answers",
            Self::Inputs => "archives and wheels",
            Self::IndexAnswers => "index answers",
            Self::Signatures => "signatures",
            Self::OtherDigests => "digests",
            Self::PartialDownloads => "partial downloads",
            Self::Builds => "build folders",
            Self::Scratch => "scratch folders",
            Self::Logs => "logs of failed builds",
            Self::Savings => "counts of uses",
            Self::Locks => "lock files",
        }
    }

    /// The name for programs.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Compiles => "compiles",
            Self::Installs => "installs",
            Self::ConfigureAnswers => "configure-answers",
            Self::Inputs => "inputs",
            Self::IndexAnswers => "index-answers",
            Self::Signatures => "signatures",
            Self::OtherDigests => "digests",
            Self::PartialDownloads => "partial-downloads",
            Self::Builds => "builds",
            Self::Scratch => "scratch",
            Self::Logs => "logs",
            Self::Savings => "savings",
            Self::Locks => "locks",
        }
    }

    /// Whether these are results of a build, to which the limit applies.
    pub(crate) fn is_built(self) -> bool {
        matches!(self, Self::Compiles | Self::Installs)
    }

    /// Whether they are removed one by one, the least recently used first.
    pub(super) fn is_pruned(self) -> bool {
        !matches!(self, Self::Scratch | Self::Savings | Self::Locks)
    }

    pub(super) fn guard(self) -> Guard {
        match self {
            Self::Compiles | Self::Installs => Guard::Entry,
            Self::PartialDownloads => Guard::Itself,
            Self::Builds | Self::Scratch => Guard::InUse,
            _ => Guard::Store,
        }
    }

    /// Whether pybuild gives such a name in this category.
    fn admits(self, name: &str, path: &Path) -> bool {
        let is_digest = |text: &str| text.parse::<Sha256>().is_ok();
        match self {
            Self::Compiles | Self::Installs | Self::Inputs => is_digest(name),
            Self::IndexAnswers => name.strip_suffix(".json").is_some_and(is_digest),
            Self::Signatures => Path::new(name).extension() == Some("asc".as_ref()),
            Self::OtherDigests => name.starts_with("sha384-") || name.starts_with("sha512-"),
            Self::PartialDownloads => is_known(name),
            Self::Builds => {
                is_build(name) && (path.join("in-use").exists() || path.join("source").is_dir())
            }
            Self::Scratch => path.join("in-use").exists(),
            Self::Logs => is_log(name),
            Self::Savings => Kind::ALL.iter().any(|kind| name == kind.folder()),
            Self::ConfigureAnswers | Self::Locks => true,
        }
    }

    /// Whether an item is a folder. Links are never items.
    fn is_folder(self) -> bool {
        matches!(self.guard(), Guard::Entry | Guard::InUse)
    }
}

/// Whether a name is that of a build folder: `3.11.2-AbCdEf`.
fn is_build(name: &str) -> bool {
    name.rsplit_once('-').is_some_and(|(version, random)| {
        version.split('.').count() == 3
            && version.starts_with(|c: char| c.is_ascii_digit())
            && random.len() == 6
            && random.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

/// Whether a name is that of a log: `3.11.2-20260102T030405-123.log`, `certificates-123.log`.
fn is_log(name: &str) -> bool {
    let Some(stem) = name.strip_suffix(".log") else {
        return false;
    };
    let mut parts = stem.rsplitn(3, '-');
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let process = parts.next().is_some_and(is_number);
    match (process, parts.next(), parts.next()) {
        (true, Some("certificates"), None) => true,
        (true, Some(time), Some(_)) => {
            time.len() == 15
                && time
                    .split_once('T')
                    .is_some_and(|(day, time)| is_number(day) && is_number(time))
        }
        _ => false,
    }
}

/// One thing in the store that is removed as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) category: Category,
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
    /// The last use; for things whose uses are not noted, the last change.
    pub(crate) used: SystemTime,
}

impl Store {
    /// Everything that this version knows, by category and name.
    pub(crate) fn items(&self) -> io::Result<Vec<Item>> {
        let mut items = Vec::new();
        for category in Category::ALL {
            items.extend(self.items_of(category)?);
        }
        Ok(items)
    }

    pub(super) fn items_of(&self, category: Category) -> io::Result<Vec<Item>> {
        let folder = self.root.join(category.folder());
        // A link may lead out of the store.
        if folder.symlink_metadata().is_ok_and(|found| !found.is_dir()) {
            return Ok(Vec::new());
        }
        let names = names_in(&folder)?.into_iter();
        let items = names.filter_map(|name| {
            let path = folder.join(&name);
            let found = path.symlink_metadata().ok()?;
            let is_right = if category.is_folder() {
                found.is_dir()
            } else {
                found.is_file()
            };
            if !is_right || !category.admits(name.to_str()?, &path) {
                return None;
            }
            let used = match category.guard() {
                Guard::Entry => path.join(entry::NAME).metadata().unwrap_or(found),
                _ => found,
            };
            Some(Item {
                category,
                bytes: size_of(&path),
                used: used.modified().ok()?,
                path,
            })
        });
        Ok(items.collect())
    }

    /// Folders of other formats, which other versions of pybuild use.
    pub(crate) fn other_formats(&self) -> io::Result<Vec<String>> {
        let names = names_in(&self.root)?;
        let names = names.iter().filter_map(|name| name.to_str());
        let known = |name: &str| {
            Category::ALL
                .iter()
                .any(|category| category.folder() == name)
        };
        let other = names.filter(|name| {
            let (stem, number) = name.rsplit_once('-').unwrap_or((name, "0"));
            let stems = ["compiles", "configure", "index", "installs", "scratch"];
            stems.contains(&stem) && number.parse::<u32>().is_ok() && !known(name)
        });
        Ok(other.map(str::to_owned).collect())
    }

    /// The number of uses of kept compiles, and the time that all built things saved, in milliseconds. A
    /// build that takes a kept installation takes a kept compile too.
    pub(crate) fn saved(&self) -> (usize, u64) {
        let saved = |kind: Kind| -> Vec<u64> {
            let path = self.root.join(SAVED).join(kind.folder());
            let text = fs_err::read_to_string(path).unwrap_or_default();
            text.lines().filter_map(|line| line.parse().ok()).collect()
        };
        let time = Kind::ALL.into_iter().flat_map(saved).sum();
        (saved(Kind::Compile).len(), time)
    }
}

/// The bytes of a file, or of all files below a folder. Links are not followed.
fn size_of(path: &Path) -> u64 {
    let entries = walkdir::WalkDir::new(path)
        .into_iter()
        .filter_map(Result::ok);
    let files = entries.filter(|entry| !entry.file_type().is_dir());
    files
        .filter_map(|entry| Some(entry.metadata().ok()?.len()))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::{is_build, is_log};

    #[test]
    fn only_names_of_pybuild_are_recognized() {
        assert!(is_build("3.11.2-AbC12z") && is_build("3.14.0a1-AbC12z"));
        for name in [
            "notes",
            "3.11.2",
            "my-project",
            "3.11-AbC12z",
            "3.11.2-project",
        ] {
            assert!(!is_build(name), "{name}");
        }
        assert!(is_log("3.11.2-20260102T030405-123.log") && is_log("certificates-7.log"));
        for name in [
            "app.log",
            "app-1.log",
            "a-b-1.log",
            "3.11.2-20260102T030405-.log",
            "x.txt",
        ] {
            assert!(!is_log(name), "{name}");
        }
    }
}
