//! Network faults, a row each, for a release's source, for the index and for a wheel: the exit code, the
//! message, and the next origin.

use crate::fixture::{Fixture, LATEST_PIP};
use crate::mini_cpython::{MiniCpython, VERSION};
use crate::outcome::Outcome;
use crate::server::{Answer, REFUSING, Server};

/// One row: what it is called, what the server makes of a good answer, what is said, and how often
/// it is asked for.
struct Fault {
    name: &'static str,
    answer: fn(&str, Vec<u8>) -> Answer,
    said: &'static str,
    tries: usize,
}

/// A page that a hotel's network shows instead of whatever was asked for.
fn portal() -> Answer {
    Answer::text(
        "text/html",
        "<html><body><form>Room number?</form></body></html>",
    )
}

fn faults() -> Vec<Fault> {
    let fault = |name, answer, said, tries| Fault {
        name,
        answer,
        said,
        tries,
    };
    vec![
        fault("403", |_, _| Answer::status(403), "403", 1),
        fault("404", |_, _| Answer::status(404), "404", 1),
        fault("410", |_, _| Answer::status(410), "410", 1),
        fault(
            "429 with Retry-After",
            |_, _| Answer::status(429).with_header("Retry-After", "0"),
            "429",
            3,
        ),
        fault("500", |_, _| Answer::status(500), "500", 3),
        fault("503", |_, _| Answer::status(503), "503", 3),
        fault(
            "a body that breaks off",
            |_, body| Answer::bytes(body).ignoring_ranges().cut_always(40),
            "broke off",
            3,
        ),
        fault(
            "redirects in a circle",
            |path, _| Answer::redirect(path),
            "redirected too often",
            1,
        ),
        fault(
            SILENCE,
            |_, body| Answer::bytes(body).stalling_after(40),
            "timed out",
            3,
        ),
    ]
}

fn fixture() -> Fixture {
    let mut fixture = Fixture::new();
    fixture.context.set("PIP_DEFAULT_TIMEOUT", "10");
    fixture
}

/// The same for one fault; only silence is worth being impatient with.
fn fixture_of(fault: &Fault) -> Fixture {
    let mut fixture = fixture();
    if fault.name == SILENCE {
        fixture.context.set("PIP_DEFAULT_TIMEOUT", "1");
    }
    fixture
}

/// An index's answer (PEP 691).
const JSON: &str = "application/vnd.pypi.simple.v1+json";

/// Every row at the same time: most of it is waiting before the next try.
fn for_each_fault(check: impl Fn(&Fault) + Sync) {
    std::thread::scope(|scope| {
        for fault in faults() {
            let check = &check;
            scope.spawn(move || check(&fault));
        }
    });
}

const SILENCE: &str = "a host that falls silent";

/// Builds from mirrors alone.
fn from_mirrors(fixture: &Fixture, mirrors: &[&str]) -> Outcome {
    let digest = fixture.release.sha256().to_string();
    let mut arguments = vec![VERSION, "--sha256", &digest, "-v"];
    for mirror in mirrors {
        arguments.extend(["--mirror", mirror]);
    }
    fixture.context.run(arguments)
}

#[test]
fn a_failed_download_of_a_source_is_reported_and_the_next_origin_is_used() {
    for_each_fault(|fault| {
        let fixture = fixture_of(fault);
        let bad = Server::start();
        let path = format!("/{}", fixture.release.tgz_name());
        bad.put(&path, (fault.answer)(&path, fixture.release.tgz()));
        let outcome = from_mirrors(&fixture, &[&bad.url("/")]).exits(4);
        let outcome = outcome.has_one_error_with_a_hint();
        assert!(
            outcome.stderr.contains(fault.said),
            "{}: {outcome}",
            fault.name
        );
        let asked = bad.requests_for(&path).len();
        // A circle is many requests, and one try.
        assert!(
            asked == fault.tries || asked > 5,
            "{}: {asked} times",
            fault.name
        );
        assert!(!fixture.prefix().exists(), "{}", fault.name);

        let good = Server::start();
        good.put(&path, Answer::bytes(fixture.release.tgz()));
        from_mirrors(&fixture, &[&bad.url("/"), &good.url("/")]).success();
        assert_eq!(good.requests_for(&path).len(), 1, "{}", fault.name);
        fixture.assert_nothing_is_left_behind();
    });
}

#[test]
fn a_file_that_is_not_the_release_is_requested_once() {
    let release = MiniCpython::new(VERSION);
    for (name, answer) in [
        ("another file", Answer::bytes(vec![0; 5000])),
        ("a portal", portal()),
        ("an empty one", Answer::bytes(Vec::new())),
        (
            "the beginning of it",
            Answer::bytes(release.tgz()).claiming(500),
        ),
    ] {
        let fixture = fixture();
        let (bad, good) = (Server::start(), Server::start());
        let path = format!("/{}", fixture.release.tgz_name());
        bad.put(&path, answer);
        good.put(&path, Answer::bytes(fixture.release.tgz()));
        let outcome = from_mirrors(&fixture, &[&bad.url("/")]).exits(4);
        outcome.has_one_error_with_a_hint();
        assert_eq!(bad.requests_for(&path).len(), 1, "{name}");
        from_mirrors(&fixture, &[&bad.url("/"), &good.url("/")]).success();
        fixture.assert_nothing_is_left_behind();
    }
}

#[test]
fn unreachable_hosts_are_skipped() {
    for (name, mirror) in [
        ("refused", format!("{REFUSING}/")),
        ("unresolvable", "http://no-such-host.invalid/".to_owned()),
    ] {
        let fixture = fixture();
        let outcome = from_mirrors(&fixture, &[&mirror]).exits(4);
        outcome
            .has_one_error_with_a_hint()
            .says(["cannot be reached"]);
        let good = Server::start();
        let path = format!("/{}", fixture.release.tgz_name());
        good.put(&path, Answer::bytes(fixture.release.tgz()));
        from_mirrors(&fixture, &[&mirror, &good.url("/")]).success();
        assert_eq!(good.requests_for(&path).len(), 1, "{name}");
    }
}

#[test]
fn an_index_with_unusable_answers_is_reported() {
    let page = |fixture: &Fixture| {
        let answer = crate::wheels::Wheel::pip(LATEST_PIP);
        fixture
            .server
            .put_index(crate::wheels::IndexForm::Json, &[answer]);
        br#"{"meta": {"api-version": "1.0"}, "name": "pip", "files": []}"#.to_vec()
    };
    for_each_fault(|fault| {
        let fixture = fixture_of(fault);
        let body = page(&fixture);
        let answer = (fault.answer)("/simple/pip/", body).of_type(JSON);
        fixture.server.put("/simple/pip/", answer);
        let outcome = fixture.build(&["--pip", "latest"]);
        assert_ne!(outcome.code, Some(0), "{}: {outcome}", fault.name);
        let outcome = outcome.has_one_error_with_a_hint();
        // An index says with 404 that it has no such project.
        let said = if fault.name == "404" {
            "pip"
        } else {
            fault.said
        };
        assert!(outcome.stderr.contains(said), "{}: {outcome}", fault.name);
        assert!(!fixture.prefix().exists(), "{}", fault.name);
    });
    let fixture = fixture();
    fixture.server.put("/simple/pip/", portal());
    let outcome = fixture.build(&["--pip", "latest"]);
    assert_ne!(outcome.code, Some(0), "{outcome}");
    outcome.has_one_error_with_a_hint();
}

#[test]
fn a_failed_download_of_a_wheel_is_reported() {
    for_each_fault(|fault| {
        let fixture = fixture_of(fault);
        let wheel = crate::wheels::Wheel::pip(LATEST_PIP);
        let path = format!("/files/{}", wheel.file_name());
        fixture
            .server
            .put(&path, (fault.answer)(&path, wheel.bytes()));
        let outcome = fixture.build(&["--pip", "latest"]).exits(4);
        let outcome = outcome.has_one_error_with_a_hint();
        assert!(
            outcome.stderr.contains(fault.said),
            "{}: {outcome}",
            fault.name
        );
        // The same again, once the server is well.
        fixture.server.put(&path, Answer::bytes(wheel.bytes()));
        fixture.build(&["--pip", "latest"]).success();
        fixture.assert_nothing_is_left_behind();
    });
}

#[test]
fn a_proxy_that_refuses_is_reported() {
    for (proxy, said) in [
        (REFUSING.to_owned(), "cannot be reached"),
        (Server::start().url(""), "404"),
    ] {
        let mut fixture = fixture();
        fixture.context.set("HTTP_PROXY", proxy);
        let outcome = fixture.build(&["--pip", "latest"]);
        assert_ne!(outcome.code, Some(0), "{outcome}");
        outcome.has_one_error_with_a_hint().says([said]);
        assert!(fixture.server.requests().is_empty());
    }
}
