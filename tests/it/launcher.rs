//! `--launcher`: a program that starts the compilers of `make`.

use crate::fixture::Fixture;
use crate::mini_cpython::VERSION;

/// Starts the compiler and appends its command to a file beside the launcher.
const LAUNCHER: &str = "#!/bin/sh\necho \"$@\" >>\"$0.calls\"\nexec \"$@\"\n";

/// A fixture with a launcher of this name in `PATH`.
fn fixture(name: &str) -> Fixture {
    let fixture = Fixture::new();
    fixture.context.put_program(name, LAUNCHER);
    fixture
}

fn calls(fixture: &Fixture, name: &str) -> Vec<String> {
    let file = fixture.context.path("bin").join(format!("{name}.calls"));
    let text = fs_err::read_to_string(file).unwrap_or_default();
    text.lines().map(ToOwned::to_owned).collect()
}

/// A file of the installation.
fn installed(fixture: &Fixture, name: &str) -> String {
    fs_err::read_to_string(fixture.prefix().join(name)).unwrap()
}

#[test]
fn every_compile_of_make_is_started_by_the_launcher_and_the_installation_does_not_name_it() {
    let fixture = fixture("fastcompile");
    fixture.build(&["--launcher", "fastcompile"]).success();
    let calls = calls(&fixture, "fastcompile");
    assert_eq!(calls.len(), 6, "{calls:#?}");
    assert!(
        calls
            .iter()
            .all(|call| call.starts_with("gcc -ffile-prefix-map=") && call.contains(" -c ")),
        "{calls:#?}"
    );
    assert_eq!(
        fixture.installed_files_with("fastcompile"),
        Vec::<String>::new()
    );
    let log = installed(&fixture, &format!("share/pybuild/{VERSION}/build.log"));
    assert!(log.contains("fastcompile gcc -ffile-prefix-map="), "{log}");
}

#[test]
fn the_launcher_does_not_decide_the_result() {
    let fixture = fixture("fastcompile");
    fixture.build(&[]).success();
    let outcome = fixture.build(&["--launcher", "fastcompile"]).success();
    outcome.says(["nothing to do"]);
    // The kept compile is used.
    let again = ["--launcher", "fastcompile", "--force"];
    fixture.build(&again).success();
    assert!(calls(&fixture, "fastcompile").is_empty());
}

#[test]
fn a_variable_names_the_launcher_too_and_a_compiler_that_begins_with_it_is_not_started_twice() {
    let mut fixture = fixture("fastcompile");
    fixture.context.set("PYBUILD_LAUNCHER", "fastcompile");
    fixture.context.set("CC", "fastcompile cc");
    fixture.build(&[]).success();
    let calls = calls(&fixture, "fastcompile");
    assert!(
        calls.iter().all(|call| call.starts_with("cc ")),
        "{calls:#?}"
    );
    assert_eq!(
        calls
            .iter()
            .filter(|call| call.contains(" -Werror=implicit -o "))
            .count(),
        6
    );
}

#[test]
fn a_launcher_that_cannot_be_started_is_a_usage_error() {
    let fixture = fixture("has space");
    let outcome = fixture.build(&["--launcher", "absent-launcher"]).exits(2);
    outcome
        .has_one_error_with_a_hint()
        .says(["there is no program", "absent-launcher", "PATH"]);
    let outcome = fixture.build(&["--launcher", "has space"]).exits(2);
    outcome.has_one_error_with_a_hint().says(["a space"]);
    assert!(!fixture.prefix().exists());
}

#[test]
fn make_gets_the_variables_and_the_folders_of_launchers_and_configure_does_not() {
    let mut fixture = fixture("ccache");
    fixture.context.set("CCACHE_MAXSIZE", "3G");
    fixture.context.set("DISTCC_HOSTS", "one two");
    fs_err::create_dir(fixture.context.path("home/.ccache")).unwrap();
    fixture.build(&["--launcher", "ccache"]).success();
    let config = "lib/python3.99/config";
    let of_make = installed(&fixture, &format!("{config}/make-install.env"));
    let home = fixture.context.path("home").display().to_string();
    for line in [
        "CCACHE_MAXSIZE=3G".to_owned(),
        "DISTCC_HOSTS=one two".to_owned(),
        format!("CCACHE_DIR={home}/.ccache"),
        format!("XDG_CACHE_HOME={home}/.cache"),
    ] {
        assert!(
            of_make.lines().any(|found| found == line),
            "{line}: {of_make}"
        );
    }
    let of_configure = installed(&fixture, &format!("{config}/configure.log"));
    for name in ["CCACHE", "DISTCC", "XDG"] {
        assert!(!of_configure.contains(name), "{of_configure}");
    }
}

#[test]
fn a_launcher_that_needs_a_server_has_the_hosts_network() {
    let fixture = fixture("distcc");
    fixture.build(&["--launcher", "distcc"]).success();
    let record = installed(&fixture, &format!("share/pybuild/{VERSION}/record.json"));
    let record: serde_json::Value = serde_json::from_str(&record).unwrap();
    assert_eq!(
        record["isolation"]["network"], "host",
        "{}",
        record["isolation"]
    );
    let because = record["isolation"]["because"].as_str().unwrap();
    assert!(
        because.contains("--launcher") && because.contains("distcc"),
        "{because}"
    );
}
