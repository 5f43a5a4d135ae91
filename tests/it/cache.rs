//! `pybuild cache`: shows and cleans the cache folder.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use crate::fixture::Fixture;
use crate::mini_cpython::VERSION;
use crate::outcome::Outcome;
use crate::small_disk::{self, Trouble};

/// A fixture whose store has the inputs of a build, and no kept compile.
fn fixture() -> Fixture {
    let fixture = Fixture::online();
    fixture.context.run(build(&fixture)).success();
    fixture
}

fn build(fixture: &Fixture) -> Vec<String> {
    let digest = fixture.release.sha256().to_string();
    let words = [
        VERSION,
        "--sha256",
        &digest,
        "--pip",
        "latest",
        "--force",
        "--no-cache",
    ];
    words.map(str::to_owned).to_vec()
}

fn cache(fixture: &Fixture, arguments: &[&str]) -> Outcome {
    let arguments = [&["cache"], arguments].concat();
    fixture.context.run(arguments)
}

/// Adds a kept compile with a payload of 100,000 bytes that was last used so long ago.
fn add_compile(fixture: &Fixture, name: &str, age: Duration) -> PathBuf {
    let key = pybuild::digest::Sha256::of(name.as_bytes());
    let folder = format!("cache/compiles-1/{key}");
    fixture
        .context
        .write(&format!("{folder}/payload"), vec![7; 100_000]);
    let path = fixture.context.write(&format!("{folder}/entry.json"), "{}");
    let file = fs_err::File::open(path).unwrap();
    file.file().set_modified(SystemTime::now() - age).unwrap();
    fixture.context.path(&folder)
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[test]
fn the_folder_is_printed_and_not_created() {
    let fixture = Fixture::new();
    let path = fixture.context.path("cache");
    let outcome = cache(&fixture, &["dir"]).success();
    assert_eq!(outcome.stdout, format!("{}\n", path.display()));
    for arguments in [
        &["info"][..],
        &["prune", "--dry-run"],
        &["clean", "--dry-run"],
    ] {
        cache(&fixture, arguments).success();
    }
    assert!(!path.exists());
}

#[test]
fn the_information_counts_each_kind() {
    let mut fixture = fixture();
    add_compile(&fixture, "one", DAY);
    fixture
        .context
        .write("cache/saved/compiles-1", "90000\nhalf a line\n3600000\n");
    fixture.context.write("cache/compiles-9/x", "newer");
    fixture.context.write("cache/of-a-user", [0; 5000]);
    let outcome = cache(&fixture, &["info"]).success();
    for text in [
        "kept compiles                1     97.6 KiB",
        "archives and wheels          2",
        "1 h 1 min in 2 builds",
        "limit of kept compiles: 2 GiB (default)",
        "not counted: compiles-9",
    ] {
        assert!(outcome.stdout.contains(text), "`{text}` in {outcome}");
    }
    fixture.context.set("PYBUILD_CACHE_LIMIT", "none");
    let outcome = cache(&fixture, &["info", "--json"]).success();
    let info: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
    let kinds = info["kinds"].as_array().unwrap();
    let bytes = |kind: &str| {
        let found = kinds.iter().find(|it| it["kind"] == kind).unwrap();
        found["bytes"].as_u64().unwrap()
    };
    assert_eq!(bytes("compiles"), 100_002);
    let sum: u64 = kinds
        .iter()
        .map(|kind| kind["bytes"].as_u64().unwrap())
        .sum();
    assert_eq!(info["total_bytes"], sum);
    assert_eq!(
        info["saved"],
        serde_json::json!({"uses": 2, "seconds": 3690})
    );
    let limit = serde_json::json!({"bytes": null, "from": "PYBUILD_CACHE_LIMIT"});
    assert_eq!(info["limit"], limit);
}

#[test]
fn pruning_removes_the_least_recently_used_content() {
    let mut fixture = fixture();
    let old = add_compile(&fixture, "old", 40 * DAY);
    let newer = add_compile(&fixture, "newer", 20 * DAY);
    let inputs = fixture.context.snapshot("cache/sha256");
    // Below the limit, nothing is removed.
    cache(&fixture, &["prune"]).success().says(["0 B freed"]);
    fixture.context.set("PYBUILD_CACHE_LIMIT", "150KB");
    let outcome = cache(&fixture, &["prune", "--dry-run"]).success();
    assert_eq!(outcome.stdout, format!("{}\n", old.display()));
    outcome.says(["would remove kept compiles: 1", "97.6 KiB would be freed"]);
    assert!(old.exists());
    cache(&fixture, &["prune"])
        .success()
        .says(["removed kept compiles: 1 (97.6 KiB)", "97.6 KiB freed"]);
    assert!(!old.exists() && newer.exists());
    cache(&fixture, &["prune", "--older-than", "2w"]).success();
    assert!(!newer.exists());
    assert_eq!(fixture.context.snapshot("cache/sha256"), inputs);
    cache(&fixture, &["prune", "--keep-size", "0"]).success();
    assert_eq!(fixture.context.snapshot("cache/sha256").len(), 1);
    fixture.context.run(build(&fixture)).success();
}

#[test]
fn a_look_up_counts_as_a_use() {
    let fixture = fixture();
    let inputs = || fixture.context.snapshot("cache/sha256");
    let before = inputs();
    for name in before.keys().filter(|name| !name.is_empty()) {
        let path = fixture.context.path("cache/sha256").join(name);
        let file = fs_err::File::open(path).unwrap();
        file.file()
            .set_modified(SystemTime::now() - 40 * DAY)
            .unwrap();
    }
    fixture.context.run(build(&fixture)).success();
    cache(&fixture, &["prune", "--older-than", "30d"]).success();
    assert_eq!(inputs(), before);
}

#[test]
fn cleaning_leaves_an_empty_folder_and_foreign_files() {
    let fixture = fixture();
    add_compile(&fixture, "one", DAY);
    let foreign = fixture.context.write("cache/notes/mine", "text");
    let before = fixture.context.snapshot("cache");
    let outcome = cache(&fixture, &["clean", "--dry-run"]).success();
    assert!(outcome.stdout.lines().count() >= 4, "{outcome}");
    assert!(!outcome.stdout.contains("mine"), "{outcome}");
    assert_eq!(before, fixture.context.snapshot("cache"));
    cache(&fixture, &["clean"]).success().says(["freed"]);
    let mut left = fixture.context.snapshot("cache");
    // The notes of changes to prefixes are no content of the store.
    left.remove("changes");
    let names: Vec<_> = left.keys().map(String::as_str).collect();
    assert_eq!(names, ["", "notes", "notes/mine"]);
    assert!(foreign.exists());
    fixture.context.run(build(&fixture)).success();
}

#[test]
fn a_home_folder_named_by_mistake_loses_nothing() {
    let mut fixture = Fixture::new();
    let names = [
        "home/build/main.c",
        "home/build/3.11-project/main.c",
        "home/logs/app.log",
        "home/sha256/sums",
        "home/scratch/notes/text",
        "home/signatures/me.gpg",
        "home/partial/chapter",
    ];
    for name in names {
        fixture.context.write(name, "of the user");
    }
    let before = fixture.context.snapshot("home");
    let home = fixture.context.path("home");
    fixture.context.set("PYBUILD_CACHE_DIR", home);
    for arguments in [&["clean"][..], &["prune", "--older-than", "0d"]] {
        cache(&fixture, arguments).success();
        assert_eq!(fixture.context.snapshot("home"), before);
    }
}

#[test]
fn content_that_a_running_build_uses_stays() {
    let fixture = fixture();
    let input = fixture.context.snapshot("cache/sha256");
    let hold = fixture.context.path("hold");
    fs_err::create_dir(&hold).unwrap();
    let mut command = fixture.context.command(build(&fixture));
    command
        .env("PYBUILD_HOLD_AT", "log.created")
        .env("PYBUILD_HOLD_IN", &hold)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let reached = hold.join("log.created");
    while !reached.exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let commands: [&[&str]; 2] = [&["clean"], &["prune", "--keep-size", "0"]];
    for command in commands {
        let outcome = cache(&fixture, command).success();
        outcome.says([
            "left archives and wheels: 2",
            "left build folders: 1",
            "in use",
        ]);
    }
    assert_eq!(fixture.context.snapshot("cache/sha256"), input);
    fs_err::remove_file(reached).unwrap();
    let output = child.wait_with_output().unwrap();
    Outcome::new(&output, &fixture.context.path("")).success();
    cache(&fixture, &["clean"]).success().never_says("in use");
}

#[test]
fn a_wrong_value_is_a_usage_error_with_a_hint() {
    let mut fixture = Fixture::new();
    for arguments in [
        ["--keep-size", "abc"],
        ["--keep-size", "-1"],
        ["--keep-size", "10"],
        ["--older-than", "-1"],
        ["--older-than", "-1d"],
        ["--older-than", "soon"],
    ] {
        let outcome = cache(&fixture, &[&["prune"], &arguments[..]].concat());
        let outcome = outcome.exits(2).has_one_error_with_a_hint();
        outcome.says([arguments[0], arguments[1]]);
    }
    fixture.context.set("PYBUILD_CACHE_LIMIT", "much");
    let outcome = cache(&fixture, &["info"]).exits(2);
    outcome
        .has_one_error_with_a_hint()
        .says(["PYBUILD_CACHE_LIMIT", "much"]);
    cache(&fixture, &[]).exits(2);
}

#[test]
fn a_read_only_store_is_shown_and_not_cleaned() {
    if !small_disk::can_be_mounted() {
        return;
    }
    let fixture = fixture();
    add_compile(&fixture, "one", DAY);
    let disk = fixture.context.path("cache");
    let run = |arguments: &[&str]| {
        let arguments: Vec<&OsStr> = arguments.iter().map(OsStr::new).collect();
        small_disk::run(&fixture.context, &disk, Trouble::ReadOnly, &arguments)
    };
    let ran = run(&["cache", "clean"]);
    let first = ran.first.exits(1).has_one_error_with_a_hint();
    first.says(["read-only"]);
    ran.again.success();
    run(&["cache", "info"]).first.success();
    run(&["cache", "prune", "--keep-size", "0", "--dry-run"])
        .first
        .success();
}

/// The folders of kept compiles.
fn compiles(fixture: &Fixture) -> Vec<PathBuf> {
    let entries = fs_err::read_dir(fixture.context.path("cache/compiles-1"));
    let entries = entries.into_iter().flatten();
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn a_build_drops_the_least_recently_used_compiles_and_keeps_its_own() {
    let mut fixture = fixture();
    let old = add_compile(&fixture, "old", DAY);
    fixture.build(&["--force"]).success().never_says("limit");
    assert_eq!(compiles(&fixture).len(), 2);
    // Even if its own alone is over the limit.
    fixture.context.set("PYBUILD_CACHE_LIMIT", "1b");
    let other = ["--prefix", "other"];
    fixture.build(&other).success().says(["over their limit"]);
    assert_eq!(compiles(&fixture).len(), 1);
    assert!(!old.exists());
    let force = [&other[..], &["--force"]].concat();
    fixture.build(&force).success().says(["kept compile"]);
    cache(&fixture, &["clean"]).success();
    fixture.context.set("PYBUILD_CACHE_LIMIT", "0");
    fixture.build(&force).success();
    assert!(compiles(&fixture).is_empty());
    fixture.context.set("PYBUILD_CACHE_LIMIT", "much");
    let outcome = fixture.build(&force).exits(2).has_one_error_with_a_hint();
    outcome.says(["PYBUILD_CACHE_LIMIT"]);
}
