//! `pybuild uninstall`: exactly what was installed goes, and nothing else.

use std::os::unix::fs::symlink;

use crate::context::snapshot;
use crate::fixture::{Fixture, LATEST_PIP};
use crate::mini_cpython::{BUNDLED_PIP, MiniCpython, VERSION};
use crate::outcome::Outcome;

/// A fixture with the usual release installed in the folder `usr-local`, which holds something of others'
/// when `shared`; and what was there before.
fn installed(shared: bool) -> (Fixture, std::collections::BTreeMap<String, String>) {
    let fixture = Fixture::new();
    if shared {
        for file in [
            "bin/other",
            "lib/python3.99/site-packages/own.pth",
            "share/man/man1/other.1",
            "share/pybuild/notes.txt",
        ] {
            fixture
                .context
                .write(&format!("usr-local/{file}"), "theirs");
        }
        symlink("other", fixture.context.path("usr-local/bin/link")).unwrap();
        fs_err::create_dir_all(fixture.context.path("usr-local/include")).unwrap();
    }
    let before = fixture.context.snapshot("usr-local");
    build(&fixture, &["--pip", "latest"]).success();
    (fixture, before)
}

fn prefix(fixture: &Fixture) -> String {
    fixture.context.path("usr-local").display().to_string()
}

fn build(fixture: &Fixture, more: &[&str]) -> Outcome {
    fixture.build(&[&["--prefix", &prefix(fixture)], more].concat())
}

#[test]
fn exactly_what_was_installed_goes() {
    for shared in [false, true] {
        let (fixture, before) = installed(shared);
        // Over an earlier installation, too.
        build(&fixture, &["--pip", "23.3.2"]).success();
        let there = fixture.context.snapshot("usr-local");
        let listed = fixture
            .context
            .run(["uninstall", &prefix(&fixture), "--dry-run"]);
        let listed = listed.success();
        assert!(listed.stdout.contains("bin/python3.99\n"), "{listed}");
        assert!(listed.stdout.contains("record.json\n"), "{listed}");
        assert_eq!(fixture.context.snapshot("usr-local"), there);
        let outcome = fixture
            .context
            .run(["uninstall", &prefix(&fixture)])
            .success();
        outcome
            .says(["uninstall CPython 3.99.1"])
            .never_says("warning");
        assert_eq!(
            fixture.context.snapshot("usr-local"),
            before,
            "shared: {shared}"
        );
        let again = fixture
            .context
            .run(["uninstall", &prefix(&fixture)])
            .exits(3);
        again.has_one_error_with_a_hint();
        assert_eq!(fixture.context.snapshot("usr-local"), before);
    }
}

#[test]
fn a_version_in_the_default_prefix_is_uninstalled_by_its_name() {
    let fixture = Fixture::new();
    fixture.build(&[]).success();
    let run = |arguments: &[&str]| fixture.context.run(arguments);
    run(&["uninstall", "3.98"])
        .exits(3)
        .has_one_error_with_a_hint();
    run(&["uninstall", "3.98.1"])
        .exits(3)
        .has_one_error_with_a_hint();
    run(&["uninstall", VERSION, "--prefix", "elsewhere"])
        .exits(3)
        .has_one_error_with_a_hint();
    run(&["uninstall", "x", "--prefix", "elsewhere"])
        .exits(2)
        .has_one_error_with_a_hint();
    assert!(!fixture.context.path("work/elsewhere").exists());
    assert!(fixture.prefix().exists());
    run(&["uninstall", "3.99"]).success();
    assert!(!fixture.prefix().exists());
    // The folder of all versions is pybuild's, and has nothing in it.
    let versions = fixture.prefix().parent().unwrap().to_owned();
    assert_eq!(fs_err::read_dir(versions).unwrap().count(), 0);
}

#[test]
#[cfg(target_os = "linux")]
fn an_interpreter_in_use_stays_unless_its_removal_is_forced() {
    let (fixture, _) = installed(false);
    // The miniature's interpreter is a script, and what runs then is the shell.
    let program = fixture.context.path("usr-local/bin/python3.99");
    fs_err::remove_file(&program).unwrap();
    // By another process: what this one has open for writing, its children may have open too, and
    // what is open for writing cannot be run.
    let mut copy = std::process::Command::new("cp");
    assert!(
        copy.arg("/bin/sleep")
            .arg(&program)
            .status()
            .unwrap()
            .success()
    );
    let mut running = std::process::Command::new(&program)
        .arg("60")
        .spawn()
        .unwrap();
    let before = fixture.context.snapshot("usr-local");
    let uninstall = |more: &[&str]| {
        let prefix = prefix(&fixture);
        let arguments = ["uninstall", prefix.as_str()].into_iter();
        fixture.context.run(arguments.chain(more.iter().copied()))
    };
    let outcome = uninstall(&[]).exits(1).has_one_error_with_a_hint();
    let process = format!("python3.99 is running: process {}", running.id());
    outcome.says([process.as_str(), "--even-if-running"]);
    assert_eq!(fixture.context.snapshot("usr-local"), before);
    uninstall(&["--even-if-running"]).success();
    assert_eq!(running.try_wait().unwrap(), None);
    running.kill().unwrap();
    running.wait().unwrap();
}

#[test]
fn changed_files_stay_and_are_named() {
    let (fixture, _) = installed(false);
    let root = fixture.context.path("usr-local");
    fs_err::write(root.join("lib/python3.99/os.py"), "sep = ':'\n").unwrap();
    let link = root.join("bin/python3");
    fs_err::remove_file(&link).unwrap();
    symlink("/somewhere/else", &link).unwrap();
    // Not a change of what it holds.
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    fs_err::set_permissions(root.join("bin/python3.99"), mode).unwrap();
    let own = root.join("share/pybuild").join(VERSION).join("own.txt");
    fs_err::write(&own, "mine").unwrap();
    let outcome = fixture
        .context
        .run(["uninstall", &prefix(&fixture)])
        .success();
    outcome.says([
        "lib/python3.99/os.py was changed",
        "bin/python3 was changed",
    ]);
    let left = fixture.context.snapshot("usr-local");
    let files: Vec<_> = left
        .iter()
        .filter(|(_, content)| *content != "folder")
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(
        files,
        [
            "bin/python3",
            "lib/python3.99/os.py",
            "share/pybuild/3.99.1/own.txt"
        ]
    );
}

#[test]
fn compiled_files_go_with_their_sources_and_later_packages_stay() {
    let (fixture, _) = installed(false);
    let file = |name: &str| {
        fixture
            .context
            .write(&format!("usr-local/lib/python3.99/{name}"), "later")
    };
    file("__pycache__/os.cpython-399.pyc");
    file("__pycache__/os.cpython-399.opt-1.pyc");
    file("ensurepip/__pycache__/__init__.cpython-399.pyc");
    let kept = [
        file("__pycache__/mine.cpython-399.pyc"),
        file("__pycache__/os.pypy-73.pyc"),
        file("site-packages/requests/__init__.py"),
        file("site-packages/requests-2.0.dist-info/RECORD"),
    ];
    // A newer pip in the place of the one that was installed.
    let site = fixture
        .context
        .path("usr-local/lib/python3.99/site-packages");
    fs_err::remove_dir_all(site.join(format!("pip-{LATEST_PIP}.dist-info"))).unwrap();
    fs_err::write(site.join("pip/__init__.py"), "__version__ = \"99\"\n").unwrap();
    fixture.context.write(
        "usr-local/lib/python3.99/site-packages/pip-99.dist-info/RECORD",
        "pip/__init__.py,,\n../../../bin/pip3,,\npip-99.dist-info/RECORD,,\n",
    );
    let outcome = fixture
        .context
        .run(["uninstall", &prefix(&fixture)])
        .success();
    outcome
        .says(["2 packages in site-packages came later and stay: pip 99, requests 2.0"])
        .never_says("was changed");
    for path in &kept {
        assert!(path.exists(), "{}", path.display());
    }
    assert!(site.join("pip/__init__.py").exists());
    assert!(fixture.context.path("usr-local/bin/pip3").exists());
    let left = fixture.context.snapshot("usr-local");
    let files = left.values().filter(|content| *content != "folder");
    assert_eq!(files.count(), kept.len() + 3, "{left:?}");
    assert!(
        !fixture
            .context
            .path("usr-local/lib/python3.99/ensurepip")
            .exists()
    );
}

#[test]
fn of_two_installations_in_a_prefix_only_one_goes() {
    let (fixture, before) = installed(true);
    let alone = fixture.context.snapshot("usr-local");
    let other = Fixture {
        release: MiniCpython::new("3.98.4"),
        ..fixture
    };
    other.release.write_tgz(&other.context.path("releases"));
    build(&other, &[]).success();
    let run = |arguments: &[&str]| other.context.run(arguments);
    let asked = prefix(&other);
    run(&["uninstall", &asked])
        .exits(2)
        .has_one_error_with_a_hint()
        .says(["3.98.4, 3.99.1"]);
    let root = other.context.path("usr-local");
    assert_eq!(other.python(&root, &["-V"]), "Python 3.98.4");
    run(&["uninstall", "3.98", "--prefix", &asked])
        .success()
        .says(["bin/pip3 is bin/pip3.99 of the installation that stays"]);
    // The links and the script that both installations have are 3.99's again.
    assert_eq!(other.context.snapshot("usr-local"), alone);
    assert_eq!(other.python(&root, &["-V"]), format!("Python {VERSION}"));
    assert_eq!(other.venv_pip(&root), LATEST_PIP);
    run(&["uninstall", &asked]).success();
    assert_eq!(other.context.snapshot("usr-local"), before);
}

#[test]
fn a_hotpatched_interpreter_is_removed_with_its_originals() {
    let fixture = Fixture::new();
    let asked = prefix(&fixture);
    build(&fixture, &[]).success();
    fixture
        .context
        .run(["hotpatch", &asked, "--pip", "latest", "--upgrade-installed"])
        .success();
    assert_eq!(fixture.pip(&fixture.context.path("usr-local")), LATEST_PIP);
    assert_ne!(LATEST_PIP, BUNDLED_PIP);
    let outcome = fixture.context.run(["uninstall", &asked]).success();
    outcome.never_says("warning");
    assert_eq!(snapshot(&fixture.context.path("usr-local")).len(), 0);
}

#[test]
fn a_list_that_leads_out_of_the_prefix_is_refused() {
    let (fixture, _) = installed(false);
    let outside = fixture.context.write("outside", "theirs");
    let folder = fixture
        .context
        .path("usr-local/share/pybuild")
        .join(VERSION);
    let digest = pybuild::digest::Sha256::of(b"theirs");
    let text = format!("{{\"../outside\": {{\"file\": [\"0644\", \"{digest}\"]}}}}");
    fs_err::write(folder.join("files.json"), text).unwrap();
    let before = fixture.context.snapshot("usr-local");
    let outcome = fixture
        .context
        .run(["uninstall", &prefix(&fixture)])
        .exits(1);
    outcome.has_one_error_with_a_hint();
    assert!(outside.exists());
    assert_eq!(fixture.context.snapshot("usr-local"), before);
}

#[test]
fn record_files_that_lead_out_of_the_prefix_remove_nothing_there() {
    let (fixture, _) = installed(false);
    let outside = fixture.context.write("outside", "theirs");
    let empty = fixture.context.path("empty");
    fs_err::create_dir(&empty).unwrap();
    let folder = fixture
        .context
        .path("usr-local/share/pybuild")
        .join(VERSION);
    let folders = folder.join("folders.json");
    let text = fs_err::read(&folders).unwrap();
    let mut made: Vec<String> = serde_json::from_slice(&text).unwrap();
    made.push("../empty".to_owned());
    fs_err::write(&folders, serde_json::to_vec(&made).unwrap()).unwrap();
    let path = folder.join("record.json");
    let text = fs_err::read(&path).unwrap();
    let mut record: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let patches = record["patches"].as_array_mut().unwrap();
    patches.push("../../../../outside".into());
    fs_err::write(&path, serde_json::to_vec(&record).unwrap()).unwrap();
    fixture
        .context
        .run(["uninstall", &prefix(&fixture)])
        .success();
    assert!(outside.exists() && empty.is_dir());
    assert_eq!(fixture.context.snapshot("usr-local").len(), 0);
}

#[test]
fn a_recompiled_file_goes_with_its_source() {
    let (fixture, _) = installed(false);
    let root = fixture.context.path("usr-local");
    let list = root.join("share/pybuild").join(VERSION).join("files.json");
    let text = fs_err::read(&list).unwrap();
    let mut files: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let changed = "lib/python3.99/os.py";
    let source = "lib/python3.99/ensurepip/__init__.py";
    let compiled = [changed, source].map(|source| {
        let (folder, name) = source.rsplit_once('/').unwrap();
        let name = name.trim_end_matches(".py");
        format!("{folder}/__pycache__/{name}.cpython-399.pyc")
    });
    for path in &compiled {
        files[path] = serde_json::json!({"file": ["0644", "0".repeat(64)]});
        let path = format!("usr-local/{path}");
        fixture.context.write(&path, "compiled since");
    }
    fs_err::write(&list, serde_json::to_vec(&files).unwrap()).unwrap();
    fs_err::write(root.join(changed), "sep = ':'\n").unwrap();
    let outcome = fixture
        .context
        .run(["uninstall", &prefix(&fixture)])
        .success();
    let [of_changed, of_source] = &compiled;
    outcome
        .says([&*format!("{of_changed} was changed"), "os.py was changed"])
        .never_says(of_source);
    let left = fixture.context.snapshot("usr-local");
    let files = left.iter().filter(|(_, content)| *content != "folder");
    let files: Vec<&str> = files.map(|(name, _)| name.as_str()).collect();
    assert_eq!(files, [of_changed, changed]);
}

#[test]
fn a_shared_link_that_the_user_changed_stays_changed() {
    let (fixture, _) = installed(true);
    let other = Fixture {
        release: MiniCpython::new("3.98.4"),
        ..fixture
    };
    other.release.write_tgz(&other.context.path("releases"));
    build(&other, &[]).success();
    let link = other.context.path("usr-local/bin/python3");
    fs_err::remove_file(&link).unwrap();
    symlink("/somewhere/else", &link).unwrap();
    let asked = prefix(&other);
    let uninstall = ["uninstall", "3.98", "--prefix", &asked];
    other.context.run(uninstall).success();
    let target = fs_err::read_link(&link).unwrap();
    assert_eq!(target, std::path::Path::new("/somewhere/else"));
}
