//! A kill at every failpoint of a transaction, and at every passing of it, for each kind of change; and
//! again during the recovery. After the kill no path is absent that both states have, and the wheels that
//! `ensurepip` names are there. After the recovery the prefix is exactly in the old or the new state.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::crash_fixture::{CrashFixture, Kind, NEW_PIP, OLD_PIP};
use crate::hotpatch::{named_wheels, stdlib};
use crate::outcome::Outcome;

/// The failpoints that the tests below reach, at every passing.
pub const POINTS: [&str; 17] = [
    "pending.noted",
    "transaction.begun",
    "transaction.staged",
    "transaction.kept",
    "transaction.written",
    "transaction.journal",
    "transaction.folders",
    "transaction.placed",
    "transaction.removed",
    "transaction.applied",
    "transaction.committed",
    "rollback.change",
    "rollback.done",
    "tidy.folders",
    "tidy.old",
    "tidy.discarded",
    "tidy.gone",
];

/// Mode and content of a path, and its time.
type Entry = ((u32, String), i128);

/// Whether a file holds times or scratch paths.
fn is_volatile(path: &Path) -> bool {
    let names = [
        "record.json",
        "provenance.json",
        "sbom.cdx.json",
        "hotpatch.json",
        "build.log",
    ];
    path.parent()
        .is_some_and(|folder| folder.ends_with("config"))
        || names.iter().any(|name| path.ends_with(name))
}

/// Every path of a prefix, without the transaction's folder; empty where there is no prefix.
fn state(prefix: &Path) -> BTreeMap<PathBuf, Entry> {
    if !prefix.exists() {
        return BTreeMap::new();
    }
    let entries = walkdir::WalkDir::new(prefix).into_iter();
    let entries = entries.filter_entry(|entry| entry.file_name() != ".pybuild-transaction");
    entries
        .map(Result::unwrap)
        .map(|entry| {
            let found = entry.metadata().unwrap();
            let nanoseconds = i128::from(found.mtime()) * 1_000_000_000;
            let mut time = nanoseconds + i128::from(found.mtime_nsec());
            let content = if found.is_symlink() {
                fs_err::read_link(entry.path())
                    .unwrap()
                    .display()
                    .to_string()
            } else if found.is_dir() {
                time = 0;
                "folder".to_owned()
            } else if is_volatile(entry.path()) {
                "volatile".to_owned()
            } else if entry.file_name() == "files.json" {
                let text = fs_err::read(entry.path()).unwrap();
                let mut files: BTreeMap<PathBuf, serde_json::Value> =
                    serde_json::from_slice(&text).unwrap();
                files.retain(|path, _| !is_volatile(path));
                format!("{files:?}")
            } else {
                let content = fs_err::read(entry.path()).unwrap();
                pybuild::digest::Sha256::of(&content).to_string()
            };
            let path = entry.path().strip_prefix(prefix).unwrap().to_owned();
            (path, ((found.mode(), content), time))
        })
        .collect()
}

/// One kind of change, and the prefix that it starts from.
struct Change {
    name: &'static str,
    crash: CrashFixture,
    arguments: Vec<OsString>,
    /// Whether the interpreter has to work at every moment.
    works: bool,
    kills: u32,
}

impl Change {
    fn new(name: &'static str, crash: CrashFixture, arguments: &[&str]) -> Self {
        let prefix = crash.prefix().display().to_string();
        let arguments = arguments.iter().map(|word| word.replace("PREFIX", &prefix));
        Self {
            name,
            arguments: arguments.map(OsString::from).collect(),
            crash,
            works: false,
            kills: 0,
        }
    }

    fn run(&self, arguments: &[OsString], variable: &str, value: &str) -> Outcome {
        let mut command = self.crash.fixture.context.command(arguments);
        command.env(variable, value);
        self.crash.fixture.context.outcome(&mut command)
    }

    /// The passings of the transaction's points in a run of this command.
    fn points(&self, arguments: &[OsString]) -> Vec<String> {
        let list = self.crash.fixture.context.path("points");
        drop(fs_err::remove_file(&list));
        self.run(arguments, "PYBUILD_POINTS", &list.display().to_string());
        let text = fs_err::read_to_string(list).unwrap();
        let known = |line: &&str| POINTS.contains(&line.split(':').next().unwrap());
        text.lines().filter(known).map(str::to_owned).collect()
    }

    fn kill(&mut self, arguments: &[OsString], point: &str) {
        let outcome = self.run(arguments, "PYBUILD_CRASH_AT", point);
        assert_eq!(outcome.code, None, "{point} was not passed: {outcome}");
        self.kills += 1;
    }

    /// Kills at every passing, and at every passing of the recovery.
    fn kill_everywhere(mut self) {
        // A command about something else recovers the prefix.
        let elsewhere = ["uninstall", "3.0", "--prefix", "nowhere"].map(OsString::from);
        let arguments = self.arguments.clone();
        let prefix = self.crash.prefix();
        let old = state(&prefix);
        let points = self.points(&arguments);
        let new = state(&prefix);
        assert!(
            Self::contents(&old) != Self::contents(&new),
            "{}",
            self.name
        );
        let committed = points
            .iter()
            .position(|point| point == "transaction.committed:1");
        for (number, point) in points.iter().enumerate() {
            self.crash.reset();
            self.kill(&arguments, point);
            self.assert_complete(&old, &new, point);
            self.crash.fixture.context.run(&elsewhere).exits(3);
            self.assert_settled(&old, &new, Some(number) >= committed, point);
        }
        for (last, is_new) in [
            ("transaction.applied", false),
            ("transaction.committed", true),
        ] {
            self.crash.reset();
            self.kill(&arguments, last);
            let killed = self.crash.fixture.context.path("killed");
            fs_err::create_dir(&killed).unwrap();
            for folder in ["prefix", "cache"] {
                self.crash.copy(folder, &format!("killed/{folder}"));
            }
            for point in self.points(&elsewhere) {
                for folder in ["prefix", "cache"] {
                    drop(fs_err::remove_dir_all(
                        self.crash.fixture.context.path(folder),
                    ));
                    self.crash.copy(&format!("killed/{folder}"), folder);
                }
                self.kill(&elsewhere, &point);
                let what = format!("{last}, then {point}");
                self.assert_complete(&old, &new, &what);
                self.crash.fixture.context.run(&elsewhere).exits(3);
                self.assert_settled(&old, &new, is_new, &what);
            }
            fs_err::remove_dir_all(killed).unwrap();
        }
        eprintln!("{}: {} kills", self.name, self.kills);
        assert!(self.kills > 40, "{}: {} kills", self.name, self.kills);
    }

    fn contents(state: &BTreeMap<PathBuf, Entry>) -> BTreeMap<&Path, &(u32, String)> {
        let contents = state.iter();
        contents
            .map(|(path, (content, _))| (path.as_path(), content))
            .collect()
    }

    /// Right after a kill: no path is absent, or has another content than one of the two states.
    fn assert_complete(
        &self,
        old: &BTreeMap<PathBuf, Entry>,
        new: &BTreeMap<PathBuf, Entry>,
        what: &str,
    ) {
        let prefix = self.crash.prefix();
        let what = format!("{}, {what}", self.name);
        let found = state(&prefix);
        for path in old.keys().filter(|path| new.contains_key(*path)) {
            assert!(
                found.contains_key(path),
                "{what}: {} is absent",
                path.display()
            );
        }
        for (path, (content, _)) in &found {
            let known = [old.get(path), new.get(path)].into_iter().flatten();
            let is_known = known.into_iter().any(|(known, _)| known == content);
            assert!(is_known, "{what}: {} is {content:?}", path.display());
        }
        if prefix.join("lib").is_dir() {
            named_wheels(&prefix);
        }
        if self.works {
            let pip = self.crash.fixture.venv_pip(&prefix);
            assert!([OLD_PIP, NEW_PIP].contains(&pip.as_str()), "{what}: {pip}");
        }
    }

    /// After the recovery: exactly the old state, times included, or exactly the new one.
    fn assert_settled(
        &self,
        old: &BTreeMap<PathBuf, Entry>,
        new: &BTreeMap<PathBuf, Entry>,
        is_new: bool,
        what: &str,
    ) {
        let what = format!("{}, {what}", self.name);
        let found = state(&self.crash.prefix());
        let differ = |wanted: &BTreeMap<PathBuf, Entry>, same: &dyn Fn(&Entry, &Entry) -> bool| {
            let paths: std::collections::BTreeSet<_> = wanted.keys().chain(found.keys()).collect();
            let differs = |path: &&&PathBuf| match (wanted.get(**path), found.get(**path)) {
                (Some(wanted), Some(found)) => !same(wanted, found),
                _ => true,
            };
            let differ: Vec<_> = paths.iter().filter(differs).collect();
            assert!(differ.is_empty(), "{what}: {differ:?}");
        };
        if is_new {
            differ(new, &|wanted, found| wanted.0 == found.0);
        } else {
            differ(old, &|wanted, found| wanted == found);
        }
        self.crash.no_leftovers_at_prefix(&what);
        let notes = self.crash.fixture.context.snapshot("cache/changes");
        assert!(notes.len() <= 1, "{what}: {notes:?}");
    }
}

fn build_arguments(crash: &CrashFixture) -> Vec<String> {
    let arguments = crash.arguments(NEW_PIP).into_iter();
    arguments.map(|word| word.into_string().unwrap()).collect()
}

#[test]
fn a_commit_into_a_prefix_that_holds_foreign_files() {
    let crash = CrashFixture::new(Kind::Shared);
    // Without the installation of before.
    let prefix = crash.prefix().display().to_string();
    let context = &crash.fixture.context;
    context.run(["uninstall", &prefix]).success();
    fs_err::remove_dir_all(context.path("before")).unwrap();
    crash.copy("prefix", "before");
    let arguments = build_arguments(&crash);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    Change::new("commit", crash, &arguments).kill_everywhere();
}

#[test]
fn an_upgrade_over_an_interpreter_that_pybuild_does_not_know() {
    let crash = CrashFixture::new(Kind::Shared);
    let context = &crash.fixture.context;
    fs_err::remove_dir_all(context.path("before/share/pybuild/3.99.1")).unwrap();
    crash.reset();
    let mut arguments = build_arguments(&crash);
    arguments.push("--overwrite".to_owned());
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    Change::new("upgrade", crash, &arguments).kill_everywhere();
}

#[test]
fn an_uninstallation() {
    for kind in [Kind::Shared, Kind::Own] {
        let crash = CrashFixture::new(kind);
        Change::new("uninstall", crash, &["uninstall", "PREFIX"]).kill_everywhere();
    }
}

const HOTPATCH: [&str; 5] = ["hotpatch", "PREFIX", "--pip", NEW_PIP, "--no-check"];

/// A fixture whose prefix has compiled files of `ensurepip`.
fn with_compiled_files() -> CrashFixture {
    let crash = CrashFixture::new(Kind::Shared);
    let ensurepip = stdlib(&crash.prefix()).join("ensurepip/__pycache__");
    fs_err::create_dir_all(&ensurepip).unwrap();
    fs_err::write(ensurepip.join("__init__.mini.pyc"), "compiled").unwrap();
    fs_err::remove_dir_all(crash.fixture.context.path("before")).unwrap();
    crash.copy("prefix", "before");
    crash
}

#[test]
fn a_hotpatch() {
    let mut change = Change::new("hotpatch", with_compiled_files(), &HOTPATCH);
    change.works = true;
    change.kill_everywhere();
}

#[test]
fn a_hotpatch_of_the_installed_packages_too() {
    let arguments = [&HOTPATCH[..], &["--upgrade-installed"]].concat();
    let mut change = Change::new(
        "hotpatch --upgrade-installed",
        with_compiled_files(),
        &arguments,
    );
    change.works = true;
    change.kill_everywhere();
}

#[test]
fn an_undo() {
    let crash = with_compiled_files();
    let prefix = crash.prefix().display().to_string();
    let words = [&HOTPATCH[..], &["--upgrade-installed"]].concat();
    let words = words.iter().map(|word| word.replace("PREFIX", &prefix));
    crash.fixture.context.run(words).success();
    fs_err::remove_dir_all(crash.fixture.context.path("before")).unwrap();
    crash.copy("prefix", "before");
    let mut change = Change::new("undo", crash, &["hotpatch", "PREFIX", "--undo"]);
    change.works = true;
    change.kill_everywhere();
}
