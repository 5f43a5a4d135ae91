//! `pybuild patch`: its output, applied by git and GNU patch.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::context::snapshot;
use crate::fixture::{Fixture, LATEST_PIP};
use crate::mini_cpython::{MiniCpython, VERSION};
use crate::outcome::Outcome;

/// A fixture whose release bundles setuptools too.
fn with_setuptools() -> Fixture {
    Fixture::of(MiniCpython::new("3.11.99").with_setuptools())
}

/// `pybuild patch VERSION` for the fixture's release file.
fn patch(fixture: &Fixture, more: &[&str]) -> Outcome {
    let release = fixture.arguments(more);
    let arguments = std::iter::once("patch".into()).chain(release);
    fixture.context.run(arguments)
}

/// `pybuild patch --tree TREE`.
fn patch_tree(fixture: &Fixture, tree: &Path, more: &[&str]) -> Outcome {
    let tree = tree.display().to_string();
    let arguments = ["patch", "--tree", &tree].into_iter();
    fixture.context.run(arguments.chain(more.iter().copied()))
}

/// A new unpacked tree of the fixture's release.
fn tree(fixture: &Fixture, name: &str) -> PathBuf {
    fixture.release.write_tree(&fixture.context.path(name))
}

/// The files of a tree after `pybuild patch --tree --apply` with these pins.
fn applied(fixture: &Fixture, pins: &[&str]) -> BTreeMap<String, String> {
    let tree = tree(fixture, "applied");
    patch_tree(fixture, &tree, &[pins, &["--apply"]].concat()).success();
    let result = snapshot(&tree);
    fs_err::remove_dir_all(&tree).unwrap();
    result
}

/// Runs a program of the host in a tree. git finds no configuration and no repository above it.
#[track_caller]
fn run_in(tree: &Path, program: &str, arguments: &[&str], input: Option<&Path>) -> Outcome {
    let mut command = Command::new(program);
    let home = tree.parent().unwrap();
    command
        .args(arguments)
        .current_dir(tree)
        .env("HOME", home)
        .env("GIT_CEILING_DIRECTORIES", home)
        .env("GIT_CONFIG_NOSYSTEM", "1");
    command.stdin(match input {
        Some(path) => Stdio::from(std::fs::File::open(path).unwrap()),
        None => Stdio::null(),
    });
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    Outcome::new(&output, home)
}

#[test]
fn the_diff_is_printed_and_a_note_names_the_wheels_that_it_lacks() {
    let fixture = Fixture::new();
    let outcome = patch(&fixture, &["--pip", "latest"]).success();
    insta::assert_snapshot!(outcome.filtered_stdout(), @r#"
    diff --git a/Lib/ensurepip/__init__.py b/Lib/ensurepip/__init__.py
    --- a/Lib/ensurepip/__init__.py
    +++ b/Lib/ensurepip/__init__.py
    @@ -3,7 +3,7 @@
     from importlib import resources
     
     __all__ = ["version", "bootstrap"]
    -_PIP_VERSION = "23.0"
    +_PIP_VERSION = "24.0"
     
     
     def _get_pip_whl_path_ctx():
    "#);
    insta::assert_snapshot!(outcome.filtered_stderr(), @r"
    fetch     pip-24.0-py3-none-any.whl from 127.0.0.1 ([TIME])
    pip 24.0 (latest for CPython 3.99.1; 26.3 needs Python 3.100 or later)
    fetch     Python-3.99.1.tgz from [TEMP]/releases/Python-3.99.1.tgz ([TIME])
    unpack    8 entries ([TIME])
    patch     pip 24.0 ([TIME])
    the wheels are not in this diff (Lib/ensurepip/_bundled/pip-24.0-py3-none-any.whl): `-o FILE` writes a patch that has them
    ");
    fixture.assert_nothing_is_left_behind();
    assert!(!fixture.prefix().exists());
    assert_eq!(snapshot(&fixture.context.path("work")).len(), 1);
    let quiet = patch(&fixture, &["-q", "--color", "always", "--pip", "latest"]);
    assert_eq!(
        (quiet.stdout, quiet.stderr),
        (outcome.stdout, String::new())
    );
}

#[test]
fn git_applies_and_reverses_the_patch_file() {
    for (fixture, pins) in [
        (Fixture::new(), vec!["--pip", "latest"]),
        (
            with_setuptools(),
            vec!["--pip", "latest", "--setuptools", "68.0.0"],
        ),
        (
            with_setuptools(),
            vec!["--pip", "latest", "--setuptools", "none"],
        ),
        (with_setuptools(), vec!["--setuptools", "latest"]),
        (with_setuptools(), vec!["--pip", "none"]),
    ] {
        let file = fixture.context.path("work/pin.patch");
        let shown = file.display().to_string();
        patch(&fixture, &[&pins[..], &["-o", "pin.patch"]].concat()).success();
        let expected = applied(&fixture, &pins);
        let tree = tree(&fixture, "tree");
        let released = snapshot(&tree);
        assert_ne!(released, expected);
        let git = |arguments: &[&str]| run_in(&tree, "git", arguments, None).success();
        git(&["apply", "--check", &shown]);
        git(&["apply", &shown]);
        assert_eq!(snapshot(&tree), expected, "{pins:?}");
        git(&["apply", "-R", &shown]);
        assert_eq!(snapshot(&tree), released, "{pins:?}");

        // In a repository, git also compares the ids of the blobs.
        git(&["init", "-q"]);
        git(&["add", "-A"]);
        git(&["apply", "--index", &shown]);
        fs_err::remove_dir_all(tree.join(".git")).unwrap();
        assert_eq!(snapshot(&tree), expected, "{pins:?}");
    }
}

#[test]
fn the_patch_for_git_has_the_headers_that_git_writes() {
    let fixture = with_setuptools();
    let pins = ["--pip", "latest", "--setuptools", "none"];
    let tree = tree(&fixture, "tree");
    let git = |arguments: &[&str]| run_in(&tree, "git", arguments, None).success().stdout;
    git(&["init", "-q"]);
    git(&["add", "-A"]);
    git(&[
        "-c",
        "user.name=a",
        "-c",
        "user.email=a@b",
        "commit",
        "-qm",
        "release",
    ]);
    let ours = patch_tree(
        &fixture,
        &tree,
        &[&pins[..], &["--apply", "-o", "-"]].concat(),
    )
    .success()
    .stdout;
    git(&["add", "-A"]);
    let theirs = git(&[
        "diff",
        "--cached",
        "--binary",
        "--full-index",
        "--no-renames",
    ]);
    // git may deflate differently, sorts by name, and names the function of a hunk.
    let headers = |text: &str| {
        let marks = ["diff ", "index ", "new ", "deleted ", "--- ", "+++ "];
        let mut lines: Vec<String> = text
            .lines()
            .filter(|line| marks.iter().any(|mark| line.starts_with(mark)))
            .map(str::to_owned)
            .collect();
        lines.sort();
        lines
    };
    assert_eq!(headers(&ours), headers(&theirs));
}

#[test]
fn gnu_patch_applies_and_reverses_wheels_as_bytes() {
    let fixture = with_setuptools();
    let pins = ["--pip", "latest", "--setuptools", "none"];
    let expected = applied(&fixture, &pins);
    patch(
        &fixture,
        &[&pins[..], &["--for", "patch", "-o", "raw.patch"]].concat(),
    )
    .success();
    let file = fixture.context.path("work/raw.patch");
    let tree = tree(&fixture, "tree");
    let released = snapshot(&tree);
    run_in(&tree, "patch", &["-p1", "--force"], Some(&file)).success();
    assert_eq!(snapshot(&tree), expected);
    run_in(&tree, "patch", &["-p1", "--force", "-R"], Some(&file)).success();
    assert_eq!(snapshot(&tree), released);
}

#[test]
fn a_folder_has_the_diff_the_wheels_and_their_digests() {
    let fixture = with_setuptools();
    let pins = ["--pip", "latest", "--setuptools", "68.0.0"];
    let expected = applied(&fixture, &pins);
    // The name of a new folder ends in a slash.
    let outcome = patch(&fixture, &[&pins[..], &["-o", "out/"]].concat()).success();
    let out = fixture.context.path("work/out");
    run_in(&out, "sha256sum", &["-c", "SHA256SUMS"], None).success();
    let names: Vec<String> = snapshot(&out).into_keys().collect();
    assert_eq!(
        names,
        [
            "",
            "SHA256SUMS",
            "ensurepip.diff",
            "pip-24.0-py3-none-any.whl",
            "setuptools-68.0.0-py3-none-any.whl"
        ]
    );
    // The printed commands give the pinned tree.
    let tree = tree(&fixture, "tree");
    let line = |mark: &str| {
        let said = outcome
            .stderr
            .lines()
            .find_map(|line| line.strip_prefix(mark));
        said.unwrap_or_else(|| panic!("{mark} in {outcome}"))
            .to_owned()
    };
    for commands in [line("in the tree: "), line("then:        ")] {
        run_in(&tree, "sh", &["-c", &commands], None).success();
    }
    assert_eq!(snapshot(&tree), expected);
    // An existing folder needs no slash.
    patch(&fixture, &["--pip", "23.3.2", "-o", "out"]).success();
    assert!(out.join("pip-23.3.2-py3-none-any.whl").exists());
    run_in(&out, "sha256sum", &["-c", "SHA256SUMS"], None).success();
}

#[test]
fn the_same_inputs_give_the_same_bytes() {
    let fixture = with_setuptools();
    let tree = tree(&fixture, "elsewhere/tree");
    let before = snapshot(&tree);
    for program in ["git", "patch"] {
        let pins = [
            "--pip",
            "latest",
            "--setuptools",
            "latest",
            "--for",
            program,
            "-o",
        ];
        patch(&fixture, &[&pins[..], &["one"]].concat()).success();
        std::thread::sleep(std::time::Duration::from_millis(1100));
        patch(&fixture, &[&pins[..], &["two"]].concat()).success();
        patch_tree(&fixture, &tree, &[&pins[..], &["three"]].concat()).success();
        let read = |name: &str| fs_err::read(fixture.context.path("work").join(name)).unwrap();
        assert!(!read("one").is_empty());
        assert_eq!(read("one"), read("two"));
        assert_eq!(read("one"), read("three"));
    }
    assert_eq!(snapshot(&tree), before);
}

#[test]
fn a_patched_tree_builds_by_itself() {
    let fixture = Fixture::new();
    patch(&fixture, &["--pip", "latest", "-o", "pin.patch"]).success();
    let tree = tree(&fixture, "tree");
    let file = fixture.context.path("work/pin.patch").display().to_string();
    run_in(&tree, "git", &["apply", &file], None).success();
    let prefix = fixture.context.path("prefix");
    let script = format!(
        "./configure --prefix={} --with-ensurepip=upgrade && make && make install",
        prefix.display()
    );
    run_in(&tree, "sh", &["-c", &script], None).success();
    assert_eq!(fixture.pip(&prefix), LATEST_PIP);
    assert_eq!(fixture.venv_pip(&prefix), LATEST_PIP);
}

#[test]
fn only_wheels_are_downloaded_for_a_tree() {
    let fixture = Fixture::new();
    let tree = tree(&fixture, "tree");
    fs_err::remove_dir_all(fixture.context.path("releases")).unwrap();
    // Neither files of an earlier build nor missing ones matter.
    fs_err::write(tree.join("Makefile"), "").unwrap();
    fs_err::remove_file(tree.join("configure")).unwrap();
    patch_tree(&fixture, &tree, &["--pip", "24.0", "-o", "pin.patch"]).success();
    assert_eq!(fixture.server.requests().len(), 2);
    patch_tree(&fixture, &tree, &["--pip", "24.0", "--offline"]).success();
    assert_eq!(fixture.server.requests().len(), 2);
}

#[test]
fn a_tree_must_have_the_requested_version() {
    let fixture = Fixture::new();
    let tree = tree(&fixture, "tree");
    for request in [VERSION, "3.99", "3"] {
        patch_tree(&fixture, &tree, &[request, "--pip", "24.0"]).success();
    }
    let before = snapshot(&tree);
    let outcome = patch_tree(&fixture, &tree, &["3.12.1", "--pip", "24.0", "--apply"]);
    outcome
        .exits(4)
        .has_one_error_with_a_hint()
        .says(["3.99.1", "3.12.1"]);
    // The version decides which pips fit.
    patch_tree(&fixture, &tree, &["--pip", "26.3"])
        .exits(3)
        .has_one_error_with_a_hint();
    patch_tree(
        &fixture,
        &tree,
        &["--pip", "24.0", "--setuptools", "68.0.0"],
    )
    .exits(2)
    .has_one_error_with_a_hint();
    assert_eq!(snapshot(&tree), before);
}

#[test]
fn a_tree_that_has_the_pin_stays_unchanged() {
    let fixture = Fixture::new();
    let tree = tree(&fixture, "tree");
    patch_tree(&fixture, &tree, &["--pip", "latest", "--apply"])
        .success()
        .says(["apply", &tree.display().to_string()]);
    let before = snapshot(&tree);
    let outcome = patch_tree(
        &fixture,
        &tree,
        &["--pip", "latest", "--apply", "-o", "pin.patch"],
    );
    outcome
        .success()
        .says(["pip 24.0 already", "nothing to change"])
        .never_says("apply  ");
    // The patch of an earlier run would be wrong now.
    assert_eq!(
        fs_err::read(fixture.context.path("work/pin.patch")).unwrap(),
        b""
    );
    let outcome = patch_tree(&fixture, &tree, &["--pip", "24.0"]).success();
    assert_eq!(outcome.stdout, "");
    patch_tree(&fixture, &tree, &["--pip", "24.0", "-o", "out/"]).success();
    let out = fixture.context.path("work/out");
    run_in(&out, "sha256sum", &["-c", "SHA256SUMS"], None).success();
    assert_eq!(snapshot(&tree), before);
}

#[test]
fn a_tree_with_a_corrupt_wheel_gets_the_right_one() {
    let fixture = Fixture::new();
    let tree = tree(&fixture, "tree");
    let released = snapshot(&tree);
    patch_tree(&fixture, &tree, &["--pip", "24.0", "--apply"]).success();
    let pinned = snapshot(&tree);
    assert_ne!(released, pinned);
    let wheel = tree.join("Lib/ensurepip/_bundled/pip-24.0-py3-none-any.whl");
    fs_err::write(&wheel, "rubbish, with a line\nand no end").unwrap();
    for (program, apply) in [("git", "git apply"), ("patch", "patch -p1 -s -i")] {
        let arguments = ["--pip", "24.0", "--for", program, "-o", "wheel.patch"];
        patch_tree(&fixture, &tree, &arguments).success();
        let file = fixture
            .context
            .path("work/wheel.patch")
            .display()
            .to_string();
        let run = |back: &str| {
            let script = format!("{apply} {file} {back}");
            run_in(&tree, "sh", &["-c", &script], None).success();
        };
        run("");
        assert_eq!(snapshot(&tree), pinned, "{program}");
        run("-R");
        assert_ne!(snapshot(&tree), pinned, "{program}");
    }
}

#[test]
fn a_tree_that_cannot_be_pinned_stays_unchanged() {
    let release = MiniCpython::new(VERSION).with_ensurepip("NOTHING = 'to be found'\n");
    let fixture = Fixture::of(release);
    let tree = tree(&fixture, "tree");
    let before = snapshot(&tree);
    patch_tree(
        &fixture,
        &tree,
        &["--pip", "24.0", "--apply", "-o", "pin.patch"],
    )
    .exits(4)
    .has_one_error_with_a_hint()
    .says(["_PIP_VERSION"]);
    assert_eq!(snapshot(&tree), before);
    assert!(!fixture.context.path("work/pin.patch").exists());
    fixture.assert_nothing_is_left_behind();
}

#[test]
fn invalid_arguments_are_refused_before_any_request() {
    let fixture = Fixture::new();
    let tree = tree(&fixture, "tree").display().to_string();
    let other = fixture.context.path("home").display().to_string();
    for (arguments, text) in [
        (vec!["3.99.1"], "neither pip nor setuptools"),
        (vec!["3.99.1", "--pip", "bundled"], "neither pip"),
        (vec!["--pip", "24.0"], "VERSION"),
        (vec!["3.99.1", "--pip", "24.0", "--apply"], "--tree"),
        (vec!["--pip", "24.0", "--tree", &other], "patchlevel.h"),
        (
            vec!["--pip", "24.0", "--tree", &tree, "--mirror", "/srv"],
            "--mirror",
        ),
        (vec!["3.99.1", "--pip", "24.0", "--for", "git"], "-o"),
        (
            vec!["3.99.1", "--pip", "24.0", "--for", "patch", "-o", "out/"],
            "--for",
        ),
    ] {
        let arguments = std::iter::once("patch").chain(arguments);
        let outcome = fixture.context.run(arguments).exits(2).says([text]);
        assert!(outcome.stdout.is_empty(), "{outcome}");
    }
    let missing = ["patch", "--pip", "24.0", "--tree", "nowhere"];
    fixture
        .context
        .run(missing)
        .exits(4)
        .has_one_error_with_a_hint()
        .says(["nowhere"]);
    assert!(fixture.server.requests().is_empty());
}

#[test]
fn only_a_regular_file_is_replaced() {
    let fixture = Fixture::new();
    let kept = fixture.context.write("work/kept", "kept");
    std::os::unix::fs::symlink(&kept, fixture.context.path("work/link")).unwrap();
    for (name, code) in [
        ("link", 2),
        ("/dev/null", 2),
        ("no/folder/x", 1),
        ("kept/", 1),
    ] {
        let outcome = patch(&fixture, &["--pip", "24.0", "-o", name])
            .exits(code)
            .has_one_error_with_a_hint();
        assert!(outcome.stdout.is_empty(), "{outcome}");
    }
    assert_eq!(fs_err::read(&kept).unwrap(), b"kept");
    patch(&fixture, &["--pip", "24.0", "-o", "kept"]).success();
    assert!(fs_err::read(&kept).unwrap().starts_with(b"diff --git "));
    // The file, the link, and the folder that they are in.
    assert_eq!(snapshot(&fixture.context.path("work")).len(), 3);
}

#[test]
fn a_closed_pipe_is_no_error() {
    let fixture = Fixture::new();
    let mut command = fixture.context.command(
        std::iter::once("patch".into()).chain(fixture.arguments(&["--pip", "24.0", "-o", "-"])),
    );
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let outcome = Outcome::new(
        &child.wait_with_output().unwrap(),
        &fixture.context.path(""),
    );
    outcome.success().never_says("error");
}
