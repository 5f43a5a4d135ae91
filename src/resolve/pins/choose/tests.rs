use std::cell::RefCell;
use std::io::Write as _;
use std::path::Path;
use std::sync::Mutex;

use super::{Chooser, Pin, PinError, Pins};
use crate::digest::{Digest, Sha256};
use crate::environment::Environment;
use crate::error::{ExitStatus, Explain as _};
use crate::net::network::Network;
use crate::plan::WheelLocation;
use crate::progress::{Event, Level, Phase, Reporter, SilentReporter, Unit};
use crate::resolve::index::IndexWheel;
use crate::resolve::index::testing::{self, Bench, Loopback};
use crate::resolve::pins::{WheelFile, WheelFiles};

/// Keeps all reports.
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

    fn report(&self, event: &dyn Event) {
        let kind = match event.level() {
            Level::Warning => "warn",
            Level::Note => "note",
            Level::Detail => "detail",
        };
        self.take(kind, &event.to_string());
    }
}

/// Makes each requested wheel, and keeps its name.
struct Files {
    folder: tempfile::TempDir,
    /// Lines of `METADATA` in place of the right ones, by the wheel's file name.
    metadata: &'static [(&'static str, &'static str)],
    asked: RefCell<Vec<String>>,
}

impl Files {
    fn with(metadata: &'static [(&'static str, &'static str)]) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            metadata,
            asked: RefCell::default(),
        }
    }
}

impl WheelFiles for Files {
    type Error = PinError;

    fn get(&self, wheel: &IndexWheel, _: &Digest) -> Result<WheelFile, PinError> {
        let name = wheel.name.to_string();
        let given = self.metadata.iter().find(|(file, _)| *file == name);
        let right = format!("Name: pip\nVersion: {}\n", wheel.name.version());
        let text = given.map_or(right.clone(), |(_, given)| {
            if given.starts_with("Name") {
                (*given).to_owned()
            } else {
                right + given
            }
        });
        let path = self.folder.path().join("wheel");
        let mut zip = zip::ZipWriter::new(fs_err::File::create(&path).unwrap());
        let options = zip::write::SimpleFileOptions::default();
        zip.start_file("pip.dist-info/METADATA", options).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
        zip.finish().unwrap();
        self.asked.borrow_mut().push(name);
        let sha256 = Sha256::of_file(&path).unwrap();
        Ok(WheelFile { path, sha256 })
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

/// The pins of a CPython, the reports, and the number of requests.
fn choose(
    python: &str,
    pip: &str,
    setuptools: &str,
) -> (Result<Pins, PinError>, Vec<String>, usize) {
    let bench = Bench::new();
    let server = Loopback::with_replies(vec![testing::json(&page())]);
    let environment = Environment::with_variables(Path::new("/here"), [("HOME", "/home")]);
    let listener = Listener::default();
    let pins = Chooser {
        python: python.parse().unwrap(),
        index: &bench.index(&server.index_url("me:secret@"), Network::Online),
        files: &Files::with(&[]),
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
fn the_report_of_latest_has_the_version_and_the_reason_against_the_newest() {
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
fn ranges_and_exact_versions_are_reported_too() {
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
fn the_error_for_a_version_that_does_not_fit_has_the_reason_and_an_alternative() {
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
            "the package index has no pip 25.0".to_owned(),
            "the nearest are 24.1 and 25.1; the newest pip that fits is 25.1".to_owned(),
            ExitStatus::Unresolvable
        )
    );
    assert_eq!(
        refused("3.9.2", ">25.1", "bundled"),
        (
            "no pip that matches `>25.1` fits CPython 3.9.2".to_owned(),
            "26.3 needs Python 3.10 or later; the newest pip that fits is 25.1".to_owned(),
            ExitStatus::Unresolvable
        )
    );
    assert_eq!(
        refused("3.11.2", "99", "bundled").1,
        "the nearest is 27.0b1; the newest pip that fits is 26.3"
    );
    let (message, hint, _) = refused("3.9.2", "22.0", "bundled");
    assert_eq!(
        message,
        "pip 22.0 has no sha256, sha384 or sha512 in the index"
    );
    assert!(hint.contains("--pip FILE.whl"), "{hint}");
    assert_eq!(
        refused("3.9.2", "0.2", "bundled").0,
        "pip 0.2 has no platform-independent wheel"
    );
}

#[test]
fn wrong_requests_are_refused_before_the_index_is_searched() {
    for (python, pip, setuptools, expected) in [
        ("3.9.2", "none", "latest", "without pip"),
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
fn bundled_and_none_need_no_index() {
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

/// A page with names and digests only.
fn bare_page(names: &[&str]) -> String {
    let digest = "0".repeat(64);
    let links = names
        .iter()
        .map(|name| format!("<a href='{name}#sha256={digest}'>{name}</a>"));
    links.collect()
}

/// The file that is chosen from `page` or the error, what was reported, and the wheels looked into.
fn choose_from(
    page: &str,
    pip: &str,
    metadata: &'static [(&'static str, &'static str)],
) -> (Result<String, PinError>, Vec<String>, Vec<String>) {
    let bench = Bench::new();
    let server = Loopback::with_replies(vec![testing::page("text/html", page)]);
    let environment = Environment::with_variables(Path::new("/here"), [("HOME", "/home")]);
    let (listener, files) = (Listener::default(), Files::with(metadata));
    let pins = Chooser {
        python: "3.9.2".parse().unwrap(),
        index: &bench.index(&server.index_url(""), Network::Online),
        files: &files,
        environment: &environment,
        reporter: &listener,
    }
    .choose_pins(&pip.parse().unwrap(), &"bundled".parse().unwrap());
    let chosen = pins.map(|pins| match pins.pip {
        Pin::Wheel(wheel) => wheel.file_name,
        other => panic!("{other:?}"),
    });
    let said = listener.0.into_inner().unwrap();
    (chosen, said, files.asked.into_inner())
}

const BARE: [&str; 5] = [
    "pip-26.3-py3-none-any.whl",
    "pip-26.2-py2-none-any.whl",
    "pip-26.1-py2.py3-none-any.whl",
    "pip-26.1-py3-none-any.whl",
    "pip-24.0-py3-none-any.whl",
];

#[test]
fn metadata_decides_if_the_index_has_no_requires_python() {
    let page = bare_page(&BARE);
    let newer = &[
        ("pip-26.3-py3-none-any.whl", "Requires-Python: >=3.10\n"),
        ("pip-26.1-py3-none-any.whl", "Requires-Python: >=3.10\n"),
    ];
    let (chosen, said, asked) = choose_from(&page, "latest", newer);
    // The other wheel of the same version fits.
    assert_eq!(chosen.unwrap(), "pip-26.1-py2.py3-none-any.whl");
    assert_eq!(
        said[0],
        "note: pip 26.1 (latest for CPython 3.9.2; 26.3 needs Python 3.10 or later)"
    );
    // Wheels that their names exclude are not fetched, and neither are older wheels.
    assert_eq!(
        asked,
        [
            "pip-26.3-py3-none-any.whl",
            "pip-26.1-py3-none-any.whl",
            "pip-26.1-py2.py3-none-any.whl"
        ]
    );
    let (chosen, _, asked) = choose_from(&page, "<25", newer);
    assert_eq!(chosen.unwrap(), "pip-24.0-py3-none-any.whl");
    assert_eq!(asked.len(), 1);
    let (refused, _, asked) = choose_from(&page, "26.3", newer);
    let refused = refused.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "pip 26.3 needs Python 3.10 or later, and this is 3.9.2"
    );
    // No wheel is fetched for a hint.
    assert_eq!(
        refused.hint().unwrap(),
        "`--pip latest` chooses the newest that fits"
    );
    assert_eq!(refused.exit_status(), ExitStatus::Unresolvable);
    assert_eq!(asked.len(), 1);
}

#[test]
fn metadata_decides_if_the_index_contradicts_it() {
    let page = bare_page(&BARE).replace("<a ", "<a data-requires-python='&gt;=3.7' ");
    let newer = &[("pip-26.3-py3-none-any.whl", "Requires-Python: >=3.10\n")];
    let (chosen, _, _) = choose_from(&page, "latest", newer);
    assert_eq!(chosen.unwrap(), "pip-26.1-py3-none-any.whl");
    let (refused, _, _) = choose_from(&page, "26.3", newer);
    assert_eq!(
        refused.unwrap_err().hint().unwrap(),
        "the newest pip that fits is 26.1"
    );
}

#[test]
fn only_the_chosen_wheel_is_fetched_if_the_index_has_each_requires_python() {
    let digest = "0".repeat(64);
    let link = |version: u32, requires: &str| {
        let name = format!("pip-{version}-py3-none-any.whl");
        format!("<a data-requires-python='{requires}' href='{name}#sha256={digest}'>{name}</a>")
    };
    let newer: String = (30..60).map(|version| link(version, "&gt;=3.10")).collect();
    let (chosen, _, asked) = choose_from(&(newer + &link(24, "&gt;=3.7")), "latest", &[]);
    assert_eq!(chosen.unwrap(), "pip-24-py3-none-any.whl");
    assert_eq!(asked, ["pip-24-py3-none-any.whl"]);
}

#[test]
fn a_wheel_of_an_index_that_does_not_match_its_name_is_refused() {
    for (metadata, why) in [
        (
            &[("pip-26.3-py3-none-any.whl", "Name: six\nVersion: 26.3\n")],
            "it is a wheel of six",
        ),
        (
            &[("pip-26.3-py3-none-any.whl", "Name: pip\nVersion: 24.0\n")],
            "its file name has version 26.3, but its METADATA has 24.0",
        ),
    ] {
        for pip in ["latest", "26.3"] {
            let error = choose_from(&bare_page(&BARE), pip, metadata).0.unwrap_err();
            assert!(
                error
                    .to_string()
                    .contains("lists pip-26.3-py3-none-any.whl")
            );
            assert!(crate::error::chain(&error).ends_with(why), "{error:?}");
            assert_eq!(error.exit_status(), ExitStatus::Input);
            assert!(error.hint().is_some());
        }
    }
}

#[test]
fn the_error_for_an_index_without_secure_digests_has_a_way_out() {
    let page = bare_page(&BARE[..1]).replace("sha256", "md5");
    for pip in ["latest", ">24"] {
        let error = choose_from(&page, pip, &[]).0.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "pip 26.3 has no sha256, sha384 or sha512 in the index, only md5, so `{pip}` \
                 cannot be resolved"
            )
        );
        assert!(error.hint().unwrap().contains("`--pip FILE.whl`"));
        assert_eq!(error.exit_status(), ExitStatus::Unresolvable);
    }
    // An older version with a secure digest is chosen, with a warning.
    let (chosen, said, asked) = choose_from(&(page + &bare_page(&BARE[4..])), "latest", &[]);
    assert_eq!(chosen.unwrap(), BARE[4]);
    assert!(
        said[1].starts_with("warn: pip 26.3 has no sha256"),
        "{said:?}"
    );
    assert!(said[1].contains("`--pip FILE.whl`"), "{said:?}");
    assert_eq!(asked, [BARE[4]]);
}
