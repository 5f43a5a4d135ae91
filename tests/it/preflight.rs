//! Checks before anything is fetched. A build and `--dry-run` refuse the same requests.

use std::os::unix::fs::symlink;

use crate::fixture::{Fixture, LATEST_PIP};
use crate::mini_cpython::{BUNDLED_PIP, MiniCpython, VERSION};
use crate::outcome::Outcome;
use crate::small_disk::{self, Trouble};

/// Runs a build and a dry run. Both must fail with this exit code and the same error and hint, before
/// anything is fetched or changed.
#[track_caller]
fn refused(fixture: &Fixture, code: i32, more: &[&str]) -> Outcome {
    let folders = ["home", "work", "tmp", "cache/sha256", "cache/logs"];
    let state = || folders.map(|folder| fixture.context.snapshot(folder));
    let before = state();
    let run = |arguments: &[&str]| {
        let outcome = fixture.build(arguments).exits(code);
        outcome.has_one_error_with_a_hint().never_says("fetch ")
    };
    let built = run(more);
    let planned = run(&[more, &["--dry-run"]].concat());
    let error = |outcome: &Outcome| {
        let error = outcome.stderr.find("error:").unwrap_or_default();
        outcome.stderr[error..].to_owned()
    };
    assert_eq!(error(&built), error(&planned));
    assert!(planned.stdout.is_empty(), "{planned}");
    assert_eq!(state(), before, "{built}");
    fixture.assert_nothing_is_left_behind();
    built
}

#[test]
fn a_folder_whose_name_the_build_cannot_handle_is_a_usage_error() {
    let fixture = Fixture::new();
    for (name, shown) in [
        ("a b", "a space"),
        ("a\tb", "a tab"),
        ("a:b", "`:`"),
        ("a&b", "`&`"),
        ("a$b", "`$`"),
        ("a'b", "`'`"),
        ("a#b", "`#`"),
    ] {
        let folder = fixture.context.path(name).display().to_string();
        for option in ["--prefix", "--build-dir"] {
            let outcome = refused(&fixture, 2, &[option, &folder]);
            outcome
                .says([&*format!("has {shown} in its name"), option])
                .never_says("as a user who");
        }
    }
    for (name, shown) in [("a,b", "`,`"), ("[ab]", "`[`"), ("a*", "`*`")] {
        let folder = fixture.context.path(name).display().to_string();
        refused(&fixture, 2, &["--prefix", &folder]).says([shown]);
    }
    let folder = format!("/opt/{}", "long/".repeat(60));
    refused(&fixture, 2, &["--prefix", &folder]).says(["too long"]);
}

#[test]
fn a_folder_with_an_unusual_name_that_works_is_used() {
    let fixture = Fixture::new();
    let name = "-a+b@c=d%e^f~g!hié";
    let prefix = fixture.context.path(name);
    let build = fixture.context.path(&format!("{name},[j]?*"));
    let (asked, build) = (prefix.display().to_string(), build.display().to_string());
    fixture
        .build(&["--prefix", &asked, "--build-dir", &build])
        .success();
    assert_eq!(fixture.venv_pip(&prefix), BUNDLED_PIP);
}

#[test]
fn a_tilde_that_no_shell_expanded_is_refused() {
    let mut fixture = Fixture::new();
    for option in [
        "--prefix",
        "--build-dir",
        "--mirror",
        "--patch",
        "--keyring",
    ] {
        refused(&fixture, 2, &[option, "~/x"]).says([option, "~/x", "$HOME"]);
    }
    refused(&fixture, 2, &["--pip", "~/pip-24.0-py3-none-any.whl"]).says(["--pip", "$HOME"]);
    refused(&fixture, 2, &["--mirror", ""]).says(["--mirror", "empty"]);
    for arguments in [
        &[VERSION, "--source", "~/Python-3.99.1.tgz"][..],
        &["patch", "3.11.2", "--pip", "24.0", "-o", "~/x.patch"],
        &["patch", "--tree", "~/tree", "--pip", "24.0"],
    ] {
        let outcome = fixture.context.run(arguments).exits(2);
        outcome.has_one_error_with_a_hint().says(["$HOME"]);
    }
    for variable in [
        "PYBUILD_CACHE_DIR",
        "PYBUILD_BUILD_DIR",
        "PYBUILD_MIRROR",
        "PYBUILD_KEYRING",
    ] {
        let mut other = Fixture::new();
        other.context.set(variable, "~/x");
        let outcome = other.build(&[]).exits(2).has_one_error_with_a_hint();
        outcome.says([variable, "$HOME"]);
        assert!(!other.context.path("work/~").exists());
    }
    fixture.context.set("PYBUILD_BUILD_DIR", "./~/x");
    fixture.build(&[]).success();
}

#[test]
fn a_mirror_must_be_a_readable_folder() {
    let fixture = Fixture::new();
    let missing = fixture.context.path("missing").display().to_string();
    let address = format!("file://{missing}");
    for mirror in [&missing, &address] {
        refused(&fixture, 4, &["--mirror", mirror]).says(["--mirror", "does not exist", &missing]);
    }
    let file = fixture.context.write("file", "").display().to_string();
    refused(&fixture, 4, &["--mirror", &file]).says(["--mirror", "is not a folder"]);
    let mut other = Fixture::new();
    other.context.set("PYBUILD_MIRROR", &missing);
    refused(&other, 4, &[]).says(["PYBUILD_MIRROR", "does not exist"]);
    let patch = ["patch", "3.11.2", "--pip", "24.0", "--mirror", &missing];
    let outcome = fixture.context.run(patch).exits(4);
    outcome.has_one_error_with_a_hint().says(["does not exist"]);
}

#[test]
fn files_of_options_must_be_readable() {
    let fixture = Fixture::new();
    let missing = fixture.context.path("missing").display().to_string();
    for option in ["--patch", "--keyring"] {
        refused(&fixture, 4, &[option, &missing]).says([option, "does not exist"]);
        let folder = fixture.context.path("work").display().to_string();
        refused(&fixture, 4, &[option, &folder]).says(["cannot be read"]);
    }
    let garbage = fixture
        .context
        .write("garbage", "no keys")
        .display()
        .to_string();
    refused(&fixture, 4, &["--keyring", &garbage]).says([&*garbage]);
    for source in [missing.clone(), format!("file://{missing}")] {
        let outcome = fixture.context.run([VERSION, "--source", &source]).exits(4);
        let outcome = outcome.has_one_error_with_a_hint();
        outcome.says(["--source", "does not exist"]);
    }
}

#[test]
fn a_source_tree_with_an_earlier_build_is_refused() {
    let fixture = Fixture::new();
    let tree = fixture.release.write_tree(&fixture.context.path("trees"));
    let build = |more: &[&str]| {
        let tree = tree.display().to_string();
        let arguments = [&[VERSION, "--source", &tree], more].concat();
        fixture.context.run(arguments)
    };
    for name in ["Makefile", "config.status", "pybuilddir.txt"] {
        fs_err::write(tree.join(name), "").unwrap();
        for more in [&[][..], &["--dry-run"]] {
            let outcome = build(more).exits(4).has_one_error_with_a_hint();
            outcome.says([name, "make distclean"]).never_says("copy ");
        }
        fs_err::remove_file(tree.join(name)).unwrap();
    }
    build(&["--dry-run"]).success();
}

#[test]
fn modules_that_the_release_does_not_have_are_refused() {
    let fixture = Fixture::new();
    for option in ["--require", "--allow-missing"] {
        refused(&fixture, 2, &[option, "sssl"]).says([option, "did you mean `ssl`?"]);
        refused(&fixture, 2, &[option, "foo"]).says([option, "no release of CPython"]);
        refused(&fixture, 2, &[option, "nis"]).says(["CPython 3.99.1 has no module", "3.12"]);
    }
    refused(
        &fixture,
        2,
        &["--require", "ssl", "--allow-missing", "_ssl"],
    )
    .says(["both"]);
    let more = [
        "--require",
        "readline",
        "--configure-arg=--without-readline",
    ];
    refused(&fixture, 2, &more).says(["leaves it out"]);
    fixture
        .build(&["--dry-run", "--require", "json", "--allow-missing", "_ssl"])
        .success();
}

#[test]
fn arguments_of_configure_that_contradict_pybuild_are_refused() {
    let fixture = Fixture::new();
    for argument in [
        "--with-ensurepip=no",
        "--host=arm-linux-gnueabi",
        "--help",
        "-n",
        "DESTDIR=/x",
        "--bindir=/usr/bin",
        "--libdir=/usr/lib64",
    ] {
        let argument = format!("--configure-arg={argument}");
        refused(&fixture, 2, &[&argument]).says(["contradicts"]);
    }
    let wheels = "--configure-arg=--with-wheel-pkg-dir=/usr/share/python-wheels";
    refused(&fixture, 2, &["--pip", "latest", wheels]).says(["instead of the pinned"]);
    fixture.build(&["--pip", "bundled", wheels]).success();
    fixture
        .build(&[
            "--force",
            "--enable-shared",
            "--configure-arg=--enable-shared",
        ])
        .success();
}

#[test]
fn foreign_files_are_found_before_anything_is_compiled() {
    let fixture = Fixture::new();
    let prefix = fixture.context.path("usr-local");
    let asked = prefix.display().to_string();
    for file in ["bin/python3.99", "bin/pip3.99", "lib/libpython3.99.a"] {
        fixture
            .context
            .write(&format!("usr-local/{file}"), "foreign");
        let outcome = refused(&fixture, 1, &["--prefix", &asked]);
        outcome.says([file, "foreign files", "--overwrite"]);
        let overwrite = ["--prefix", &asked, "--overwrite", "--dry-run"];
        fixture.build(&overwrite).success();
        fs_err::remove_dir_all(&prefix).unwrap();
    }
    // `--overwrite` does not replace a folder by a file.
    fs_err::create_dir_all(prefix.join("bin/python3")).unwrap();
    for more in [
        &["--prefix", &asked][..],
        &["--prefix", &asked, "--overwrite"],
    ] {
        refused(&fixture, 1, more).says(["bin/python3"]);
    }
    fs_err::remove_dir_all(&prefix).unwrap();
    fixture.context.write("usr-local/lib", "a file");
    refused(&fixture, 1, &["--prefix", &asked]).says(["usr-local/lib"]);
    fs_err::remove_dir_all(&prefix).unwrap();
    // A dangling link is in the way, too.
    fs_err::create_dir_all(prefix.join("bin")).unwrap();
    symlink("nowhere", prefix.join("bin/python3")).unwrap();
    refused(&fixture, 1, &["--prefix", &asked]).says(["bin/python3"]);
}

#[test]
fn a_build_folder_must_be_a_folder() {
    let fixture = Fixture::new();
    let file = fixture.context.write("file", "");
    for folder in [file.join("below"), file] {
        let folder = folder.display().to_string();
        let outcome = refused(&fixture, 1, &["--build-dir", &folder]);
        outcome.says([&*folder, "--build-dir"]);
    }
    let outcome = fixture.build(&["--build-user", "no-such-user-here", "--dry-run"]);
    outcome.exits(2).has_one_error_with_a_hint();
}

#[test]
fn a_dry_run_reports_missing_prerequisites() {
    let fixture = Fixture::new();
    fixture.context.lack_headers(&["zlib.h"]);
    refused(&fixture, 5, &[]).says(["zlib"]);
    for compiler in ["cc", "gcc", "c++", "g++"] {
        fixture.context.remove_program(compiler);
    }
    refused(&fixture, 5, &[]).says(["compiler"]);
    // After the installation of packages, the compiler may be there.
    let outcome = fixture.build(&["--install-deps", "--dry-run"]).success();
    outcome.says(["the plan leaves out patches that depend on the compiler"]);
}

#[test]
fn a_disk_without_room_is_reported_before_anything_is_fetched() {
    if !small_disk::can_be_mounted() {
        return;
    }
    let fixture = Fixture::of(MiniCpython::new(VERSION).with_ballast(9 << 20));
    for (folder, option) in [("build", "--build-dir"), ("disk", "--prefix")] {
        let at = fixture.context.path(folder);
        fixture.context.write(&format!("{folder}/other"), "");
        let folder = at.join("deep").display().to_string();
        for more in [&[option, &folder, "--dry-run"][..], &[option, &folder]] {
            let arguments = fixture.arguments(more);
            let ran = small_disk::run(&fixture.context, &at, Trouble::Full(15 << 10), &arguments);
            let outcome = ran.first.clone().exits(1).has_one_error_with_a_hint();
            outcome
                .says([
                    "no room for",
                    "MiB are needed",
                    "MiB are free",
                    "make room",
                    option,
                ])
                .never_says("fetch ");
            assert!(!ran.disk().join("deep").exists());
            ran.again.success();
        }
    }
}

#[test]
fn the_plan_has_the_environment_that_decides_the_build() {
    let mut fixture = Fixture::new();
    fixture.context.set("CFLAGS", "-O1 -DOWN=\"1\"");
    fixture.context.set("PYTHONPATH", "/elsewhere");
    let planned = fixture.build(&["--dry-run"]).success();
    let plan: toml::Table = planned.stdout.parse().unwrap();
    assert_eq!(
        plan["environment"]["CFLAGS"].as_str(),
        Some("-O1 -DOWN=\"1\"")
    );
    assert!(!planned.stdout.contains("PYTHONPATH"), "{planned}");

    fixture.build(&[]).success();
    let path = fixture
        .prefix()
        .join("share/pybuild")
        .join(VERSION)
        .join("record.json");
    let read =
        || -> serde_json::Value { serde_json::from_slice(&fs_err::read(&path).unwrap()).unwrap() };
    let mut record = read();
    assert_eq!(record["plan"]["environment"]["CFLAGS"], "-O1 -DOWN=\"1\"");
    assert_eq!(record.get("environment"), None, "it is there once");
    // Records of earlier versions have the environment outside of the plan.
    let environment = record["plan"]["environment"].take();
    record["plan"]
        .as_object_mut()
        .unwrap()
        .remove("environment");
    record["environment"] = environment;
    fs_err::write(&path, record.to_string()).unwrap();
    fixture.build(&[]).success().says(["nothing to do"]);
    fixture
        .build(&["--force"])
        .success()
        .says(["built", "the options are the same"]);
    assert_eq!(read()["plan"]["environment"]["CFLAGS"], "-O1 -DOWN=\"1\"");
}

#[test]
fn a_build_reports_the_installation_it_replaces_and_the_differences() {
    let mut fixture = Fixture::new();
    let first = fixture.build(&["--pip", "23.3.2"]).success();
    first.never_says("replaces");
    let replaces = format!("replaces CPython {VERSION} with pip 23.3.2, built 2");
    for (more, differs) in [
        (&["--pip", "latest"][..], "only pip is different"),
        (
            &[
                "--pip",
                "23.3.2",
                "--optimize",
                "--configure-arg=--with-mini",
            ],
            "--optimize, --with-mini are different",
        ),
        (
            &["--pip", "23.3.2", "--require", "json"],
            "only --require is different",
        ),
        (&["--pip", "23.3.2", "--force"], "the options are the same"),
        (&["--pip", "<24"], "only the SPEC of --pip is different"),
    ] {
        let planned = fixture.build(&[more, &["--dry-run"]].concat()).success();
        planned.says([&*replaces, differs]);
    }
    let built = fixture.build(&["--pip", "latest"]).success();
    let built = built.says([&*replaces, "only pip is different"]);
    let text = &built.stderr;
    // Only the wheel is fetched before the report, because choosing it needs it.
    assert!(text.find("replaces") < text.find("unpack "), "{built}");
    fixture.context.set("CFLAGS", "-O1");
    let again = fixture.build(&["--pip", "latest", "--force"]).success();
    again.says([
        &*format!("with pip {LATEST_PIP}, built"),
        "only CFLAGS is different",
    ]);
    let planned = fixture.build(&["--pip", "latest", "--dry-run"]).success();
    planned
        .says(["a build would do nothing"])
        .never_says("replaces");
}
