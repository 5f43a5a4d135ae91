//! Prefixes: new ones, ones that others live in, ones that hold an earlier interpreter.

use std::os::unix::fs::symlink;
use std::path::Path;

use crate::context::snapshot;
use crate::fixture::{Fixture, LATEST_PIP};
use crate::mini_cpython::{BUNDLED_PIP, MiniCpython, VERSION};

/// A prefix with things of others in it, among them what CPython's own folders hold.
fn shared_prefix(fixture: &Fixture) -> std::path::PathBuf {
    for file in [
        "bin/other",
        "lib/python3.99/site-packages/requests/__init__.py",
        "lib/python3.99/site-packages/own.pth",
        "share/man/man1/other.1",
        "share/pybuild/notes.txt",
    ] {
        fixture
            .context
            .write(&format!("usr-local/{file}"), "theirs");
    }
    let prefix = fixture.context.path("usr-local");
    symlink("other", prefix.join("bin/link")).unwrap();
    prefix
}

#[test]
fn foreign_files_in_a_shared_prefix_stay() {
    let fixture = Fixture::new();
    let prefix = shared_prefix(&fixture);
    let before = snapshot(&prefix);
    let asked = prefix.display().to_string();
    for pin in ["latest", "23.3.2", "bundled"] {
        fixture.build(&["--pip", pin, "--prefix", &asked]).success();
        let after = snapshot(&prefix);
        for (name, content) in &before {
            assert_eq!(after.get(name), Some(content), "{name}");
        }
        assert!(
            !after.keys().any(|name| name.contains("transaction")),
            "{after:?}"
        );
    }
    assert_eq!(fixture.venv_pip(&prefix), BUNDLED_PIP);
    let site = snapshot(&prefix.join("lib/python3.99/site-packages"));
    let of_pip = site.keys().filter(|name| name.ends_with(".dist-info"));
    assert_eq!(
        of_pip.collect::<Vec<_>>(),
        [&format!("pip-{BUNDLED_PIP}.dist-info")]
    );
}

#[test]
fn a_foreign_file_in_the_way_is_replaced_only_on_request() {
    let fixture = Fixture::new();
    let prefix = shared_prefix(&fixture);
    fs_err::write(prefix.join("bin/python3.99"), "an older one").unwrap();
    let before = snapshot(&prefix);
    let asked = prefix.display().to_string();
    let outcome = fixture.build(&["--prefix", &asked]);
    let outcome = outcome
        .has_one_error_with_a_hint()
        .says(["bin/python3.99", "--overwrite"]);
    assert_ne!(outcome.code, Some(0));
    assert_eq!(snapshot(&prefix), before);
    fixture
        .build(&["--prefix", &asked, "--overwrite"])
        .success();
    assert_eq!(fixture.venv_pip(&prefix), BUNDLED_PIP);
    assert_eq!(snapshot(&prefix).get("bin/other"), before.get("bin/other"));
}

#[test]
fn an_empty_folder_a_link_to_one_and_a_relative_path_are_accepted() {
    let fixture = Fixture::new();
    let folder = fixture.context.path("work/empty");
    fs_err::create_dir(&folder).unwrap();
    fixture.build(&["--prefix", "empty"]).success();
    assert_eq!(fixture.venv_pip(&folder), BUNDLED_PIP);

    let real = fixture.context.path("real");
    fs_err::create_dir(&real).unwrap();
    let link = fixture.context.path("link");
    symlink(&real, &link).unwrap();
    fixture
        .build(&["--prefix", &link.display().to_string()])
        .success();
    assert!(link.is_symlink());
    assert_eq!(fixture.venv_pip(&link), BUNDLED_PIP);
}

#[test]
fn series_live_side_by_side_and_a_newer_release_takes_its_series_place() {
    let fixture = Fixture::new();
    let prefix = fixture.context.path("both");
    let asked = prefix.display().to_string();
    fixture
        .build(&["--pip", "latest", "--prefix", &asked])
        .success();

    let other = Fixture {
        release: MiniCpython::new("3.98.4"),
        ..fixture
    };
    other.release.write_tgz(&other.context.path("releases"));
    // Both would have a `bin/python3`; it is pybuild's own already.
    other.build(&["--prefix", &asked]).success();
    let said = |name: &str| {
        let mut command = std::process::Command::new(prefix.join("bin").join(name));
        other.context.outcome(command.arg("-V")).success().stdout
    };
    assert_eq!(said("python3.98"), "Python 3.98.4\n");
    assert_eq!(said("python3.99"), format!("Python {VERSION}\n"));

    let newer = Fixture {
        release: MiniCpython::new("3.99.2"),
        ..other
    };
    newer.release.write_tgz(&newer.context.path("releases"));
    newer
        .build(&["--pip", "latest", "--prefix", &asked])
        .success();
    assert_eq!(newer.python(&prefix, &["-V"]), "Python 3.99.2");
    assert_eq!(newer.venv_pip(&prefix), LATEST_PIP);
    let records: Vec<String> = fs_err::read_dir(prefix.join("share/pybuild"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(!records.contains(&VERSION.to_owned()), "{records:?}");
    assert_eq!(records.len(), 2, "{records:?}");
}

#[test]
fn the_record_names_inputs_steps_and_results() {
    let fixture = Fixture::new();
    fixture.build(&["--pip", "latest", "-j", "3"]).success();
    let folder = fixture.prefix().join("share/pybuild").join(VERSION);
    let record = fs_err::read_to_string(folder.join("record.json")).unwrap();
    let record: serde_json::Value = serde_json::from_str(&record).unwrap();
    assert_eq!(record["plan"]["python"], VERSION);
    assert_eq!(
        record["plan"]["prefix"],
        fixture.prefix().display().to_string()
    );
    assert_eq!(record["checks"]["venv_pip"], LATEST_PIP);
    let inputs = record["inputs"].as_array().unwrap();
    let digests: Vec<_> = inputs
        .iter()
        .map(|input| input["sha256"].as_str())
        .collect();
    let archive = fixture.release.sha256().to_string();
    let wheel = crate::wheels::Wheel::pip(LATEST_PIP).sha256().to_string();
    assert_eq!(digests, [Some(archive.as_str()), Some(wheel.as_str())]);
    let steps = record["timings"].as_array().unwrap().iter();
    let mut steps: Vec<_> = steps
        .map(|timing| timing["step"].as_str().unwrap())
        .collect();
    steps.dedup();
    assert_eq!(
        steps,
        ["configure", "make", "install", "ensurepip", "byte-compile"]
    );
    assert!(
        record["timings"][1]["command"]
            .as_str()
            .unwrap()
            .contains("make -j3 ")
    );

    let log = fs_err::read_to_string(folder.join("build.log")).unwrap();
    assert!(log.contains("checking for zlib.h... yes"), "{log}");
    let patches = record["patches"].as_array().unwrap();
    assert_eq!(patches.len(), 1);
    let patch = fs_err::read_to_string(folder.join(patches[0].as_str().unwrap())).unwrap();
    let removed = format!("-_PIP_VERSION = \"{BUNDLED_PIP}\"\n");
    let added = format!("+_PIP_VERSION = \"{LATEST_PIP}\"\n");
    assert!(
        patch.contains(&removed) && patch.contains(&added),
        "{patch}"
    );

    let files = fs_err::read_to_string(folder.join("files.json")).unwrap();
    assert!(
        files.contains("bin/python3.99") && !files.contains("record.json"),
        "{files}"
    );
}

#[test]
fn two_builds_at_once_leave_one_complete_installation() {
    let fixture = Fixture::new();
    let start = |pin: &str| {
        let mut command = fixture.context.command(fixture.arguments(&["--pip", pin]));
        command.stdout(std::process::Stdio::piped());
        command.stderr(std::process::Stdio::piped());
        command.spawn().unwrap()
    };
    let both = [start("24.0"), start("23.3.2")];
    let outcomes = both.map(|child| {
        let output = child.wait_with_output().unwrap();
        crate::outcome::Outcome::new(&output, &fixture.context.path(""))
    });
    let done = outcomes.iter().filter(|outcome| outcome.code == Some(0));
    assert!(done.count() >= 1, "{outcomes:?}");
    let pip = fixture.venv_pip(&fixture.prefix());
    let site = snapshot(&fixture.prefix().join("lib/python3.99/site-packages"));
    let of_pip: Vec<_> = site
        .keys()
        .filter(|name| name.ends_with(".dist-info"))
        .collect();
    assert_eq!(of_pip, [&format!("pip-{pip}.dist-info")]);
    fixture.assert_nothing_is_left_behind();
}

#[test]
fn the_journal_of_a_newer_pybuild_is_refused() {
    let fixture = Fixture::new();
    let prefix = fixture.context.path("prefix");
    let named = prefix.display().to_string();
    fixture.build(&["--prefix", &named]).success();
    for (journal, text) in [
        ("journal.json", r#"{"format": 3, "steps": []}"#),
        (
            "committed.json",
            r#"{"format": 3, "changes": [], "folders": []}"#,
        ),
    ] {
        let folder = "prefix/.pybuild-transaction";
        for file in ["lock", "old/0", "new/0"] {
            fixture.context.write(&format!("{folder}/{file}"), "");
        }
        fixture.context.write(&format!("{folder}/{journal}"), text);
        let before = snapshot(&prefix);
        for outcome in [
            fixture.build(&["--prefix", &named, "--force"]),
            fixture.context.run(["uninstall", &named]),
        ] {
            let outcome = outcome.exits(1).has_one_error_with_a_hint();
            outcome.says([journal, "another version of pybuild", "nothing was changed"]);
            assert_eq!(before, snapshot(&prefix));
        }
        fs_err::remove_dir_all(fixture.context.path(folder)).unwrap();
    }
    fixture.build(&["--prefix", &named, "--force"]).success();
}

#[test]
fn the_record_of_a_newer_pybuild_is_not_misread() {
    let fixture = Fixture::new();
    let prefix = fixture.context.path("prefix");
    let named = prefix.display().to_string();
    let build = |more: &[&str]| fixture.build(&[&["--prefix", &named], more].concat());
    build(&[]).success();
    let folder = prefix.join("share/pybuild").join(VERSION);
    let edit = |change: &dyn Fn(&mut serde_json::Value)| {
        let text = fs_err::read(folder.join("record.json")).unwrap();
        let mut record = serde_json::from_slice(&text).unwrap();
        change(&mut record);
        fs_err::write(folder.join("record.json"), record.to_string()).unwrap();
    };
    // An unknown field is ignored.
    edit(&|record| record["weather"] = "fine".into());
    build(&[]).success().says(["nothing to do"]);
    // Another format is no record: it is built again, and not taken away.
    let newer = |record: &mut serde_json::Value| record["plan"]["format"] = 99.into();
    edit(&newer);
    let uninstall = || fixture.context.run(["uninstall", &named]);
    let outcome = uninstall().exits(1).has_one_error_with_a_hint();
    outcome.says([
        "not one that this pybuild understands",
        "nothing was changed",
    ]);
    build(&[]).success().never_says("nothing to do");
    // Without the list, nobody can say what is whose.
    for list in ["files.json", "folders.json"] {
        let path = folder.join(list);
        let whole = fs_err::read(&path).unwrap();
        fs_err::write(&path, r#"{"format": 99, "list": 7}"#).unwrap();
        let before = snapshot(&prefix);
        for outcome in [build(&["--force"]), uninstall()] {
            let outcome = outcome.exits(1).has_one_error_with_a_hint();
            outcome.says([
                "not one that this pybuild understands",
                &folder.display().to_string(),
            ]);
            assert_eq!(before, snapshot(&prefix), "{list}");
        }
        fs_err::write(&path, whole).unwrap();
    }
    uninstall().success();
}

#[test]
fn a_journal_that_leads_out_of_the_prefix_is_refused() {
    let fixture = Fixture::new();
    let outside = fixture.context.write("outside", "theirs");
    for (changes, folders) in [
        (
            r#"[{"path":"../outside","replaces":false,"adds":true}]"#,
            "[]",
        ),
        ("[]", r#"["../empty"]"#),
    ] {
        let empty = fixture.context.path("empty");
        drop(fs_err::create_dir(&empty));
        let text = format!(r#"{{"changes":{changes},"folders":{folders}}}"#);
        let folder = "prefix/.pybuild-transaction";
        fixture
            .context
            .write(&format!("{folder}/journal.json"), &text);
        let prefix = fixture.context.path("prefix").display().to_string();
        let outcome = fixture.context.run(["uninstall", &prefix]).exits(1);
        outcome
            .has_one_error_with_a_hint()
            .says(["journal.json was not written by pybuild"]);
        assert!(outside.exists() && empty.exists());
    }
}

#[test]
fn an_unreadable_journal_is_an_error_and_kept_files_stay() {
    for journal in ["journal.json", "committed.json"] {
        for is_folder in [true, false] {
            let fixture = Fixture::new();
            let folder = "usr-local/.pybuild-transaction";
            fixture.context.write(&format!("{folder}/lock"), "");
            fixture.context.write(&format!("{folder}/old/0"), "theirs");
            let path = fixture.context.path(&format!("{folder}/{journal}"));
            if is_folder {
                fs_err::create_dir(&path).unwrap();
            } else {
                fs_err::write(&path, "{\"changes\": [").unwrap();
            }
            let prefix = fixture.context.path("usr-local").display().to_string();
            let before = fixture.context.snapshot("usr-local");
            let outcome = fixture.context.run(["uninstall", &prefix]).exits(1);
            outcome.has_one_error_with_a_hint();
            fixture.build(&["--prefix", &prefix]).exits(1);
            assert_eq!(fixture.context.snapshot("usr-local"), before, "{journal}");
        }
    }
}

/// The links in `bin` whose name has no version, and their targets.
fn unversioned_links(prefix: &Path) -> Vec<(String, String)> {
    let entries = fs_err::read_dir(prefix.join("bin")).unwrap();
    let mut links: Vec<(String, String)> = entries
        .filter_map(|entry| {
            let path = entry.unwrap().path();
            let target = fs_err::read_link(&path).ok()?;
            let name = path.file_name()?.to_str()?.to_owned();
            let named = !name.contains(|c: char| c.is_ascii_digit());
            named.then(|| (name, target.display().to_string()))
        })
        .collect();
    links.sort();
    links
}

#[test]
fn a_default_prefix_has_programs_without_a_version_in_their_names() {
    let fixture = Fixture::new();
    fixture.build(&[]).success();
    let links = [
        ("pip", "pip3.99"),
        ("python", "python3.99"),
        ("python-config", "python3.99-config"),
    ];
    let links = links.map(|(name, target)| (name.to_owned(), target.to_owned()));
    assert_eq!(unversioned_links(&fixture.prefix()), links);
    let files = fixture
        .prefix()
        .join("share/pybuild")
        .join(VERSION)
        .join("files.json");
    let files = fs_err::read_to_string(files).unwrap();
    assert!(files.contains("\"bin/python\"") && files.contains("\"bin/pip\""));
    fixture.build(&[]).success().says(["nothing to do"]);
    fixture.context.run(["uninstall", VERSION]).success();
    assert!(!fixture.prefix().exists());
}

#[test]
fn another_prefix_has_them_on_request() {
    let fixture = Fixture::new();
    let prefix = fixture.context.path("shared");
    let named = prefix.display().to_string();
    fixture.build(&["--prefix", &named]).success();
    assert_eq!(unversioned_links(&prefix), []);
    let request = ["--prefix", &named, "--unversioned-links"];
    // A foreign file of such a name is in the way like any other.
    fixture.context.write("shared/bin/python", "foreign");
    let before = snapshot(&prefix);
    let outcome = fixture.build(&request).exits(1).has_one_error_with_a_hint();
    outcome.says(["shared/bin/python", "--overwrite"]);
    assert_eq!(snapshot(&prefix), before);
    fs_err::remove_file(prefix.join("bin/python")).unwrap();
    fixture.build(&request).success();

    // The links of two versions in a prefix point at the one that is left.
    let mut other = Fixture::of(MiniCpython::new("3.98.1"));
    other.context = fixture.context;
    other.release.write_tgz(&other.context.path("releases"));
    other.build(&request).success();
    assert_eq!(unversioned_links(&prefix)[1].1, "python3.98");
    other
        .context
        .run(["uninstall", "3.98", "--prefix", &named])
        .success();
    assert_eq!(unversioned_links(&prefix)[1].1, "python3.99");
    other
        .context
        .run(["uninstall", VERSION, "--prefix", &named])
        .success();
    assert!(!prefix.exists());
}

#[test]
fn leftover_files_of_an_earlier_interpreter_do_not_affect_the_new_one() {
    use base64::Engine as _;
    let fixture = Fixture::new();
    let prefix = fixture.context.path("usr-local");
    let named = prefix.display().to_string();
    fixture.build(&["--prefix", &named]).success();
    fs_err::remove_dir_all(prefix.join("share/pybuild")).unwrap();
    let digest = pybuild::digest::Sha256::of(b"foreign");
    let hash = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest.as_bytes());
    let record = format!(
        "../../../bin/pip,sha256={hash},7\nhook.pth,sha256={hash},7\nedited.pth,sha256=other,7\n\
         _hook/__init__.py,,\n../../../../outside,sha256={hash},7\n"
    );
    let stdlib = "usr-local/lib/python3.99";
    let site = format!("{stdlib}/site-packages");
    fixture
        .context
        .write(&format!("{site}/pip-22.0.dist-info/RECORD"), record);
    let gone = [
        format!("{stdlib}/ensurepip/_bundled/pip-22.0-py3-none-any.whl"),
        format!("{stdlib}/ensurepip/_bundled/setuptools-60.0-py3-none-any.whl"),
        "usr-local/bin/pip".to_owned(),
        format!("{site}/hook.pth"),
        format!("{site}/_hook/__init__.py"),
    ];
    let named_ones = [
        "lib/libpython3.99.so.1.0",
        "lib/python3.99/lib-dynload/_old.cpython-399.so",
    ];
    let stay = [
        format!("{stdlib}/ensurepip/_bundled/wheel-0.40-py3-none-any.whl"),
        format!("{site}/edited.pth"),
        "usr-local/lib/libpython3.9.a".to_owned(),
        "outside".to_owned(),
    ];
    let named_paths = named_ones.map(|path| format!("usr-local/{path}"));
    for path in gone.iter().chain(&stay).chain(&named_paths) {
        fixture.context.write(path, "foreign");
    }
    let outcome = fixture
        .build(&["--prefix", &named, "--overwrite"])
        .success();
    outcome
        .says(["2 files of an earlier Python 3.99"])
        .says(named_ones)
        .never_says("libpython3.9.a");
    for path in &gone {
        assert!(!fixture.context.path(path).exists(), "{path}");
    }
    assert!(!fixture.context.path(&format!("{site}/_hook")).exists());
    for path in stay.iter().chain(&named_paths) {
        assert!(fixture.context.path(path).exists(), "{path}");
    }
    assert_eq!(fixture.venv_pip(&prefix), BUNDLED_PIP);
}
