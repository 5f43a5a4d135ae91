use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::{Limit, Prune};
use crate::digest::Sha256;
use crate::store::size::Size;
use crate::store::{Kind, Removing, Store};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn key(name: &str) -> Sha256 {
    Sha256::of(name.as_bytes())
}

fn set_age(path: &Path, age: Duration) {
    let file = fs_err::File::open(path).unwrap();
    file.file().set_modified(SystemTime::now() - age).unwrap();
}

/// A store with compiles of 1000 bytes `day-1`, `day-2` and so on, which were used so many days ago.
struct Bench {
    dir: tempfile::TempDir,
    store: Store,
}

impl Bench {
    fn new(days: u32) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::at(dir.path().to_owned());
        let bench = Self { dir, store };
        for day in 1..=days {
            let key = key(&format!("day-{day}"));
            let write = |to: &mut dyn std::io::Write| to.write_all(&[0; 1000]);
            bench
                .store
                .keep_built(Kind::Compile, key, DAY, write)
                .unwrap();
            let folder = bench.store.entry_folder(Kind::Compile, key);
            set_age(&folder.join("entry.json"), day * DAY);
        }
        bench
    }

    fn write(&self, name: &str, age: Duration) -> PathBuf {
        let path = self.dir.path().join(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(&path, [0; 1000]).unwrap();
        set_age(&path, age);
        path
    }

    /// The days of the compiles that are there.
    fn days(&self) -> BTreeSet<u32> {
        let is_there = |day: &u32| {
            let key = key(&format!("day-{day}"));
            self.store.entry_folder(Kind::Compile, key).exists()
        };
        (1..20).filter(is_there).collect()
    }
}

#[test]
fn the_limit_drops_the_least_recently_used_things_and_not_the_one_just_kept() {
    let bench = Bench::new(4);
    let input = bench.write(&format!("sha256/{}", key("input")), 100 * DAY);
    let limit = |bytes| Limit::Size(Size(bytes));
    let just_kept = (Kind::Compile, key("day-4"));
    let enforce = |limit| bench.store.enforce_limit(limit, &[just_kept]).unwrap();
    assert!(enforce(Limit::Unlimited).removed.is_empty());
    assert!(enforce(Limit::DEFAULT).removed.is_empty());
    // Each entry has a description too.
    let removal = enforce(limit(2 * 1500));
    assert_eq!(bench.days(), [1, 4].into());
    assert!(removal.in_use.is_empty() && removal.freed() > 2000);
    enforce(limit(1));
    assert_eq!(bench.days(), [4].into());
    assert!(input.exists() && !Limit::Size(Size(0)).keeps_built_things());
    let scratch = fs_err::read_dir(bench.dir.path().join("scratch")).unwrap();
    assert_eq!(scratch.count(), 0);
}

#[test]
fn a_thing_in_use_stays_and_the_next_one_is_removed_instead() {
    let bench = Bench::new(3);
    let user = bench.store.built(Kind::Compile, key("day-3")).unwrap();
    let folder = bench.store.entry_folder(Kind::Compile, key("day-3"));
    // Using it made it the most recently used.
    set_age(&folder.join("entry.json"), 3 * DAY);
    let prune = Prune::Unused {
        older_than: None,
        keep_size: Some(Size(2 * 1500)),
    };
    let removal = bench.store.prune(prune, Removing::Remove).unwrap();
    assert_eq!(bench.days(), [1, 3].into());
    assert_eq!((removal.removed.len(), removal.in_use.len()), (1, 1));
    drop(user);
    bench
        .store
        .prune(Prune::ToLimit(Limit::Size(Size(0))), Removing::Remove)
        .unwrap();
    assert!(bench.days().is_empty());
}

#[test]
fn a_dry_run_names_the_same_things_and_removes_none() {
    let bench = Bench::new(5);
    let old = bench.write(&format!("sha256/{}", key("input")), 40 * DAY);
    let new = bench.write(&format!("index-3/{}.json", key("pip")), DAY);
    let stale = bench.write("partial/x.part", 8 * DAY);
    let foreign = bench.write("sha256/notes", 40 * DAY);
    let prune = Prune::Unused {
        older_than: Some(3 * DAY),
        keep_size: None,
    };
    let shown = bench.store.prune(prune, Removing::DryRun).unwrap();
    assert_eq!(bench.days().len(), 5);
    assert!(old.exists() && stale.exists());
    assert!(!bench.dir.path().join("locks").exists());
    let done = bench.store.prune(prune, Removing::Remove).unwrap();
    assert_eq!(shown.removed, done.removed);
    assert_eq!(bench.days(), [1, 2].into());
    assert!(!old.exists() && !stale.exists() && new.exists() && foreign.exists());
}

#[test]
fn inputs_stay_while_a_process_uses_them() {
    let bench = Bench::new(0);
    let input = bench.write(&format!("sha256/{}", key("input")), 40 * DAY);
    let user = bench.store.enter();
    let removal = bench.store.clean(Removing::Remove).unwrap();
    assert!(input.exists() && removal.removed.is_empty() && !removal.in_use.is_empty());
    drop(user);
    bench.store.clean(Removing::Remove).unwrap();
    assert!(!input.exists());
}

#[test]
fn cleaning_leaves_only_foreign_files() {
    let bench = Bench::new(2);
    let build = bench.dir.path().join("build/3.11.2-AbC12z");
    fs_err::create_dir_all(build.join("source")).unwrap();
    for name in [
        "logs/3.11.2-20260102T030405-7.log",
        "saved/compiles-1",
        "configure-1/answers",
        "partial/x.part",
    ] {
        bench.write(name, DAY);
    }
    let elsewhere = tempfile::tempdir().unwrap();
    let target = elsewhere.path().join(key("a").to_string());
    fs_err::write(&target, "").unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), bench.dir.path().join("index-3")).unwrap();
    let link = bench.dir.path().join("sha256").join(key("a").to_string());
    fs_err::create_dir_all(link.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink(&target, &link).unwrap();
    let foreign = [
        bench.write("logs/app.log", DAY),
        bench.write("notes", DAY),
        bench.write("build/project/main.c", DAY),
        bench.write("compiles-2/x", DAY),
        bench.write("changes/prefix-x", DAY),
    ];
    bench.store.clean(Removing::Remove).unwrap();
    assert!(foreign.iter().all(|path| path.exists()));
    assert!(target.exists() && link.is_symlink());
    let mut names: Vec<_> = fs_err::read_dir(bench.dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    let expected = [
        "build",
        "changes",
        "compiles-2",
        "index-3",
        "logs",
        "notes",
        "sha256",
    ];
    assert_eq!(names, expected);
    assert_eq!(bench.store.other_formats().unwrap(), ["compiles-2"]);
}
