//! `pybuild hotpatch --undo` after the user's own pip, or the user, changed the interpreter in between.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use base64::Engine as _;

use crate::fixture::Fixture;
use crate::hotpatch::{assert_unchanged, foreign, hotpatch, refused, state, stdlib};
use crate::mini_cpython::{BUNDLED_PIP, MiniCpython};

const UPGRADE: [&str; 3] = ["--pip", "24.0", "--upgrade-installed"];

fn site_packages(prefix: &Path) -> PathBuf {
    stdlib(prefix).join("site-packages")
}

/// Removes the installed pip, as `pip uninstall pip` does.
fn uninstall_pip(prefix: &Path) {
    let folder = site_packages(prefix);
    for entry in fs_err::read_dir(&folder).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        if name == "pip" || name.starts_with("pip-") {
            fs_err::remove_dir_all(entry.path()).unwrap();
        }
    }
    for script in ["pip3", "pip3.99"] {
        drop(fs_err::remove_file(prefix.join("bin").join(script)));
    }
}

/// Installs a pip with a script `pip`, as the user's `pip install pip==25.0` does.
fn install_pip_25(prefix: &Path) {
    uninstall_pip(prefix);
    let folder = site_packages(prefix);
    let mut record = String::from("pip-25.0.dist-info/RECORD,,\n");
    let files = [
        ("pip/__init__.py", "__version__ = \"25.0\"\n"),
        ("pip/only_in_25.py", ""),
        ("pip/deeper/only_in_25.py", ""),
        ("pip-25.0.dist-info/METADATA", "Name: pip\nVersion: 25.0\n"),
        ("../../../bin/pip", "#!/bin/sh\n# pip 25.0\n"),
        ("../../../bin/pip3", "#!/bin/sh\n# pip 25.0\n"),
    ];
    for (name, content) in files {
        let path = folder.join(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        drop(fs_err::remove_file(&path));
        fs_err::write(&path, content).unwrap();
        let digest = pybuild::digest::Sha256::of(content.as_bytes());
        let digest = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest.as_bytes());
        let size = content.len().to_string();
        record += &[name, ",sha256=", &digest, ",", &size, "\n"].concat();
    }
    fs_err::write(folder.join("pip-25.0.dist-info/RECORD"), record).unwrap();
}

/// A change of the user between a hotpatch and its undo.
type Act = fn(&Fixture, &Path);

const ACTS: [(&str, Act); 11] = [
    ("pip install pip==25.0", |_, prefix| install_pip_25(prefix)),
    ("pip uninstall pip", |_, prefix| uninstall_pip(prefix)),
    ("rm -r site-packages", |_, prefix| {
        fs_err::remove_dir_all(site_packages(prefix)).unwrap();
    }),
    ("a script edited in place", |_, prefix| {
        for script in ["pip", "pip3"] {
            fs_err::write(prefix.join("bin").join(script), "mine").unwrap();
        }
    }),
    ("a script replaced by a link", |_, prefix| {
        fs_err::remove_file(prefix.join("bin/pip3")).unwrap();
        symlink("elsewhere", prefix.join("bin/pip3")).unwrap();
    }),
    ("two hotpatches more", |fixture, prefix| {
        install_pip_25(prefix);
        hotpatch(fixture, prefix, &["--pip", "23.3.2", "--upgrade-installed"]).success();
        install_pip_25(prefix);
        hotpatch(fixture, prefix, &["--pip", "24.0", "--upgrade-installed"]).success();
    }),
    ("an uninstalled pip hotpatched", |fixture, prefix| {
        uninstall_pip(prefix);
        hotpatch(fixture, prefix, &["--pip", "23.3.2", "--upgrade-installed"]).success();
    }),
    ("the text of ensurepip removed", |_, prefix| {
        fs_err::remove_file(stdlib(prefix).join("ensurepip/__init__.py")).unwrap();
    }),
    ("the wheels removed", |_, prefix| {
        fs_err::remove_dir_all(stdlib(prefix).join("ensurepip/_bundled")).unwrap();
    }),
    ("ensurepip removed", |_, prefix| {
        fs_err::remove_dir_all(stdlib(prefix).join("ensurepip")).unwrap();
    }),
    ("compiled files", |_, prefix| {
        for folder in [
            stdlib(prefix).join("ensurepip"),
            site_packages(prefix).join("pip"),
        ] {
            let compiled = folder.join("__pycache__");
            drop(fs_err::create_dir(&compiled));
            fs_err::write(compiled.join("__init__.mini.pyc"), "compiled anew").unwrap();
        }
    }),
];

/// With a script `pip` that no `RECORD` names: python-build makes a link, others a file.
fn with_a_script(fixture: &Fixture, name: &str, is_link: bool) -> PathBuf {
    let prefix = foreign(fixture, name);
    let script = prefix.join("bin/pip");
    if is_link {
        symlink("pip3", script).unwrap();
    } else {
        fs_err::write(script, "of the distributor").unwrap();
    }
    prefix
}

#[test]
fn undo_restores_every_original_after_any_change_of_the_user() {
    let fixture = Fixture::new();
    for is_link in [true, false] {
        let name = if is_link { "link" } else { "file" };
        let prefix = with_a_script(&fixture, name, is_link);
        let before = state(&prefix);
        for (act, change) in ACTS {
            if is_link && act == "a script edited in place" {
                // It would be written through the link.
                continue;
            }
            hotpatch(&fixture, &prefix, &UPGRADE).success();
            change(&fixture, &prefix);
            hotpatch(&fixture, &prefix, &["--undo"]).success();
            assert_unchanged(&prefix, &before, &act);
        }
    }
    fixture.assert_nothing_is_left_behind();
}

#[test]
fn undo_in_a_moved_prefix_restores_every_original() {
    let fixture = Fixture::new();
    let prefix = with_a_script(&fixture, "installed", true);
    let before = state(&prefix);
    hotpatch(&fixture, &prefix, &UPGRADE).success();
    let moved = fixture.context.path("moved");
    fs_err::rename(&prefix, &moved).unwrap();
    install_pip_25(&moved);
    hotpatch(&fixture, &moved, &["--undo"]).success();
    assert_unchanged(&moved, &before, &"undo");
}

#[test]
fn files_of_the_user_stay_when_a_hotpatch_is_undone() {
    let fixture = Fixture::new();
    let prefix = foreign(&fixture, "installed");
    hotpatch(&fixture, &prefix, &UPGRADE).success();
    install_pip_25(&prefix);
    let script = prefix.join("bin/pip");
    fs_err::write(&script, "a wrapper of mine").unwrap();
    let package = site_packages(&prefix).join("mine/__init__.py");
    fs_err::create_dir(package.parent().unwrap()).unwrap();
    fs_err::write(&package, "").unwrap();
    let outcome = hotpatch(&fixture, &prefix, &["--undo"]).success();
    outcome.says(["bin/pip stays: it is not as pip wrote it"]);
    assert_eq!(fs_err::read_to_string(script).unwrap(), "a wrapper of mine");
    assert!(package.exists());
    assert_eq!(fixture.pip(&prefix), BUNDLED_PIP);
}

#[test]
fn an_undo_that_would_go_through_a_link_or_over_a_folder_of_the_user_is_refused() {
    let fixture = Fixture::new();
    let prefix = foreign(&fixture, "installed");
    let before = state(&prefix);
    hotpatch(&fixture, &prefix, &UPGRADE).success();
    let checkout = fixture.context.write("checkout/__init__.py", "mine");
    let checkout = checkout.parent().unwrap();
    let pip = site_packages(&prefix).join("pip");
    let wheel = stdlib(&prefix).join(format!(
        "ensurepip/_bundled/pip-{BUNDLED_PIP}-py3-none-any.whl"
    ));
    for (path, is_link) in [
        (&pip, true),
        (&prefix.join("bin/pip3"), false),
        (&wheel, false),
    ] {
        let aside = fixture.context.path("aside");
        let was_there = fs_err::rename(path, &aside).is_ok();
        if is_link {
            symlink(checkout, path).unwrap();
        } else {
            fs_err::create_dir(path).unwrap();
        }
        let outcome = refused(&fixture, &prefix, 1, &prefix, &["--undo"]);
        outcome.says(["is in the way", &path.display().to_string()]);
        if is_link {
            refused(
                &fixture,
                &prefix,
                1,
                &prefix,
                &["--pip", "23.3.2", "--upgrade-installed"],
            )
            .says(["is in the way"]);
            fs_err::remove_file(path).unwrap();
        } else {
            fs_err::remove_dir(path).unwrap();
        }
        if was_there {
            fs_err::rename(&aside, path).unwrap();
        }
    }
    assert_eq!(fs_err::read_dir(checkout).unwrap().count(), 1);
    hotpatch(&fixture, &prefix, &["--undo"]).success();
    assert_unchanged(&prefix, &before, &"undo");
}

#[test]
fn a_script_that_was_only_kept_does_not_become_a_file_of_the_installation() {
    let fixture = Fixture::of(MiniCpython::new("3.99.1"));
    // A prefix that is not the default one has no `bin/pip` of pybuild's own.
    let prefix = fixture.context.path("shared");
    let named = prefix.display().to_string();
    fixture
        .build(&["--pip", "23.3.2", "--prefix", &named])
        .success();
    symlink("pip3", prefix.join("bin/pip")).unwrap();
    let before = state(&prefix);
    hotpatch(&fixture, &prefix, &UPGRADE).success();
    let list = prefix.join("share/pybuild/3.99.1/files.json");
    assert!(
        !fs_err::read_to_string(list)
            .unwrap()
            .contains("\"bin/pip\"")
    );
    install_pip_25(&prefix);
    hotpatch(&fixture, &prefix, &["--undo"]).success();
    assert_unchanged(&prefix, &before, &"undo");
}

#[test]
fn an_interrupted_hotpatch_of_an_older_pybuild_is_refused_by_every_command() {
    let fixture = Fixture::new();
    let prefix = foreign(&fixture, "installed");
    hotpatch(&fixture, &prefix, &UPGRADE).success();
    for name in ["under-way.json", "undoing.json", "forgotten.json"] {
        let path = prefix.join("share/pybuild/hotpatch/3.99").join(name);
        fs_err::write(&path, "{}").unwrap();
        let shown = path.display().to_string();
        for more in [&["--undo"][..], &UPGRADE] {
            refused(&fixture, &prefix, 1, &prefix, more).says([&*shown, "run the older pybuild"]);
        }
        let before = state(&prefix);
        let named = prefix.display().to_string();
        for outcome in [
            fixture.build(&["--prefix", &named, "--overwrite"]),
            fixture.context.run(["uninstall", &named]),
        ] {
            let outcome = outcome.exits(1).has_one_error_with_a_hint();
            outcome.says([&*shown, "run the older pybuild"]);
        }
        assert_unchanged(&prefix, &before, &name);
        fs_err::remove_file(&path).unwrap();
    }
    // A leftover of a finished change is no state.
    let kept = prefix.join("share/pybuild/hotpatch/3.99/before/ensurepip/0");
    fs_err::create_dir_all(kept.parent().unwrap()).unwrap();
    fs_err::write(kept, "").unwrap();
    hotpatch(&fixture, &prefix, &["--undo"]).success();
    assert!(!prefix.join("share/pybuild").exists());
}

#[test]
fn a_record_of_the_first_release_is_undone() {
    let fixture = Fixture::new();
    let prefix = foreign(&fixture, "installed");
    let stdlib = "lib/python3.99";
    fs_err::remove_dir_all(prefix.join(stdlib).join("ensurepip/__pycache__")).unwrap();
    let text = prefix.join(stdlib).join("ensurepip/__init__.py");
    // By hand, as 0.1.0 left it.
    let original = fs_err::read(&text).unwrap();
    let modified = jiff::Timestamp::try_from(fs_err::metadata(&text).unwrap().modified().unwrap());
    let before = state(&prefix);
    let folder = prefix.join("share/pybuild/hotpatch/3.99");
    fs_err::create_dir_all(folder.join("originals/ensurepip")).unwrap();
    fs_err::create_dir_all(folder.join("originals/installed")).unwrap();
    fs_err::copy(&text, folder.join("originals/ensurepip/0")).unwrap();
    let new = [original.as_slice(), b"# hotpatched\n"].concat();
    let owner = std::os::unix::fs::MetadataExt::uid(&fs_err::metadata(&text).unwrap());
    let group = std::os::unix::fs::MetadataExt::gid(&fs_err::metadata(&text).unwrap());
    let name = format!("{stdlib}/ensurepip/__init__.py");
    let record = serde_json::json!({
        "format": 1, "pybuild": "0.1.0", "changed": "2026-01-01T00:00:00Z", "python": "3.99.1",
        "pins": {"pip": "bundled", "setuptools": "bundled"},
        "ensurepip": {&name: {
            "kind": "file", "kept": 0, "sha256": pybuild::digest::Sha256::of(&original).to_string(),
            "mode": "0640", "owner": owner, "group": group, "modified": modified.unwrap().to_string(),
        }},
        "installed": {},
        "written": {&name: [pybuild::digest::Sha256::of(&new).to_string()]},
        "folders": ["share", "share/pybuild", "share/pybuild/hotpatch"],
    });
    fs_err::write(folder.join("hotpatch.json"), record.to_string()).unwrap();
    fs_err::write(&text, new).unwrap();
    hotpatch(&fixture, &prefix, &["--undo"]).success();
    assert_unchanged(&prefix, &before, &"undo");
}
