//! `--timings`: a chart of the build beside its record.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use serde_json::Value;

use crate::fixture::Fixture;
use crate::mini_cpython::{Fault, MiniCpython, VERSION};

/// `timings.json` and `timings.html` of the default prefix.
fn written(fixture: &Fixture) -> (Value, String) {
    let folder = fixture.prefix().join("share/pybuild").join(VERSION);
    let read = |name: &str| fs_err::read_to_string(folder.join(name)).unwrap();
    let json = serde_json::from_str(&read("timings.json")).unwrap();
    (json, read("timings.html"))
}

fn files(json: &Value) -> Vec<&str> {
    let runs = json["compiler_runs"].as_array().unwrap();
    let mut files: Vec<&str> = runs
        .iter()
        .map(|run| run["file"].as_str().unwrap())
        .collect();
    files.sort_unstable();
    files
}

const ALL: [&str; 6] = [
    "Objects/four.c",
    "Objects/one.c",
    "Objects/three.c",
    "Objects/two.c",
    "Parser/five.c",
    "Python/six.c",
];

#[test]
fn timings_has_every_step_and_every_compiler_run_and_is_uninstalled() {
    let fixture = Fixture::new();
    fixture.build(&["--timings", "--jobs", "2"]).success();
    let (json, page) = written(&fixture);
    assert_eq!(files(&json), ALL);
    let seconds = json["seconds"].as_f64().unwrap();
    for run in json["compiler_runs"].as_array().unwrap() {
        let [start, end] = ["start", "end"].map(|name| run[name].as_f64().unwrap());
        assert!(0.0 < start && start < end && end < seconds, "{run}");
        assert!(run["job"].as_u64().unwrap() < 2, "{run}");
        assert_eq!(run["kind"], "compile");
    }
    let steps = json["steps"].as_array().unwrap();
    for name in [
        "prerequisites",
        "unpack",
        "configure",
        "make",
        "install",
        "check",
    ] {
        assert!(
            steps.iter().any(|step| step["name"] == name),
            "{name}: {steps:?}"
        );
    }
    let commands = json["commands"].as_array().unwrap();
    assert!(
        commands.iter().any(|command| command["step"] == "make"),
        "{commands:?}"
    );
    assert_eq!(json["python"], VERSION);
    for file in ALL {
        assert!(page.contains(file), "{file}");
    }
    assert_eq!(
        fixture.installed_files_with("compiler-timer"),
        Vec::<String>::new()
    );

    fixture.context.run(["uninstall", VERSION]).success();
    assert!(!fixture.prefix().exists());
}

#[test]
fn work_that_a_build_leaves_out_is_no_step() {
    let fixture = Fixture::new();
    let kept_steps = |arguments: &[&str]| {
        fixture.build(arguments).success();
        let (json, _) = written(&fixture);
        let steps = json["steps"].as_array().unwrap().iter();
        let names = steps.map(|step| step["name"].as_str().unwrap().to_owned());
        names.filter(|name| name.starts_with("keep")).collect()
    };
    let none: Vec<String> = kept_steps(&["--timings", "--no-cache"]);
    assert_eq!(none, [""; 0]);
    let all: Vec<String> = kept_steps(&["--timings", "--force"]);
    assert_eq!(all, ["keep compile", "keep install"]);
}

#[test]
fn a_build_from_a_kept_compile_has_timings_without_compiler_runs() {
    let fixture = Fixture::new();
    fixture.build(&[]).success();
    fixture.build(&["--timings", "--pip", "latest"]).success();
    let (json, page) = written(&fixture);
    assert_eq!(files(&json), [""; 0]);
    assert!(page.contains("No compiler ran"), "{page}");
    let steps = json["steps"].as_array().unwrap();
    assert!(
        steps.iter().any(|step| step["name"] == "check"),
        "{steps:?}"
    );
}

#[test]
fn without_the_option_no_compiler_is_timed() {
    let fixture = Fixture::new();
    fixture.build(&[]).success();
    let folder = fixture.prefix().join("share/pybuild").join(VERSION);
    assert!(!folder.join("timings.json").exists() && !folder.join("timings.html").exists());
    assert!(fixture.context.files_with("compiler-timer").is_empty());
}

#[test]
fn compilers_of_a_build_user_and_of_a_launcher_are_timed() {
    let fixture = Fixture::new();
    let launcher = "#!/bin/sh\nexec \"$@\"\n";
    fixture.context.put_program("fastcompile", launcher);
    let mut arguments = vec!["--timings", "--launcher", "fastcompile"];
    let builds = fixture.context.path("builds").display().to_string();
    if rustix::process::geteuid().is_root() {
        let folder = fixture.context.path("");
        fs_err::set_permissions(folder, Permissions::from_mode(0o711)).unwrap();
        arguments.extend(["--build-user", "nobody", "--build-dir", &builds]);
    }
    fixture.build(&arguments).success();
    let (json, page) = written(&fixture);
    assert_eq!(files(&json), ALL);
    let launcher = json["launcher"].as_str().unwrap();
    assert!(
        launcher.ends_with("/fastcompile") && page.contains(launcher),
        "{launcher}"
    );
    let log = fixture
        .prefix()
        .join("share/pybuild")
        .join(VERSION)
        .join("build.log");
    let log = fs_err::read_to_string(log).unwrap();
    assert!(
        log.contains("/compiler-timer ") && log.contains("/fastcompile gcc -ffile-prefix-map="),
        "{log}"
    );
}

#[test]
fn a_failed_build_fails_in_the_same_way() {
    let fixture = Fixture::of(MiniCpython::new(VERSION).with_fault(Fault::Make));
    let outcome = fixture.build(&["--timings"]).exits(1);
    outcome.has_one_error_with_a_hint().says(["Py_Broken"]);
    assert!(!fixture.prefix().exists());
}

#[test]
fn the_timer_has_the_exit_code_of_the_compiler() {
    let dir = tempfile::tempdir().unwrap();
    let timer = dir.path().join("compiler-timer");
    fs_err::copy(env!("CARGO_BIN_EXE_pybuild"), &timer).unwrap();
    let runs = dir.path().join("runs");
    let code = |words: &[&str]| {
        let mut command = Command::new(&timer);
        command.args(words).env("PYBUILD_COMPILER_RUNS", &runs);
        command.output().unwrap().status.code()
    };
    assert_eq!(code(&["sh", "-c", "exit 0"]), Some(0));
    assert_eq!(code(&["sh", "-c", "exit 3"]), Some(3));
    assert_eq!(code(&["sh", "-c", "kill -9 $$"]), Some(137));
    assert_eq!(code(&["no-such-compiler", "-c", "a.c"]), Some(127));
    assert_eq!(fs_err::read_to_string(&runs).unwrap().lines().count(), 3);
}
