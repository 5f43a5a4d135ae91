//! What cannot be built: each time one error, a hint, the right exit code, and nothing changed.

use std::collections::BTreeMap;

use crate::fixture::Fixture;
use crate::mini_cpython::{MiniCpython, VERSION, tgz_of};
use crate::outcome::Outcome;
use crate::server::{Answer, REFUSING};
use crate::wheels::{IndexForm, Wheel};

/// What a failed run must leave as it was.
fn state(fixture: &Fixture) -> Vec<BTreeMap<String, String>> {
    ["home", "work", "tmp", "releases", "cache/sha256"]
        .map(|folder| fixture.context.snapshot(folder))
        .into()
}

/// Runs the fixture's build, which must be refused with this code, one error and a hint.
#[track_caller]
fn refused(fixture: &Fixture, code: i32, more: &[&str]) -> Outcome {
    let before = state(fixture);
    let outcome = fixture.build(more).exits(code).has_one_error_with_a_hint();
    assert_eq!(state(fixture), before, "{outcome}");
    fixture.assert_nothing_is_left_behind();
    outcome
}

/// The same for a whole command line.
#[track_caller]
fn refused_command(fixture: &Fixture, code: i32, arguments: &[&str]) -> Outcome {
    let before = state(fixture);
    let outcome = fixture
        .context
        .run(arguments)
        .exits(code)
        .has_one_error_with_a_hint();
    assert_eq!(state(fixture), before, "{outcome}");
    outcome
}

#[test]
fn a_text_that_is_no_version_is_a_usage_error() {
    let fixture = Fixture::new();
    for text in ["3.x", "v3.11.2", "3.11.2.1", ""] {
        fixture.context.run([text]).exits(2).says(["error:"]);
    }
    fixture
        .context
        .run(["3.11.2", "--no-such-option"])
        .exits(2)
        .says(["error:"]);
    fixture.build(&["--pip", ">>1"]).exits(2).says(["error:"]);
    fixture.build(&["-j", "0"]).exits(2).says(["error:"]);
}

#[test]
fn a_version_that_nobody_knows_is_refused() {
    let fixture = Fixture::new();
    let outcome = refused_command(&fixture, 3, &["3.11.999"]);
    outcome.says(["3.11.999", "--sha256"]);
    refused_command(&fixture, 3, &["9.9"]).says(["9.9"]);
    refused_command(&fixture, 3, &["3.2.6"]).says(["3.2.6"]);
}

#[test]
fn a_pip_that_is_not_there_is_refused() {
    let fixture = Fixture::new();
    refused(&fixture, 3, &["--pip", "99.0"]).says(["99.0"]);
    refused(&fixture, 3, &["--pip", "<1"]).says(["<1"]);
    refused(&fixture, 3, &["--pip", "26.3"]).says(["3.100"]);
    // PEP 592: a yanked file is only for those who ask for exactly it, and they are told.
    fixture
        .build(&["--dry-run", "--pip", "25.0"])
        .success()
        .says(["25.0 was yanked (broken)"]);
}

#[test]
fn setuptools_cannot_be_pinned_where_cpython_does_not_bundle_it() {
    let fixture = Fixture::new();
    refused(&fixture, 2, &["--setuptools", "68.0.0"]).says(["setuptools"]);
}

#[test]
fn an_index_that_answers_nonsense_is_named() {
    for (page, code) in [
        (Answer::status(404), 3),
        (Answer::status(403), 4),
        (
            Answer::text("application/vnd.pypi.simple.v1+json", "{\"files\": 7}"),
            4,
        ),
        (Answer::text("application/json", "garbage"), 4),
        (Answer::text("image/png", "garbage"), 4),
    ] {
        let fixture = Fixture::new();
        fixture.server.put("/simple/pip/", page);
        let outcome = refused(&fixture, code, &["--pip", "latest"]);
        outcome.says([fixture.server.url("/simple/").as_str()]);
    }
    let fixture = Fixture::new();
    let unreachable = format!("{REFUSING}/simple/");
    let outcome = refused(
        &fixture,
        4,
        &["--pip", "latest", "--index-url", &unreachable],
    );
    outcome.says(["cannot be reached"]);
    // No index is needed to leave pip as it is.
    fixture
        .build(&["--pip", "bundled", "--index-url", &unreachable])
        .success();
}

#[test]
fn a_wheel_that_is_not_what_it_should_be_is_refused() {
    let fixture = Fixture::new();
    let wheels = [Wheel::pip("24.0").with_wrong_listed_hash()];
    fixture.server.put_index(IndexForm::Json, &wheels);
    let outcome = fixture
        .build(&["--pip", "24.0"])
        .exits(4)
        .has_one_error_with_a_hint();
    outcome.says([wheels[0].sha256().to_string().as_str()]);
    assert!(!fixture.prefix().exists());
    fixture.assert_nothing_is_left_behind();

    for (wheel, content) in [
        (Wheel::of("flask", "3.0"), None),
        (Wheel::pip("24.0").with_metadata_of("flask"), None),
        (
            Wheel::pip("24.0").with_tag("cp312-cp312-linux_x86_64"),
            None,
        ),
        (Wheel::pip("24.0").with_requires_python("<3.9"), None),
        (Wheel::pip("24.0"), Some("not a zip")),
    ] {
        let fixture = Fixture::new();
        let bytes = content.map_or_else(|| wheel.bytes(), |text| text.as_bytes().to_vec());
        let path = fixture.context.write(&wheel.file_name(), bytes);
        let before = fixture.context.snapshot("home");
        let outcome = fixture.build(&["--pip", &path.display().to_string()]);
        let outcome = outcome
            .has_one_error_with_a_hint()
            .says([wheel.file_name().as_str()]);
        assert!([Some(3), Some(4)].contains(&outcome.code), "{outcome}");
        assert_eq!(fixture.context.snapshot("home"), before);
    }
    refused(
        &Fixture::new(),
        4,
        &["--pip", "./pip-24.0-py3-none-any.whl"],
    )
    .says(["pip-24.0"]);
}

#[test]
fn an_archive_that_is_not_the_release_is_refused() {
    let fixture = Fixture::new();
    let name = format!("releases/{}", fixture.release.tgz_name());
    let right = fixture.release.sha256().to_string();
    fixture.context.write(&name, "not the release");
    let found = pybuild::digest::Sha256::of(b"not the release").to_string();
    refused(&fixture, 4, &[]).says([right.as_str(), &found]);

    fs_err::remove_file(fixture.context.path(&name)).unwrap();
    refused(&fixture, 4, &[]).says([fixture.release.tgz_name().as_str()]);
}

#[test]
fn an_archive_that_cannot_be_unpacked_is_refused() {
    let whole = MiniCpython::new(VERSION).tgz();
    for (content, texts) in [
        (b"not an archive".to_vec(), vec!["Python-3.99.1.tgz"]),
        (whole[..whole.len() / 2].to_vec(), vec!["Python-3.99.1.tgz"]),
        (
            tgz_of(&[("Python-3.99.1/a", ""), ("../evil", "x")]),
            vec!["../evil"],
        ),
        (
            tgz_of(&[("/pybuild-test-evil", "x")]),
            vec!["pybuild-test-evil"],
        ),
        (tgz_of(&[("something/else", "x")]), vec![]),
        (
            tgz_of(&[("Python-3.99.1/configure", "")]),
            vec!["patchlevel.h"],
        ),
        (MiniCpython::new("3.99.0").tgz(), vec!["3.99.0", VERSION]),
    ] {
        let fixture = Fixture::new();
        let path = fixture
            .context
            .write("releases/Python-3.99.1.tgz", &content);
        let digest = pybuild::digest::Sha256::of(&content).to_string();
        let path = path.display().to_string();
        let arguments = [
            VERSION, "--source", &path, "--sha256", &digest, "--pip", "24.0",
        ];
        let outcome = fixture
            .context
            .run(arguments)
            .exits(4)
            .has_one_error_with_a_hint();
        outcome.says(texts);
        assert!(!fixture.prefix().exists());
        assert!(!std::path::Path::new("/pybuild-test-evil").exists());
        fixture.assert_nothing_is_left_behind();
    }
}

#[test]
fn an_ensurepip_that_is_not_understood_is_an_error_that_says_what_was_looked_for() {
    let release = MiniCpython::new(VERSION).with_ensurepip("NOTHING = 'to be found'\n");
    let fixture = Fixture::of(release);
    let outcome = fixture
        .build(&["--pip", "latest"])
        .has_one_error_with_a_hint();
    let outcome = outcome.says(["_PIP_VERSION", "Lib/ensurepip/__init__.py"]);
    assert_eq!(outcome.code, Some(4), "{outcome}");
    assert!(!fixture.prefix().exists());
}

#[test]
fn a_patch_that_does_not_apply_is_refused() {
    let fixture = Fixture::new();
    let patch = fixture.context.write(
        "own.patch",
        "--- a/Lib/os.py\n+++ b/Lib/os.py\n@@ -1 +1 @@\n-something else\n+sep = ':'\n",
    );
    let asked = patch.display().to_string();
    let outcome = fixture
        .build(&["--patch", &asked])
        .exits(4)
        .has_one_error_with_a_hint();
    outcome.says(["own.patch", "Lib/os.py"]);
    assert!(!fixture.prefix().exists());
    fs_err::write(&patch, "no patch at all\n").unwrap();
    fixture
        .build(&["--patch", &asked])
        .exits(4)
        .has_one_error_with_a_hint()
        .says(["own.patch"]);
    fs_err::write(&patch, "--- a/../../x\n+++ b/../../x\n@@ -0,0 +1 @@\n+x\n").unwrap();
    fixture
        .build(&["--patch", &asked])
        .exits(4)
        .has_one_error_with_a_hint()
        .says(["own.patch"]);
    fs_err::remove_file(&patch).unwrap();
    refused(&fixture, 4, &["--patch", &asked]).says(["own.patch"]);
}

#[test]
fn a_prefix_that_cannot_be_is_refused_before_anything_is_fetched() {
    let fixture = Fixture::new();
    let file = fixture.context.write("a-file", "");
    let spaced = fixture.context.path("with space").display().to_string();
    refused(&fixture, 2, &["--pip", "latest", "--prefix", &spaced]).says([&*spaced]);
    for prefix in [file.join("below"), file, "/".into()] {
        let shown = prefix.display().to_string();
        let outcome = refused(&fixture, 1, &["--pip", "latest", "--prefix", &shown]);
        outcome.says([shown.as_str()]);
    }
    assert!(fixture.server.requests().is_empty());
}

#[test]
fn a_prefix_that_may_not_be_written_is_an_error() {
    let fixture = Fixture::new();
    // Nobody, not even root, makes a folder there; who is not root is told at once.
    let outcome = fixture.build(&["--prefix", "/proc/pybuild-test"]).exits(1);
    outcome
        .has_one_error_with_a_hint()
        .says(["/proc/pybuild-test", "--prefix"]);
    fixture.assert_nothing_is_left_behind();
}

#[test]
fn a_compiler_that_is_not_there_or_does_not_work_is_refused() {
    let fixture = Fixture::new();
    fixture
        .context
        .put_program("cc", "#!/bin/sh\necho 'cc: internal error' >&2; exit 1\n");
    for other in ["gcc", "c++", "g++"] {
        fixture.context.remove_program(other);
    }
    refused(&fixture, 5, &[]).says(["cc"]);
    fixture.context.remove_program("cc");
    refused(&fixture, 5, &[]).says(["compiler"]);
    let fixture = Fixture::new();
    fixture.context.remove_program("make");
    refused(&fixture, 5, &[]).says(["make"]);
}

#[test]
fn missing_headers_stop_the_build_by_module_unless_they_are_allowed() {
    let fixture = Fixture::new();
    fixture.context.lack_headers(&["zlib.h"]);
    refused(&fixture, 5, &[]).says(["zlib"]);
    fixture.build(&["--allow-missing", "zlib"]).success();
    fixture.context.lack_headers(&["sqlite3.h"]);
    fixture
        .build(&["--force"])
        .success()
        .says(["warning:", "sqlite3"]);
    refused(&fixture, 5, &["--force", "--require", "sqlite3"]).says(["sqlite3"]);
    // A dry run refuses and reports the same.
    fixture.context.lack_headers(&["zlib.h", "sqlite3.h"]);
    refused(&fixture, 5, &["--dry-run"]).says(["zlib (no zlib.h)"]);
    fixture
        .build(&["--dry-run", "--allow-missing", "zlib"])
        .success()
        .says(["these modules will be missing: sqlite3"]);
}

#[test]
fn a_build_folder_where_nothing_may_run_is_refused() {
    let fixture = Fixture::new();
    let folder = fixture.context.path("noexec");
    fs_err::create_dir(&folder).unwrap();
    let refusing = |script: &str| {
        let mut command = std::process::Command::new("unshare");
        fixture.context.isolate(&mut command);
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        let script = format!("mount -t tmpfs -o noexec none \"$0\" && {script}");
        command.args(["-rm", "sh", "-c", &script]).arg(&folder);
        command
    };
    // Not every host lets its users mount something in a namespace of their own.
    if !refusing("true")
        .output()
        .is_ok_and(|output| output.status.success())
    {
        eprintln!("nothing can be mounted here, so nothing is proven");
        return;
    }
    let mut command = refusing("\"$@\"");
    command
        .arg(env!("CARGO_BIN_EXE_pybuild"))
        .args(fixture.arguments(&["--build-dir"]))
        .arg(&folder);
    let outcome = fixture.context.outcome(&mut command).exits(5);
    outcome
        .has_one_error_with_a_hint()
        .says(["noexec", "--build-dir"]);
    assert!(!fixture.prefix().exists());
    fixture.assert_nothing_is_left_behind();
}
