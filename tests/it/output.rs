//! Standard output and standard error of each command, by verbosity.

use std::time::Duration;

use pybuild::output::{Output, Verbosity};
use pybuild::progress::{Event, Level, Reporter as _, TerminalReporter, Unit};

use crate::context::Context;
use crate::fixture::Fixture;
use crate::mini_cpython::{Fault, MiniCpython, VERSION};

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
fn quiet_prints_only_the_result() {
    let fixture = Fixture::new();
    let outcome = fixture.build(&["-q", "--pip", "latest"]).success();
    assert_eq!(outcome.stderr, "");
    assert!(outcome.stdout.lines().count() <= 1, "{outcome}");
}

#[test]
fn quiet_still_shows_errors() {
    let fixture = Fixture::of(MiniCpython::new(VERSION).with_fault(Fault::Configure));
    fixture.build(&["-q"]).exits(1).says(["stdmini.h"]);
}

#[test]
fn verbose_prints_the_commands_and_the_index() {
    let fixture = Fixture::new();
    let outcome = fixture.build(&["-v", "--pip", "latest"]).success();
    outcome.says(["configure", "make", &fixture.server.url("/simple/")]);
}

#[test]
fn colour_is_for_terminals_and_color_always() {
    let fixture = Fixture::new();
    assert!(
        !fixture
            .build(&["--dry-run"])
            .success()
            .stderr
            .contains('\u{1b}')
    );
    let unknown = ["3.11.999"];
    let plain = fixture.context.run(unknown);
    assert!(!plain.stderr.contains('\u{1b}'), "{plain}");
    let coloured = fixture.context.run(["3.11.999", "--color", "always"]);
    assert!(coloured.stderr.contains('\u{1b}'), "{coloured}");
    let never = fixture.context.run(["3.11.999", "--color", "never"]);
    assert!(!never.stderr.contains('\u{1b}'), "{never}");
}

#[test]
fn the_interpreters_path_is_the_result() {
    let fixture = Fixture::new();
    let outcome = fixture.build(&["--pip", "latest"]).success();
    let python = fixture.prefix().join("bin/python3");
    assert!(
        outcome.stdout.contains(&python.display().to_string()),
        "{outcome}"
    );
}

#[test]
fn the_output_of_a_build() {
    let fixture = Fixture::new();
    let outcome = fixture.build(&["--pip", "latest", "-j", "2"]).success();
    insta::assert_snapshot!(outcome.filtered_stderr(), @r###"
    fetch     pip-24.0-py3-none-any.whl from 127.0.0.1 ([TIME])
    pip 24.0 (latest for CPython 3.99.1; 26.3 needs Python 3.100 or later)
    fetch     Python-3.99.1.tgz from [TEMP]/releases/Python-3.99.1.tgz ([TIME])
    unpack    26 entries ([TIME])
    patch     pip 24.0 ([TIME])
    configure --prefix=[TEMP]/home/.local/share/pybuild/versions/3.99.1 --with-ensurepip=upgrade ([TIME])
    make      6 files compiled, -j2 ([TIME])
    install   into a scratch DESTDIR ([TIME])
    ensurepip bundled wheels installed ([TIME])
    check     Python 3.99.1, pip 24.0, in a new venv too, 13 modules ([TIME])
    commit    35 files in [TEMP]/home/.local/share/pybuild/versions/3.99.1 ([TIME])
    tree digest: sha256:[SHA256]
    record and log: [TEMP]/home/.local/share/pybuild/versions/3.99.1/share/pybuild/3.99.1
    "###);
    insta::assert_snapshot!(outcome.filtered_stdout(), @"[TEMP]/home/.local/share/pybuild/versions/3.99.1/bin/python3.99");
}

/// The process that the test below starts to read its output.
#[test]
#[ignore = "run by `a_long_step_prints_a_line_at_intervals`"]
fn long_steps() {
    let verbosity = match std::env::var("LONG_STEPS").as_deref() {
        Ok("quiet") => Verbosity::Quiet,
        Ok("normal") => Verbosity::Normal,
        _ => return,
    };
    let often = Duration::from_millis(250);
    let reporter = TerminalReporter::new(Output::new(verbosity, false), often);
    std::thread::sleep(often * 4);
    let mut phase = reporter.begin("make", Unit::Steps, Some(250));
    phase.advance(132);
    phase.set_current("Objects/abstract.c");
    std::thread::sleep(often * 4);
    phase.finish("done");
    let mut phase = reporter.begin("fetch", Unit::Bytes, None);
    phase.advance(3 << 20);
    std::thread::sleep(often * 4);
    drop(phase);
    for _ in 0..30 {
        reporter.report(&Something);
        std::thread::sleep(often / 10);
    }
}

struct Something;

impl Event for Something {
    fn level(&self) -> Level {
        Level::Note
    }
}

impl std::fmt::Display for Something {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("something")
    }
}

#[test]
fn a_long_step_prints_a_line_at_intervals() {
    let printed = |verbosity: &str| {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "output::long_steps", "--ignored", "--nocapture"]);
        let output = command.env("LONG_STEPS", verbosity).output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let text = printed("normal");
    for line in [
        "pybuild   still running (0.",
        "make      132 of ~250, Objects/abstract.c (0.",
        "fetch     3.00 MiB (0.",
    ] {
        assert!(text.matches(line).count() >= 2, "{line} in {text}");
    }
    // Notes reset the interval.
    let last = text.rsplit("fetch ").next().unwrap();
    assert!(!last.contains("still running"), "{text}");
    assert_eq!(printed("quiet"), "");
}

#[test]
fn the_output_of_a_failed_build() {
    let fixture = Fixture::of(MiniCpython::new(VERSION).with_fault(Fault::Make));
    let outcome = fixture.build(&["-q", "-j", "2"]).exits(1);
    insta::assert_snapshot!(outcome.filtered_stderr(), @r###"
    warning: the build failed; its log is [TEMP]/cache/logs/[LOG]
    error: `[TEMP]/bin/make -j2 'CC=gcc -ffile-prefix-map=[TEMP]/cache/build/3.99.1-[RANDOM]/source=/usr/src/pybuild/Python-3.99.1'` failed: exit status: 2
        Objects/broken.c:7:3: error: 'Py_Broken' undeclared
        note 1: noise
        note 2: noise
        note 3: noise
        note 4: noise
        note 5: noise
        note 6: noise
        note 7: noise
    hint: see the log for the full output; --keep-build keeps the build folder for inspection
    "###);
}

#[test]
fn the_output_of_a_dry_run() {
    let fixture = Fixture::new();
    let outcome = fixture.build(&["--pip", "<24", "--dry-run"]).success();
    let plans = outcome.filtered_stdout();
    let (plan, compile) = plans.split_once("\n[compile]\n").unwrap();
    for line in [
        "key = \"[SHA256]\"",
        "kept = false",
        "python = \"3.99.1\"",
        "CC = \"gcc\"",
    ] {
        assert!(
            compile.lines().any(|found| found == line),
            "{line}: {compile}"
        );
    }
    insta::assert_snapshot!(plan, @r###"
    format = 1
    python = "3.99.1"
    prefix = "[TEMP]/home/.local/share/pybuild/versions/3.99.1"
    names = "also-unversioned"

    [request]
    python = "3.99.1"
    pip = "<24"
    setuptools = "bundled"
    sha256 = "[SHA256]"

    [request.source]
    path = "[TEMP]/releases/Python-3.99.1.tgz"

    [request.build]
    optimization = "plain"
    library = "static"
    debug_info = "none"

    [request.modules]

    [source]
    kind = "archive"
    proof = "command-line"

    [[source.accepted]]
    name = "Python-3.99.1.tgz"
    sha256 = "[SHA256]"

    [[source.accepted]]
    name = "Python-3.99.1.tar.xz"
    sha256 = "[SHA256]"

    [[source.origins]]
    file = "[TEMP]/releases/Python-3.99.1.tgz"

    [pins]
    setuptools = "bundled"

    [pins.pip.wheel]
    project = "pip"
    version = "23.3.2"
    file_name = "pip-23.3.2-py3-none-any.whl"
    sha256 = "[SHA256]"

    [pins.pip.wheel.location]
    url = "[SERVER]/.../pip-23.3.2-py3-none-any.whl"

    [environment]
    PATH = "[TEMP]/bin"
    "###);
}
