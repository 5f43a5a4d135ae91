//! From tree to patch, and from patch to tree.

use std::path::Path;

use super::super::super::change::FileChange;
use super::super::super::wheel::tests::Draft;
use super::super::new_wheel::NewWheel;
use super::super::{Bundled, EnsurepipPatch, Error, PinChange, PinChanges, Stdlib};
use super::forms::form;
use crate::digest::Sha256;
use crate::plan::{Pin, Pins, WheelInput, WheelLocation};

/// A tree with the given text, venv and bundled wheels.
fn tree(init: &str, venv: Option<&str>) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let bundled = root.path().join("Lib/ensurepip/_bundled");
    std::fs::create_dir_all(&bundled).unwrap();
    std::fs::write(root.path().join("Lib/ensurepip/__init__.py"), init).unwrap();
    for name in Bundled::read(init).unwrap().file_names() {
        std::fs::write(bundled.join(name), "old").unwrap();
    }
    std::fs::write(bundled.join("__init__.py"), "").unwrap();
    if let Some(venv) = venv {
        std::fs::create_dir(root.path().join("Lib/venv")).unwrap();
        std::fs::write(root.path().join("Lib/venv/__init__.py"), venv).unwrap();
    }
    root
}

fn input(draft: &Draft, project: &str, version: &str, path: &Path) -> WheelInput {
    WheelInput {
        project: project.to_owned(),
        version: version.parse().unwrap(),
        file_name: draft.file_name.clone(),
        sha256: Sha256::of_file(path).unwrap(),
        location: WheelLocation::Path(path.to_owned()),
    }
}

/// pip 24.0 as the plan names it, with one way of being run.
fn new_pip(dir: &Path) -> WheelInput {
    let draft = Draft::new("pip", "24.0", "py3").with("pip/_internal/main.py", "def main(args):\n");
    let path = draft.write(dir);
    input(&draft, "pip", "24.0", &path)
}

fn change(pip: &WheelInput, setuptools: Pin) -> PinChanges<NewWheel> {
    let pins = Pins {
        pip: Pin::Wheel(pip.clone()),
        setuptools,
    };
    let WheelLocation::Path(path) = &pip.location else {
        panic!("{pip:?}");
    };
    PinChanges::open(&pins, |_| path).unwrap()
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_patch_can_be_read_before_it_is_applied() {
    let wheels = tempfile::tempdir().unwrap();
    let pip = new_pip(wheels.path());
    let root = tree(
        &form("3.6.6 to 3.7.7"),
        Some("CORE_VENV_DEPS = ('pip', 'setuptools')\n"),
    );
    let bundled = root.path().join("Lib/ensurepip/_bundled");
    std::fs::write(bundled.join("pip-1.5-py2.py3-none-any.whl"), "left over").unwrap();
    std::fs::create_dir(root.path().join("Misc")).unwrap();
    let sbom = root.path().join("Misc/sbom.spdx.json");
    std::fs::write(
        &sbom,
        r#"{"packages": [{"SPDXID": "x", "name": "pip", "versionInfo": "2.0"}]}"#,
    )
    .unwrap();

    let patch =
        EnsurepipPatch::new(Stdlib::of_source(root.path()), &change(&pip, Pin::Removed)).unwrap();
    let paths: Vec<&Path> = patch.changes().iter().map(FileChange::path).collect();
    assert_eq!(
        paths,
        [
            "Lib/ensurepip/__init__.py",
            "Lib/venv/__init__.py",
            "Misc/sbom.spdx.json"
        ]
        .map(Path::new)
    );
    assert!(
        patch.diff().contains("\n+    import pip._internal.main\n"),
        "{}",
        patch.diff()
    );
    assert_eq!(patch.added()[0].sha256, pip.sha256);
    assert_eq!(patch.removed().len(), 3);
    assert_eq!(names(&bundled).len(), 4);

    patch.apply(root.path()).unwrap();
    assert_eq!(
        names(&bundled),
        ["__init__.py", "pip-24.0-py3-none-any.whl"]
    );
    let venv = std::fs::read_to_string(root.path().join("Lib/venv/__init__.py")).unwrap();
    assert_eq!(venv, "CORE_VENV_DEPS = ('pip',)\n");
    assert!(std::fs::read_to_string(sbom).unwrap().contains("24.0"));
    // The same change made again changes nothing.
    let again =
        EnsurepipPatch::new(Stdlib::of_source(root.path()), &change(&pip, Pin::Removed)).unwrap();
    assert_eq!((again.changes().len(), again.removed().len()), (0, 0));
}

#[test]
fn a_tree_that_changed_since_stays_unchanged() {
    let wheels = tempfile::tempdir().unwrap();
    let pip = new_pip(wheels.path());
    let before = form("3.13 and later");
    let root = tree(&before, None);
    let patch =
        EnsurepipPatch::new(Stdlib::of_source(root.path()), &change(&pip, Pin::Bundled)).unwrap();
    let init = root.path().join("Lib/ensurepip/__init__.py");
    let other = before.replace("2.0", "2.1");
    std::fs::write(&init, &other).unwrap();
    assert!(matches!(patch.apply(root.path()), Err(Error::Change(_))));
    assert_eq!(std::fs::read_to_string(&init).unwrap(), other);
    assert_eq!(
        names(&root.path().join("Lib/ensurepip/_bundled")),
        ["__init__.py", "pip-2.0-py3-none-any.whl"]
    );
}

#[test]
fn a_wheel_that_changed_since_is_not_bundled() {
    let wheels = tempfile::tempdir().unwrap();
    let pip = new_pip(wheels.path());
    let root = tree(&form("3.13 and later"), None);
    let patch =
        EnsurepipPatch::new(Stdlib::of_source(root.path()), &change(&pip, Pin::Bundled)).unwrap();
    std::fs::write(wheels.path().join(&pip.file_name), "other").unwrap();
    let error = patch.apply(root.path()).unwrap_err();
    assert!(matches!(error, Error::WheelChanged { .. }), "{error}");
    assert_eq!(
        names(&root.path().join("Lib/ensurepip/_bundled")),
        ["__init__.py", "pip-2.0-py3-none-any.whl"]
    );
}

#[test]
fn missing_wheels_and_projects_are_reported() {
    let wheels = tempfile::tempdir().unwrap();
    let pip = new_pip(wheels.path());
    let failing = |root: &Path, setuptools: Pin| {
        EnsurepipPatch::new(Stdlib::of_source(root), &change(&pip, setuptools)).unwrap_err()
    };
    let root = tree(&form("3.12"), None);
    let draft = Draft::new("setuptools", "84.0", "py3");
    let path = draft.write(wheels.path());
    let setuptools = PinChanges {
        pip: None,
        setuptools: PinChange::Replace(
            NewWheel::open(&input(&draft, "setuptools", "84.0", &path), &path).unwrap(),
        ),
    };
    let error = EnsurepipPatch::new(Stdlib::of_source(root.path()), &setuptools).unwrap_err();
    assert!(matches!(error, Error::NoSetuptools { .. }), "{error}");

    let root = tree(&form("3.8.3"), None);
    let bundled = root.path().join("Lib/ensurepip/_bundled");
    std::fs::remove_file(bundled.join("setuptools-1.0-py2.py3-none-any.whl")).unwrap();
    let error = failing(root.path(), Pin::Bundled);
    assert!(matches!(error, Error::KeptWheelMissing { .. }), "{error}");

    std::fs::remove_dir_all(&bundled).unwrap();
    let error = failing(root.path(), Pin::Bundled);
    assert!(matches!(error, Error::NothingBundled { .. }), "{error}");
}

#[test]
fn only_a_wheel_that_ensurepip_can_name_and_install_is_accepted() {
    let dir = tempfile::tempdir().unwrap();
    let open = |draft: &Draft, project: &str, version: &str| {
        let path = draft.write(dir.path());
        NewWheel::open(&input(draft, project, version, &path), &path).unwrap_err()
    };
    let plain = Draft::new("pip", "24.0", "py3");
    let error = open(&plain, "pip", "24.1");
    assert!(matches!(error, Error::OtherProject { .. }), "{error}");
    let error = open(&plain, "setuptools", "24.0");
    assert!(matches!(error, Error::OtherProject { .. }), "{error}");
    let mut built = Draft::new("pip", "24.0", "py3");
    built.file_name = "pip-24.0-1-py3-none-any.whl".to_owned();
    let error = open(&built, "pip", "24.0");
    assert!(matches!(error, Error::CannotBeNamed { .. }), "{error}");
    let needing = Draft::new("setuptools", "34.0", "py3").with(
        "setuptools-34.0.dist-info/METADATA",
        "Name: setuptools\nVersion: 34.0\nRequires-Dist: six\n",
    );
    let error = open(&needing, "setuptools", "34.0");
    assert!(matches!(error, Error::NeedsOthers { .. }), "{error}");
}
