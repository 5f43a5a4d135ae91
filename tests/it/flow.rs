//! Whole builds, from the command line to an interpreter in its prefix.

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::time::{Duration, Instant};

use crate::context::snapshot;
use crate::fixture::{Fixture, LATEST_PIP};
use crate::mini_cpython::{BUNDLED_PIP, Fault, MiniCpython, VERSION};

#[test]
fn the_interpreter_and_its_venvs_have_the_newest_pip_that_fits() {
    let fixture = Fixture::new();
    let outcome = fixture.build(&["--pip", "latest"]).success();
    let prefix = fixture.prefix();
    outcome.says([LATEST_PIP, "26.3"]);
    assert_eq!(
        fixture.python(&prefix, &["-V"]),
        format!("Python {VERSION}")
    );
    assert_eq!(fixture.pip(&prefix), LATEST_PIP);
    assert_eq!(fixture.venv_pip(&prefix), LATEST_PIP);
    fixture.assert_nothing_is_left_behind();
    assert_eq!(fixture.context.snapshot("work").len(), 1);
}

#[test]
fn without_a_pin_the_interpreter_is_as_released_and_no_index_is_asked() {
    let fixture = Fixture::new();
    fixture.build(&[]).success();
    assert_eq!(fixture.venv_pip(&fixture.prefix()), BUNDLED_PIP);
    assert!(fixture.server.requests().is_empty());
}

#[test]
fn setuptools_is_pinned_or_left_out_where_cpython_bundles_it() {
    let fixture = Fixture::of(MiniCpython::new("3.11.99").with_setuptools());
    let prefix = fixture.prefix();
    let ensurepip = prefix.join("lib/python3.11/ensurepip");
    fixture
        .build(&["--pip", "23.3.2", "--setuptools", "latest"])
        .success();
    assert_eq!(fixture.venv_pip(&prefix), "23.3.2");
    let site = prefix.join("lib/python3.11/site-packages");
    assert!(site.join("setuptools-68.0.0.dist-info").is_dir());
    assert!(
        !ensurepip
            .join("_bundled/setuptools-65.5.0-py3-none-any.whl")
            .exists()
    );
    fixture
        .build(&["--pip", "latest", "--setuptools", "none", "--force"])
        .success();
    assert_eq!(fixture.venv_pip(&prefix), LATEST_PIP);
    assert!(!site.join("setuptools").exists());
    let wheels = snapshot(&ensurepip.join("_bundled"));
    assert!(
        !wheels.keys().any(|name| name.starts_with("setuptools")),
        "{wheels:?}"
    );
}

#[test]
fn a_second_run_does_nothing_and_reports_it() {
    let fixture = Fixture::new();
    fixture.build(&["--pip", "latest"]).success();
    let before = snapshot(&fixture.prefix());
    // One fast run of three is enough: other tests run at the same time.
    let runs = [(); 3].map(|()| {
        let started = Instant::now();
        let outcome = fixture.build(&["--pip", "latest"]).success();
        (started.elapsed(), outcome)
    });
    assert!(runs.iter().any(|(took, _)| *took < Duration::from_secs(1)));
    let (_, outcome) = &runs[0];
    let python = fixture.prefix().join("bin/python3.99");
    assert_eq!(outcome.stdout.trim(), python.display().to_string());
    outcome
        .clone()
        .says(["pip 24.0 is installed", "nothing to do"]);
    assert_eq!(snapshot(&fixture.prefix()), before);
}

#[test]
fn another_pin_is_another_request_and_is_built() {
    let fixture = Fixture::new();
    fixture.build(&["--pip", "23.3.2"]).success();
    fixture.build(&["--pip", "24.0"]).success();
    assert_eq!(fixture.venv_pip(&fixture.prefix()), "24.0");
    let site = snapshot(&fixture.prefix().join("lib/python3.99/site-packages"));
    assert!(!site.contains_key("pip-23.3.2.dist-info"), "{site:?}");
}

#[test]
fn force_builds_an_installed_interpreter_again() {
    let fixture = Fixture::new();
    fixture.build(&["--pip", "latest"]).success();
    let lost = fixture.prefix().join("lib/python3.99/os.py");
    fs_err::remove_file(&lost).unwrap();
    fixture.build(&["--pip", "latest"]).success();
    assert!(!lost.exists());
    fixture.build(&["--pip", "latest", "--force"]).success();
    assert!(lost.exists());
}

#[test]
fn only_the_wanted_levels_are_compiled() {
    let fixture = Fixture::new();
    let compiled = |more: &[&str]| {
        fixture
            .build(&[&["--pip", "latest"], more].concat())
            .success();
        let folder = fixture.prefix().join("lib/python3.99/__pycache__");
        let entries = std::fs::read_dir(folder).into_iter().flatten();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let all = [
        "os.cpython-399.opt-1.pyc",
        "os.cpython-399.opt-2.pyc",
        "os.cpython-399.pyc",
    ];
    assert_eq!(compiled(&[]), all);
    // Another value is another request: no --force is needed.
    assert_eq!(compiled(&["--bytecode", "default"]), all[2..]);
    assert!(compiled(&["--bytecode", "none"]).is_empty());
    assert_eq!(compiled(&["--bytecode", "all"]), all);
}

#[test]
fn a_dry_run_prints_the_plan_and_changes_nothing() {
    let fixture = Fixture::new();
    let outcome = fixture.build(&["--pip", "latest", "--dry-run"]).success();
    for part in [VERSION, LATEST_PIP, &fixture.release.sha256().to_string()] {
        assert!(outcome.stdout.contains(part), "{part} in {outcome}");
    }
    for folder in ["home", "work", "tmp", "cache/sha256"] {
        assert!(fixture.context.snapshot(folder).len() <= 1, "{folder}");
    }
}

#[test]
fn the_build_has_no_network_and_the_record_says_whether() {
    let fixture = Fixture::new();
    let own = fs_err::read_link("/proc/self/ns/net").unwrap();
    let seen = |more: &[&str]| {
        drop(fs_err::remove_dir_all(fixture.context.path("cache/build")));
        let arguments: Vec<&str> = ["--keep-build", "--force"]
            .iter()
            .chain(more)
            .copied()
            .collect();
        fixture.build(&arguments).success();
        let folder = fixture.prefix().join("share/pybuild").join(VERSION);
        let text = fs_err::read(folder.join("record.json")).unwrap();
        let record: serde_json::Value = serde_json::from_slice(&text).unwrap();
        let shared = !fixture
            .context
            .files_with(&format!("network: {}\n", own.display()))
            .is_empty();
        (record["isolation"].clone(), shared)
    };
    let (isolation, shared) = seen(&[]);
    match isolation["network"].as_str().unwrap() {
        "none" => assert!(!shared, "it ran in the network namespace of this test"),
        // A sandbox that allows no namespaces.
        "host" => assert!(shared && isolation["because"].as_str().unwrap().contains("allow")),
        other => panic!("{other}"),
    }
    let (isolation, shared) = seen(&["--network"]);
    assert!(shared);
    assert_eq!(isolation["because"], "--network allows it");
}

#[test]
fn only_3_15_gets_the_option_for_its_bundled_libmpdec() {
    let configure_log = |version: &str, more: &[&str]| {
        let fixture = Fixture::of(MiniCpython::new(version));
        fixture.build(&[&["--keep-build"], more].concat()).success();
        let log = &fixture
            .context
            .files_with("argument: --with-ensurepip=upgrade\n")[0];
        fs_err::read_to_string(log).unwrap()
    };
    let option = "argument: --with-system-libmpdec=no\n";
    assert!(configure_log("3.15.99", &[]).contains(option));
    assert!(!configure_log("3.14.99", &[]).contains(option));
    let own = configure_log("3.15.99", &["--configure-arg", "--with-system-libmpdec"]);
    assert!(!own.contains(option), "{own}");
}

#[test]
fn root_can_run_the_build_as_another_user() {
    let fixture = Fixture::new();
    if !rustix::process::geteuid().is_root() {
        let outcome = fixture.build(&["--build-user", "nobody"]).exits(2);
        outcome.has_one_error_with_a_hint().says(["only root"]);
        return;
    }
    let may = |mode| {
        let folder = fixture.context.path("");
        fs_err::set_permissions(folder, Permissions::from_mode(mode)).unwrap();
    };
    // Root's home, which holds the cache by default, has this mode.
    may(0o700);
    let outcome = fixture.build(&["--build-user", "nobody"]).exits(5);
    outcome
        .has_one_error_with_a_hint()
        .says(["`nobody` cannot work in", "--build-dir"]);
    assert!(!fixture.prefix().exists());

    may(0o711);
    let folder = fixture.context.path("builds").display().to_string();
    let arguments = [
        "--build-user",
        "nobody",
        "--build-dir",
        &folder,
        "--keep-build",
    ];
    fixture.build(&arguments).success();
    let logs = fixture.context.files_with("user: nobody\n");
    assert!(
        logs.iter().any(|path| path.ends_with("configure.log")),
        "{logs:?}"
    );
    assert_eq!(fixture.venv_pip(&fixture.prefix()), BUNDLED_PIP);
    for entry in walkdir::WalkDir::new(fixture.prefix()) {
        let entry = entry.unwrap();
        assert_eq!(
            entry.metadata().unwrap().uid(),
            0,
            "{}",
            entry.path().display()
        );
    }
    let record = fixture
        .prefix()
        .join("share/pybuild")
        .join(VERSION)
        .join("record.json");
    let record = fs_err::read_to_string(record).unwrap();
    assert!(record.contains("\"build_user\": \"nobody\""), "{record}");
    let outcome = fixture
        .build(&["--build-user", "no-such-user-here"])
        .exits(2);
    outcome
        .has_one_error_with_a_hint()
        .says(["no-such-user-here"]);
}

#[test]
fn keep_build_keeps_the_build_folder() {
    let fixture = Fixture::new();
    let folder = fixture.context.path("builds");
    fixture
        .build(&["--keep-build", "--build-dir", &folder.display().to_string()])
        .success()
        .says([folder.display().to_string().as_str()]);
    let kept = fixture.context.files_with("config.status");
    let in_it = kept.iter().any(|path| path.starts_with(&folder));
    assert!(in_it && fixture.prefix().exists(), "{kept:?}");
    // Another build does not remove it as a leftover folder.
    let before = snapshot(&folder);
    fixture
        .build(&["--force", "--build-dir", &folder.display().to_string()])
        .success();
    assert_eq!(snapshot(&folder), before);
}

#[test]
fn every_failed_step_leaves_the_prefix_unchanged() {
    for (fault, code, text) in [
        (Fault::Configure, 1, "the mini compiler lacks stdmini.h"),
        (
            Fault::Make,
            1,
            "broken.c:7:3: error: 'Py_Broken' undeclared",
        ),
        (
            Fault::Install,
            1,
            "install: error: cannot copy the mini library",
        ),
        (Fault::Missing("ssl"), 6, "No module named '_ssl'"),
        (Fault::VenvPip("22.0"), 6, "22.0"),
        (Fault::Version("3.99.0"), 6, "3.99.0"),
        (
            Fault::ScriptInterpreter("python9"),
            6,
            "bin/python9 does not exist",
        ),
    ] {
        let fixture = Fixture::of(MiniCpython::new(VERSION).with_fault(fault.clone()));
        let used = fixture.context.path("used");
        fixture.context.write("used/bin/other", "theirs");
        let before = snapshot(&used);
        for more in [&[][..], &["--prefix", &used.display().to_string()]] {
            let arguments = [&["--pip", "latest"], more].concat();
            let outcome = fixture.build(&arguments).exits(code);
            outcome.says([text]).has_one_error_with_a_hint();
        }
        assert!(!fixture.prefix().exists(), "{fault:?}");
        assert_eq!(snapshot(&used), before, "{fault:?}");
        fixture.assert_nothing_is_left_behind();
    }
}

#[test]
fn a_failed_command_is_reported_with_its_first_error_and_its_log() {
    let fixture = Fixture::of(MiniCpython::new(VERSION).with_fault(Fault::Make));
    let outcome = fixture.build(&[]).exits(1).says(["make", "exit status"]);
    let words = outcome.stderr.split_whitespace();
    let mut paths = words.map(std::path::Path::new);
    let log = paths.find(|path| path.extension().is_some_and(|ending| ending == "log"));
    let log = log.unwrap_or_else(|| panic!("no log in {outcome}"));
    let log = fs_err::read_to_string(log).unwrap();
    assert!(
        log.contains("note 9: noise") && log.contains("checking for zlib.h... yes"),
        "{log}"
    );
}

#[test]
fn configure_gets_the_requested_options_and_none_of_the_callers_secrets() {
    let mut fixture = Fixture::new();
    fixture.context.set("SOME_SECRET", "do-not-pass-on");
    fixture.context.set("PYTHONPATH", "do-not-pass-on");
    fixture.context.set("MAKEFLAGS", "do-not-pass-on");
    fixture
        .build(&[
            "--enable-shared",
            "--optimize",
            "--configure-arg=--with-mini",
        ])
        .success();
    let prefix = fixture.prefix();
    let config = prefix.join("lib/python3.99/config");
    let log = fs_err::read_to_string(config.join("configure.log")).unwrap();
    for argument in [
        "--with-ensurepip=upgrade",
        "--enable-shared",
        "--enable-optimizations",
        "--with-lto",
        "--with-mini",
    ] {
        assert!(
            log.contains(&format!("argument: {argument}\n")),
            "{argument} in {log}"
        );
    }
    assert!(log.contains(&prefix.display().to_string()), "{log}");
    assert_eq!(
        fixture.context.files_with("do-not-pass-on"),
        Vec::<std::path::PathBuf>::new()
    );
}

#[test]
fn only_a_shared_interpreter_itself_is_linked_with_its_library_path() {
    let fixture = Fixture::new();
    fixture.build(&["--enable-shared"]).success();
    let prefix = fixture.prefix();
    let config = prefix.join("lib/python3.99/config");
    let read = |name: &str| fs_err::read_to_string(config.join(name)).unwrap();
    let path = format!("-rpath,{}/lib", prefix.display());
    let linked = read("link.log");
    for (line, has_path) in linked.lines().zip([true, true, false]) {
        assert_eq!(line.ends_with(&path), has_path, "{linked}");
    }
    assert!(linked.starts_with("interpreter: -Xlinker -export-dynamic -Wl,--enable-new-dtags"));
    // sysconfig takes its values from the installed Makefile.
    for file in ["configure.log", "Makefile"] {
        assert!(!read(file).contains("-rpath"), "{file}");
    }
}

#[test]
fn a_library_path_that_shadows_the_interpreters_library_causes_a_warning() {
    let mut fixture = Fixture::new();
    let other = fixture
        .context
        .write("other/libpython3.99.so.1.0", "another");
    fixture
        .context
        .set("LD_LIBRARY_PATH", other.parent().unwrap());
    fixture
        .build(&["--enable-shared"])
        .success()
        .says(["LD_LIBRARY_PATH", &other.display().to_string()]);
    fixture
        .build(&["--force"])
        .success()
        .never_says("instead of its own");
    let own = fixture.prefix().join("lib");
    fixture.context.set("LD_LIBRARY_PATH", own);
    fixture
        .build(&["--enable-shared", "--force"])
        .success()
        .never_says("instead of its own");
}

#[test]
fn a_module_that_cpythons_build_leaves_out_is_reported_and_recorded() {
    let fixture = Fixture::of(MiniCpython::new(VERSION).with_fault(Fault::NotBuilt("syslog")));
    fixture
        .build(&["-q"])
        .success()
        .says(["warning: these modules were not built: syslog (CPython's build did not find"]);
    let record = fixture.prefix().join("share/pybuild").join(VERSION);
    let record = fs_err::read(record.join("record.json")).unwrap();
    let record: serde_json::Value = serde_json::from_slice(&record).unwrap();
    let why = record["checks"]["missing_modules"]["syslog"].as_str();
    assert!(why.unwrap().contains("did not find"), "{record}");
    fixture
        .build(&["-q", "--force", "--allow-missing", "syslog"])
        .success()
        .never_says("warning");
    fixture
        .build(&["--force", "--require", "syslog"])
        .exits(6)
        .has_one_error_with_a_hint()
        .says(["syslog", "did not find"]);
}

#[test]
fn tar_xz_files_and_unpacked_trees_are_built_too() {
    let fixture = Fixture::new();
    let file = fixture
        .context
        .write(&fixture.release.txz_name(), fixture.release.txz());
    let digest = pybuild::digest::Sha256::of_file(&file).unwrap().to_string();
    let file = file.display().to_string();
    let prefix = fixture.context.path("from-txz");
    let asked = prefix.display().to_string();
    let arguments = [
        VERSION, "--source", &file, "--sha256", &digest, "--prefix", &asked,
    ];
    fixture.context.run(arguments).success();
    assert_eq!(fixture.venv_pip(&prefix), BUNDLED_PIP);

    let tree = fixture.release.write_tree(&fixture.context.path("trees"));
    let before = snapshot(&tree);
    let prefix = fixture.context.path("from-tree");
    let asked = prefix.display().to_string();
    let tree_asked = tree.display().to_string();
    let arguments = [
        VERSION,
        "--source",
        &tree_asked,
        "--pip",
        "latest",
        "--prefix",
        &asked,
    ];
    fixture.context.run(arguments).success();
    assert_eq!(fixture.venv_pip(&prefix), LATEST_PIP);
    assert_eq!(
        snapshot(&tree),
        before,
        "the build leaves the user's tree unchanged"
    );
}

#[test]
fn a_patch_of_the_user_is_applied() {
    let fixture = Fixture::new();
    let patch = fixture.context.write(
        "separator.patch",
        "--- a/Lib/os.py\n+++ b/Lib/os.py\n@@ -1 +1 @@\n-sep = '/'\n+sep = ':'\n",
    );
    fixture
        .build(&["--pip", "latest", "--patch", &patch.display().to_string()])
        .success();
    let text = fs_err::read_to_string(fixture.prefix().join("lib/python3.99/os.py")).unwrap();
    assert_eq!(text, "sep = ':'\n");
    assert_eq!(fixture.venv_pip(&fixture.prefix()), LATEST_PIP);
}

#[test]
fn a_wheel_on_disk_is_pinned_without_an_index() {
    let fixture = Fixture::new();
    let wheel = crate::wheels::Wheel::pip("23.9.9+own");
    let path = fixture
        .context
        .write(&format!("work/{}", wheel.file_name()), wheel.bytes());
    let relative = path.file_name().unwrap().to_str().unwrap();
    fixture.build(&["--pip", relative, "--offline"]).success();
    assert_eq!(fixture.venv_pip(&fixture.prefix()), "23.9.9+own");
    assert!(fixture.server.requests().is_empty());
}

#[test]
fn a_second_build_with_offline_takes_everything_from_the_store() {
    let fixture = Fixture::new();
    fixture.build(&["--pip", "latest"]).success();
    let asked = fixture.server.requests().len();
    let prefix = fixture.context.path("again");
    let asked_prefix = prefix.display().to_string();
    let digest = fixture.release.sha256().to_string();
    fs_err::remove_dir_all(fixture.context.path("releases")).unwrap();
    let arguments = [
        VERSION,
        "--sha256",
        &digest,
        "--pip",
        "latest",
        "--offline",
        "--prefix",
        &asked_prefix,
    ];
    fixture.context.run(arguments).success();
    assert_eq!(fixture.venv_pip(&prefix), LATEST_PIP);
    assert_eq!(fixture.server.requests().len(), asked);
}
