//! Tests of the choice of a release.

use std::path::Path;

use super::table::{KNOWN, TABLE};
use super::{Error, Release, ReleaseSources, UnknownDigest, resolve_version};
use crate::digest::Sha256;
use crate::environment::Environment;
use crate::error::{Explain as _, chain};
use crate::net::network::Network;
use crate::plan::DigestProof;
use crate::resolve::python_org::PythonOrg;
use crate::testing::{Answer, Said, Server, client, refusing_address};

fn ask(
    request: &str,
    sha256: Option<Sha256>,
    base: &str,
    network: Network,
) -> (Result<Release, Error>, String) {
    let environment = Environment::with_variables(Path::new("/"), [("PYBUILD_PYTHON_ORG", base)]);
    let python_org = PythonOrg::of(&environment).unwrap();
    let said = Said::default();
    let sources = ReleaseSources {
        python_org: &python_org,
        http: client(),
        network,
        reporter: &said,
        unknown: UnknownDigest::Refused,
    };
    let release = resolve_version(request.parse().unwrap(), sha256, &sources);
    (release, said.notes())
}

fn offline(request: &str, sha256: Option<Sha256>) -> Result<Release, Error> {
    ask(request, sha256, "https://python.example", Network::Offline).0
}

/// Has 3.11.99 with digests, 3.11.100 without any, and 3.16.0 with bills of materials only.
fn python_org() -> Server {
    Server::with(|request, _| {
        let release = |version: &str, id: u32| {
            format!(
                r#"{{"name":"Python {version}","slug":"s","resource_uri":"http://x/api/v2/downloads/release/{id}/"}}"#
            )
        };
        let files = |version: &str, digest: &str| {
            Answer::bytes(format!(
                r#"[{{"url":"https://x/ftp/python/{version}/Python-{version}.tar.xz","sha256_sum":"{digest}"}},
                    {{"url":"https://x/ftp/python/{version}/Python-{version}.tgz","sha256_sum":"{digest}","md5_sum":""}},
                    {{"url":"https://x/ftp/python/{version}/python-{version}-amd64.exe"}}]"#
            ))
        };
        match request.target.as_str() {
            "/api/v2/downloads/release/?is_published=true&pre_release=false" => {
                Answer::bytes(format!(
                    "[{},{},{},{}]",
                    release("3.11.99", 1),
                    release("3.11.100", 2),
                    release("install manager 25.0", 3),
                    release("3.16.0a1", 4),
                ))
            }
            "/api/v2/downloads/release/?name=Python%203.11.99" => {
                Answer::bytes(format!("[{}]", release("3.11.99", 1)))
            }
            "/api/v2/downloads/release/?name=Python%203.11.100" => {
                Answer::bytes(format!("[{}]", release("3.11.100", 2)))
            }
            "/api/v2/downloads/release/?name=Python%203.16.0" => {
                Answer::bytes(format!("[{}]", release("3.16.0", 5)))
            }
            "/api/v2/downloads/release_file/?release=1" => files("3.11.99", &"a".repeat(64)),
            "/api/v2/downloads/release_file/?release=2" => files("3.11.100", ""),
            "/api/v2/downloads/release_file/?release=5" => files("3.16.0", ""),
            "/ftp/python/3.16.0/Python-3.16.0.tgz.spdx.json" => Answer::bytes(format!(
                r#"{{"packages":[
                    {{"name":"expat","checksums":[{{"algorithm":"SHA256","checksumValue":"{}"}}]}},
                    {{"name":"CPython","packageFileName":"Python-3.16.0.tgz",
                      "checksums":[{{"algorithm":"SHA1","checksumValue":"00"}},{{"algorithm":"SHA256","checksumValue":"{}"}}]}}]}}"#,
                "c".repeat(64),
                "b".repeat(64)
            )),
            path if path.starts_with("/api/v2/downloads/release/?name=") => Answer::bytes("[]"),
            _ => Answer::status(404),
        }
    })
}

#[test]
fn every_line_of_the_table_is_parsed() {
    let lines = TABLE.lines().filter(|line| !line.starts_with('#')).count();
    assert!(lines > 150);
    assert_eq!(KNOWN.len(), lines);
    for (version, files) in KNOWN.iter() {
        assert!(version.has_ensurepip() && !files.is_empty(), "{version}");
    }
    let digests = TABLE.split_whitespace().filter(|word| word.len() == 64);
    assert_eq!(digests.count(), KNOWN.values().map(Vec::len).sum::<usize>());
}

#[test]
fn a_release_of_the_table_needs_no_request() {
    let server = python_org();
    let (release, said) = ask("3.11.2", None, &server.url("/"), Network::Online);
    let release = release.unwrap();
    assert_eq!(release.proof, DigestProof::BuiltInTable);
    assert_eq!(release.files[0].name, "Python-3.11.2.tgz");
    assert_eq!(release.files[1].name, "Python-3.11.2.tar.xz");
    assert!(server.requests().is_empty() && said.is_empty());
}

#[test]
fn the_newest_of_a_series_is_chosen_and_reported_when_python_org_cannot_be_asked() {
    let (release, said) = ask(
        "3.12",
        None,
        &refusing_address().to_string(),
        Network::Online,
    );
    assert_eq!(release.unwrap().version, "3.12.13".parse().unwrap());
    assert_eq!(
        said,
        "CPython 3.12.13 (the newest 3.12 that is known; python.org could not be asked)\n"
    );
    let latest = offline("latest", None).unwrap().version;
    assert!(latest.is_final() && latest >= "3.14.4".parse().unwrap());
}

#[test]
fn python_org_lists_newer_releases_and_one_without_digest_is_skipped() {
    let server = python_org();
    let (release, said) = ask("3.11", None, &server.url("/"), Network::Online);
    let release = release.unwrap();
    assert_eq!(release.version, "3.11.99".parse().unwrap());
    assert_eq!(release.proof, DigestProof::PythonOrg);
    assert_eq!(release.files[0].name, "Python-3.11.99.tgz");
    assert_eq!(release.files.len(), 2);
    assert!(said.contains("3.11.100 is skipped"), "{said}");
    assert!(
        said.contains("CPython 3.11.99 (the newest 3.11 that is known)"),
        "{said}"
    );
}

#[test]
fn a_bill_of_materials_replaces_a_missing_digest() {
    let server = python_org();
    let base = server.url("/");
    let release = ask("3.16.0", None, &base, Network::Online).0.unwrap();
    assert_eq!(release.files.len(), 1);
    assert_eq!(release.files[0].sha256.to_string(), "b".repeat(64));
    let refused = ask("3.11.100", None, &base, Network::Online).0.unwrap_err();
    assert!(chain(&refused).contains("no SHA-256 digest"), "{refused}");
    assert!(refused.hint().unwrap().contains("--sha256"));
}

#[test]
fn digests_are_not_accepted_over_an_unprotected_connection() {
    let refused = ask("3.16.0", None, "http://python.example", Network::Online).0;
    assert!(chain(&refused.unwrap_err()).contains("not protected by HTTPS"));
}

#[test]
fn an_unknown_release_is_refused_with_a_hint() {
    let error = offline("3.11.98", None).unwrap_err();
    let hint = error.hint().unwrap();
    assert!(
        hint.contains("3.11.15") && hint.contains("--sha256"),
        "{hint}"
    );
    let server = python_org();
    let (refused, _) = ask("3.11.98", None, &server.url("/"), Network::Online);
    let refused = refused.unwrap_err();
    assert!(chain(&refused).contains("no release 3.11.98"), "{refused}");
    assert!(refused.hint().unwrap().contains("3.11.15"));
    assert!(matches!(
        offline("3.99", None),
        Err(Error::NoneKnown { .. })
    ));
}

#[test]
fn a_digest_from_the_command_line_is_the_only_one_accepted() {
    let digest = Sha256::of(b"mine");
    for version in ["3.11.2", "3.11.98", "3.11"] {
        let release = offline(version, Some(digest)).unwrap();
        assert_eq!(release.proof, DigestProof::CommandLine);
        assert_eq!(release.files.len(), 2);
        assert!(release.files.iter().all(|file| file.sha256 == digest));
    }
    let published = offline("3.11.2", None).unwrap().files[1].clone();
    let release = offline("3.11.2", Some(published.sha256)).unwrap();
    assert_eq!(release.files, [published]);
}

#[test]
fn a_release_without_ensurepip_is_refused() {
    for request in ["2.7.8", "3.3.7", "3.3", "3.0", "2.6"] {
        let error = offline(request, None).unwrap_err();
        assert!(matches!(error, Error::NoEnsurepip { .. }), "{error}");
    }
    assert_eq!(
        offline("2", None).unwrap().version,
        "2.7.18".parse().unwrap()
    );
}
