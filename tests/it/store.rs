//! A store that is read-only, unreadable, corrupt, or shared with another version of pybuild.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use crate::fixture::{Fixture, LATEST_PIP};
use crate::mini_cpython::VERSION;
use crate::outcome::Outcome;
use crate::small_disk::{self, Trouble};
use crate::wheels::Wheel;

/// A fixture in whose store every input is.
fn fixture() -> Fixture {
    let fixture = Fixture::online();
    fixture.context.run(arguments(&fixture, &[])).success();
    fixture
}

fn arguments(fixture: &Fixture, more: &[&str]) -> Vec<OsString> {
    let digest = fixture.release.sha256().to_string();
    let prefix = fixture.context.path("prefix").display().to_string();
    let build = fixture.context.path("build").display().to_string();
    let mut arguments = vec![VERSION, "--sha256", &digest, "--prefix", &prefix];
    arguments.extend([
        "--build-dir",
        &build,
        "--pip",
        "latest",
        "--force",
        "--no-cache",
    ]);
    arguments.extend(more);
    arguments.into_iter().map(OsString::from).collect()
}

fn stored(fixture: &Fixture, digest: pybuild::digest::Sha256) -> PathBuf {
    fixture
        .context
        .path("cache/sha256")
        .join(digest.to_string())
}

/// The stored answer of the index for pip.
fn answer(fixture: &Fixture) -> PathBuf {
    let folder = fixture.context.path("cache/index-3");
    let mut files = fs_err::read_dir(folder).unwrap();
    files.next().expect("an answer").unwrap().path()
}

/// Replaces a read-only file.
fn replace(path: &std::path::Path, content: impl AsRef<[u8]>) {
    fs_err::remove_file(path).unwrap();
    fs_err::write(path, content).unwrap();
}

#[test]
fn a_read_only_store_is_read() {
    if !small_disk::can_be_mounted() {
        return;
    }
    let fixture = fixture();
    let cache = fixture.context.path("cache");
    // An image may contain only the folders with content.
    for folder in ["logs", "partial", "scratch"] {
        drop(fs_err::remove_dir_all(cache.join(folder)));
    }
    let asked = fixture.server.requests().len();
    let file = fixture
        .release
        .write_tgz(&fixture.context.path("elsewhere"));
    let file = file.display().to_string();
    for more in [vec!["--offline"], vec!["--offline", "--source", &file]] {
        let arguments = arguments(&fixture, &more);
        let ran = small_disk::run(&fixture.context, &cache, Trouble::ReadOnly, &arguments);
        ran.first.success();
        ran.again.success();
        assert_eq!(fixture.pip(&fixture.context.path("prefix")), LATEST_PIP);
    }
    assert_eq!(fixture.server.requests().len(), asked);

    let prefix = fixture.context.path("prefix").display().to_string();
    let build_folder = fixture.context.path("work").display().to_string();
    for more in [
        vec!["hotpatch", &prefix, "--pip", LATEST_PIP],
        vec!["patch", VERSION, "--pip", "latest", "--source", &file],
        vec![
            VERSION,
            "--pip",
            "latest",
            "--source",
            &file,
            "--dry-run",
            // The default build folder would be in the store.
            "--build-dir",
            &build_folder,
        ],
    ] {
        let digest = fixture.release.sha256().to_string();
        let mut arguments = more.clone();
        if more[0] != "hotpatch" {
            arguments.extend(["--sha256", &digest]);
        }
        let arguments: Vec<OsString> = arguments
            .into_iter()
            .chain(["--offline"])
            .map(OsString::from)
            .collect();
        let ran = small_disk::run(&fixture.context, &cache, Trouble::ReadOnly, &arguments);
        ran.first.success();
    }

    // The log of a failed build is in the build folder.
    fixture.context.put_program("cp", "#!/bin/sh\nexit 1\n");
    let arguments = arguments(&fixture, &["--offline"]);
    let ran = small_disk::run(&fixture.context, &cache, Trouble::ReadOnly, &arguments);
    let logs = fixture.context.path("build/logs").display().to_string();
    ran.first.exits(1).says(["its log is ", &logs]);
    assert!(!fixture.context.snapshot("build/logs").is_empty());
}

#[test]
fn a_read_only_store_that_lacks_an_input_is_an_error() {
    if !small_disk::can_be_mounted() {
        return;
    }
    let fixture = fixture();
    let cache = fixture.context.path("cache");
    let named = cache.display().to_string();
    fs_err::remove_file(stored(&fixture, Wheel::pip(LATEST_PIP).sha256())).unwrap();
    let arguments = arguments(&fixture, &[]);
    let ran = small_disk::run(&fixture.context, &cache, Trouble::ReadOnly, &arguments);
    let first = ran.first.exits(4).has_one_error_with_a_hint();
    first.says(["Read-only file system", &named, "PYBUILD_CACHE_DIR"]);
    ran.again.success();
}

/// Runs pybuild without root's right to read every file; `None` if this host has no program for that.
fn run_without_privilege(fixture: &Fixture, arguments: &[OsString]) -> Option<Outcome> {
    if !rustix::process::geteuid().is_root() {
        return Some(fixture.context.run(arguments));
    }
    let rights = "-dac_override,-dac_read_search";
    let setpriv = || {
        let mut setpriv = Command::new(fixture.context.path("bin/setpriv"));
        setpriv.args(["--bounding-set", rights, "--inh-caps", rights]);
        setpriv
    };
    let attempt = setpriv().arg("true").status();
    if !attempt.is_ok_and(|status| status.success()) {
        eprintln!("skipped: this host has no setpriv that drops rights");
        return None;
    }
    let mut command = setpriv();
    let command = fixture.context.isolate(&mut command);
    let command = command.arg(env!("CARGO_BIN_EXE_pybuild")).args(arguments);
    Some(fixture.context.outcome(command))
}

#[test]
fn unreadable_files_in_the_store_are_reported_and_fetched_again() {
    let fixture = fixture();
    let wheel = stored(&fixture, Wheel::pip(LATEST_PIP).sha256());
    let archive = stored(&fixture, fixture.release.sha256());
    for path in [&wheel, &archive] {
        let named = path.display().to_string();
        let nobody = std::fs::Permissions::from_mode(0o000);
        fs_err::set_permissions(path, nobody).unwrap();
        let Some(outcome) = run_without_privilege(&fixture, &arguments(&fixture, &["--offline"]))
        else {
            return;
        };
        let warning = "in the store cannot be read";
        let outcome = outcome.exits(4).says([warning, &named, "--offline"]);
        outcome.has_one_error_with_a_hint();
        let outcome = run_without_privilege(&fixture, &arguments(&fixture, &[]));
        outcome.unwrap().success().says([warning, &named]);
        fixture.assert_nothing_is_left_behind();
        // Reading a pipe would block forever.
        fs_err::remove_file(path).unwrap();
        let mut pipe = Command::new("mkfifo");
        assert!(pipe.arg(path).status().unwrap().success());
        let outcome = fixture.context.run(arguments(&fixture, &[])).success();
        outcome.says([warning, &named]);
        fixture.assert_nothing_is_left_behind();
        // A folder cannot be replaced by a file.
        fs_err::remove_file(path).unwrap();
        fs_err::create_dir(path).unwrap();
        let outcome = fixture.context.run(arguments(&fixture, &[])).exits(4);
        outcome
            .has_one_error_with_a_hint()
            .says([&named, "Is a directory"]);
        fs_err::remove_dir(path).unwrap();
        fixture.context.run(arguments(&fixture, &[])).success();
    }
}

#[test]
fn corrupt_files_in_the_store_are_reported_and_fetched_again() {
    let fixture = fixture();
    let wheel = stored(&fixture, Wheel::pip(LATEST_PIP).sha256());
    let archive = stored(&fixture, fixture.release.sha256());
    let answer = answer(&fixture);
    for path in [&wheel, &archive, &answer] {
        let whole = fs_err::read(path).unwrap();
        let mut flipped = whole.clone();
        flipped[whole.len() / 2] ^= 1;
        for damaged in [&flipped, &whole[..whole.len() / 2], b""] {
            replace(path, damaged);
            let named = path.display().to_string();
            let outcome = fixture.context.run(arguments(&fixture, &["--offline"]));
            let outcome = outcome.exits(4).has_one_error_with_a_hint();
            outcome.says(["damaged", &named, "--offline"]);
            fixture.context.run(arguments(&fixture, &[])).success();
            fixture.assert_nothing_is_left_behind();
            fixture
                .context
                .run(arguments(&fixture, &["--offline"]))
                .success();
        }
    }
}

#[test]
fn another_version_can_share_the_store() {
    let fixture = fixture();
    let theirs = [
        ("cache/index-4/pip.json", "{\"of\": \"a newer pybuild\"}"),
        ("cache/index/pip.json", "{\"of\": \"an older one\"}"),
        ("cache/blake3/abc", "an input under another digest"),
        ("cache/sha256/notes", "no digest"),
        ("cache/partial/abc.zst-part", "a download of another kind"),
        ("cache/partial/empty", ""),
        (
            "cache/scratch-2/newer/lock",
            "a folder that is locked another way",
        ),
        ("cache/build/newer/lock", "the same"),
        ("cache/version", "7"),
    ];
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(30 * 24 * 3600);
    for (path, text) in theirs {
        let path = fixture.context.write(path, text);
        let file = std::fs::File::open(path).unwrap();
        let times = std::fs::FileTimes::new().set_modified(long_ago);
        file.set_times(times).unwrap();
    }
    fixture.context.run(arguments(&fixture, &[])).success();
    let answer = answer(&fixture);
    let newer = fixture.context.path("cache/index-4");
    let newer = newer.join(answer.file_name().unwrap());
    fs_err::rename(&answer, &newer).unwrap();
    let outcome = fixture.context.run(arguments(&fixture, &["--offline"]));
    let outcome = outcome.exits(4).has_one_error_with_a_hint();
    outcome.says(["no earlier answer", "--offline"]);
    fixture.context.run(arguments(&fixture, &[])).success();
    assert!(newer.exists());
    for (path, text) in theirs {
        let there = fs_err::read_to_string(fixture.context.path(path));
        assert_eq!(there.ok().as_deref(), Some(text), "{path}");
    }
}
