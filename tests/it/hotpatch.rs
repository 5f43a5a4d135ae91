//! `pybuild hotpatch`: installed interpreters are changed in place, restored, or refused.

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::fixture::{Fixture, LATEST_PIP};
use crate::mini_cpython::{BUNDLED_PIP, BUNDLED_SETUPTOOLS, MiniCpython, VERSION};
use crate::outcome::Outcome;

/// Content, mode, owner and time of every file; only content and mode of folders.
pub fn state(prefix: &Path) -> BTreeMap<PathBuf, String> {
    walkdir::WalkDir::new(prefix)
        .into_iter()
        .map(Result::unwrap)
        .map(|entry| {
            let found = entry.metadata().unwrap();
            let is_record = entry.file_name() == "hotpatch.json";
            let content = if is_record {
                fs_err::read_to_string(entry.path()).unwrap()
            } else if found.is_file() {
                let content = fs_err::read(entry.path()).unwrap();
                let digest = pybuild::digest::Sha256::of(&content);
                format!("{digest} {:?}", found.modified().unwrap())
            } else if found.is_symlink() {
                format!("-> {}", fs_err::read_link(entry.path()).unwrap().display())
            } else {
                String::new()
            };
            let path = entry.path().strip_prefix(prefix).unwrap().to_owned();
            let owner = (found.uid(), found.gid());
            let mode = found.permissions().mode();
            (path, format!("{mode:o} {owner:?} {content}"))
        })
        .collect()
}

/// Asserts that a prefix is as it was; shows what is not.
#[track_caller]
pub fn assert_unchanged(
    prefix: &Path,
    before: &BTreeMap<PathBuf, String>,
    of: &dyn std::fmt::Display,
) {
    let after = state(prefix);
    let paths: std::collections::BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let differ: Vec<_> = paths
        .into_iter()
        .filter(|path| before.get(*path) != after.get(*path))
        .map(|path| (path, before.get(path), after.get(path)))
        .collect();
    assert!(differ.is_empty(), "{differ:#?} after {of}");
}

/// An interpreter that pybuild knows nothing of, with compiled files, and modes of its own.
pub fn foreign(fixture: &Fixture, name: &str) -> PathBuf {
    let prefix = fixture.context.path(name);
    let shown = prefix.display().to_string();
    fixture.build(&["--prefix", &shown]).success();
    fs_err::remove_dir_all(prefix.join("share/pybuild")).unwrap();
    let ensurepip = stdlib(&prefix).join("ensurepip");
    let compiled = ensurepip.join("__pycache__");
    fs_err::create_dir_all(&compiled).unwrap();
    fs_err::write(compiled.join("__init__.mini.pyc"), "compiled").unwrap();
    let mode = |path: PathBuf, mode| {
        fs_err::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(ensurepip.join("__init__.py"), 0o640);
    mode(wheel(&prefix, "pip", BUNDLED_PIP), 0o600);
    prefix
}

pub fn stdlib(prefix: &Path) -> PathBuf {
    let entries = fs_err::read_dir(prefix.join("lib")).unwrap();
    let mut folders = entries.map(|entry| entry.unwrap().path());
    folders
        .find(|path| path.join("ensurepip").is_dir())
        .unwrap()
}

fn wheel(prefix: &Path, project: &str, version: &str) -> PathBuf {
    let name = format!("{project}-{version}-py3-none-any.whl");
    stdlib(prefix).join("ensurepip/_bundled").join(name)
}

pub fn hotpatch(fixture: &Fixture, prefix: &Path, more: &[&str]) -> Outcome {
    let shown = prefix.display().to_string();
    let arguments = ["hotpatch", &shown].into_iter();
    fixture.context.run(arguments.chain(more.iter().copied()))
}

/// Must be refused with this code, one error and a hint, and change nothing.
#[track_caller]
pub fn refused(
    fixture: &Fixture,
    prefix: &Path,
    code: i32,
    target: &Path,
    more: &[&str],
) -> Outcome {
    let before = state(prefix);
    let outcome = hotpatch(fixture, target, more)
        .exits(code)
        .has_one_error_with_a_hint();
    assert_unchanged(prefix, &before, &outcome);
    outcome
}

#[test]
fn the_pin_holds_in_new_venvs_and_undo_restores_every_byte() {
    let fixture = Fixture::of(MiniCpython::new("3.11.99").with_setuptools());
    let prefix = foreign(&fixture, "installed");
    let before = state(&prefix);
    let arguments = ["--pip", "latest", "--setuptools", "68.0.0"];
    let outcome = hotpatch(&fixture, &prefix, &arguments).success();
    let outcome = outcome.says(["pip 23.0 → 24.0", "setuptools 65.5.0 → 68.0.0"]);
    assert!(outcome.stdout.ends_with("/bin/python3.11\n"), "{outcome}");
    assert_eq!(fixture.venv_pip(&prefix), LATEST_PIP);
    assert_eq!(fixture.pip(&prefix), BUNDLED_PIP);
    assert!(!wheel(&prefix, "pip", BUNDLED_PIP).exists());
    assert!(!wheel(&prefix, "setuptools", BUNDLED_SETUPTOOLS).exists());
    let compiled = stdlib(&prefix).join("ensurepip/__pycache__");
    assert!(!compiled.exists());
    let mode = |path: PathBuf| fs_err::metadata(path).unwrap().mode() & 0o777;
    assert_eq!(mode(wheel(&prefix, "pip", LATEST_PIP)), 0o600);
    assert_eq!(mode(stdlib(&prefix).join("ensurepip/__init__.py")), 0o640);

    // The second time keeps what was there before the first.
    fs_err::create_dir(&compiled).unwrap();
    fs_err::write(compiled.join("__init__.mini.pyc"), "compiled anew").unwrap();
    hotpatch(&fixture, &prefix, &["--pip", "23.3.2"]).success();
    assert_eq!(fixture.venv_pip(&prefix), "23.3.2");
    hotpatch(&fixture, &prefix, &["--pip", "23.3.2"])
        .success()
        .says(["already up to date"]);

    hotpatch(&fixture, &prefix, &["--undo"]).success();
    assert_unchanged(&prefix, &before, &"undo");
    hotpatch(&fixture, &prefix, &["--undo"])
        .success()
        .says(["nothing to undo"]);
    assert_unchanged(&prefix, &before, &"undo");
    fixture.assert_nothing_is_left_behind();
}

#[test]
fn a_dry_run_shows_the_diff_and_changes_nothing() {
    let fixture = Fixture::new();
    let prefix = foreign(&fixture, "installed");
    let before = state(&prefix);
    let outcome = hotpatch(&fixture, &prefix, &["--pip", "24.0", "--dry-run"]).success();
    for line in [
        "# + ensurepip/_bundled/pip-24.0-py3-none-any.whl",
        "# - ensurepip/_bundled/pip-23.0-py3-none-any.whl",
        "--- a/ensurepip/__init__.py",
        "+_PIP_VERSION = \"24.0\"",
    ] {
        assert!(
            outcome.stdout.lines().any(|found| found == line),
            "{outcome}"
        );
    }
    assert_unchanged(&prefix, &before, &"undo");
}

#[test]
fn setuptools_can_be_removed_and_restored() {
    let fixture = Fixture::of(MiniCpython::new("3.11.99").with_setuptools());
    let prefix = foreign(&fixture, "installed");
    let before = state(&prefix);
    hotpatch(&fixture, &prefix, &["--setuptools", "none"])
        .success()
        .says(["setuptools 65.5.0 → none"]);
    fixture.venv_pip(&prefix);
    let venv = fixture.context.path("venv/lib/python3.11/site-packages");
    assert!(venv.join("pip").exists() && !venv.join("setuptools").exists());
    hotpatch(&fixture, &prefix, &["--undo"]).success();
    assert_unchanged(&prefix, &before, &"undo");
}

#[test]
fn the_interpreters_own_pip_is_upgraded_on_request() {
    let fixture = Fixture::new();
    let prefix = foreign(&fixture, "installed");
    let before = state(&prefix);
    hotpatch(&fixture, &prefix, &["--pip", "24.0", "--upgrade-installed"]).success();
    assert_eq!(fixture.pip(&prefix), "24.0");
    let site_packages = stdlib(&prefix).join("site-packages");
    assert!(site_packages.join("pip-24.0.dist-info").exists());
    assert!(!site_packages.join("pip-23.0.dist-info").exists());
    // Files that another program puts into the new pip's folders go with them.
    fs_err::write(site_packages.join("pip-24.0.dist-info/more"), "").unwrap();
    hotpatch(&fixture, &prefix, &["--undo"]).success();
    assert_eq!(fixture.pip(&prefix), BUNDLED_PIP);
    assert_unchanged(&prefix, &before, &"undo");

    fs_err::write(stdlib(&prefix).join("EXTERNALLY-MANAGED"), "").unwrap();
    let arguments = ["--pip", "24.0", "--upgrade-installed"];
    refused(&fixture, &prefix, 2, &prefix, &arguments).says(["EXTERNALLY-MANAGED"]);
    hotpatch(&fixture, &prefix, &["--pip", "24.0"]).success();
}

#[test]
fn the_interpreters_own_setuptools_is_upgraded_and_checked() {
    let fixture = Fixture::of(MiniCpython::new("3.11.99").with_setuptools());
    let prefix = foreign(&fixture, "installed");
    let before = state(&prefix);
    let pins = ["--pip", "24.0", "--setuptools", "68.0.0"];
    hotpatch(
        &fixture,
        &prefix,
        &[&pins[..], &["--upgrade-installed"]].concat(),
    )
    .success();
    let site_packages = stdlib(&prefix).join("site-packages");
    assert!(
        site_packages
            .join("setuptools-68.0.0.dist-info/METADATA")
            .exists()
    );
    assert!(!site_packages.join("setuptools-65.5.0.dist-info").exists());
    hotpatch(&fixture, &prefix, &["--undo"]).success();
    assert_unchanged(&prefix, &before, &"undo");
}

#[test]
fn a_failed_check_rolls_everything_back() {
    let fixture = Fixture::new();
    let prefix = foreign(&fixture, "installed");
    let interpreter = prefix.join("bin/python3.99");
    let sound = fs_err::read_to_string(&interpreter).unwrap();
    let broken = "echo '__version__ = \"9\"' >\"$dir/lib/python$short/site-packages/pip/__init__.py\"\n    fi\n}\n\n# Why";
    let broken = sound.replace("    fi\n}\n\n# Why", broken);
    assert_ne!(sound, broken);
    fs_err::write(&interpreter, &broken).unwrap();
    let arguments = ["--pip", "24.0", "--upgrade-installed"];
    let outcome = refused(&fixture, &prefix, 6, &prefix, &arguments);
    outcome.says(["the pip of a new venv", "is 9, not 24.0"]);

    // After an earlier hotpatch that is what it left.
    fs_err::write(&interpreter, &sound).unwrap();
    hotpatch(&fixture, &prefix, &["--pip", "23.3.2"]).success();
    fs_err::write(&interpreter, &broken).unwrap();
    refused(&fixture, &prefix, 6, &prefix, &["--pip", "24.0"]);
    hotpatch(&fixture, &prefix, &["--pip", "24.0", "--no-check"]).success();
    fixture.assert_nothing_is_left_behind();
}

#[test]
fn a_script_without_its_interpreter_is_refused_and_nothing_changes() {
    let fixture = Fixture::new();
    let prefix = foreign(&fixture, "installed");
    let interpreter = prefix.join("bin/python3.99");
    let sound = fs_err::read_to_string(&interpreter).unwrap();
    let broken = sound.replace("first='#!/bin/sh'", "first=\"#!${5%/*}/python9\"");
    assert_ne!(sound, broken);
    fs_err::write(&interpreter, &broken).unwrap();
    let arguments = ["--pip", "24.0", "--upgrade-installed"];
    let outcome = refused(&fixture, &prefix, 6, &prefix, &arguments);
    outcome.says(["bin/pip3", "will not run", "bin/python9 does not exist"]);
    // Without --upgrade-installed no script in the prefix is written.
    hotpatch(&fixture, &prefix, &["--pip", "24.0"]).success();
}

#[test]
fn every_target_is_examined_before_the_first_is_changed() {
    let fixture = Fixture::new();
    let one = foreign(&fixture, "one");
    let two = foreign(&fixture, "two");
    let [first, second] = [&one, &two].map(|prefix| prefix.display().to_string());
    let before = state(&one);
    let bad = ["hotpatch", &first, "/nowhere", "--pip", "24.0"];
    fixture
        .context
        .run(bad)
        .exits(2)
        .has_one_error_with_a_hint();
    assert_unchanged(&one, &before, &"undo");
    let both = ["hotpatch", &first, &second, &first, "--pip", "24.0"];
    let outcome = fixture.context.run(both).success();
    assert_eq!(outcome.stdout.lines().count(), 2, "{outcome}");
    for prefix in [one, two] {
        assert_eq!(fixture.venv_pip(&prefix), "24.0");
    }
}

#[test]
fn other_programs_and_interpreters_are_refused_and_stay_unchanged() {
    let fixture = Fixture::new();
    let prefix = foreign(&fixture, "installed");
    let pin = ["--pip", "24.0"];
    let venv = fixture.context.path("venv");
    fixture.venv_pip(&prefix);
    let python = prefix.join("bin/python3.99").display().to_string();
    for target in [
        venv.clone(),
        venv.join("bin/python3"),
        venv.join("bin/python3.99"),
    ] {
        let outcome = refused(&fixture, &prefix, 2, &target, &pin);
        outcome.says(["virtual environment", python.as_str()]);
    }
    let script = |name: &str, text: &str| {
        let path = fixture.context.write(name, format!("#!/bin/sh\n{text}\n"));
        fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    };
    let empty = fixture.context.path("tmp");
    let other = script("other", "echo something else; exit 1");
    let shim = script("shim", &format!("exec '{python}' \"$@\""));
    for (target, text) in [
        (fixture.context.path("nowhere"), "there is no interpreter"),
        (empty, "has no interpreter"),
        (other, "`something else`"),
        (shim, python.as_str()),
        (fixture.context.write("plain", "no program"), "plain"),
    ] {
        let outcome = hotpatch(&fixture, &target, &pin).has_one_error_with_a_hint();
        assert!(
            outcome.code == Some(2) || outcome.code == Some(1),
            "{outcome}"
        );
        outcome.says([text]);
    }
    refused(&fixture, &prefix, 2, &prefix, &[]).says(["--pip"]);
    refused(&fixture, &prefix, 2, &prefix, &["--setuptools", "68.0.0"]).says(["setuptools"]);
    refused(&fixture, &prefix, 3, &prefix, &["--pip", "99.0"]).says(["99.0"]);
    let both = ["--undo", "--pip", "24.0"];
    hotpatch(&fixture, &prefix, &both).exits(2);
    fs_err::copy(prefix.join("bin/python3.99"), prefix.join("bin/python3.98")).unwrap();
    let outcome = refused(&fixture, &prefix, 2, &prefix, &pin);
    outcome.says(["several interpreters", "bin/python3.98", "bin/python3.99"]);
    fs_err::remove_file(prefix.join("bin/python3.98")).unwrap();

    // As Debian has it: the wheels are packages of their own.
    let bundled = stdlib(&prefix).join("ensurepip/_bundled");
    let away = fixture.context.path("away");
    fs_err::rename(&bundled, &away).unwrap();
    refused(&fixture, &prefix, 2, &prefix, &pin).says(["bundles no wheels", "pybuild VERSION"]);
    fs_err::rename(&away, &bundled).unwrap();
    let wheel_folder = fs_err::read_to_string(&python)
        .unwrap()
        .replace("\"wheel_folder\": null", "\"wheel_folder\": \"/wheels\"");
    fs_err::write(&python, wheel_folder).unwrap();
    refused(&fixture, &prefix, 2, &prefix, &pin).says(["/wheels"]);
}

#[test]
fn a_library_path_that_hides_the_interpreters_own_library_causes_a_warning() {
    let mut fixture = Fixture::new();
    fixture.build(&["--enable-shared"]).success();
    let other = fixture
        .context
        .write("other/libpython3.99.so.1.0", "another");
    let other = other.parent().unwrap().display().to_string();
    fixture.context.set("LD_LIBRARY_PATH", &other);
    let prefix = fixture.prefix();
    // The interpreter answers with its own library all the same.
    let python = prefix.join("bin/python3.99");
    let text = fs_err::read_to_string(&python).unwrap();
    let own = format!("{}/lib:{other}", prefix.display());
    let proof = format!("[ -n \"$MINI_VENV\" ] || [ \"$LD_LIBRARY_PATH\" = '{own}' ] || exit 9\n");
    fs_err::write(&python, text.replacen('\n', &format!("\n{proof}"), 1)).unwrap();
    hotpatch(&fixture, &prefix, &["--pip", "24.0"])
        .success()
        .says(["LD_LIBRARY_PATH", &other, "instead of its own"]);
}

#[test]
fn a_prefix_that_may_not_be_written_is_refused() {
    let fixture = Fixture::new();
    let prefix = foreign(&fixture, "installed");
    let bundled = stdlib(&prefix).join("ensurepip/_bundled");
    let mode = |mode| {
        fs_err::set_permissions(&bundled, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(0o555);
    // For root, everything may be written.
    if fs_err::write(bundled.join("probe"), "").is_err() {
        refused(&fixture, &prefix, 1, &prefix, &["--pip", "24.0"]).says(["may not be written"]);
    }
    mode(0o755);
}

#[test]
fn a_change_by_another_program_is_not_undone() {
    let fixture = Fixture::new();
    let prefix = foreign(&fixture, "installed");
    hotpatch(&fixture, &prefix, &["--pip", "24.0"]).success();
    let text = stdlib(&prefix).join("ensurepip/__init__.py");
    let content = fs_err::read_to_string(&text).unwrap();
    fs_err::write(&text, content + "# mine\n").unwrap();
    refused(&fixture, &prefix, 1, &prefix, &["--undo"]).says(["changed by another program"]);
}

#[test]
fn the_file_list_of_a_pybuild_installation_is_updated() {
    let fixture = Fixture::new();
    fixture.build(&["--pip", "23.3.2"]).success();
    let prefix = fixture.prefix();
    let before = state(&prefix);
    let list = prefix.join(format!("share/pybuild/{VERSION}/files.json"));
    hotpatch(&fixture, &prefix, &["--pip", "24.0", "--upgrade-installed"]).success();
    let files = fs_err::read_to_string(&list).unwrap();
    for (name, there) in [
        ("_bundled/pip-24.0-py3-none-any.whl", true),
        ("_bundled/pip-23.3.2-py3-none-any.whl", false),
        ("pip-24.0.dist-info/METADATA", true),
        ("pip-23.3.2.dist-info/METADATA", false),
    ] {
        assert_eq!(files.contains(name), there, "{name} in {files}");
    }
    let text = stdlib(&prefix).join("ensurepip/__init__.py");
    let digest = pybuild::digest::Sha256::of(&fs_err::read(text).unwrap());
    assert!(files.contains(&digest.to_string()));
    hotpatch(&fixture, &prefix, &["--undo"]).success();
    assert_unchanged(&prefix, &before, &"undo");

    // The first request is no longer fulfilled, so it is built again, and no originals are left.
    hotpatch(&fixture, &prefix, &["--pip", "24.0"]).success();
    fixture
        .build(&["--pip", "23.3.2"])
        .success()
        .says(["was hotpatched", "built again"]);
    assert_eq!(fixture.venv_pip(&prefix), "23.3.2");
    assert!(!prefix.join("share/pybuild/hotpatch").exists());
    assert!(!wheel(&prefix, "pip", "24.0").exists());
}

#[test]
fn recovery_never_runs_the_interpreter() {
    let fixture = Fixture::new();
    let prefix = foreign(&fixture, "installed");
    let shown = prefix.display().to_string();
    // An interpreter that leaves a trace when it runs, and of another user where that can be.
    let python = prefix.join("bin/python3.99");
    let real = prefix.join("bin/real");
    let ran = fixture.context.path("ran");
    for command in [["uninstall", "nowhere"], ["uninstall", shown.as_str()]] {
        let before = state(&prefix);
        let mut killed = fixture
            .context
            .command(["hotpatch", &shown, "--pip", "24.0"]);
        killed.env("PYBUILD_CRASH_AT", "transaction.applied");
        assert_eq!(fixture.context.outcome(&mut killed).code, None);
        fs_err::rename(&python, &real).unwrap();
        let script = format!(
            "#!/bin/sh\n: >{}\nexec {} \"$@\"\n",
            ran.display(),
            real.display()
        );
        fs_err::write(&python, script).unwrap();
        fs_err::set_permissions(&python, std::fs::Permissions::from_mode(0o755)).unwrap();
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(&python, Some(65534), None).unwrap();
        }
        let outcome = fixture.context.run(command).exits(3);
        outcome.says(["recovered", "was rolled back"]);
        assert!(!ran.exists());
        fs_err::rename(&real, &python).unwrap();
        assert_unchanged(&prefix, &before, &"recovery");
    }
    hotpatch(&fixture, &prefix, &["--pip", "24.0"]).success();
}

#[test]
fn a_venv_can_be_made_after_a_kill_at_any_time() {
    const KILLS: u32 = 100;
    let fixture = Fixture::of(MiniCpython::new("3.11.99").with_setuptools());
    let prefix = foreign(&fixture, "installed");
    let before = state(&prefix);
    let shown = prefix.display().to_string();
    let tasks: [&[&str]; 3] = [
        &["--pip", "24.0", "--setuptools", "68.0.0", "--no-check"],
        &["--pip", "23.3.2", "--no-check"],
        &["--undo"],
    ];
    let command = |task: &[&str]| {
        let arguments = ["hotpatch", &shown].into_iter();
        fixture
            .context
            .command(arguments.chain(task.iter().copied()))
    };
    let took = tasks.map(|task| {
        let started = Instant::now();
        fixture.context.outcome(&mut command(task)).success();
        started.elapsed()
    });
    let mut killed = 0;
    let mut seen = std::collections::BTreeSet::new();
    for number in 0..KILLS {
        let task = number as usize % tasks.len();
        let mut child = command(tasks[task])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Spread over the second half of a run, where something happens, and beyond its end.
        std::thread::sleep(took[task] * (40 + number * 37 % 100) / 100);
        child.kill().unwrap();
        killed += u32::from(!child.wait().unwrap().success());
        seen.insert(named_wheels(&prefix));
        if number % 10 == 0 {
            fixture.venv_pip(&prefix);
        }
    }
    println!("{killed} of {KILLS} ended by the signal, {took:?}, {seen:?}");
    assert!(killed > 0);
    let finished = hotpatch(&fixture, &prefix, &["--pip", "24.0"]).success();
    assert_eq!(fixture.venv_pip(&prefix), "24.0", "{finished}");
    hotpatch(&fixture, &prefix, &["--undo"]).success();
    assert_unchanged(&prefix, &before, &"kills");
}

/// Asserts that each wheel that the text names is there and whole; returns the wheels. None where the
/// text was removed.
#[track_caller]
pub fn named_wheels(prefix: &Path) -> Vec<String> {
    let folders = fs_err::read_dir(prefix.join("lib")).into_iter().flatten();
    let mut texts = folders.map(|folder| folder.unwrap().path().join("ensurepip/__init__.py"));
    let Some(text) = texts.find_map(|path| fs_err::read_to_string(path).ok()) else {
        return Vec::new();
    };
    let mut named = Vec::new();
    for project in ["pip", "setuptools"] {
        let mark = format!("_{}_VERSION = \"", project.to_uppercase());
        let Some(version) = text.lines().find_map(|line| line.strip_prefix(&mark)) else {
            continue;
        };
        let version = version.trim_end_matches('"');
        let content = fs_err::read(wheel(prefix, project, version)).unwrap();
        let expected = crate::wheels::Wheel::of(project, version).bytes();
        assert_eq!(content, expected, "{project} {version}");
        named.push(format!("{project} {version}"));
    }
    assert!(!named.is_empty(), "{text}");
    named
}

#[test]
fn ctrl_c_during_the_check_leaves_an_interpreter_that_works() {
    let fixture = Fixture::new();
    let prefix = foreign(&fixture, "installed");
    let before = state(&prefix);
    let shown = prefix.display().to_string();
    let mut child = fixture
        .context
        .command(["hotpatch", &shown, "--pip", "24.0"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while !wheel(&prefix, "pip", "24.0").exists() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(1));
    }
    let process = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(process, rustix::process::Signal::INT).unwrap();
    child.wait().unwrap();
    fixture.venv_pip(&prefix);
    hotpatch(&fixture, &prefix, &["--undo"]).success();
    assert_unchanged(&prefix, &before, &"undo");
}
