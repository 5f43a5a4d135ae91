use std::path::Path;
use std::sync::Mutex;

use super::{Chooser, Pin, PinError, Pins};
use crate::environment::Environment;
use crate::error::{ExitStatus, Explain as _};
use crate::fetch::Network;
use crate::progress::{Phase, Reporter, SilentReporter, Unit};
use crate::resolve::index::loopback::{self, Bench, Loopback};
use crate::resolve::plan::WheelLocation;

/// Keeps what was said.
#[derive(Default)]
struct Listener(Mutex<Vec<String>>);

impl Listener {
    fn take(&self, kind: &str, text: &str) {
        self.0.lock().unwrap().push(format!("{kind}: {text}"));
    }
}

impl Reporter for Listener {
    fn begin(&self, title: &str, unit: Unit, total: Option<u64>) -> Box<dyn Phase> {
        SilentReporter.begin(title, unit, total)
    }

    fn note(&self, text: &str) {
        self.take("note", text);
    }

    fn warn(&self, text: &str) {
        self.take("warn", text);
    }

    fn detail(&self, text: &str) {
        self.take("detail", text);
    }
}

fn page() -> String {
    let digest = "0".repeat(64);
    let wheel = |version: &str, more: &str| {
        format!(
            r#"{{"filename": "pip-{version}-py3-none-any.whl", "url": "pip-{version}-py3-none-any.whl",
                "hashes": {{"sha256": "{digest}"}}{more}}}"#
        )
    };
    let files = [
        wheel("27.0b1", ""),
        wheel("26.3", r#", "requires-python": ">=3.10""#),
        wheel("25.1", r#", "requires-python": ">=3.9""#),
        wheel("24.1", r#", "yanked": "it breaks""#),
        wheel("24.0", r#", "requires-python": ">=3.7""#),
        wheel("22.0", "").replace(&digest, "none"),
        r#"{"filename": "pip-0.2.tar.gz", "url": "pip-0.2.tar.gz", "hashes": {}}"#.to_owned(),
    ];
    format!(
        r#"{{"meta": {{"api-version": "1.0"}}, "files": [{}]}}"#,
        files.join(",")
    )
}

/// The pins of a CPython, and what was said on the way.
fn choose(
    python: &str,
    pip: &str,
    setuptools: &str,
) -> (Result<Pins, PinError>, Vec<String>, usize) {
    let bench = Bench::new();
    let server = Loopback::with_replies(vec![loopback::json(&page())]);
    let environment = Environment::with_variables(Path::new("/here"), [("HOME", "/home")]);
    let listener = Listener::default();
    let pins = Chooser {
        python: python.parse().unwrap(),
        index: &bench.index(&server.index_url("me:secret@"), Network::Online),
        environment: &environment,
        reporter: &listener,
    }
    .choose_pins(&pip.parse().unwrap(), &setuptools.parse().unwrap());
    let said = listener.0.into_inner().unwrap();
    (pins, said, server.asked().len())
}

fn refused(python: &str, pip: &str, setuptools: &str) -> (String, String, ExitStatus) {
    let error = choose(python, pip, setuptools).0.unwrap_err();
    (
        error.to_string(),
        error.hint().unwrap_or_default(),
        error.exit_status(),
    )
}

#[test]
fn latest_says_what_it_chose_and_why_not_the_newest() {
    let (pins, said, asked) = choose("3.7.1", "latest", "bundled");
    let pins = pins.unwrap();
    let Pin::Wheel(wheel) = &pins.pip else {
        panic!("{pins:?}")
    };
    assert_eq!(wheel.file_name, "pip-24.0-py3-none-any.whl");
    let WheelLocation::Url(address) = &wheel.location else {
        panic!("{wheel:?}")
    };
    assert!(
        address
            .to_string()
            .ends_with("/simple/pip/pip-24.0-py3-none-any.whl")
    );
    assert_eq!(address.secret_url().password(), Some("secret"));
    assert_eq!(pins.setuptools, Pin::Bundled);
    assert_eq!(
        said,
        [
            "note: pip 24.0 (latest for CPython 3.7.1; 26.3 needs Python 3.10 or later)",
            "detail: pip 27.0b1 is a pre-release",
            "detail: pip 26.3 needs Python 3.10 or later",
            "detail: pip 25.1 needs Python 3.9 or later",
            "detail: pip 24.1 was yanked (it breaks)",
        ]
    );
    assert_eq!(asked, 1);
}

#[test]
fn sets_and_exact_versions_are_said_too() {
    let said = |pip: &str| {
        let (pins, said, _) = choose("3.11.2", pip, "bundled");
        pins.unwrap();
        said
    };
    assert_eq!(
        said("<24.1.1")[0],
        "note: pip 24.0 (<24.1.1 for CPython 3.11.2; 24.1 was yanked (it breaks))"
    );
    assert_eq!(said("25.1"), ["note: pip 25.1"]);
    assert_eq!(said("27.0b1"), ["note: pip 27.0b1"]);
    assert_eq!(
        said("24.1"),
        ["note: pip 24.1", "warn: pip 24.1 was yanked (it breaks)"]
    );
}

#[test]
fn what_does_not_fit_says_why_and_what_would() {
    assert_eq!(
        refused("3.9.2", "26.3", "bundled"),
        (
            "pip 26.3 needs Python 3.10 or later, and this is 3.9.2".to_owned(),
            "the newest pip that fits is 25.1".to_owned(),
            ExitStatus::Unresolvable
        )
    );
    assert_eq!(
        refused("3.9.2", "25.0", "bundled"),
        (
            "there is no pip 25.0 in the package index".to_owned(),
            "the nearest are 24.1 and 25.1; the newest pip that fits is 25.1".to_owned(),
            ExitStatus::Unresolvable
        )
    );
    assert_eq!(
        refused("3.9.2", ">25.1", "bundled"),
        (
            "no pip that `>25.1` means fits CPython 3.9.2".to_owned(),
            "26.3 needs Python 3.10 or later; the newest pip that fits is 25.1".to_owned(),
            ExitStatus::Unresolvable
        )
    );
    assert_eq!(
        refused("3.11.2", "99", "bundled").1,
        "the nearest is 27.0b1; the newest pip that fits is 26.3"
    );
    let (message, hint, _) = refused("3.9.2", "22.0", "bundled");
    assert_eq!(message, "pip 22.0 has no sha256 in the index");
    assert!(hint.contains("--pip FILE.whl"), "{hint}");
    assert_eq!(
        refused("3.9.2", "0.2", "bundled").0,
        "pip 0.2 has no wheel for every platform"
    );
}

#[test]
fn what_makes_no_sense_is_refused_before_the_index_is_asked() {
    for (python, pip, setuptools, expected) in [
        ("3.9.2", "none", "bundled", "cannot be taken out"),
        ("3.12.0", "latest", "latest", "gh-95299"),
        ("3.12.0", "latest", "none", "gh-95299"),
    ] {
        let (pins, _, asked) = choose(python, pip, setuptools);
        let error = pins.unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(error.exit_status(), ExitStatus::Usage);
        assert!(error.hint().is_some());
        assert_eq!(asked, 0);
    }
    assert_eq!(
        refused("3.3.7", "latest", "bundled").2,
        ExitStatus::Unresolvable
    );
}

#[test]
fn bundled_and_none_ask_nobody() {
    let (pins, said, asked) = choose("3.11.2", "bundled", "none");
    assert_eq!(
        pins.unwrap(),
        Pins {
            pip: Pin::Bundled,
            setuptools: Pin::Removed
        }
    );
    assert!(said.is_empty());
    assert_eq!(asked, 0);
    assert!(
        choose("3.12.0", "bundled", "bundled")
            .0
            .unwrap()
            .change_nothing()
    );
}
