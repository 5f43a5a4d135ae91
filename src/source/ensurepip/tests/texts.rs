//! From text to text.

use super::super::run_pip::EntryPoints;
use super::super::text;
use super::super::{Bundled, BundledWheel, PinChange, PinChanges, UnknownForm};
use super::forms::{form, forms};

const OLD: &str = "3.6.6 to 3.7.7";
const TRIPLES: &str = "3.7.8 to 3.9";
const RECENT: &str = "3.13 and later";

/// A form, a part of it, its replacement, and a part of the error.
const UNKNOWN_FORMS: [(&str, &str, &str, &str); 18] = [
    (
        OLD,
        "copy(name)",
        "copy(name, py_tag)",
        "for project, version in _PROJECTS",
    ),
    (
        OLD,
        "_PIP_VERSION = \"2.0\"",
        "",
        "`_PIP_VERSION = \"…\"` line",
    ),
    (
        OLD,
        "_PIP_VERSION = \"2.0\"",
        "_PIP_VERSION = find(\"pip\")",
        "`_PIP_VERSION = \"…\"` line",
    ),
    (
        OLD,
        "_PIP_VERSION = \"2.0\"",
        "_PIP_VERSION = \"2.0\"\n_PIP_VERSION = \"3.0\"",
        "given a value 2 times",
    ),
    (
        OLD,
        "_PROJECTS = [",
        "_PROJECTS = list() + [",
        "`_PROJECTS = [(\"pip\", _PIP_VERSION), …]`",
    ),
    (
        OLD,
        "(\"pip\", _PIP_VERSION)",
        "(\"pip\", \"2.0\")",
        "`_PROJECTS = [",
    ),
    (
        OLD,
        "(\"pip\", _PIP_VERSION)",
        "(\"wheel\", _SETUPTOOLS_VERSION)",
        "holds \"wheel\"",
    ),
    (
        OLD,
        "    (\"pip\", _PIP_VERSION),\n",
        "",
        "`(\"pip\", _PIP_VERSION)` in `_PROJECTS`",
    ),
    (
        OLD,
        "_SETUPTOOLS_VERSION = \"1.0\"",
        "",
        "`_SETUPTOOLS_VERSION = \"…\"`",
    ),
    (
        OLD,
        "py2.py3-none-any.whl",
        "py2.py3-none-linux.whl",
        "0 strings end with `-none-any.whl`",
    ),
    (
        OLD,
        "{}-{}-py2",
        "{}-py2",
        "PROJECT-VERSION-TAG-none-any.whl",
    ),
    (OLD, "def _run_pip", "def _start_pip", "function `_run_pip`"),
    (
        OLD,
        "return pip._internal.main",
        "return os.system",
        "way of running pip",
    ),
    (
        OLD,
        "for project, version in",
        "for entry, version in",
        "for project, version in _PROJECTS",
    ),
    (
        OLD,
        "for project, version in",
        "for project, version, py_tag in",
        "for project, version in _PROJECTS",
    ),
    (
        TRIPLES,
        ", \"py2.py3\"",
        "",
        "disagree on where the tag is written",
    ),
    (TRIPLES, "copy(name)", "copy(name", "not Python"),
    (
        RECENT,
        "pip-{_PIP_VERSION}-py3",
        "pip-{_PIP_VERSION}-{tag}",
        "`_PROJECTS` list",
    ),
];

fn wheel(version: &str, tag: &str) -> BundledWheel {
    BundledWheel {
        version: version.to_owned(),
        python_tag: tag.to_owned(),
    }
}

fn pip(tag: &str) -> PinChanges<BundledWheel> {
    PinChanges {
        pip: Some(wheel("24.0", tag)),
        setuptools: PinChange::Keep,
    }
}

/// The text for a pip that has a `main` in this file, or in every file.
fn with_main_in(
    file: Option<&str>,
    text: &str,
    changes: &PinChanges<BundledWheel>,
) -> Result<String, UnknownForm> {
    let read = |name: &str| {
        let has_main = file.is_none_or(|file| file == name);
        Ok::<_, ()>(has_main.then(|| "def main(args):\n".to_owned()))
    };
    text::changed(text, changes, Some(&EntryPoints::find(read).unwrap()))
}

fn repinned(text: &str, changes: &PinChanges<BundledWheel>) -> Result<String, UnknownForm> {
    with_main_in(None, text, changes)
}

/// The lines that differ, as a diff shows them.
fn changed(before: &str, change: &PinChanges<BundledWheel>) -> String {
    difference(before, &repinned(before, change).unwrap())
}

fn difference(before: &str, after: &str) -> String {
    diffy::create_patch(before, after)
        .to_string()
        .split_inclusive('\n')
        .skip(2)
        .filter(|line| line.starts_with(['-', '+']))
        .collect()
}

#[test]
fn every_form_can_name_every_tag() {
    for (releases, before) in forms() {
        let bundled = Bundled::read(&before).unwrap();
        for pip_tag in ["py3", "py2.py3"] {
            let mut setuptools = vec![PinChange::Keep];
            if bundled.setuptools.is_some() {
                setuptools.extend([
                    PinChange::Replace(wheel("65.5.0", "py3")),
                    PinChange::Replace(wheel("44.1.1", "py2.py3")),
                    PinChange::Remove,
                ]);
            }
            for setuptools in setuptools {
                let expected = match &setuptools {
                    PinChange::Keep => bundled.setuptools.clone(),
                    PinChange::Remove => None,
                    PinChange::Replace(wheel) => Some(wheel.clone()),
                };
                let change = PinChanges {
                    setuptools,
                    ..pip(pip_tag)
                };
                let after = repinned(&before, &change).unwrap();
                let found = Bundled::read(&after).unwrap();
                assert_eq!(found.pip, wheel("24.0", pip_tag), "{releases}");
                assert_eq!(found.setuptools, expected, "{releases}");
                // The same change made again changes nothing.
                assert_eq!(repinned(&after, &change).unwrap(), after);
            }
        }
    }
}

#[test]
fn one_tag_for_all_replaces_the_old_one() {
    let change = PinChanges {
        setuptools: PinChange::Replace(wheel("65.5.0", "py3")),
        ..pip("py3")
    };
    let expected = r#"-_SETUPTOOLS_VERSION = "1.0"
+_SETUPTOOLS_VERSION = "65.5.0"
-_PIP_VERSION = "2.0"
+_PIP_VERSION = "24.0"
-        name = "{}-{}-py2.py3-none-any.whl".format(project, version)
+        name = "{}-{}-py3-none-any.whl".format(project, version)
"#;
    assert_eq!(changed(&form("3.6.6 to 3.7.7"), &change), expected);
    let expected = r"-_PIP_VERSION = '2.0'  # keep this
+_PIP_VERSION = '24.0'  # keep this
";
    assert_eq!(changed(&form("3.12"), &pip("py3")), expected);
    let expected = r#"-_PIP_VERSION = "2.0"
+_PIP_VERSION = "24.0"
-    return folder / f'pip-{_PIP_VERSION}-py3-none-any.whl'
+    return folder / f'pip-{_PIP_VERSION}-py2.py3-none-any.whl'
"#;
    assert_eq!(changed(&form("3.13 and later"), &pip("py2.py3")), expected);
}

#[test]
fn two_tags_are_written_per_project() {
    let expected = r#"-_PIP_VERSION = "2.0"
+_PIP_VERSION = "24.0"
-    ("setuptools", _SETUPTOOLS_VERSION),
-    ("pip", _PIP_VERSION),
+    ("setuptools", _SETUPTOOLS_VERSION, "py2.py3"),
+    ("pip", _PIP_VERSION, "py3"),
-    for project, version in _PROJECTS:
-        name = "{}-{}-py2.py3-none-any.whl".format(project, version)
+    for project, version, py_tag in _PROJECTS:
+        name = "{}-{}-{}-none-any.whl".format(project, version, py_tag)
"#;
    assert_eq!(changed(&form("2.7.9 to 3.6.5"), &pip("py3")), expected);
    let expected = r#"-_PIP_VERSION = "2.0"
+_PIP_VERSION = "24.0"
-    ("pip", _PIP_VERSION, "py2.py3"),
+    ("pip", _PIP_VERSION, "py3"),
"#;
    assert_eq!(changed(&form("3.7.8 to 3.9"), &pip("py3")), expected);
}

#[test]
fn removed_setuptools_is_named_nowhere() {
    let change = PinChanges {
        setuptools: PinChange::Remove,
        ..pip("py2.py3")
    };
    let expected = r#"-_SETUPTOOLS_VERSION = "1.0"
-
-_PIP_VERSION = "2.0"
+_PIP_VERSION = "24.0"
-    ("setuptools", _SETUPTOOLS_VERSION),
"#;
    assert_eq!(changed(&form("2.7.9 to 3.6.5"), &change), expected);
    let expected = r#"-_PACKAGE_NAMES = ('setuptools', 'pip')
-_SETUPTOOLS_VERSION = "1.0"
-_PIP_VERSION = "2.0"
+_PACKAGE_NAMES = ('pip',)
+_PIP_VERSION = "24.0"
-    ("setuptools", _SETUPTOOLS_VERSION, "py3"),
-    ("pip", _PIP_VERSION, "py3"),
+    ("pip", _PIP_VERSION, "py2.py3"),
"#;
    assert_eq!(changed(&form("3.10 and 3.11"), &change), expected);
}

#[test]
fn pip_is_called_through_the_module_that_has_its_main() {
    let lines = |releases: &str, file: &str| {
        let before = form(releases);
        let after = with_main_in(Some(file), &before, &pip("py2.py3")).unwrap();
        difference(&before, &after)
            .lines()
            .filter(|line| line.starts_with('+') && !line.contains("_VERSION"))
            .map(|line| line.trim_start_matches('+').trim().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        lines("2.7.9 to 3.6.5", "pip/_internal/main.py"),
        ["import pip._internal.main", "pip._internal.main.main(args)"]
    );
    assert_eq!(
        lines("3.6.6 to 3.7.7", "pip/__init__.py"),
        ["import pip", "return pip.main(args)"]
    );
    assert!(lines("3.8.3", "pip/__init__.py").is_empty());
}

#[test]
fn a_text_of_an_unknown_form_is_reported_with_the_part_that_is_missing() {
    for (releases, from, to, looked_for) in UNKNOWN_FORMS {
        let text = form(releases);
        let changed = text.replace(from, to);
        assert_ne!(changed, text, "{from}");
        match repinned(&changed, &pip("py3")) {
            Ok(after) => panic!("{from} → {to}: {after}"),
            Err(error) => assert!(
                error.to_string().contains(looked_for),
                "{from} → {to}: {error}"
            ),
        }
    }
    let change = PinChanges {
        setuptools: PinChange::Remove,
        pip: None,
    };
    let used = form(OLD).replace("copy(name)", "copy(_SETUPTOOLS_VERSION)");
    let error = repinned(&used, &change).unwrap_err();
    assert!(error.to_string().contains("used behind `(`"), "{error}");
}
