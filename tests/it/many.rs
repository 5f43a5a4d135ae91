//! Several builds in one run.

use std::ffi::OsString;

use rustix::process::Signal;

use crate::fixture::{Fixture, LATEST_PIP};
use crate::interrupt::{end, start, wait_until};
use crate::mini_cpython::{Fault, MiniCpython, VERSION};
use crate::outcome::Outcome;
use crate::python_org::Published;

/// The second version.
const OTHER: &str = "3.98.1";

/// Two releases in a mirror, and their digests on python.org.
fn releases(first: MiniCpython, other: &MiniCpython) -> Fixture {
    let mut fixture = Fixture::of(first);
    let python_org = fixture.server.url("/");
    fixture.context.set("PYBUILD_PYTHON_ORG", python_org);
    let published = [&fixture.release, other].map(Published::of);
    fixture.server.put_release_data(&published);
    other.write_tgz(&fixture.context.path("releases"));
    fixture
}

fn sound() -> Fixture {
    releases(MiniCpython::new(VERSION), &MiniCpython::new(OTHER))
}

fn arguments(fixture: &Fixture, more: &[&str]) -> Vec<OsString> {
    let mirror = fixture.context.path("releases").into_os_string();
    let mut arguments: Vec<OsString> = more.iter().map(OsString::from).collect();
    arguments.extend(["--mirror".into(), mirror]);
    arguments
}

fn run(fixture: &Fixture, more: &[&str]) -> Outcome {
    fixture.context.run(arguments(fixture, more))
}

const FOUR: [&str; 6] = [VERSION, OTHER, "--pip", "23.3.2", "--pip", "latest"];

/// The default prefixes of the four builds, in their order.
fn four_prefixes(fixture: &Fixture) -> Vec<std::path::PathBuf> {
    let builds = [VERSION, OTHER].map(|version| ["23.3.2", LATEST_PIP].map(|pip| (version, pip)));
    let builds = builds.iter().flatten();
    let prefix = |(version, pip): &(&str, &str)| {
        let name = format!("{version}-pip{pip}");
        fixture.context.default_prefix(&name)
    };
    builds.map(prefix).collect()
}

#[test]
fn each_version_is_built_with_each_pin_and_the_paths_are_in_order() {
    let fixture = sound();
    let outcome = run(&fixture, &FOUR).success();
    let prefixes = four_prefixes(&fixture);
    let paths: Vec<String> = prefixes
        .iter()
        .zip(["3.99", "3.99", "3.98", "3.98"])
        .map(|(prefix, series)| {
            prefix
                .join(format!("bin/python{series}"))
                .display()
                .to_string()
        })
        .collect();
    assert_eq!(outcome.stdout.lines().collect::<Vec<_>>(), paths);
    for (prefix, pip) in prefixes.iter().zip(["23.3.2", LATEST_PIP].iter().cycle()) {
        assert_eq!(fixture.venv_pip(prefix), *pip);
        assert!(prefix.join("bin/python").exists());
    }
    for line in ["3.99.1 pip 23.3.2  make", "3.98.1 pip latest  commit"] {
        assert!(outcome.stderr.contains(line), "{line} in {outcome}");
    }
    fixture.assert_nothing_is_left_behind();
    // The same again.
    let again = run(&fixture, &FOUR).success();
    assert_eq!(again.stdout, outcome.stdout);
    assert_eq!(again.stderr.matches("nothing to do").count(), 4, "{again}");
}

#[test]
fn a_failed_build_does_not_stop_the_others() {
    let fixture = releases(
        MiniCpython::new(VERSION).with_fault(Fault::Make),
        &MiniCpython::new(OTHER),
    );
    let outcome = run(&fixture, &FOUR).exits(1);
    let [.., third, fourth] = &four_prefixes(&fixture)[..] else {
        unreachable!()
    };
    let paths = [third, fourth].map(|prefix| prefix.join("bin/python3.98").display().to_string());
    assert_eq!(outcome.stdout.lines().collect::<Vec<_>>(), paths);
    // One compile fails, and the second build that would have it is not tried.
    assert_eq!(outcome.stderr.matches("its log is").count(), 1, "{outcome}");
    outcome.says([
        "error: 3.99.1 pip 23.3.2: `",
        "log: ",
        "error: 3.99.1 pip latest: not tried: it has the compile of `3.99.1 pip 23.3.2`",
        "error: 2 of 4 builds failed: 3.99.1 pip 23.3.2, 3.99.1 pip latest",
    ]);
}

#[test]
fn the_exit_code_is_that_of_the_first_failure() {
    let fixture = sound();
    let outcome = run(&fixture, &[VERSION, "--pip", "23.3.2", "--pip", "1.0"]).exits(3);
    assert_eq!(outcome.stdout.lines().count(), 1, "{outcome}");
    outcome.says(["3.99.1 pip 1.0: ", "1 of 2 builds failed: 3.99.1 pip 1.0"]);
}

#[test]
fn placeholders_in_the_prefix_become_the_versions() {
    let fixture = sound();
    let template = fixture.context.path("out/{version}/{pip}");
    let template = template.display().to_string();
    let arguments = [
        VERSION, "--pip", "latest", "--pip", "bundled", "--prefix", &template,
    ];
    let outcome = run(&fixture, &arguments).success();
    for pip in [LATEST_PIP, "bundled"] {
        let prefix = fixture.context.path("out").join(VERSION).join(pip);
        assert!(prefix.join("bin/python3.99").exists(), "{outcome}");
    }
    let one = fixture.context.path("one/{version}").display().to_string();
    run(&fixture, &[OTHER, "--prefix", &one]).success();
    assert!(fixture.context.path("one").join(OTHER).join("bin").is_dir());
}

#[test]
fn builds_that_would_share_a_prefix_are_refused_before_anything_is_built() {
    let fixture = sound();
    let source = fixture
        .context
        .path("releases")
        .join(fixture.release.tgz_name());
    let source = source.display().to_string();
    for (more, what) in [
        (&[VERSION, OTHER, "--prefix", "out"][..], "{version}"),
        (
            &[
                VERSION, "--pip", "24.0", "--pip", "23.3.2", "--prefix", "out",
            ],
            "{pip}",
        ),
        (&[VERSION, "--prefix", "out/{python}"], "{python}"),
        (
            &[VERSION, "--pip", "latest", "--pip", LATEST_PIP],
            "same prefix",
        ),
        (&[VERSION, OTHER, "--source", &source], "--source"),
    ] {
        run(&fixture, more)
            .exits(2)
            .has_one_error_with_a_hint()
            .says([what]);
    }
    assert!(fixture.context.snapshot("home").len() <= 1);
    assert!(!fixture.context.path("work/out").exists());
}

#[test]
fn a_dry_run_prints_all_plans_as_one_document() {
    let fixture = sound();
    let outcome = run(&fixture, &[&FOUR[..], &["--dry-run"]].concat()).success();
    let plans: toml::Table = outcome.stdout.parse().unwrap();
    let builds = plans["build"].as_array().unwrap();
    let versions: Vec<_> = builds
        .iter()
        .map(|build| build["python"].as_str().unwrap())
        .collect();
    assert_eq!(versions, [VERSION, VERSION, OTHER, OTHER]);
    assert!(fixture.context.snapshot("home").len() <= 1);
}

/// Builds both versions; returns the largest number of compilers that `make` ran at once.
fn most_compilers(jobs: &str) -> usize {
    let fixture = sound();
    let log = fixture.context.path("compilers");
    for name in ["cc", "gcc"] {
        let real = fixture.context.path("bin").join(format!("real-{name}"));
        fs_err::rename(fixture.context.path("bin").join(name), &real).unwrap();
        let script = format!(
            "#!/bin/sh\ncase \"$*\" in\n*Objects/* | *Parser/* | *Python/*)\n\
             echo begin >>{0}; sleep 0.1; {1} \"$@\"; status=$?; echo end >>{0}; exit $status ;;\n\
             esac\nexec {1} \"$@\"\n",
            log.display(),
            real.display()
        );
        fixture.context.put_program(name, &script);
    }
    run(&fixture, &[VERSION, OTHER, jobs]).success();
    let (mut running, mut most) = (0_usize, 0);
    for line in fs_err::read_to_string(&log).unwrap().lines() {
        running = if line == "begin" {
            running + 1
        } else {
            running - 1
        };
        most = most.max(running);
    }
    most
}

#[test]
fn all_builds_share_one_job_budget() {
    assert_eq!(most_compilers("-j1"), 1);
    assert_eq!(most_compilers("-j3"), 3);
}

#[test]
fn ctrl_c_ends_all_builds() {
    let hanging = |version| MiniCpython::new(version).with_fault(Fault::MakeHangs);
    let fixture = releases(hanging(VERSION), &hanging(OTHER));
    let child = start(&fixture, &arguments(&fixture, &[VERSION, OTHER, "-j2"]));
    wait_until("both makes", || {
        let files = fixture.context.snapshot("cache/build");
        files
            .keys()
            .filter(|name| name.ends_with("Python/six.o"))
            .count()
            == 2
    });
    end(&fixture, child, Signal::INT).exits(130);
    assert!(fixture.context.snapshot("home").len() <= 1);
    fixture.assert_nothing_is_left_behind();
}

#[test]
fn an_installation_with_its_pip_in_the_prefix_is_uninstalled_by_version() {
    let fixture = sound();
    run(&fixture, &[VERSION, "--pip", "23.3.2", "--pip", "latest"]).success();
    let outcome = fixture.context.run(["uninstall", VERSION]).exits(2);
    outcome.says(["3.99.1-pip23.3.2", "3.99.1-pip24.0"]);
    let prefix = fixture.context.default_prefix("3.99.1-pip24.0");
    fixture
        .context
        .run([&*"uninstall".to_owned(), &prefix.display().to_string()])
        .success();
    assert!(!prefix.exists());
    fixture.context.run(["uninstall", VERSION]).success();
}
