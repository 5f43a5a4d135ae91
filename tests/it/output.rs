//! What is printed, where, and how much of it.

use crate::context::Context;
use crate::mini_cpython::{Fault, MiniCpython, VERSION};
use crate::scene::Scene;

#[test]
fn help_is_grouped_and_has_examples() {
    let context = Context::new();
    let outcome = context.run(["--help"]).success();
    for text in [
        "Usage:",
        "Examples",
        "pybuild 3.11.2 --pip latest",
        "--configure-arg",
        "--mirror",
    ] {
        assert!(outcome.stdout.contains(text), "{text} in {outcome}");
    }
    assert!(outcome.stderr.is_empty(), "{outcome}");
    assert!(
        context
            .run(["--version"])
            .success()
            .stdout
            .starts_with("pybuild ")
    );
    assert!(
        outcome
            .stdout
            .lines()
            .all(|line| line.chars().count() <= 100),
        "{outcome}"
    );
}

#[test]
fn quiet_says_nothing_but_the_result() {
    let scene = Scene::new();
    let outcome = scene.build(&["-q", "--pip", "latest"]).success();
    assert_eq!(outcome.stderr, "");
    assert!(outcome.stdout.lines().count() <= 1, "{outcome}");
}

#[test]
fn quiet_still_shows_errors() {
    let scene = Scene::of(MiniCpython::new(VERSION).with_fault(Fault::Configure));
    scene.build(&["-q"]).exits(1).says(["stdmini.h"]);
}

#[test]
fn verbose_says_what_ran() {
    let scene = Scene::new();
    let outcome = scene.build(&["-v", "--pip", "latest"]).success();
    outcome.says(["configure", "make", &scene.server.url("/simple/")]);
}

#[test]
fn colour_is_for_terminals_or_those_who_ask() {
    let scene = Scene::new();
    assert!(
        !scene
            .build(&["--dry-run"])
            .success()
            .stderr
            .contains('\u{1b}')
    );
    let unknown = ["3.11.999"];
    let plain = scene.context.run(unknown);
    assert!(!plain.stderr.contains('\u{1b}'), "{plain}");
    let coloured = scene.context.run(["3.11.999", "--color", "always"]);
    assert!(coloured.stderr.contains('\u{1b}'), "{coloured}");
    let never = scene.context.run(["3.11.999", "--color", "never"]);
    assert!(!never.stderr.contains('\u{1b}'), "{never}");
}

#[test]
fn the_interpreters_path_is_the_result() {
    let scene = Scene::new();
    let outcome = scene.build(&["--pip", "latest"]).success();
    let python = scene.prefix().join("bin/python3");
    assert!(
        outcome.stdout.contains(&python.display().to_string()),
        "{outcome}"
    );
}
