//! A disk that is full, at every stage of every command: what is said, and that nothing is left half done.
//!
//! Nobody can say beforehand how many pages a stage takes, so each test gives a folder a little more room
//! from run to run until the command succeeds, and then looks whether it was stopped at every stage that
//! writes there.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use crate::context::snapshot;
use crate::fixture::{Fixture, LATEST_PIP};
use crate::mini_cpython::VERSION;
use crate::outcome::Outcome;
use crate::small_disk::{self, Ran, Trouble};

/// A page of memory; a tmpfs gives room by those.
const PAGE: u32 = 4;

/// No miniature needs more.
const MOST: u32 = 4096;

const OLD_PIP: &str = "23.3.2";

/// One error that says why and what to do about a full disk; nothing of who may write.
#[track_caller]
fn says_full(outcome: &Outcome) {
    let outcome = outcome.clone().has_one_error_with_a_hint();
    let outcome = outcome.says(["No space left on device", "disk is full"]);
    let hint = outcome
        .stderr
        .lines()
        .find(|line| line.starts_with("hint:"));
    let hint = hint.unwrap_or_default();
    assert!(hint.contains("make room"), "{outcome}");
    assert!(!hint.contains("as a user who"), "{outcome}");
}

/// Runs the command with ever more room in `at`, in steps of so many KiB, until it succeeds: a row for
/// each. Gives what standard error said of each that failed.
fn with_ever_more_room(
    fixture: &Fixture,
    at: &Path,
    step: u32,
    arguments: &[OsString],
    check: impl Fn(&Ran, &str),
) -> Vec<String> {
    let mut said = Vec::new();
    // Nothing else has room for nothing: a tmpfs of size 0 has no end.
    let first = u32::from(snapshot(at).len() <= 1) * PAGE;
    let (mut leaves, mut step) = (first, step);
    while leaves < MOST {
        let ran = small_disk::run(&fixture.context, at, Trouble::Full(leaves), arguments);
        let row = format!("{leaves} KiB in {}", at.display());
        if ran.first.code == Some(0) {
            assert!(!said.is_empty(), "{row}: {}", ran.first);
            if step == PAGE {
                eprintln!("{} rows until {row}", said.len());
                return said;
            }
            // The last files are small: page by page from the last failure on.
            leaves = leaves - step + PAGE;
            step = PAGE;
            continue;
        }
        says_full(&ran.first);
        check(&ran, &row);
        let again = ran.again.clone().success();
        drop(again);
        said.push(ran.first.stderr);
        leaves += step;
    }
    panic!("{MOST} KiB are not enough");
}

/// Asserts that some run was stopped at each of these stages.
#[track_caller]
fn stopped_at(said: &[String], stages: &[&str]) {
    for stage in stages {
        assert!(
            said.iter().any(|said| said.contains(stage)),
            "never stopped at `{stage}`:\n{}",
            said.join("\n")
        );
    }
}

/// That what is in the folder is what it was, but for what may be there: the beginnings of paths.
#[track_caller]
fn nothing_but(folder: &Path, may_be: &[&str], row: &str) {
    let names: Vec<String> = snapshot(folder)
        .into_iter()
        .filter(|(_, content)| content != "folder")
        .map(|(name, _)| name)
        .filter(|name| !may_be.iter().any(|start| name.starts_with(start)))
        .collect();
    assert!(names.is_empty(), "{row}: left are {names:?}");
}

/// That the folder holds what it held.
#[track_caller]
fn unchanged(before: &BTreeMap<String, String>, folder: &Path, row: &str) {
    let after = snapshot(folder);
    let changed: Vec<&String> = before
        .keys()
        .chain(after.keys())
        .filter(|path| before.get(*path) != after.get(*path))
        .collect();
    assert!(changed.is_empty(), "changed: {changed:?} by {row}");
}

/// Builds into `prefix`, a name in the test's folder; `more` begins with the pip.
fn build(fixture: &Fixture, prefix: &str, more: &[&str]) -> Vec<OsString> {
    let digest = fixture.release.sha256().to_string();
    let prefix = fixture.context.path(prefix).display().to_string();
    let build = fixture.context.path("build").display().to_string();
    let mut arguments: Vec<&str> = vec![VERSION, "--sha256", &digest, "--prefix", &prefix];
    arguments.extend(["--no-cache", "--build-dir", &build, "--pip"]);
    arguments.extend(more);
    arguments.into_iter().map(OsString::from).collect()
}

fn no_prefix_yet(fixture: &Fixture) {
    drop(fs_err::remove_dir_all(fixture.context.path("prefix")));
}

#[test]
fn a_full_build_folder_is_reported_at_every_step_and_no_file_is_left_there() {
    if !small_disk::can_be_mounted() {
        return;
    }
    let fixture = Fixture::online();
    let at = fixture.context.path("build");
    let arguments = build(&fixture, "prefix", &[LATEST_PIP]);
    let said = with_ever_more_room(&fixture, &at, 2 * PAGE, &arguments, |ran, row| {
        let first = ran.first.clone().exits(1);
        assert!(first.stderr.contains("--build-dir"), "{row}: {first}");
        nothing_but(&ran.disk(), &[], row);
        nothing_but(&ran.disk_again(), &[], row);
        assert!(fixture.context.path("prefix/bin/python3").exists(), "{row}");
        no_prefix_yet(&fixture);
    });
    stopped_at(
        &said,
        &[
            "the build folder",
            "the source tree cannot be written",
            // The pin's text or wheel.
            "--build-dir names the folder of a build",
            "`./configure",
            "make -j",
            "make install",
            // A venv is made meanwhile; either may find the disk full.
            "-c '# pybuild program: run-ensurepip",
        ],
    );
}

/// A cache that another run has used holds no half-written answer, and no leftover files.
fn cache_is_sound(cache: &Path, row: &str) {
    for (name, content) in snapshot(&cache.join("sha256")) {
        assert!(content == "folder" || content == name, "{row}: {name}");
    }
    for (name, content) in snapshot(&cache.join("index-3")) {
        let text = fs_err::read(cache.join("index-3").join(&name)).unwrap_or_default();
        let text = text.split_inclusive(|byte| *byte == b'\n').nth(1);
        let answer = serde_json::from_slice::<serde_json::Value>(text.unwrap_or_default());
        let whole = answer.is_ok();
        assert!(content == "folder" || whole, "{row}: {name}");
    }
    // The beginning of a download is of use to the next run.
    let partial = snapshot(&cache.join("partial")).into_keys();
    let leftovers: Vec<String> = partial
        .skip(1)
        .filter(|name| !name.contains(".part"))
        .collect();
    assert!(leftovers.is_empty(), "{row}: {leftovers:?}");
    nothing_but(&cache.join("scratch"), &[], row);
    nothing_but(&cache.join("build"), &[], row);
}

#[test]
fn a_full_cache_is_reported_and_its_files_are_complete() {
    if !small_disk::can_be_mounted() {
        return;
    }
    let fixture = Fixture::online();
    let at = fixture.context.path("cache");
    let folder = fixture.context.path("releases").display().to_string();
    for (more, stages) in [
        (vec![LATEST_PIP], ["part`", "logs/"]),
        (vec![LATEST_PIP, "--mirror", &folder], ["copy-", "logs/"]),
    ] {
        let said = with_ever_more_room(
            &fixture,
            &at,
            PAGE,
            &build(&fixture, "prefix", &more),
            |ran, row| {
                let code = if ran.first.stderr.contains("the cache folder") {
                    4
                } else {
                    1
                };
                let first = ran.first.clone().exits(code);
                let named = first.stderr.contains("PYBUILD_CACHE_DIR");
                assert!(named, "{row}: {first}");
                cache_is_sound(&ran.disk(), row);
                nothing_but(&fixture.context.path("build"), &[], row);
                assert!(fixture.context.path("prefix/bin/python3").exists(), "{row}");
                no_prefix_yet(&fixture);
            },
        );
        stopped_at(&said, &stages);
        no_prefix_yet(&fixture);
    }
}

#[test]
fn a_prefix_on_a_full_disk_stays_unchanged() {
    if !small_disk::can_be_mounted() {
        return;
    }
    for kind in ["absent", "own", "shared"] {
        let fixture = Fixture::online();
        let at = fixture.context.path("disk");
        let arguments = build(&fixture, "disk/prefix", &[LATEST_PIP]);
        if kind == "shared" {
            fixture.context.write("disk/prefix/bin/other", "theirs");
            fixture
                .context
                .write("disk/prefix/lib/python3.99/site-packages/own.pth", "theirs");
        }
        if kind != "absent" {
            let older = build(&fixture, "disk/prefix", &[OLD_PIP]);
            fixture.context.run(older).success();
        }
        fs_err::create_dir_all(&at).unwrap();
        let before = snapshot(&at);
        let said = with_ever_more_room(&fixture, &at, 3 * PAGE, &arguments, |ran, row| {
            let first = ran.first.clone().exits(1);
            let first = first.says(["the prefix ", "--prefix"]);
            unchanged(&before, &ran.disk(), &format!("{kind}, {row}: {first}"));
            nothing_but(&fixture.context.path("build"), &[], row);
            let after = snapshot(&ran.disk_again());
            for (path, content) in before
                .iter()
                .filter(|(path, _)| path.ends_with("other") || path.ends_with("own.pth"))
            {
                assert_eq!(after.get(path), Some(content), "{kind}, {row}");
            }
            let leftovers = after.keys().find(|path| path.contains(".pybuild-"));
            assert_eq!(leftovers, None, "{kind}, {row}");
            let record = format!("prefix/share/pybuild/{VERSION}/record.json");
            assert!(after.contains_key(&record), "{kind}, {row}");
        });
        stopped_at(
            &said,
            &[if kind == "absent" {
                ".pybuild-coming-"
            } else {
                "/new/"
            }],
        );
        if kind != "absent" {
            stopped_at(&said, &["journal"]);
        }
    }
}

#[test]
fn an_installation_on_a_full_disk_is_uninstalled_or_left_alone() {
    if !small_disk::can_be_mounted() {
        return;
    }
    let fixture = Fixture::online();
    let arguments = build(&fixture, "disk/prefix", &[LATEST_PIP]);
    let prefix = fixture.context.path("disk/prefix");
    fixture.context.write("disk/prefix/bin/other", "theirs");
    fixture.context.run(arguments).success();
    let at = fixture.context.path("disk");
    let before = snapshot(&at);
    let arguments = ["uninstall".into(), prefix.into_os_string()];
    let said = with_ever_more_room(&fixture, &at, PAGE, &arguments, |ran, row| {
        ran.first.clone().exits(1).says(["the prefix ", "journal"]);
        unchanged(&before, &ran.disk(), row);
        let left: Vec<String> = snapshot(&ran.disk_again()).into_keys().collect();
        assert_eq!(
            left,
            ["", "prefix", "prefix/bin", "prefix/bin/other"],
            "{row}"
        );
    });
    assert!(!said.is_empty());
}

#[test]
fn an_interpreter_on_a_full_disk_is_hotpatched_or_left_alone() {
    if !small_disk::can_be_mounted() {
        return;
    }
    let fixture = Fixture::online();
    let arguments = build(&fixture, "disk/prefix", &[OLD_PIP]);
    let prefix = fixture.context.path("disk/prefix");
    fixture.context.run(arguments).success();
    let at = fixture.context.path("disk");
    let before = snapshot(&at);
    let arguments: Vec<OsString> = vec![
        "hotpatch".into(),
        prefix.into_os_string(),
        "--pip".into(),
        LATEST_PIP.into(),
    ];
    let said = with_ever_more_room(&fixture, &at, PAGE, &arguments, |ran, row| {
        ran.first.clone().exits(1);
        unchanged(&before, &ran.disk(), &format!("{row}: {}", ran.first));
        let wheel = format!("pip-{LATEST_PIP}-py3-none-any.whl");
        let after = snapshot(&ran.disk_again());
        assert!(after.keys().any(|path| path.ends_with(&wheel)), "{row}");
    });
    stopped_at(&said, &["hotpatch/", "ensurepip/"]);
}

#[test]
fn a_patch_is_written_completely_or_not_at_all() {
    if !small_disk::can_be_mounted() {
        return;
    }
    let fixture = Fixture::online();
    let digest = fixture.release.sha256().to_string();
    for output in ["disk/pin.patch", "disk/pin/"] {
        let at = fixture.context.path("disk");
        // So that the disk is not empty, and may have no room at all.
        fixture.context.write("disk/other", "theirs");
        let before = snapshot(&at);
        let path = fixture.context.path(output).into_os_string();
        let mut arguments: Vec<OsString> =
            ["patch", VERSION, "--sha256", &digest, "--pip", LATEST_PIP]
                .map(OsString::from)
                .to_vec();
        arguments.extend(["-o".into(), path]);
        let said = with_ever_more_room(&fixture, &at, PAGE, &arguments, |ran, row| {
            ran.first
                .clone()
                .exits(1)
                .says(["disk/pin", "cannot be written"]);
            unchanged(&before, &ran.disk(), row);
        });
        assert!(output == "disk/pin.patch" || said.len() > 2, "{said:?}");
    }
}

#[test]
fn record_files_without_room_are_reported() {
    if !small_disk::can_be_mounted() {
        return;
    }
    let fixture = Fixture::online();
    let patch = format!(
        "--- /dev/null\n+++ b/Misc/long\n@@ -0,0 +1,30000 @@\n{}",
        "+line\n".repeat(30_000)
    );
    let patch = fixture.context.write("long.patch", patch);
    let patch = patch.display().to_string();
    let at = fixture.context.path("build");
    let arguments = build(&fixture, "prefix", &[LATEST_PIP, "--patch", &patch]);
    let said = with_ever_more_room(&fixture, &at, 15 * PAGE, &arguments, |ran, row| {
        ran.first.clone().exits(1);
        nothing_but(&ran.disk(), &[], row);
        no_prefix_yet(&fixture);
    });
    stopped_at(
        &said,
        &[
            "the staged installation cannot be read or written",
            "/share/pybuild/",
        ],
    );
}

#[test]
fn a_disk_that_is_mounted_read_only_is_reported() {
    if !small_disk::can_be_mounted() {
        return;
    }
    let fixture = Fixture::online();
    fixture.context.write("disk/other", "theirs");
    for (folder, prefix, named) in [
        ("build", "prefix", "--build-dir"),
        ("disk", "disk/prefix", "--prefix"),
    ] {
        let arguments = build(&fixture, prefix, &[LATEST_PIP]);
        let at = fixture.context.path(folder);
        let ran = small_disk::run(&fixture.context, &at, Trouble::ReadOnly, &arguments);
        let first = ran.first.exits(1).has_one_error_with_a_hint();
        let folder = at.display().to_string();
        first.says([
            "Read-only file system",
            "is mounted read-only",
            named,
            &folder,
        ]);
        ran.again.success();
        no_prefix_yet(&fixture);
    }
}
