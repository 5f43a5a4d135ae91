use std::error::Error as _;

use super::testing::{self, Bench, Loopback};
use super::{IndexError, ProjectPage};
use crate::digest::Digest;
use crate::error::{ExitStatus, Explain as _};
use crate::net::network::Network;
use crate::progress::SilentReporter;
use crate::testing::Answer;

const DIGEST: &str = "ba0d021a166865d2265246961bec0152ff124de910c5cc39f1156ce3fa7c69dc";

fn json() -> String {
    format!(
        r#"{{"files": [
            {{"filename": "pip-0.2.tar.gz", "url": "/f/pip-0.2.tar.gz", "hashes": {{}}}},
            {{"filename": "pip-24.0-py3-none-any.whl", "url": "../../f/pip-24.0-py3-none-any.whl",
              "hashes": {{"md5": "0", "sha256": "{DIGEST}"}}, "requires-python": ">=3.7",
              "size": 5, "yanked": false, "core-metadata": {{"sha256": "00"}}}},
            {{"filename": "pip-24.1-py3-none-any.whl", "hashes": {{}}, "requires-python": null,
              "url": "https://files.example/pip-24.1-py3-none-any.whl#sha256=0", "yanked": "broken"}},
            {{"filename": "other-1-py3-none-any.whl", "url": "o.whl", "hashes": {{}}, "yanked": true}}
          ], "versions": ["0.2"], "name": "pip", "meta": {{"api-version": "1.4", "_last-serial": 7}}}}"#
    )
}

fn html() -> String {
    format!(
        r#"<!DOCTYPE html><html><head><base href="/"><base href="/wrong/">
        <meta name="pypi:repository-version" content="1.0"></head><body>
        <a href="/simple/">all projects</a> <a href="mailto:me@h.example">me</a> <a>nothing</a>
        <a href="f/pip-24.0-py3-none-any.whl#md5=0&amp;sha256={DIGEST}"
           data-requires-python="&gt;=3.7" data-dist-info-metadata="true">pip-24.0</a><br>
        <A HREF='https://files.example/pip-24.1-py3-none-any.whl' data-yanked="broken">x</A>
        <a href="file:///f/pip-25.0-py3-none-any.whl">local</a>
        <a href="f/pip-0.2.tar.gz">pip-0.2.tar.gz</a></body></html>"#
    )
}

fn ask(server: &Loopback, login: &str) -> Result<ProjectPage, IndexError> {
    let bench = Bench::new();
    bench
        .index(&server.index_url(login), Network::Online)
        .page("pip", &SilentReporter)
}

/// The message, its causes and its hint.
fn said(error: &IndexError) -> String {
    let mut texts = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        texts.push(error.to_string());
        cause = error.source();
    }
    texts.extend(error.hint());
    texts.join(" / ")
}

#[test]
fn json_and_html_list_the_same() {
    for reply in [
        testing::json(&json()),
        testing::page("application/json", &json()),
        testing::page("text/html; charset=utf-8", &html()),
        testing::page("application/vnd.pypi.simple.v1+html", &html()),
    ] {
        let server = Loopback::with_replies(vec![reply]);
        let page = ask(&server, "").unwrap();
        let [newer, wheel] = [&page.wheels[1], &page.wheels[0]];
        assert_eq!(page.wheels.len(), 2);
        assert_eq!(wheel.name.to_string(), "pip-24.0-py3-none-any.whl");
        assert_eq!(
            wheel.address.secret_url().as_str(),
            server
                .index_url("")
                .replace("simple/", "f/pip-24.0-py3-none-any.whl")
        );
        assert_eq!(wheel.digest, Digest::read("sha256", DIGEST));
        assert_eq!(wheel.weak_digests, ["md5"]);
        assert_eq!(wheel.requires_python.as_deref(), Some(">=3.7"));
        assert_eq!(wheel.yanked, None);
        assert_eq!(
            newer.address.to_string(),
            "https://files.example/pip-24.1-py3-none-any.whl"
        );
        assert_eq!(
            (newer.digest.as_ref(), newer.yanked.as_deref()),
            (None, Some("broken"))
        );
        assert_eq!(page.other_versions, ["0.2".parse().unwrap()].into());
        let request = server.asked().remove(0);
        assert_eq!(request.target, "/simple/pip/");
        let accept = request.header("accept").unwrap();
        assert!(accept.starts_with("application/vnd.pypi.simple.v1+json,"));
        assert_eq!(request.header("authorization"), None);
    }
}

#[test]
fn a_login_is_sent_and_used_for_the_same_server_and_never_shown_or_cached() {
    let server = Loopback::with_replies(vec![testing::json(&json())]);
    let bench = Bench::new();
    let url = server.index_url("me:s%40cret@");
    let page = bench
        .index(&url, Network::Online)
        .page("pip", &SilentReporter)
        .unwrap();
    // `me:s@cret`.
    assert_eq!(
        server.asked()[0].header("authorization"),
        Some("Basic bWU6c0BjcmV0")
    );
    assert_eq!(
        page.wheels[0].address.secret_url().password(),
        Some("s%40cret")
    );
    assert_eq!(page.wheels[1].address.secret_url().password(), None);
    assert!(!format!("{page:?}").contains("cret"));
    for entry in walkdir::WalkDir::new(bench.folder.path()) {
        let entry = entry.unwrap();
        if entry.file_type().is_file() {
            let text = fs_err::read_to_string(entry.path()).unwrap();
            assert!(
                text.contains("pip-24.0") && !text.contains("cret"),
                "{text}"
            );
        }
    }

    let server = Loopback::with_replies(vec![Answer::status(401)]);
    let error = ask(&server, "me:s%40cret@").unwrap_err();
    assert!(said(&error).contains(".netrc"), "{}", said(&error));
    assert!(!format!("{error:?} {}", said(&error)).contains("cret"));
}

#[test]
fn references_are_relative_to_where_a_redirect_led() {
    let target = Loopback::with_replies(vec![testing::json(&json())]);
    let elsewhere = target.index_url("").replace("simple/", "a/b/c/");
    let moved = Answer::redirect(&elsewhere).with_status(301);
    let server = Loopback::with_replies(vec![moved]);
    let page = ask(&server, "me:secret@").unwrap();
    let address = &page.wheels[0].address;
    assert_eq!(
        address.secret_url().as_str(),
        target
            .index_url("")
            .replace("simple/", "a/f/pip-24.0-py3-none-any.whl")
    );
    assert_eq!(target.asked()[0].header("authorization"), None);
}

#[test]
fn transient_failures_are_retried_and_others_are_not() {
    let cut = testing::json(&json()).cut_always(json().len() - 40);
    let server = Loopback::with_replies(vec![
        Answer::status(500),
        cut,
        Answer::status(503).with_header("Retry-After", "0"),
        testing::json(&json()),
    ]);
    assert_eq!(ask(&server, "").unwrap().wheels.len(), 2);
    assert_eq!(server.asked().len(), 4);

    let server = Loopback::with_replies(vec![Answer::status(500)]);
    let error = ask(&server, "").unwrap_err();
    assert!(said(&error).contains("answered 500"), "{}", said(&error));
    assert_eq!(error.exit_status(), ExitStatus::Input);
    assert_eq!(server.asked().len(), 4);

    let server = Loopback::with_replies(vec![Answer::status(404)]);
    let error = ask(&server, "").unwrap_err();
    assert!(
        said(&error).contains("has no project pip"),
        "{}",
        said(&error)
    );
    assert_eq!(error.exit_status(), ExitStatus::Unresolvable);
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn an_answer_that_is_no_page_is_an_error_with_the_reason() {
    let cases = [
        (
            testing::page("text/html", "<a href='/login'>Log in</a>"),
            "links to no release file",
        ),
        (
            testing::page("text/plain", "hello"),
            "content type is `text/plain`",
        ),
        (testing::json("<html>"), "JSON is not a project's page"),
        (testing::json("[]"), "JSON is not a project's page"),
        (testing::json("{\"message\": 1}"), "missing field `files`"),
        (
            testing::json(&json().replace("1.4", "2.0")),
            "version 2.0 of the API",
        ),
        (
            testing::page("application/vnd.pypi.simple.v2+json", &json()),
            "version 2 of the API",
        ),
        (
            testing::page("text/html", &html().replace("\"1.0\"", "\"2.0\"")),
            "version 2.0 of the API",
        ),
    ];
    for (reply, expected) in cases {
        let server = Loopback::with_replies(vec![reply]);
        let error = ask(&server, "").unwrap_err();
        let text = said(&error);
        assert!(text.contains(expected), "{expected}: {text}");
        assert!(text.contains(&server.index_url("")), "{text}");
        assert_eq!(error.exit_status(), ExitStatus::Input);
        assert_eq!(server.asked().len(), 1);
    }
}

#[test]
fn offline_the_last_answer_is_used() {
    let bench = Bench::new();
    let server = Loopback::with_replies(vec![
        testing::json(&json()),
        testing::json(&json().replace("24.0", "24.2")),
    ]);
    let url = server.index_url("me:secret@");
    let page = |network| bench.index(&url, network).page("pip", &SilentReporter);
    let error = page(Network::Offline).unwrap_err();
    assert!(
        said(&error).contains("without --offline"),
        "{}",
        said(&error)
    );
    assert_eq!(error.exit_status(), ExitStatus::Input);
    page(Network::Online).unwrap();
    let newest = page(Network::Online).unwrap();
    let kept = page(Network::Offline).unwrap();
    assert_eq!(kept.wheels.len(), 2);
    for (kept, newest) in kept.wheels.iter().zip(&newest.wheels) {
        assert_eq!(kept.name, newest.name);
        assert_eq!(kept.address.to_string(), newest.address.to_string());
    }
    assert_eq!(server.asked().len(), 2);
    // One file an address, and nothing half-written beside it.
    let folder = bench.store.folder("index-3").unwrap();
    let files: Vec<_> = fs_err::read_dir(&folder).unwrap().collect();
    assert_eq!(files.len(), 1);
    let file = files[0].as_ref().unwrap().path();
    let whole = fs_err::read(&file).unwrap();
    let garbled = [&whole[..whole.len() - 9], b"x", &whole[whole.len() - 8..]].concat();
    for corrupt in [&whole[..whole.len() / 2], &whole[..10], b"", &garbled] {
        fs_err::write(&file, corrupt).unwrap();
        let error = page(Network::Offline).unwrap_err();
        assert!(matches!(error, IndexError::Corrupt { .. }), "{error:?}");
        assert!(said(&error).contains("without --offline"));
    }
    page(Network::Online).unwrap();
    page(Network::Offline).unwrap();
}

#[test]
fn an_index_in_a_folder_is_read_without_the_network() {
    let bench = Bench::new();
    let folder = bench.folder.path().join("simple/pip");
    fs_err::create_dir_all(&folder).unwrap();
    fs_err::write(
        folder.join("index.html"),
        format!("<a href='pip-24.0-py3-none-any.whl#sha256={DIGEST}'>"),
    )
    .unwrap();
    let url = format!("file://{}", bench.folder.path().join("simple").display());
    let index = bench.index(&url, Network::Offline);
    let page = index.page("pip", &SilentReporter).unwrap();
    assert_eq!(
        page.wheels[0].address.to_file_path(),
        Some(folder.join("pip-24.0-py3-none-any.whl"))
    );
    let error = index.page("setuptools", &SilentReporter).unwrap_err();
    assert!(said(&error).contains("index.html"), "{}", said(&error));
}

#[test]
fn links_are_found_in_folders_and_on_pages_beside_the_index_and_without_it() {
    use super::find_links::FindLinks;
    let bench = Bench::new();
    let folder = bench.folder.path().join("wheels");
    fs_err::create_dir_all(&folder).unwrap();
    for name in [
        "pip-24.0-py3-none-any.whl",
        "six-1.0-py3-none-any.whl",
        "pip-0.1.zip",
    ] {
        fs_err::write(folder.join(name), "").unwrap();
    }
    fs_err::write(
        folder.join("more.html"),
        "<a href='sub/pip-23.0-py3-none-any.whl'>",
    )
    .unwrap();
    fs_err::write(folder.join("readme.html"), "<a href='elsewhere'>").unwrap();
    let server = Loopback::with_replies(vec![testing::json(&json())]);
    let linked = format!(
        "{}pip-22.0-py3-none-any.whl#sha512={}",
        server.index_url(""),
        "0".repeat(128)
    );
    let mut settings = super::IndexSettings::new(server.index_url("").parse().unwrap());
    settings.find_links = vec![
        FindLinks::Path(folder.clone()),
        FindLinks::Address(linked.parse().unwrap()),
        FindLinks::Path(folder.join("none")),
    ];
    let listed = |settings: &super::IndexSettings, network| {
        let page = bench
            .index_with(settings, network)
            .page("pip", &SilentReporter);
        page.map(|page| {
            let names = page.wheels.iter().map(|wheel| {
                let is_local = wheel.address.to_file_path().is_some();
                (wheel.name.version().to_string(), is_local)
            });
            names.collect::<Vec<_>>()
        })
    };
    let of_the_folder = |version: &str| (version.to_owned(), true);
    let elsewhere = |version: &str| (version.to_owned(), false);
    // Of the two wheels of 24.0, the one on this machine is taken: it comes last.
    assert_eq!(
        listed(&settings, Network::Online).unwrap(),
        [
            elsewhere("22.0"),
            of_the_folder("23.0"),
            elsewhere("24.0"),
            of_the_folder("24.0"),
            elsewhere("24.1")
        ]
    );
    assert_eq!(server.asked().len(), 1);
    settings.no_index = Some("no-index in /etc/pip.conf".to_owned());
    assert_eq!(
        listed(&settings, Network::Online).unwrap(),
        [
            elsewhere("22.0"),
            of_the_folder("23.0"),
            of_the_folder("24.0")
        ]
    );
    settings.find_links.clear();
    let error = listed(&settings, Network::Online).unwrap_err();
    assert!(
        said(&error).contains("no-index in /etc/pip.conf"),
        "{}",
        said(&error)
    );
    assert!(said(&error).contains("PIP_NO_INDEX=0"), "{}", said(&error));
    assert_eq!(error.exit_status(), ExitStatus::Unresolvable);
    assert_eq!(server.asked().len(), 1);
}
