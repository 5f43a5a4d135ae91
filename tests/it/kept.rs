//! Kept compiles: another pin and the same request again need no compile.

use std::path::PathBuf;

use crate::context::snapshot;
use crate::fixture::{Fixture, LATEST_PIP};
use crate::mini_cpython::{Fault, MiniCpython, VERSION};
use crate::outcome::Outcome;
use crate::small_disk::{self, Trouble};

/// A part of the output of each build that compiles.
const COMPILES: &str = "files compiled";

/// The output of a build that takes a kept compile.
const TAKES_KEPT: &str = "unpack    kept compile";

/// The folder of the only kept compile.
#[track_caller]
fn entry(fixture: &Fixture) -> PathBuf {
    only_entry(fixture, "compiles-1")
}

#[track_caller]
fn only_entry(fixture: &Fixture, kind: &str) -> PathBuf {
    let folder = fixture.context.path("cache").join(kind);
    let mut names = fs_err::read_dir(folder).unwrap();
    let entry = names.next().unwrap().unwrap().path();
    assert!(names.next().is_none());
    entry
}

/// A change of a file's content.
type Damage = fn(&mut Vec<u8>);

fn compiled(outcome: Outcome) -> Outcome {
    outcome.success().says([COMPILES]).never_says(TAKES_KEPT)
}

fn took_kept(outcome: Outcome) -> Outcome {
    outcome.success().says([TAKES_KEPT]).never_says(COMPILES)
}

/// The files of the installation, without its record and without what names the build folder.
fn files(fixture: &Fixture) -> Vec<(String, String)> {
    let files = snapshot(&fixture.prefix()).into_iter();
    files
        .filter(|(name, _)| !name.contains("share/pybuild") && !name.contains("/config/"))
        .collect()
}

#[test]
fn another_pin_takes_the_kept_compile_and_gives_the_files_of_a_full_build() {
    let fixture = Fixture::new();
    compiled(fixture.build(&["--pip", "23.3.2"]));
    for pip in [LATEST_PIP, "23.3.2"] {
        took_kept(fixture.build(&["--pip", pip, "--force"]));
        assert_eq!(fixture.venv_pip(&fixture.prefix()), pip);
        assert_eq!(fixture.pip(&fixture.prefix()), pip);
        let kept = files(&fixture);
        let record = fixture.record();
        compiled(fixture.build(&["--pip", pip, "--force", "--no-cache"]));
        assert_eq!(files(&fixture), kept);
        for part in ["plan", "inputs", "patches", "tools", "checks"] {
            assert_eq!(fixture.record()[part], record[part], "{part}");
        }
    }
    took_kept(fixture.build(&["--force"]));
    fixture.assert_nothing_is_left_behind();
}

#[test]
fn files_that_another_pin_does_not_change_stay_and_changed_ones_are_repaired() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    let fixture = Fixture::new();
    compiled(fixture.build(&["--pip", "23.3.2"]));
    let [python, header, pinned] = [
        "bin/python3.99",
        "include/python3.99/patchlevel.h",
        "lib/python3.99/ensurepip/__init__.py",
    ]
    .map(|name| fixture.prefix().join(name));
    let number = |path: &PathBuf| fs_err::metadata(path).unwrap().ino();
    let before = [&python, &header, &pinned].map(number);
    took_kept(fixture.build(&["--force"]));
    assert_eq!([&python, &header].map(number), before[..2]);
    assert_ne!(number(&pinned), before[2]);

    let sound = files(&fixture);
    let state = fs_err::metadata(&header).unwrap();
    let mut content = fs_err::read(&header).unwrap();
    content[0] ^= 1;
    fs_err::write(&header, content).unwrap();
    let times = std::fs::FileTimes::new().set_modified(state.modified().unwrap());
    let file = fs_err::OpenOptions::new().write(true).open(&header);
    file.unwrap().file().set_times(times).unwrap();
    let mode = std::fs::Permissions::from_mode(0o700);
    fs_err::set_permissions(&python, mode).unwrap();
    assert_ne!(files(&fixture), sound);
    took_kept(fixture.build(&["--force"]));
    assert_eq!(files(&fixture), sound);
    let found = fs_err::metadata(&python).unwrap();
    assert_eq!(found.permissions().mode() & 0o777, 0o755);

    let past = std::fs::FileTimes::new().set_modified(std::time::UNIX_EPOCH);
    let file = fs_err::OpenOptions::new().write(true).open(&header);
    file.unwrap().file().set_times(past).unwrap();
    took_kept(fixture.build(&["--pip", "23.3.2", "--force"]));
    assert_eq!(fs_err::metadata(&header).unwrap().mtime(), state.mtime());
}

#[test]
fn the_prefix_and_the_options_of_configure_are_part_of_the_key() {
    let fixture = Fixture::new();
    compiled(fixture.build(&[]));
    compiled(fixture.build(&["--prefix", "other"]));
    compiled(fixture.build(&["--configure-arg=--without-doc-strings", "--force"]));
    took_kept(fixture.build(&["--pip", "latest"]));
}

#[test]
fn the_environment_is_part_of_the_key_and_the_search_path_is_not() {
    let mut fixture = Fixture::new();
    compiled(fixture.build(&[]));
    let path = fixture.context.path("bin");
    fixture
        .context
        .set("PATH", format!("{}:/nowhere", path.display()));
    took_kept(fixture.build(&["--pip", "latest"]));
    fixture.context.set("CFLAGS", "-O1");
    compiled(fixture.build(&["--pip", "latest", "--force"]));
}

#[test]
fn without_the_cache_nothing_is_read_or_kept() {
    let fixture = Fixture::new();
    compiled(fixture.build(&["--no-cache"]));
    assert!(!fixture.context.path("cache/compiles-1").exists());
    compiled(fixture.build(&["--force"]));
    compiled(fixture.build(&["--force", "--no-cache"]));
}

#[test]
fn a_damaged_entry_is_reported_and_built_again() {
    let fixture = Fixture::new();
    compiled(fixture.build(&[]));
    let flip = |content: &mut Vec<u8>| {
        let middle = content.len() / 2;
        content[middle] ^= 1;
    };
    let truncate = |content: &mut Vec<u8>| content.truncate(content.len() / 2);
    let empty = |content: &mut Vec<u8>| content.clear();
    let damages: [(&str, Damage); 4] = [
        ("payload", flip),
        ("payload", truncate),
        ("entry.json", truncate),
        ("entry.json", empty),
    ];
    for (name, damage) in damages {
        let path = entry(&fixture).join(name);
        let mut content = fs_err::read(&path).unwrap();
        damage(&mut content);
        fs_err::write(&path, content).unwrap();
        let outcome = compiled(fixture.build(&["--pip", "latest", "--force"]));
        outcome.says(["warning: a kept build is damaged and is built again: "]);
        took_kept(fixture.build(&["--pip", "23.3.2", "--force"]));
    }
    fixture.assert_nothing_is_left_behind();
}

#[test]
fn the_same_request_again_takes_the_kept_installation() {
    let fixture = Fixture::new();
    let pinned = ["--pip", "23.3.2", "--force"];
    compiled(fixture.build(&pinned)).says(["ensurepip"]);
    let full = files(&fixture);
    let again = took_kept(fixture.build(&pinned));
    again.never_says("ensurepip");
    assert_eq!(files(&fixture), full);
    assert_eq!(fixture.record()["checks"]["venv_pip"], "23.3.2");
    assert_eq!(fixture.venv_pip(&fixture.prefix()), "23.3.2");

    let payload = only_entry(&fixture, "installs-1").join("payload");
    let mut content = fs_err::read(&payload).unwrap();
    let middle = content.len() / 2;
    content[middle] ^= 1;
    fs_err::write(&payload, content).unwrap();
    let outcome = took_kept(fixture.build(&pinned));
    outcome.says(["is damaged and is built again", "ensurepip"]);
    assert_eq!(files(&fixture), full);
    took_kept(fixture.build(&pinned)).never_says("ensurepip");
}

#[test]
fn a_kept_compile_whose_library_is_gone_fails_its_check() {
    let mut fixture = Fixture::new();
    let library = fixture.context.write("libmini.so.1", "");
    let fault = Fault::NeedsLibrary("ssl", library.clone());
    fixture.release = MiniCpython::new(VERSION).with_fault(fault);
    fixture.release.write_tgz(&fixture.context.path("releases"));
    compiled(fixture.build(&[]));
    let before = files(&fixture);
    fs_err::remove_file(library).unwrap();
    for pip in ["latest", "bundled"] {
        let outcome = fixture.build(&["--pip", pip, "--force"]).exits(6);
        outcome
            .says(["libmini.so.1: cannot open shared object file", "--no-cache"])
            .has_one_error_with_a_hint();
        assert_eq!(files(&fixture), before);
    }
    let outcome = fixture.build(&["--no-cache", "--force"]).exits(6);
    outcome.says(["libmini.so.1"]).never_says("--no-cache");
    fixture.assert_nothing_is_left_behind();
}

#[test]
fn an_entry_of_another_version_is_left_alone() {
    let fixture = Fixture::new();
    let other = "cache/compiles-2/0000/entry.json";
    fixture.context.write(other, "{}");
    compiled(fixture.build(&[]));
    assert!(fixture.context.path(other).exists());
}

#[test]
fn a_compile_with_a_patched_ensurepip_is_not_kept() {
    let fixture = Fixture::new();
    let patch = "--- a/Lib/ensurepip/__init__.py\n+++ b/Lib/ensurepip/__init__.py\n@@ -1 +1,2 @@\n+# patched\n";
    let text = fs_err::read_to_string("tests/it/mini/ensurepip_pip_only.py").unwrap();
    let first = text.lines().next().unwrap();
    let patch = fixture
        .context
        .write("mine.patch", format!("{patch} {first}\n"));
    let patch = patch.display().to_string();
    let outcome = fixture.build(&["--patch", &patch, "-v"]);
    compiled(outcome).says(["this compile is not kept: a patch changes its ensurepip"]);
    assert!(!fixture.context.path("cache/compiles-1").exists());
}

#[test]
fn a_full_cache_folder_is_a_warning_and_the_build_succeeds() {
    if !small_disk::can_be_mounted() {
        return;
    }
    let fixture = Fixture::of(MiniCpython::new(VERSION).with_ballast(200 << 10));
    compiled(fixture.build(&["--no-cache"]));
    let build_dir = fixture.context.path("build").display().to_string();
    // The store has the archive.
    let sha256 = fixture.release.sha256().to_string();
    let arguments = [
        VERSION,
        "--sha256",
        &sha256,
        "--force",
        "--build-dir",
        &build_dir,
    ];
    let ran = small_disk::run(
        &fixture.context,
        &fixture.context.path("cache"),
        Trouble::Full(128),
        &arguments,
    );
    let first = compiled(ran.first.clone());
    first.says(["warning: this compile cannot be kept for later builds: "]);
    let kept = ran.disk().join("compiles-1");
    assert!(!kept.exists() || fs_err::read_dir(kept).unwrap().next().is_none());
    compiled(ran.again.clone());
    assert!(ran.disk_again().join("compiles-1").exists());
}

#[test]
fn builds_at_the_same_time_compile_once() {
    let fixture = Fixture::new();
    let builds: Vec<_> = ["latest", "23.3.2", "bundled"]
        .iter()
        .map(|pip| {
            let mut command = fixture.context.command(fixture.arguments(&["--pip", pip]));
            command.stderr(std::process::Stdio::piped());
            command.stdout(std::process::Stdio::piped());
            command.spawn().unwrap()
        })
        .collect();
    let outputs = builds
        .into_iter()
        .map(|build| build.wait_with_output().unwrap());
    let compiles = outputs
        .map(|output| Outcome::new(&output, &fixture.context.path("")).success())
        .filter(|outcome| outcome.stderr.contains(COMPILES))
        .count();
    assert_eq!(compiles, 1);
    entry(&fixture);
}

/// The failpoints of kept compiles.
pub const POINTS: [&str; 3] = ["built.synced", "built.renamed", "kept.unpacked"];

#[test]
fn a_kill_while_a_compile_is_kept_or_taken_leaves_it_whole_or_absent() {
    for (point, kept_before, kept) in [
        ("built.synced", false, 0),
        ("built.renamed", false, 1),
        ("kept.unpacked", true, 1),
    ] {
        let fixture = Fixture::new();
        if kept_before {
            fixture.build(&["--prefix", "other"]).success();
            compiled(fixture.build(&["--prefix", "p"]));
        }
        let arguments = fixture.arguments(&["--prefix", "p", "--pip", "latest"]);
        let run = |point: Option<&str>| {
            let mut command = fixture.context.command(&arguments);
            command.envs(point.map(|point| ("PYBUILD_CRASH_AT", point)));
            fixture.context.outcome(&mut command)
        };
        let outcome = run(Some(point));
        assert_eq!(outcome.code, None, "{point} was not passed: {outcome}");
        let entries = fs_err::read_dir(fixture.context.path("cache/compiles-1"));
        let entries = entries.map_or(0, Iterator::count);
        assert_eq!(entries, kept + usize::from(kept_before), "{point}");
        let outcome = run(None).success();
        let takes_kept = outcome.stderr.contains(TAKES_KEPT);
        assert_eq!(takes_kept, kept == 1, "{outcome}");
        fixture.assert_nothing_is_left_behind();
    }
}
