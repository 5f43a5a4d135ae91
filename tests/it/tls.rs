//! Requests over TLS: trust in certificates, redirects, and passwords that are not sent to other hosts.

use crate::certificates::{Authority, Shown};
use crate::fixture::{Fixture, LATEST_PIP};
use crate::index::page_with;
use crate::mini_cpython::{BUNDLED_PIP, VERSION};
use crate::outcome::Outcome;
use crate::proxy::Proxy;
use crate::python_org::Published;
use crate::server::{Answer, Server};
use crate::signer::Key;
use crate::wheels::{IndexForm, Wheel};

const SECRET: &str = "p4ssw0rd-for-the-https-index";

/// The message about a redirect from `https` to `http`.
const DOWNGRADED: &str = "redirected from https to http";

/// A fixture with a server behind TLS, whose authority is trusted.
struct Secure {
    fixture: Fixture,
    authority: Authority,
    server: Server,
}

impl Secure {
    fn new() -> Self {
        let mut fixture = Fixture::new();
        let authority = Authority::new();
        let bundle = fixture.context.write("ca.pem", authority.pem());
        fixture.context.set("SSL_CERT_FILE", bundle);
        fixture.context.set("PIP_DEFAULT_TIMEOUT", "10");
        let server = Server::start_tls(authority.issue(Shown::Good));
        Self {
            fixture,
            authority,
            server,
        }
    }

    /// With a package index on the server behind TLS.
    fn with_index() -> Self {
        let mut secure = Self::new();
        secure
            .server
            .put_index(IndexForm::Json, &[Wheel::pip(LATEST_PIP)]);
        let index = secure.server.url("/simple/");
        secure.fixture.context.set("PIP_INDEX_URL", index);
        secure
    }

    /// One more server behind TLS.
    fn other(&self) -> Server {
        Server::start_tls(self.authority.issue(Shown::Good))
    }

    /// The path of the release at a mirror.
    fn path(&self) -> String {
        format!("/{}", self.fixture.release.tgz_name())
    }

    fn good(&self) -> Answer {
        Answer::bytes(self.fixture.release.tgz())
    }

    /// Builds from mirrors alone.
    fn build_from(&self, mirrors: &[&Server]) -> Outcome {
        let digest = self.fixture.release.sha256().to_string();
        let mut arguments = vec![VERSION.to_owned(), "--sha256".into(), digest];
        for mirror in mirrors {
            arguments.extend(["--mirror".into(), mirror.url("/")]);
        }
        self.fixture.context.run(arguments)
    }

    fn build_with_latest(&self) -> Outcome {
        self.fixture.build(&["--pip", "latest"])
    }

    /// Uses this server in place of python.org.
    fn publish_at(&mut self, server: &Server) {
        server.put_release_files(&self.fixture.release);
        server.put_release_data(&[Published::of(&self.fixture.release)]);
        self.fixture
            .context
            .set("PYBUILD_PYTHON_ORG", server.url("/"));
    }
}

/// Asserts that the run failed because of a redirect.
#[track_caller]
fn refused_redirect(outcome: Outcome, code: i32) {
    let outcome = outcome.exits(code).has_one_error_with_a_hint();
    outcome.says([DOWNGRADED]);
}

#[test]
fn a_private_authority_is_trusted_when_a_variable_or_pips_configuration_names_it() {
    for way in ["SSL_CERT_FILE", "PIP_CERT", "cert in pip.conf"] {
        let mut secure = Secure::with_index();
        let bundle = secure.fixture.context.path("ca.pem");
        secure.fixture.context.unset("SSL_CERT_FILE");
        match way {
            "cert in pip.conf" => {
                let text = format!("[global]\ncert = {}\n", bundle.display());
                secure
                    .fixture
                    .context
                    .write("home/.config/pip/pip.conf", text);
            }
            variable => secure.fixture.context.set(variable, bundle),
        }
        let server = secure.other();
        secure.publish_at(&server);
        // The release data, which has the digest, comes over TLS too.
        let outcome = secure.fixture.context.run([VERSION, "--pip", "latest"]);
        assert_eq!(outcome.code, Some(0), "{way}: {outcome}");
        assert_eq!(
            secure.fixture.venv_pip(&secure.fixture.prefix()),
            LATEST_PIP
        );
        assert!(!secure.server.requests().is_empty());
        let source = secure.fixture.archive_path();
        assert_eq!(server.requests_for(&source).len(), 1, "{way}");
        secure.fixture.assert_nothing_is_left_behind();
    }
}

#[test]
fn a_source_is_not_followed_from_https_to_http_and_comes_from_the_next_origin() {
    for chain in [false, true] {
        let secure = Secure::new();
        let (plain, between, next) = (Server::start(), secure.other(), secure.other());
        let path = secure.path();
        plain.put(&path, secure.good());
        between.put(&path, Answer::redirect(&plain.url(&path)));
        let first = if chain { &between } else { &plain };
        secure
            .server
            .put(&path, Answer::redirect(&first.url(&path)));
        refused_redirect(secure.build_from(&[&secure.server]), 4);
        assert_eq!(plain.connections(), 0, "chain: {chain}");
        assert_eq!(secure.server.requests_for(&path).len(), 1);
        assert_eq!(between.requests_for(&path).len(), usize::from(chain));
        assert!(!secure.fixture.prefix().exists());

        // The next origin is tried, and there too the digest decides.
        next.put(&path, Answer::bytes("something else"));
        let outcome = secure.build_from(&[&secure.server, &next]).exits(4);
        outcome.says([DOWNGRADED, "has the digest"]);
        assert_eq!(next.requests_for(&path).len(), 1);
        next.put(&path, secure.good());
        secure
            .build_from(&[&secure.server, &next])
            .success()
            .never_says("has the digest");
        assert_eq!(plain.connections(), 0, "chain: {chain}");
        assert_eq!(
            secure.fixture.venv_pip(&secure.fixture.prefix()),
            BUNDLED_PIP
        );
        secure.fixture.assert_nothing_is_left_behind();
    }
}

#[test]
fn neither_an_index_nor_its_wheels_are_followed_from_https_to_http() {
    let wheel = Wheel::pip(LATEST_PIP);
    let file = format!("/files/{}", wheel.file_name());
    for form in [IndexForm::Json, IndexForm::Html] {
        for path in ["/simple/pip/", &file] {
            let secure = Secure::with_index();
            let plain = Server::start();
            for server in [&plain, &secure.server] {
                server.put_index(form, std::slice::from_ref(&wheel));
            }
            secure.server.put(path, Answer::redirect(&plain.url(path)));
            refused_redirect(secure.build_with_latest(), 4);
            assert_eq!(plain.connections(), 0, "{form:?} {path}");
            assert_eq!(secure.server.requests_for(path).len(), 1);
            secure.server.put_index(form, std::slice::from_ref(&wheel));
            secure.build_with_latest().success();
            secure.fixture.assert_nothing_is_left_behind();
        }
    }
}

#[test]
fn a_signature_is_not_followed_from_https_to_http() {
    let mut secure = Secure::new();
    let signer = Key::recent("Mirror");
    let keyring = secure.fixture.context.write("keys.asc", signer.armored());
    secure.fixture.context.set("PYBUILD_KEYRING", keyring);
    let release = crate::mini_cpython::MiniCpython::new("3.13.99");
    let (plain, path) = (Server::start(), format!("/{}", release.tgz_name()));
    let beside = format!("{path}.asc");
    let signature = Answer::bytes(signer.sign(&release.tgz()).now().armored());
    secure.server.put(&path, Answer::bytes(release.tgz()));
    plain.put(&beside, signature.clone());
    secure
        .server
        .put(&beside, Answer::redirect(&plain.url(&beside)));
    let (mirror, digest) = (secure.server.url("/"), release.sha256().to_string());
    let by_signature = ["3.13.99", "--mirror", &mirror];
    let demanded = ["--verify", "signature", "--sha256", &digest];
    let demanded = [&by_signature[..], &demanded].concat();
    for arguments in [&by_signature[..], &demanded] {
        refused_redirect(secure.fixture.context.run(arguments), 4);
        assert_eq!(plain.connections(), 0, "{arguments:?}");
    }
    secure.server.put(&beside, signature);
    secure.fixture.context.run(demanded).success();
}

#[test]
fn python_orgs_release_data_is_not_followed_from_https_to_http() {
    let mut secure = Secure::new();
    let (plain, org) = (Server::start(), secure.other());
    secure.publish_at(&plain);
    secure.publish_at(&org);
    let path = "/api/v2/downloads/release/";
    org.put(path, Answer::redirect(&plain.url(path)));
    refused_redirect(secure.fixture.context.run([VERSION]), 3);
    assert_eq!(plain.connections(), 0);
    secure.publish_at(&org);
    secure.fixture.context.run([VERSION]).success();
    assert_eq!(plain.connections(), 0);
}

#[test]
fn redirects_that_end_behind_tls_are_followed() {
    let wheel = Wheel::pip(LATEST_PIP);
    let file = format!("/files/{}", wheel.file_name());
    // Another port, another host, and from `http` to `https`.
    for way in ["port", "host", "from http"] {
        let mut secure = Secure::with_index();
        let (last, plain) = (secure.other(), Server::start());
        let first = if way == "from http" {
            &plain
        } else {
            &secure.server
        };
        let path = secure.path();
        last.put(&path, secure.good());
        last.put_index(IndexForm::Html, std::slice::from_ref(&wheel));
        for path in [&path, "/simple/pip/", &file] {
            let target = match way {
                "host" => last.url_of_localhost(path),
                _ => last.url(path),
            };
            first.put(path, Answer::redirect(&target));
        }
        let index = first.url("/simple/");
        secure.fixture.context.set("PIP_INDEX_URL", index);
        let digest = secure.fixture.release.sha256().to_string();
        let mirror = first.url("/");
        let arguments = [
            VERSION, "--sha256", &digest, "--mirror", &mirror, "--pip", "latest",
        ];
        let outcome = secure.fixture.context.run(arguments);
        assert_eq!(outcome.code, Some(0), "{way}: {outcome}");
        assert_eq!(
            secure.fixture.venv_pip(&secure.fixture.prefix()),
            LATEST_PIP
        );
        assert_eq!(last.requests_for(&path).len(), 1, "{way}");
    }
}

#[test]
fn an_untrusted_certificate_is_reported_with_a_hint() {
    for (shown, known, said) in [
        (Shown::Good, false, "UnknownIssuer"),
        (Shown::Expired, true, "expired"),
        (Shown::OfAnotherHost, true, "not valid for"),
    ] {
        let mut secure = Secure::with_index();
        let authority = Authority::new();
        let authority = if known { &secure.authority } else { &authority };
        let bad = Server::start_tls(authority.issue(shown));
        let assert_reported = |outcome: Outcome, code| {
            let outcome = outcome.exits(code).has_one_error_with_a_hint();
            let hint = outcome.stderr.split("hint:").last().unwrap_or_default();
            for word in ["SSL_CERT_FILE", "PIP_CERT"] {
                assert!(hint.contains(word), "{shown:?}: {outcome}");
            }
            assert!(outcome.stderr.contains(said), "{shown:?}: {outcome}");
        };
        // The source, from this origin and then from the next.
        let path = secure.path();
        bad.put(&path, secure.good());
        assert_reported(secure.build_from(&[&bad]), 4);
        assert_eq!(bad.connections(), 1, "{shown:?}");
        secure.server.put(&path, secure.good());
        secure.build_from(&[&bad, &secure.server]).success();
        // The index, and a wheel that a trusted index has there.
        let before = bad.connections();
        let wheel = Wheel::pip(LATEST_PIP);
        let index = bad.url("/simple/");
        assert_reported(
            secure
                .fixture
                .build(&["--pip", "latest", "--index-url", &index]),
            4,
        );
        let file = bad.url(&format!("/files/{}", wheel.file_name()));
        secure
            .server
            .put("/simple/pip/", page_with(&wheel, &file, wheel.sha256()));
        assert_reported(secure.build_with_latest(), 4);
        // python.org's release data.
        secure
            .fixture
            .context
            .set("PYBUILD_PYTHON_ORG", bad.url("/"));
        assert_reported(secure.fixture.context.run([VERSION]), 3);
        assert_eq!(bad.connections(), before + 3, "{shown:?}");
        assert!(bad.requests().is_empty(), "{shown:?}");
    }
}

#[test]
fn a_file_at_an_http_address_is_accepted_for_the_digest_that_an_index_behind_tls_lists() {
    let secure = Secure::with_index();
    let wheel = Wheel::pip(LATEST_PIP);
    let (plain, path) = (Server::start(), format!("/files/{}", wheel.file_name()));
    let page = page_with(&wheel, &plain.url(&path), wheel.sha256()).with_login("me", SECRET);
    secure.server.put("/simple/pip/", page);
    let index = secure
        .server
        .url_with_login(&format!("me:{SECRET}"), "/simple/");
    let build = || {
        secure
            .fixture
            .build(&["--pip", "latest", "--index-url", &index])
    };
    // The page came over TLS, and it lists the digest.
    plain.put(&path, Answer::bytes("something else"));
    build()
        .exits(4)
        .has_one_error_with_a_hint()
        .says(["has the digest"]);
    plain.put(&path, Answer::bytes(wheel.bytes()));
    build().success().never_says(SECRET);
    let requests = plain.requests();
    assert_eq!(requests.len(), 2);
    for request in requests {
        assert_eq!(request.header("authorization"), None, "{request:?}");
    }
}

#[test]
fn a_redirect_to_another_host_shows_it_neither_password_nor_referer() {
    for same_name in [true, false] {
        let mut secure = Secure::with_index();
        let other = secure.other();
        let wheel = Wheel::pip(LATEST_PIP);
        let path = format!("/files/{}", wheel.file_name());
        other.put_index(IndexForm::Json, std::slice::from_ref(&wheel));
        for path in ["/simple/pip/", &path] {
            // Another port is another host, too.
            let target = if same_name {
                other.url(path)
            } else {
                other.url_of_localhost(path)
            };
            let answer = Answer::redirect(&target).with_login("me", SECRET);
            secure.server.put(path, answer);
        }
        let login = format!("me:{SECRET}");
        let index = secure.server.url_with_login(&login, "/simple/");
        secure.fixture.context.set("PIP_INDEX_URL", index);
        secure.build_with_latest().success().never_says(SECRET);
        let requests = other.requests();
        assert_eq!(requests.len(), 2, "{requests:?}");
        for request in requests {
            for header in ["authorization", "referer", "cookie"] {
                assert_eq!(request.header(header), None, "{request:?}");
            }
        }
        // A redirect to an `http` address of the same host is refused.
        let plain = Server::start();
        let away = Answer::redirect(&plain.url("/simple/pip/")).with_login("me", SECRET);
        secure.server.put("/simple/pip/", away);
        let outcome = secure.fixture.build(&["--pip", "latest", "--force"]);
        outcome.exits(4).never_says(SECRET);
        assert_eq!(plain.connections(), 0);
    }
}

#[test]
fn no_child_sees_the_password_of_an_index_behind_tls() {
    let mut secure = Secure::with_index();
    let wheel = Wheel::pip(LATEST_PIP);
    let path = format!("/files/{}", wheel.file_name());
    let page = page_with(&wheel, &secure.server.url(&path), wheel.sha256());
    for (path, answer) in [
        ("/simple/pip/", page),
        (path.as_str(), Answer::bytes(wheel.bytes())),
    ] {
        secure.server.put(path, answer.with_login("me", SECRET));
    }
    let login = format!("me:{SECRET}");
    let index = secure.server.url_with_login(&login, "/simple/");
    secure.fixture.context.set("PIP_INDEX_URL", index);
    secure
        .fixture
        .context
        .set("HTTPS_PROXY", format!("http://me:{SECRET}@127.0.0.1:1"));
    secure.fixture.context.set("NO_PROXY", "127.0.0.1");
    // Each of these programs writes its environment and arguments to a file first.
    let seen = secure.fixture.context.path("seen");
    fs_err::create_dir(&seen).unwrap();
    for program in ["make", "cc", "gcc", "ld"] {
        let path = secure.fixture.context.path("bin").join(program);
        let real = secure
            .fixture
            .context
            .path("bin")
            .join(format!("real-{program}"));
        fs_err::rename(&path, &real).unwrap();
        let (seen, real) = (seen.display(), real.display());
        secure.fixture.context.put_program(
            program,
            &format!(
                "#!/bin/sh\ncat /proc/$$/environ /proc/$$/cmdline >{seen}/{program}.$$\nexec {real} \"$@\"\n"
            ),
        );
    }
    let outcome = secure
        .fixture
        .build(&["--pip", "latest", "-v", "--keep-build"]);
    outcome.success().never_says(SECRET);
    assert_eq!(
        secure.fixture.venv_pip(&secure.fixture.prefix()),
        LATEST_PIP
    );
    let seen: Vec<String> = fs_err::read_dir(&seen)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    for program in ["make.", "gcc."] {
        assert!(
            seen.iter().any(|name| name.starts_with(program)),
            "{seen:?}"
        );
    }
    // `configure` and the commands of `make` log their environment, and the tree is kept.
    let logs = secure.fixture.context.files_with("environment: PATH=");
    assert!(!logs.is_empty());
    assert_eq!(
        secure.fixture.context.files_with(SECRET),
        [] as [std::path::PathBuf; 0]
    );
}

#[test]
fn a_proxy_cannot_read_requests_over_tls() {
    let mut secure = Secure::with_index();
    let (proxy, org) = (Proxy::start(), secure.other());
    secure.publish_at(&org);
    let url = proxy.url(&format!("me:{SECRET}@"));
    secure.fixture.context.set("HTTPS_PROXY", url);
    let outcome = secure.fixture.context.run([VERSION, "--pip", "latest"]);
    outcome.success().never_says(SECRET);
    assert_eq!(
        secure.fixture.venv_pip(&secure.fixture.prefix()),
        LATEST_PIP
    );
    let heads = proxy.heads();
    assert!(heads.len() >= 4, "{heads:?}");
    let login = crate::server::base64(format!("me:{SECRET}").as_bytes());
    for head in &heads {
        assert!(head.starts_with("CONNECT 127.0.0.1:"), "{head}");
        let given = format!("proxy-authorization: basic {login}");
        assert!(
            head.to_ascii_lowercase()
                .contains(&given.to_ascii_lowercase()),
            "{head}"
        );
    }
    // The servers do not see the proxy's password.
    let requests = [secure.server.requests(), org.requests()].concat();
    assert_eq!(requests.len(), heads.len());
    for request in requests {
        assert_eq!(request.header("authorization"), None);
        assert_eq!(request.header("proxy-authorization"), None);
    }
    let found = secure.fixture.context.files_with(SECRET);
    assert_eq!(found, [] as [std::path::PathBuf; 0]);
}

#[test]
fn a_proxy_that_does_not_connect_is_reported() {
    for (status, said) in [
        (407, "the proxy wants a user and a password"),
        (403, "the proxy refuses to connect"),
    ] {
        let mut secure = Secure::with_index();
        let proxy = Proxy::answering(status);
        secure.fixture.context.set("HTTPS_PROXY", proxy.url(""));
        let outcome = secure.build_with_latest().exits(4);
        let outcome = outcome.has_one_error_with_a_hint();
        outcome.says([said]);
        assert_eq!(proxy.heads().len(), 1, "{status}");
        assert_eq!(secure.server.connections(), 0);
        let path = secure.path();
        secure.server.put(&path, secure.good());
        let outcome = secure.build_from(&[&secure.server]).exits(4);
        outcome.has_one_error_with_a_hint().says([said]);
        assert_eq!(proxy.heads().len(), 2, "{status}");
        assert_eq!(secure.server.connections(), 0);
    }
}
