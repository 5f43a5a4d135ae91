//! Compatibility patches: the built-in ones, on a miniature that has the lines that they fix, and the
//! user's, with and without a header.

use std::collections::BTreeSet;
use std::path::Path;

use pybuild::plan::compat;
use pybuild::source::patch::{Patch, apply};

use crate::context::snapshot;
use crate::fixture::Fixture;
use crate::mini_cpython::{MiniCpython, sides};
use crate::outcome::Outcome;

/// A release that needs built-in patches.
const OLD: &str = "3.7.1";

/// A patch that 3.7.1 needs.
const ALIGNMENT: &str = "pymalloc-alignment-3.7";

/// A line that the patch adds to `Objects/obmalloc.c`.
const PATCHED: &str = "#define ALIGNMENT              16";

fn old_fixture() -> Fixture {
    Fixture::of(MiniCpython::new(OLD).with_setuptools())
}

/// The text of a file in the tree that `--keep-build` kept.
fn kept(fixture: &Fixture, name: &str) -> String {
    let builds = walkdir::WalkDir::new(fixture.context.path("cache/build"));
    let found = builds
        .into_iter()
        .filter_map(Result::ok)
        .find(|entry| entry.path().ends_with(Path::new("source").join(name)));
    fs_err::read_to_string(found.expect("a kept tree").path()).unwrap()
}

fn build_with_patch(fixture: &Fixture, text: &str, more: &[&str]) -> Outcome {
    let patch = fixture.context.write("own.patch", text);
    let asked = patch.display().to_string();
    let arguments: Vec<&str> = ["--patch", &asked].iter().chain(more).copied().collect();
    fixture.build(&arguments)
}

/// The names and reasons of the patches in the installed record.
fn recorded(fixture: &Fixture) -> Vec<(String, String)> {
    let folder = fixture
        .prefix()
        .join("share/pybuild")
        .join(fixture.version());
    let record: serde_json::Value =
        serde_json::from_slice(&fs_err::read(folder.join("record.json")).unwrap()).unwrap();
    let patches = record["plan"]["patches"].as_array().cloned();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let patches = patches.unwrap_or_default();
    let pairs = patches
        .iter()
        .map(|patch| (text(&patch["name"]), text(&patch["because"])));
    pairs.collect()
}

#[test]
fn the_plan_contains_each_patch_and_its_reason() {
    let fixture = old_fixture();
    let plan: toml::Table = fixture
        .build(&["--dry-run"])
        .success()
        .stdout
        .parse()
        .unwrap();
    let patches = plan["patches"].as_array().unwrap();
    let alignment = patches
        .iter()
        .find(|patch| patch["name"].as_str() == Some(ALIGNMENT));
    let alignment = alignment.expect("3.7.1 needs it");
    assert_eq!(alignment["origin"].as_str(), Some("built-in"));
    assert_eq!(alignment["upstream"].as_str(), Some("bpo-27987"));
    let because = alignment["because"].as_str().unwrap();
    assert!(
        because.starts_with("CPython 3.7.1 is >=3.7, <3.7.4"),
        "{because}"
    );
    // 3.7.4 contains the fix, so the plan has no patch for it.
    let fixed = Fixture::of(MiniCpython::new("3.7.4").with_setuptools());
    let plan = fixed.build(&["--dry-run"]).success().stdout;
    assert!(!plan.contains("pymalloc"), "{plan}");
}

#[test]
fn the_tree_is_patched_and_the_record_contains_the_patches() {
    let fixture = old_fixture();
    fixture
        .build(&["--pip", "latest", "--keep-build"])
        .success()
        .says([ALIGNMENT]);
    assert!(kept(&fixture, "Objects/obmalloc.c").contains(PATCHED));
    let recorded = recorded(&fixture);
    assert!(
        recorded.iter().any(|(name, _)| name == ALIGNMENT),
        "{recorded:?}"
    );
    let folder = snapshot(&fixture.prefix().join("share/pybuild").join(OLD));
    for (number, (name, _)) in recorded.iter().enumerate() {
        let file = format!("{:02}-{name}.patch", number + 1);
        assert!(folder.contains_key(&file), "{file} in {folder:?}");
    }
}

#[test]
fn one_or_all_patches_are_skipped_on_request() {
    let fixture = old_fixture();
    fixture
        .build(&["--keep-build", "--no-compat-patch", ALIGNMENT])
        .success()
        .says(["left out by request", ALIGNMENT]);
    assert!(!kept(&fixture, "Objects/obmalloc.c").contains(PATCHED));
    let names: Vec<String> = recorded(&fixture)
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert!(!names.iter().any(|name| name == ALIGNMENT), "{names:?}");
    // A different choice is a different request, so it is built.
    fixture.build(&["--no-compat-patches"]).success();
    assert_eq!(recorded(&fixture), []);
    fixture
        .build(&["--no-compat-patch", "pymalloc"])
        .exits(2)
        .has_one_error_with_a_hint()
        .says(["`pymalloc`", ALIGNMENT]);
}

#[test]
fn a_tree_with_another_fix_is_refused() {
    let release = MiniCpython::new(OLD).with_setuptools().without_defects();
    let fixture = Fixture::of(release);
    fixture
        .build(&[])
        .exits(4)
        .has_one_error_with_a_hint()
        .says(["(built in)", "--no-compat-patch "]);
    fixture.build(&["--no-compat-patches"]).success();
}

#[test]
fn the_error_for_a_different_context_names_file_and_hunk() {
    let fixture = old_fixture();
    let tree = fixture.release.write_tree(&fixture.context.path("tree"));
    let file = tree.join("Objects/obmalloc.c");
    let text = fs_err::read_to_string(&file).unwrap();
    fs_err::write(&file, text.replace("ALIGNMENT", "ALIGN_TO")).unwrap();
    let asked = tree.display().to_string();
    fixture
        .context
        .run([OLD, "--source", &asked])
        .exits(4)
        .has_one_error_with_a_hint()
        .says([
            ALIGNMENT,
            "Objects/obmalloc.c",
            "hunk #1",
            "--no-compat-patch ",
        ]);
}

/// The diff of a built-in patch, as a user's patch could have it.
fn alignment() -> String {
    let built_in = compat::built_in().unwrap();
    let found = built_in.iter().find(|patch| patch.name == ALIGNMENT);
    String::from_utf8(found.unwrap().diff.to_vec()).unwrap()
}

/// The diff that undoes `diff`.
fn reversed(diff: &str) -> String {
    let turned = |line: &str| match line.as_bytes() {
        [b'+', b'+', b'+', ..] | [b'-', b'-', b'-', ..] => line.to_owned(),
        [b'+', ..] => format!("-{}", &line[1..]),
        [b'-', ..] => format!("+{}", &line[1..]),
        [b'@', ..] => {
            let words: Vec<&str> = line.split(' ').collect();
            let (old, new) = (words[1].replace('-', "+"), words[2].replace('+', "-"));
            format!("@@ {new} {old} @@")
        }
        _ => line.to_owned(),
    };
    diff.lines().map(|line| turned(line) + "\n").collect()
}

#[test]
fn a_patch_that_undoes_a_built_in_one_is_refused_with_both_names() {
    let fixture = old_fixture();
    build_with_patch(&fixture, &reversed(&alignment()), &[])
        .exits(4)
        .has_one_error_with_a_hint()
        .says(["own.patch undoes", ALIGNMENT, "--no-compat-patch "]);
    assert!(!fixture.prefix().exists());
}

#[test]
fn a_patch_with_the_same_fix_is_refused_with_both_names() {
    let fixture = old_fixture();
    build_with_patch(&fixture, &alignment(), &[])
        .exits(4)
        .has_one_error_with_a_hint()
        .says(["change the same lines of ", ALIGNMENT, "own.patch"]);
    let instead = ["--no-compat-patch", ALIGNMENT];
    build_with_patch(&fixture, &alignment(), &instead).success();
}

#[test]
fn every_built_in_patch_changes_a_tree_as_its_diff_does() {
    for patch in compat::built_in().unwrap() {
        let tree = tempfile::tempdir().unwrap();
        let sides = sides(patch.diff);
        assert!(!sides.is_empty() || !patch.header.flags.is_empty());
        for (path, old, _) in &sides {
            let file = tree.path().join(path);
            fs_err::create_dir_all(file.parent().unwrap()).unwrap();
            fs_err::write(file, old).unwrap();
        }
        apply(tree.path(), &[Patch::built_in(patch.name, patch.diff)]).unwrap();
        for (path, _, new) in sides {
            let found = fs_err::read(tree.path().join(&path)).unwrap();
            assert!(found == new, "{}: {path}", patch.name);
        }
    }
}

#[test]
fn the_documents_name_every_built_in_patch() {
    let document = include_str!("../../docs/compatibility.md");
    for name in compat::names() {
        // The document may abbreviate `pymalloc-alignment-3.4` to `-3.4` after the first of its siblings.
        let (stem, line) = name.rsplit_once('-').unwrap();
        let sibling = document.lines().any(|text| {
            text.contains(&format!("`{stem}-")) && text.contains(&format!("`-{line}`"))
        });
        assert!(document.contains(&format!("`{name}`")) || sibling, "{name}");
    }
}

#[test]
fn the_patches_of_every_release_apply_together() {
    let built_in = compat::built_in().unwrap();
    let mut seen = BTreeSet::new();
    for (series, last) in [
        ("2.7", 18),
        ("3.4", 10),
        ("3.5", 10),
        ("3.6", 15),
        ("3.7", 17),
        ("3.8", 20),
        ("3.9", 25),
        ("3.10", 20),
        ("3.11", 15),
    ] {
        for micro in 0..=last {
            let version = format!("{series}.{micro}");
            let python = version.parse().unwrap();
            let fitting = built_in
                .iter()
                .filter(|patch| patch.header.range_of(python).is_some());
            let patches: Vec<Patch> = fitting
                .map(|patch| Patch::built_in(patch.name, patch.diff))
                .collect();
            if patches.is_empty() || !seen.insert(format!("{patches:?}")) {
                continue;
            }
            let dir = tempfile::tempdir().unwrap();
            let tree = MiniCpython::new(&version).write_tree(dir.path());
            apply(&tree, &patches).unwrap_or_else(|error| panic!("{version}: {error}"));
        }
    }
    assert!(seen.len() > 10, "{}", seen.len());
}

/// A user's patch with a header.
fn with_header(range: &str, when: &str) -> String {
    format!(
        "+++\nwhat = 'another separator'\nerror = 'wrong separator'\npython = ['{range}']\n\
         upstream = ''\n[when]\n{when}\n[flags]\nCFLAGS = ['-DOWN=1']\n+++\n\
         --- a/Lib/os.py\n+++ b/Lib/os.py\n@@ -1 +1 @@\n-sep = '/'\n+sep = ':'\n"
    )
}

#[test]
fn the_header_of_a_users_patch_decides_whether_it_applies() {
    let fixture = Fixture::new();
    let fits = with_header(">=3.99,<3.100", "os = ['linux', 'macos', 'freebsd']");
    build_with_patch(&fixture, &fits, &["--keep-build"]).success();
    assert_eq!(kept(&fixture, "Lib/os.py"), "sep = ':'\n");
    let log = kept(&fixture, "configure.log");
    assert!(log.contains("environment: CFLAGS=-DOWN=1\n"), "{log}");
    let [(_, because)] = recorded(&fixture).try_into().unwrap();
    assert!(
        because.starts_with("CPython 3.99.1 is >=3.99, <3.100, the system is "),
        "{because}"
    );

    for (range, when) in [
        (">=3.100", ""),
        (">=3.99", "compiler = ['gcc >=99', 'clang >=99']"),
    ] {
        let outcome = build_with_patch(&fixture, &with_header(range, when), &[]).success();
        outcome.says(["own.patch: its header excludes CPython 3.99.1 on this host"]);
        assert_eq!(recorded(&fixture), []);
    }
}

#[test]
fn the_old_name_of_a_header_key_works_with_a_warning() {
    let fixture = Fixture::new();
    let new = with_header(">=3.99,<3.100", "").replace("[when]", "fixed-in = '3.100.0'\n[when]");
    build_with_patch(&fixture, &new, &["--dry-run"])
        .success()
        .never_says("warning: the header");
    let old = new.replace("fixed-in", "mended");
    build_with_patch(&fixture, &old, &["--dry-run"])
        .success()
        .says(["warning: the header of", "rename it to `fixed-in`"]);
}

#[test]
fn flags_are_added_to_the_users_flags() {
    let fixture = Fixture::new();
    let patch = with_header(">=3.99", "");
    let more = ["--keep-build", "--configure-arg", "CFLAGS=-O1"];
    build_with_patch(&fixture, &patch, &more).success();
    let log = kept(&fixture, "configure.log");
    assert!(log.contains("environment: CFLAGS=-O1 -DOWN=1\n"), "{log}");
}

#[test]
fn the_error_for_a_wrong_header_names_the_mistake() {
    let fixture = Fixture::new();
    let right = with_header(">=3.99", "");
    for (from, to, said) in [
        ("upstream = ''\n", "", "missing field `upstream`"),
        (
            "python = ['>=3.99']",
            "python = ['3.99']",
            "no set of specifiers",
        ),
        ("[when]", "[wenn]", "unknown field `wenn`"),
        ("CFLAGS", "PATH", "unknown variant `PATH`"),
        ("+++\n--- a", "--- a", "second line `+++` is missing"),
    ] {
        let wrong = right.replace(from, to);
        assert_ne!(wrong, right);
        let outcome = build_with_patch(&fixture, &wrong, &[]).exits(4);
        outcome
            .has_one_error_with_a_hint()
            .says(["own.patch", said]);
    }
    assert!(!fixture.prefix().exists());
}
