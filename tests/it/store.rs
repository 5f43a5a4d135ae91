//! The store when it is not what a process would like: read-only, unreadable, damaged, or shared with another
//! version of pybuild.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use crate::mini_cpython::VERSION;
use crate::outcome::Outcome;
use crate::scene::{LATEST_PIP, Scene};
use crate::small_disk::{self, Trouble};
use crate::wheels::Wheel;

/// A world where everything has been fetched once.
fn scene() -> Scene {
    let scene = Scene::online();
    scene.context.run(arguments(&scene, &[])).success();
    scene
}

fn arguments(scene: &Scene, more: &[&str]) -> Vec<OsString> {
    let digest = scene.release.sha256().to_string();
    let prefix = scene.context.path("prefix").display().to_string();
    let build = scene.context.path("build").display().to_string();
    let mut arguments = vec![VERSION, "--sha256", &digest, "--prefix", &prefix];
    arguments.extend(["--build-dir", &build, "--pip", "latest", "--force"]);
    arguments.extend(more);
    arguments.into_iter().map(OsString::from).collect()
}

fn stored(scene: &Scene, digest: pybuild::digest::Sha256) -> PathBuf {
    scene.context.path("cache/sha256").join(digest.to_string())
}

/// What the index answered of pip, and nothing of another project's.
fn answer(scene: &Scene) -> PathBuf {
    let folder = scene.context.path("cache/index-3");
    let mut files = fs_err::read_dir(folder).unwrap();
    files.next().expect("an answer").unwrap().path()
}

/// Puts something else in the place of a file that nobody may write.
fn replace(path: &std::path::Path, content: impl AsRef<[u8]>) {
    fs_err::remove_file(path).unwrap();
    fs_err::write(path, content).unwrap();
}

#[test]
fn a_store_that_may_not_be_written_gives_what_it_has() {
    if !small_disk::can_be_mounted() {
        return;
    }
    let scene = scene();
    let cache = scene.context.path("cache");
    // Whoever bakes it into an image may take only what counts.
    for folder in ["logs", "partial", "scratch"] {
        drop(fs_err::remove_dir_all(cache.join(folder)));
    }
    let asked = scene.server.requests().len();
    let file = scene.release.write_tgz(&scene.context.path("elsewhere"));
    let file = file.display().to_string();
    for more in [vec!["--offline"], vec!["--offline", "--source", &file]] {
        let arguments = arguments(&scene, &more);
        let ran = small_disk::run(&scene.context, &cache, Trouble::ReadOnly, &arguments);
        ran.first.success();
        ran.again.success();
        assert_eq!(scene.pip(&scene.context.path("prefix")), LATEST_PIP);
    }
    assert_eq!(scene.server.requests().len(), asked);

    let prefix = scene.context.path("prefix").display().to_string();
    let build_folder = scene.context.path("work").display().to_string();
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
            // Without it the plan is refused, as the build is: its folder would be in the store.
            "--build-dir",
            &build_folder,
        ],
    ] {
        let digest = scene.release.sha256().to_string();
        let mut arguments = more.clone();
        if more[0] != "hotpatch" {
            arguments.extend(["--sha256", &digest]);
        }
        let arguments: Vec<OsString> = arguments
            .into_iter()
            .chain(["--offline"])
            .map(OsString::from)
            .collect();
        let ran = small_disk::run(&scene.context, &cache, Trouble::ReadOnly, &arguments);
        ran.first.success();
    }

    // The log of a build that fails lies beside the build.
    scene.context.put_program("cp", "#!/bin/sh\nexit 1\n");
    let arguments = arguments(&scene, &["--offline"]);
    let ran = small_disk::run(&scene.context, &cache, Trouble::ReadOnly, &arguments);
    let logs = scene.context.path("build/logs").display().to_string();
    ran.first.exits(1).says(["its log is ", &logs]);
    assert!(!scene.context.snapshot("build/logs").is_empty());
}

#[test]
fn a_store_that_may_not_be_written_and_lacks_something_is_named() {
    if !small_disk::can_be_mounted() {
        return;
    }
    let scene = scene();
    let cache = scene.context.path("cache");
    let named = cache.display().to_string();
    fs_err::remove_file(stored(&scene, Wheel::pip(LATEST_PIP).sha256())).unwrap();
    let arguments = arguments(&scene, &[]);
    let ran = small_disk::run(&scene.context, &cache, Trouble::ReadOnly, &arguments);
    let first = ran.first.exits(4).has_one_error_with_a_hint();
    first.says(["Read-only file system", &named, "PYBUILD_CACHE_DIR"]);
    ran.again.success();
}

/// Runs the program without the right, which root has, to read what nobody may read; `None` where this
/// host has nothing to do that with.
fn run_without_privilege(scene: &Scene, arguments: &[OsString]) -> Option<Outcome> {
    if !rustix::process::geteuid().is_root() {
        return Some(scene.context.run(arguments));
    }
    let rights = "-dac_override,-dac_read_search";
    let setpriv = || {
        let mut setpriv = Command::new(scene.context.path("bin/setpriv"));
        setpriv.args(["--bounding-set", rights, "--inh-caps", rights]);
        setpriv
    };
    let trial = setpriv().arg("true").status();
    if !trial.is_ok_and(|status| status.success()) {
        eprintln!("left out, as there is no setpriv that takes rights away on this host");
        return None;
    }
    let mut command = setpriv();
    let command = scene.context.isolate(&mut command);
    let command = command.arg(env!("CARGO_BIN_EXE_pybuild")).args(arguments);
    Some(scene.context.outcome(command))
}

#[test]
fn what_cannot_be_read_in_the_store_is_told_and_fetched_again() {
    let scene = scene();
    let wheel = stored(&scene, Wheel::pip(LATEST_PIP).sha256());
    let archive = stored(&scene, scene.release.sha256());
    for path in [&wheel, &archive] {
        let named = path.display().to_string();
        let nobody = std::fs::Permissions::from_mode(0o000);
        fs_err::set_permissions(path, nobody).unwrap();
        let Some(outcome) = run_without_privilege(&scene, &arguments(&scene, &["--offline"]))
        else {
            return;
        };
        let warning = "in the store cannot be read";
        let outcome = outcome.exits(4).says([warning, &named, "--offline"]);
        outcome.has_one_error_with_a_hint();
        let outcome = run_without_privilege(&scene, &arguments(&scene, &[]));
        outcome.unwrap().success().says([warning, &named]);
        scene.assert_nothing_is_left_behind();
        // What reading would wait for without end.
        fs_err::remove_file(path).unwrap();
        let mut pipe = Command::new("mkfifo");
        assert!(pipe.arg(path).status().unwrap().success());
        let outcome = scene.context.run(arguments(&scene, &[])).success();
        outcome.says([warning, &named]);
        scene.assert_nothing_is_left_behind();
        // What cannot be replaced.
        fs_err::remove_file(path).unwrap();
        fs_err::create_dir(path).unwrap();
        let outcome = scene.context.run(arguments(&scene, &[])).exits(4);
        outcome
            .has_one_error_with_a_hint()
            .says([&named, "Is a directory"]);
        fs_err::remove_dir(path).unwrap();
        scene.context.run(arguments(&scene, &[])).success();
    }
}

#[test]
fn what_is_damaged_in_the_store_is_told_and_fetched_again() {
    let scene = scene();
    let wheel = stored(&scene, Wheel::pip(LATEST_PIP).sha256());
    let archive = stored(&scene, scene.release.sha256());
    let answer = answer(&scene);
    for path in [&wheel, &archive, &answer] {
        let whole = fs_err::read(path).unwrap();
        let mut flipped = whole.clone();
        flipped[whole.len() / 2] ^= 1;
        for damaged in [&flipped, &whole[..whole.len() / 2], b""] {
            replace(path, damaged);
            let named = path.display().to_string();
            let outcome = scene.context.run(arguments(&scene, &["--offline"]));
            let outcome = outcome.exits(4).has_one_error_with_a_hint();
            outcome.says(["damaged", &named, "--offline"]);
            scene.context.run(arguments(&scene, &[])).success();
            scene.assert_nothing_is_left_behind();
            scene
                .context
                .run(arguments(&scene, &["--offline"]))
                .success();
        }
    }
}

#[test]
fn another_version_may_share_the_store() {
    let scene = scene();
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
        let path = scene.context.write(path, text);
        let file = std::fs::File::open(path).unwrap();
        let times = std::fs::FileTimes::new().set_modified(long_ago);
        file.set_times(times).unwrap();
    }
    scene.context.run(arguments(&scene, &[])).success();
    let answer = answer(&scene);
    let newer = scene.context.path("cache/index-4");
    let newer = newer.join(answer.file_name().unwrap());
    fs_err::rename(&answer, &newer).unwrap();
    let outcome = scene.context.run(arguments(&scene, &["--offline"]));
    let outcome = outcome.exits(4).has_one_error_with_a_hint();
    outcome.says(["no earlier answer", "--offline"]);
    scene.context.run(arguments(&scene, &[])).success();
    assert!(newer.exists());
    for (path, text) in theirs {
        let there = fs_err::read_to_string(scene.context.path(path));
        assert_eq!(there.ok().as_deref(), Some(text), "{path}");
    }
}
