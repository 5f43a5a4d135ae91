//! Which pip is chosen, and how an index is named: over the real binary and real HTTP.

use crate::fixture::{Fixture, LATEST_PIP};
use crate::server::{Answer, REFUSING, Server};
use crate::wheels::{IndexForm, Wheel};

const SECRET: &str = "p4ssw0rd-in-the-test";

/// The plan for `--pip PIN`, as `--dry-run` prints it.
fn planned(fixture: &Fixture, pin: &str) -> crate::outcome::Outcome {
    fixture.build(&["--dry-run", "--pip", pin])
}

#[test]
fn specifiers_and_exact_versions_choose_from_the_index() {
    let fixture = Fixture::new();
    for (pin, chosen) in [
        ("latest", LATEST_PIP),
        ("<24", "23.3.2"),
        ("==23.*", "23.3.2"),
        ("23.3.2", "23.3.2"),
        // A pre-release that is named is meant.
        ("24.1b1", "24.1b1"),
    ] {
        let outcome = planned(&fixture, pin).success();
        let file = format!("pip-{chosen}-py3-none-any.whl");
        assert!(outcome.stdout.contains(&file), "{pin}: {outcome}");
    }
}

#[test]
fn a_newer_pip_that_does_not_fit_is_passed_over_with_the_reason() {
    let fixture = Fixture::new();
    let outcome = planned(&fixture, "latest").success();
    outcome.says(["26.3 needs Python 3.100 or later"]);
}

#[test]
fn an_index_in_html_does_as_well() {
    let fixture = Fixture::new();
    let wheels = [
        Wheel::pip("24.5").with_requires_python(">=3.7, <4"),
        Wheel::pip("24.6").yanked(""),
        Wheel::pip("24.7").with_requires_python(">=3.100"),
    ];
    fixture.server.put_index(IndexForm::Html, &wheels);
    fixture.build(&["--pip", "latest"]).success();
    assert_eq!(fixture.venv_pip(&fixture.prefix()), "24.5");
}

#[test]
fn a_wheel_that_the_index_gives_no_digest_for_is_not_taken() {
    let fixture = Fixture::new();
    let wheels = [Wheel::pip("24.4"), Wheel::pip("24.5").without_listed_hash()];
    fixture.server.put_index(IndexForm::Html, &wheels);
    let outcome = planned(&fixture, "latest")
        .success()
        .says(["24.5 has no sha256"]);
    assert!(outcome.stdout.contains("pip-24.4-"), "{outcome}");
    let outcome = planned(&fixture, "24.5").exits(3);
    outcome
        .has_one_error_with_a_hint()
        .says(["24.5 has no sha256"]);
}

#[test]
fn a_wheel_of_an_index_without_requires_python_is_judged_by_its_metadata() {
    let newer = Wheel::pip("24.5").with_unlisted_requires_python(">=3.100");
    for form in [IndexForm::Json, IndexForm::Html] {
        let fixture = Fixture::new();
        let wheels = [newer.clone(), Wheel::pip("24.4")];
        fixture.server.put_index(form, &wheels);
        let reason = "24.5 needs Python 3.100 or later";
        let outcome = planned(&fixture, "latest").success().says([reason]);
        assert!(outcome.stdout.contains("pip-24.4-"), "{outcome}");
        planned(&fixture, "24.5")
            .exits(3)
            .has_one_error_with_a_hint()
            .says([reason]);
        let outcome = fixture
            .context
            .run([&["patch".into()], &fixture.arguments(&["--pip", ">24"])[..]].concat());
        outcome.success().says([reason, "pip 24.4"]);
        // Both wheels are in the store by now.
        let asked = fixture.server.requests().len();
        fixture
            .build(&["--pip", "latest", "--offline"])
            .success()
            .says([reason]);
        assert_eq!(fixture.venv_pip(&fixture.prefix()), "24.4");
        assert_eq!(fixture.server.requests().len(), asked);
    }
}

#[test]
fn offline_a_wheel_that_would_have_to_be_looked_into_is_an_error() {
    let fixture = Fixture::new();
    let newer = Wheel::pip("24.5").with_unlisted_requires_python(">=3.100");
    fixture
        .server
        .put_index(IndexForm::Json, &[newer, Wheel::pip("24.4")]);
    // A plan leaves no wheel in the store.
    planned(&fixture, "latest").success();
    fixture
        .build(&["--pip", "latest", "--offline"])
        .exits(4)
        .has_one_error_with_a_hint()
        .says(["pip-24.5-py3-none-any.whl is not in the store"]);
}

#[test]
fn a_sha512_proves_a_wheel_and_the_plan_names_its_sha256() {
    for form in [IndexForm::Json, IndexForm::Html] {
        let fixture = Fixture::new();
        let wheel = Wheel::pip("24.5").with_listed_sha512(true);
        fixture.server.put_index(form, std::slice::from_ref(&wheel));
        let outcome = planned(&fixture, "latest").success();
        let sha256 = format!("sha256 = \"{}\"", wheel.sha256());
        assert!(outcome.stdout.contains(&sha256), "{outcome}");
        fixture.build(&["--pip", "latest"]).success();
        assert_eq!(fixture.venv_pip(&fixture.prefix()), "24.5");
        let asked = fixture.server.requests().len();
        let again = ["--pip", "latest", "--offline", "--force"];
        fixture.build(&again).success();
        assert_eq!(fixture.server.requests().len(), asked);

        let wheel = Wheel::pip("24.6").with_listed_sha512(false);
        fixture.server.put_index(form, std::slice::from_ref(&wheel));
        planned(&fixture, "latest")
            .exits(4)
            .has_one_error_with_a_hint()
            .says([
                "pip-24.6-py3-none-any.whl cannot be fetched",
                "instead of sha512:",
            ]);
    }
}

#[test]
fn a_wheel_that_only_an_md5_proves_is_not_taken() {
    let fixture = Fixture::new();
    let wheels = [Wheel::pip("24.5").with_listed_md5()];
    fixture.server.put_index(IndexForm::Html, &wheels);
    for pin in ["latest", ">24", "24.5"] {
        planned(&fixture, pin)
            .exits(3)
            .has_one_error_with_a_hint()
            .says(["only md5", "--pip FILE.whl"]);
    }
}

#[test]
fn the_index_is_named_as_pip_would_have_it() {
    let own = Server::start();
    own.put_index(IndexForm::Json, &[Wheel::pip("24.9")]);
    let url = own.url("/simple");
    let config = format!("[global]\nindex-url = {url}\n");

    let fixture = Fixture::new();
    let outcome = fixture
        .build(&["--dry-run", "--pip", "latest", "--index-url", &url])
        .success();
    assert!(
        outcome.stdout.contains("pip-24.9-"),
        "option before variable: {outcome}"
    );

    for file in ["home/.config/pip/pip.conf", "home/.pip/pip.conf"] {
        let mut fixture = Fixture::new();
        fixture.context.unset("PIP_INDEX_URL");
        fixture.context.write(file, &config);
        let outcome = planned(&fixture, "latest").success();
        assert!(outcome.stdout.contains("pip-24.9-"), "{file}: {outcome}");
    }

    let mut fixture = Fixture::new();
    fixture.context.write("home/.config/pip/pip.conf", &config);
    let outcome = planned(&fixture, "latest").success();
    let chosen = format!("pip-{LATEST_PIP}-");
    assert!(
        outcome.stdout.contains(&chosen),
        "variable before file: {outcome}"
    );
    fixture.context.unset("PIP_INDEX_URL");
    let own_file = fixture.context.write("own.conf", &config);
    fixture.context.write(
        "home/.config/pip/pip.conf",
        format!("[global]\nindex-url = {REFUSING}/simple/\n"),
    );
    fixture.context.set("PIP_CONFIG_FILE", own_file);
    let outcome = planned(&fixture, "latest").success();
    assert!(
        outcome.stdout.contains("pip-24.9-"),
        "PIP_CONFIG_FILE: {outcome}"
    );
}

/// An index that wants a password for its pages and its files.
fn guarded(fixture: &Fixture) {
    let wheel = Wheel::pip("24.8");
    let page = serde_json::json!({
        "meta": { "api-version": "1.0" },
        "name": "pip",
        "files": [{
            "filename": wheel.file_name(),
            "url": fixture.server.url(&format!("/guarded/{}", wheel.file_name())),
            "hashes": { "sha256": wheel.sha256().to_string() },
        }],
    });
    let page = Answer::text("application/vnd.pypi.simple.v1+json", page.to_string());
    fixture
        .server
        .put("/guarded/simple/pip/", page.with_login("me", SECRET));
    let file = Answer::bytes(wheel.bytes()).with_login("me", SECRET);
    fixture
        .server
        .put(&format!("/guarded/{}", wheel.file_name()), file);
}

#[test]
fn a_password_is_used_and_stands_nowhere() {
    for way in ["option", "variable", "pip.conf", ".netrc"] {
        let mut fixture = Fixture::new();
        guarded(&fixture);
        let login = format!("me:{SECRET}");
        let secret_url = fixture.server.url_with_login(&login, "/guarded/simple/");
        let url = fixture.server.url("/guarded/simple/");
        let mut arguments = vec!["--pip", "latest", "-v"];
        let mut given = Vec::new();
        match way {
            "option" => arguments.extend(["--index-url", &secret_url]),
            "variable" => fixture.context.set("PIP_INDEX_URL", &secret_url),
            "pip.conf" => {
                fixture.context.unset("PIP_INDEX_URL");
                let text = format!("[global]\nindex-url = {secret_url}\n");
                given.push(fixture.context.write("home/.config/pip/pip.conf", text));
            }
            _ => {
                fixture.context.set("PIP_INDEX_URL", &url);
                let text = format!("machine 127.0.0.1\nlogin me\npassword {SECRET}\n");
                given.push(fixture.context.write("home/.netrc", text));
            }
        }
        let outcome = fixture.build(&arguments).success().never_says(SECRET);
        assert_eq!(
            fixture.venv_pip(&fixture.prefix()),
            "24.8",
            "{way}: {outcome}"
        );
        assert_eq!(fixture.context.files_with(SECRET), given, "{way}");
        // Nor when it goes wrong.
        fixture
            .server
            .put("/guarded/simple/pip/", Answer::status(403));
        let again = ["--force", "--offline"];
        drop(
            fixture
                .build(&[&arguments[..], &again[..1]].concat())
                .never_says(SECRET),
        );
        assert_eq!(fixture.context.files_with(SECRET), given, "{way}");
    }
}

/// Puts a release and an index with tokens in their addresses on the server: in the index's path, in
/// the query of its files, and in the targets of redirects.
fn put_tokens(fixture: &Fixture) {
    let wheel = Wheel::pip("24.8");
    let page = serde_json::json!({
        "meta": { "api-version": "1.0" },
        "files": [{
            "filename": wheel.file_name(),
            "url": format!("/{SECRET}/f/{}?token={SECRET}", wheel.file_name()),
            "hashes": { "sha256": wheel.sha256().to_string() },
        }],
    });
    let page = Answer::text("application/vnd.pypi.simple.v1+json", page.to_string());
    let server = &fixture.server;
    let moved = format!("/{SECRET}/moved/simple/pip/?X-Amz-Signature={SECRET}");
    server.put(&moved, page);
    server.put(&format!("/{SECRET}/simple/pip/"), Answer::redirect(&moved));
    let file = format!("/{SECRET}/stored?X-Amz-Signature={SECRET}");
    server.put(&file, Answer::bytes(wheel.bytes()));
    let asked = format!("/{SECRET}/f/{}?token={SECRET}", wheel.file_name());
    server.put(&asked, Answer::redirect(&file));
    let archive = format!("/{SECRET}/{}?token={SECRET}", fixture.release.tgz_name());
    server.put(&archive, Answer::bytes(fixture.release.tgz()));
}

#[test]
fn a_token_in_an_address_is_used_and_stands_nowhere() {
    let fixture = Fixture::new();
    put_tokens(&fixture);
    let server = &fixture.server;
    let index = server.url(&format!("/{SECRET}/simple/"));
    let source = server.url(&format!(
        "/{SECRET}/{}?token={SECRET}",
        fixture.release.tgz_name()
    ));
    let mirror = server.url(&format!("/{SECRET}/mirror/"));
    let digest = fixture.release.sha256().to_string();
    let version = fixture.version();
    let arguments = [
        &version,
        "--sha256",
        &digest,
        "--source",
        &source,
        "--mirror",
        &mirror,
        "--index-url",
        &index,
        "--pip",
        "latest",
        "-v",
    ];
    let shown = server.url("/.../pip-24.8-py3-none-any.whl");
    let planned = fixture
        .context
        .run([&arguments[..], &["--dry-run"]].concat());
    let planned = planned.success().never_says(SECRET);
    assert!(planned.stdout.contains(&shown), "{planned}");
    fixture.context.run(arguments).success().never_says(SECRET);
    assert_eq!(fixture.venv_pip(&fixture.prefix()), "24.8");
    let record = fixture
        .prefix()
        .join("share/pybuild")
        .join(&version)
        .join("record.json");
    assert!(fs_err::read_to_string(record).unwrap().contains(&shown));
    assert_eq!(
        fixture.context.files_with(SECRET),
        [] as [std::path::PathBuf; 0]
    );
    // The record still says that the same was asked for.
    let again = fixture.context.run(arguments).success().never_says(SECRET);
    again.says(["nothing to do"]);
    // What the index answered is found by the whole address, and not under another one.
    let offline = [&arguments[..], &["--offline", "--dry-run"]].concat();
    fixture.context.run(&offline).success().never_says(SECRET);
    let other = offline
        .iter()
        .map(|text| text.replace(&format!("{SECRET}/simple"), "other/simple"));
    fixture.context.run(other).exits(4).never_says(SECRET);
}

#[test]
fn a_token_does_not_stand_in_errors() {
    let mut fixture = Fixture::new();
    let server = Server::start();
    let index = server.url(&format!("/{SECRET}/simple/"));
    let page = format!("/{SECRET}/simple/pip/");
    let wheel = Wheel::pip("24.8").with_wrong_listed_hash();
    let link = format!(
        "<a href='/{SECRET}/{0}?{SECRET}#sha256={1}'>{0}</a>",
        wheel.file_name(),
        Wheel::pip("1").sha256()
    );
    let link = Answer::text("text/html", link);
    let file = format!("/{SECRET}/{}", wheel.file_name());
    let elsewhere = format!("{REFUSING}/{SECRET}/?{SECRET}");
    for (page_answer, file_answer) in [
        (Answer::status(404), Answer::status(404)),
        (Answer::status(403), Answer::status(404)),
        (Answer::status(500), Answer::status(404)),
        (Answer::redirect(&elsewhere), Answer::status(404)),
        (Answer::redirect("?a"), Answer::status(404)),
        (Answer::text("text/html", "login"), Answer::status(404)),
        (Answer::text("application/json", "{"), Answer::status(404)),
        (link.clone(), Answer::status(404)),
        (link.clone(), Answer::redirect(&elsewhere)),
        (link.clone(), Answer::bytes("else")),
        (link, Answer::bytes("else").cut_always(2)),
    ] {
        server.put(&page, page_answer);
        server.put(&file, file_answer);
        let outcome = fixture.build(&["--dry-run", "-v", "--pip", "latest", "--index-url", &index]);
        outcome.has_one_error_with_a_hint().never_says(SECRET);
    }
    for broken in [
        format!("htps://h.example/{SECRET}/"),
        format!("http://h.example:x/{SECRET}/"),
    ] {
        for option in ["--index-url", "--source", "--mirror"] {
            let arguments = [&fixture.version(), "--pip", "latest", option, &broken];
            fixture.context.run(arguments).exits(2).never_says(SECRET);
        }
        fixture.context.set("PIP_INDEX_URL", &broken);
        planned(&fixture, "latest").exits(2).never_says(SECRET);
        fixture.context.unset("PIP_INDEX_URL");
    }
    let mirror = server.url(&format!("/{SECRET}/?{SECRET}"));
    fixture.context.set("PYBUILD_MIRROR", &mirror);
    fixture.context.set("PYBUILD_PYTHON_ORG", &mirror);
    let outcome = fixture.context.run(["3.11.2", "-v"]);
    outcome.exits(4).never_says(SECRET);
}

#[test]
fn a_password_is_not_sent_to_another_host() {
    let fixture = Fixture::new();
    let other = Server::start();
    let wheel = Wheel::pip("24.8");
    other.put_index(IndexForm::Json, std::slice::from_ref(&wheel));
    let file = other.url(&format!("/files/{}", wheel.file_name()));
    let html = format!(
        "<a href=\"{file}#sha256={}\">{}</a>",
        wheel.sha256(),
        wheel.file_name()
    );
    let page = Answer::text("text/html", html).with_login("me", SECRET);
    fixture.server.put("/guarded/simple/pip/", page);
    let url = fixture
        .server
        .url_with_login(&format!("me:{SECRET}"), "/guarded/simple/");
    fixture
        .build(&["--pip", "latest", "--index-url", &url])
        .success();
    let requests = other.requests();
    assert!(!requests.is_empty());
    assert!(
        requests
            .iter()
            .all(|request| request.header("authorization").is_none())
    );
}

#[test]
fn a_proxy_is_asked_unless_the_host_is_exempt() {
    let mut fixture = Fixture::new();
    let proxy = Server::start();
    let wheel = Wheel::pip("24.6");
    let page = format!(
        "<a href=\"/f/{0}#sha256={1}\">{0}</a>",
        wheel.file_name(),
        wheel.sha256()
    );
    // What a proxy is asked for is a whole address (RFC 9112, section 3.2.2).
    let host = "http://index.invalid";
    proxy.put(
        &format!("{host}/simple/pip/"),
        Answer::text("text/html", page),
    );
    proxy.put(
        &format!("{host}/f/{}", wheel.file_name()),
        Answer::bytes(wheel.bytes()),
    );
    fixture.context.set("http_proxy", proxy.url("/"));
    fixture.context.set("no_proxy", "127.0.0.1");
    let arguments = [
        "--pip",
        "latest",
        "--index-url",
        "http://index.invalid/simple/",
    ];
    fixture.build(&arguments).success();
    assert_eq!(fixture.venv_pip(&fixture.prefix()), "24.6");
    assert_eq!(proxy.requests().len(), 2);
    fixture.build(&["--pip", "latest", "--force"]).success();
    assert_eq!(fixture.venv_pip(&fixture.prefix()), LATEST_PIP);
    assert_eq!(proxy.requests().len(), 2);
}

#[test]
fn a_file_that_pip_refuses_stops_before_any_index_is_asked() {
    let url = Server::start();
    for (text, line) in [
        ("index-url = http://me:SECRET@h.example/\n", "line 1"),
        ("\u{feff}[global]\nno-index = true\n", "line 1"),
        ("[global]\nno-index = true\nno-index = true\n", "line 3"),
        ("[global]\nno-index\n", "line 2"),
    ] {
        let mut fixture = Fixture::new();
        fixture.context.set("PIP_INDEX_URL", url.url("/simple/"));
        let text = text.replace("SECRET", SECRET);
        fixture.context.write("home/.config/pip/pip.conf", text);
        planned(&fixture, "latest")
            .exits(2)
            .has_one_error_with_a_hint()
            .never_says(SECRET)
            .says(["home/.config/pip/pip.conf", line]);
    }
    assert!(url.requests().is_empty());
}

#[test]
fn no_index_leaves_files_and_find_links() {
    let mut fixture = Fixture::new();
    let conf = fixture
        .context
        .write("pip.conf", "[global]\nno-index = true\n");
    fixture.context.set("PIP_CONFIG_FILE", conf);
    let url = fixture.server.url("/simple/");
    for arguments in [
        &["--pip", "latest"][..],
        &["--pip", "24.0", "--index-url", &url],
    ] {
        fixture
            .build(&[&["--dry-run"], arguments].concat())
            .exits(3)
            .has_one_error_with_a_hint()
            .says(["no-index in ", "pip.conf", "PIP_NO_INDEX=0"]);
    }
    let wheel = Wheel::pip("24.5");
    let file = fixture
        .context
        .write(&format!("wheels/{}", wheel.file_name()), wheel.bytes());
    let text = format!("sha256 = \"{}\"", wheel.sha256());
    let outcome = planned(&fixture, &file.display().to_string()).success();
    assert!(outcome.stdout.contains(&text), "{outcome}");
    fixture
        .context
        .set("PIP_FIND_LINKS", fixture.context.path("wheels"));
    let outcome = planned(&fixture, "latest").success();
    assert!(outcome.stdout.contains(&text), "{outcome}");
    fixture.build(&["--pip", "latest"]).success();
    assert_eq!(fixture.venv_pip(&fixture.prefix()), "24.5");
    assert!(fixture.server.requests().is_empty());
}

#[test]
fn the_proxy_of_pip_is_asked_and_named_without_its_password() {
    let proxy = Server::start();
    let wheel = Wheel::pip("24.6");
    let page = format!(
        "<a href=\"/f/{0}#sha256={1}\">{0}</a>",
        wheel.file_name(),
        wheel.sha256()
    );
    let host = "http://index.invalid";
    proxy.put(
        &format!("{host}/simple/pip/"),
        Answer::text("text/html", page),
    );
    proxy.put(
        &format!("{host}/f/{}", wheel.file_name()),
        Answer::bytes(wheel.bytes()),
    );
    let mut fixture = Fixture::new();
    fixture
        .context
        .set("PIP_INDEX_URL", format!("{host}/simple/"));
    let login = proxy.url_with_login(&format!("me:{SECRET}"), "/");
    fixture.context.write(
        "home/.config/pip/pip.conf",
        format!("[global]\nproxy = {login}\n"),
    );
    let outcome = planned(&fixture, "latest").success().never_says(SECRET);
    assert!(outcome.stdout.contains("pip-24.6-"), "{outcome}");
    let asked = proxy.requests();
    assert_eq!(asked.len(), 2);
    assert!(asked[0].header("proxy-authorization").is_some());

    fixture
        .context
        .set("PIP_PROXY", format!("me:{SECRET}@127.0.0.1:1"));
    planned(&fixture, "latest")
        .exits(4)
        .has_one_error_with_a_hint()
        .never_says(SECRET)
        .says(["through the proxy http://127.0.0.1:1/ (PIP_PROXY)"]);
}

#[test]
fn a_restriction_of_pip_is_honoured_or_refused() {
    let mut fixture = Fixture::new();
    let constraints = fixture.context.write("c.txt", "pip<24\n");
    fixture.context.set("PIP_CONSTRAINT", constraints);
    let outcome = planned(&fixture, "latest").success();
    assert!(outcome.stdout.contains("pip-23.3.2-"), "{outcome}");
    planned(&fixture, "24.0")
        .exits(3)
        .has_one_error_with_a_hint()
        .says(["24.0 is ruled out by PIP_CONSTRAINT"]);
    fixture.context.unset("PIP_CONSTRAINT");
    for variable in [
        "PIP_REQUIRE_HASHES",
        "PIP_NO_BINARY",
        "PIP_UPLOADED_PRIOR_TO",
    ] {
        let value = if variable == "PIP_NO_BINARY" {
            ":all:"
        } else {
            "1"
        };
        fixture.context.set(variable, value);
        planned(&fixture, "latest")
            .exits(3)
            .has_one_error_with_a_hint()
            .says([variable]);
        fixture.context.unset(variable);
    }
    fixture.context.set("PIP_ONLY_FINAL", ":all:");
    planned(&fixture, "24.1b1")
        .exits(3)
        .says(["PIP_ONLY_FINAL"]);
}

#[test]
fn settings_of_pip_that_make_no_sense_are_named() {
    let mut fixture = Fixture::new();
    let missing = fixture.context.path("no-such.pem");
    fixture.context.set("PIP_CERT", &missing);
    let outcome = planned(&fixture, "latest").has_one_error_with_a_hint();
    let outcome = outcome.says([missing.display().to_string().as_str()]);
    assert_ne!(outcome.code, Some(0));
    fixture.context.unset("PIP_CERT");
    fixture.context.set("PIP_INDEX_URL", "not an address");
    let outcome = planned(&fixture, "latest")
        .exits(2)
        .has_one_error_with_a_hint();
    outcome.says(["PIP_INDEX_URL"]);
}
