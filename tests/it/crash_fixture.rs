//! A prefix that can be put back to its first state, for tests that end a build early. Each run begins with
//! the same prefix and an empty cache, and ends with a check that the prefix is complete.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::Path;

use pybuild::install::{Item, Manifest};

use crate::fixture::{Fixture, LATEST_PIP};
use crate::mini_cpython::VERSION;
use crate::outcome::Outcome;

/// The prefix before a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Absent,
    Own,
    Shared,
}

pub const KINDS: [Kind; 3] = [Kind::Absent, Kind::Own, Kind::Shared];

/// The pips of the old and of the new installation.
pub const OLD_PIP: &str = "23.3.2";
pub const NEW_PIP: &str = LATEST_PIP;

/// Content, mode and time of the foreign files in a prefix.
type ForeignFiles = BTreeMap<String, (String, u32, i64, i64)>;

/// A fixture for many runs that each begin with the same prefix and an empty cache.
pub struct CrashFixture {
    pub fixture: Fixture,
    foreign: ForeignFiles,
}

impl CrashFixture {
    pub fn new(kind: Kind) -> Self {
        let mut crash = Self {
            fixture: Fixture::online(),
            foreign: ForeignFiles::new(),
        };
        if kind == Kind::Shared {
            for file in [
                "bin/other",
                "lib/python3.99/site-packages/own.pth",
                "share/man/man1/other.1",
                "share/pybuild/notes.txt",
            ] {
                crash
                    .fixture
                    .context
                    .write(&format!("prefix/{file}"), "theirs");
            }
            symlink("other", crash.prefix().join("bin/link")).unwrap();
            crash.foreign = crash.foreign_files();
            assert_eq!(crash.foreign.len(), 5);
        }
        if kind != Kind::Absent {
            crash.build(OLD_PIP, None).success();
            crash.copy("prefix", "before");
        }
        crash.reset();
        crash
    }

    /// Restores the first state.
    pub fn reset(&self) {
        for folder in ["prefix", "cache"] {
            drop(fs_err::remove_dir_all(self.fixture.context.path(folder)));
        }
        if self.fixture.context.path("before").exists() {
            self.copy("before", "prefix");
        }
    }

    /// Copies a folder with modes, times and links.
    pub fn copy(&self, from: &str, to: &str) {
        let path = |name| self.fixture.context.path(name);
        let mut copy = std::process::Command::new("cp");
        copy.arg("-a").args([path(from), path(to)]);
        assert!(copy.status().unwrap().success());
    }

    pub fn prefix(&self) -> std::path::PathBuf {
        self.fixture.context.path("prefix")
    }

    pub fn arguments(&self, pip: &str) -> Vec<OsString> {
        let digest = self.fixture.release.sha256().to_string();
        let prefix = self.prefix().display().to_string();
        let release = [VERSION, "--sha256", &digest, "--no-cache"];
        let options = ["--prefix", &prefix, "--pip", pip];
        [&release[..], &options]
            .concat()
            .into_iter()
            .map(OsString::from)
            .collect()
    }

    pub fn command(&self, arguments: &[OsString], point: Option<&str>) -> std::process::Command {
        let mut command = self.fixture.context.command(arguments);
        if let Some(point) = point {
            command.env("PYBUILD_CRASH_AT", point);
        }
        command
    }

    pub fn build(&self, pip: &str, point: Option<&str>) -> Outcome {
        let mut command = self.command(&self.arguments(pip), point);
        self.fixture.context.outcome(&mut command)
    }

    pub fn uninstall(&self, point: Option<&str>) -> Outcome {
        let arguments = ["uninstall".into(), self.prefix().into_os_string()];
        let mut command = self.command(&arguments, point);
        self.fixture.context.outcome(&mut command)
    }

    /// The files in the prefix that are in no manifest and in no record's folder.
    fn foreign_files(&self) -> ForeignFiles {
        let ours = self.manifest();
        let prefix = self.prefix();
        walkdir::WalkDir::new(&prefix)
            .into_iter()
            .filter_map(Result::ok)
            .filter(|entry| !entry.file_type().is_dir())
            .filter_map(|entry| {
                let path = entry.path().strip_prefix(&prefix).unwrap();
                let record = Path::new("share/pybuild").join(VERSION);
                if ours.as_ref().is_some_and(|ours| ours.contains(path)) || path.starts_with(record)
                {
                    return None;
                }
                let metadata = entry.path().symlink_metadata().unwrap();
                let content = if metadata.is_symlink() {
                    fs_err::read_link(entry.path())
                        .unwrap()
                        .display()
                        .to_string()
                } else {
                    fs_err::read_to_string(entry.path()).unwrap()
                };
                let times = (metadata.mtime(), metadata.mtime_nsec());
                let name = path.display().to_string();
                Some((name, (content, metadata.mode(), times.0, times.1)))
            })
            .collect()
    }

    fn manifest(&self) -> Option<Manifest> {
        let folder = self.prefix().join("share/pybuild").join(VERSION);
        let text = fs_err::read(folder.join("files.json")).ok()?;
        assert!(folder.join("record.json").exists());
        Some(serde_json::from_slice(&text).unwrap())
    }

    /// Asserts that the prefix holds a complete installation or none, and all foreign files. Returns
    /// the version of its pip.
    #[track_caller]
    pub fn whole(&self, what: &str) -> Option<String> {
        assert_eq!(self.foreign_files(), self.foreign, "{what}");
        let manifest = self.manifest()?;
        for (path, item) in manifest.items() {
            let found = Item::at(&self.prefix().join(path)).unwrap();
            assert_eq!(found.as_ref(), Some(item), "{what}: {}", path.display());
        }
        let record = self
            .prefix()
            .join("share/pybuild")
            .join(VERSION)
            .join("record.json");
        let record: serde_json::Value =
            serde_json::from_slice(&fs_err::read(record).unwrap()).unwrap();
        let said = self
            .fixture
            .python(&self.prefix(), &["-m", "pip", "--version"]);
        let pip = record["checks"]["pip"].as_str().unwrap().to_owned();
        assert!(said.starts_with(&format!("pip {pip} ")), "{what}: {said}");
        Some(pip)
    }

    /// Asserts that no leftover files are in the cache, in the prefix or beside it.
    #[track_caller]
    pub fn no_leftovers(&self, what: &str) {
        self.no_leftovers_at_prefix(what);
        self.fixture.assert_nothing_is_left_behind();
    }

    /// The same without the cache.
    #[track_caller]
    pub fn no_leftovers_at_prefix(&self, what: &str) {
        let top = self.fixture.context.path("");
        let beside = walkdir::WalkDir::new(&top).max_depth(2).into_iter();
        let left: Vec<_> = beside
            .filter_map(Result::ok)
            .filter(|entry| entry.file_name().to_string_lossy().starts_with(".pybuild"))
            .collect();
        assert!(left.is_empty(), "{what}: {left:?}");
    }
}
