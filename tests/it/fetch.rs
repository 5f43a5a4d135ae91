//! The origins of release files, and failures to fetch them.

use std::ffi::OsString;

use crate::context::Context;
use crate::mini_cpython::{BUNDLED_PIP, MiniCpython, VERSION};
use crate::outcome::Outcome;
use crate::python_org::{Published, ftp_path};
use crate::server::{Answer, Server};

/// A release, and a server that may be a mirror or stand for python.org.
struct Origins {
    context: Context,
    server: Server,
    release: MiniCpython,
}

impl Origins {
    fn new() -> Self {
        Self {
            context: Context::new(),
            server: Server::start(),
            release: MiniCpython::new(VERSION),
        }
    }

    /// With the server in python.org's place.
    fn with_python_org() -> Self {
        let mut origins = Self::new();
        let base = origins.server.url("/");
        origins.context.set("PYBUILD_PYTHON_ORG", base);
        origins
    }

    fn path(&self) -> String {
        ftp_path(&self.release, &self.release.tgz_name())
    }

    fn build(&self, more: &[&str]) -> Outcome {
        let mut arguments: Vec<OsString> = vec![
            VERSION.into(),
            "--sha256".into(),
            self.release.sha256().to_string().into(),
        ];
        arguments.extend(more.iter().map(OsString::from));
        self.context.run(arguments)
    }

    #[track_caller]
    fn assert_built(&self) {
        let python = self.context.default_prefix(VERSION).join("bin/python3");
        let mut command = std::process::Command::new(python);
        let outcome = self
            .context
            .outcome(command.args(["-m", "pip", "-V"]))
            .success();
        assert!(
            outcome.stdout.starts_with(&format!("pip {BUNDLED_PIP} ")),
            "{outcome}"
        );
    }
}

#[test]
fn a_release_that_is_not_in_the_table_is_verified_with_python_orgs_data() {
    let origins = Origins::with_python_org();
    origins.server.put_release_files(&origins.release);
    origins
        .server
        .put_release_data(&[Published::of(&origins.release)]);
    origins.context.run([VERSION]).success();
    origins.assert_built();
}

#[test]
fn a_series_means_its_newest_release_that_python_org_lists() {
    let origins = Origins::with_python_org();
    let older = MiniCpython::new("3.99.0");
    let candidate = MiniCpython::new("3.99.2rc1");
    for release in [&older, &origins.release, &candidate] {
        origins.server.put_release_files(release);
    }
    let all = [&older, &candidate, &origins.release].map(Published::of);
    origins.server.put_release_data(&all);
    let outcome = origins.context.run(["3.99"]).success();
    outcome.says([VERSION]);
    origins.assert_built();
}

#[test]
fn a_release_with_another_digest_than_python_orgs_is_refused() {
    let origins = Origins::with_python_org();
    origins.server.put_release_files(&origins.release);
    let wrong = pybuild::digest::Sha256::of(b"another file").to_string();
    let mut published = Published::of(&origins.release);
    published.sha256.clone_from(&wrong);
    origins.server.put_release_data(&[published]);
    let outcome = origins
        .context
        .run([VERSION])
        .exits(4)
        .has_one_error_with_a_hint();
    let found = origins.release.sha256().to_string();
    outcome.says([wrong.as_str(), &found]);
}

#[test]
fn mirrors_are_folders_or_addresses_and_come_before_python_org() {
    for way in ["folder", "address", "variable"] {
        let mut origins = Origins::with_python_org();
        origins.server.put_release_files(&origins.release);
        let mirror = Server::start();
        mirror.put(
            &format!("/mirror/{}", origins.release.tgz_name()),
            Answer::bytes(origins.release.tgz()),
        );
        let url = mirror.url("/mirror");
        match way {
            "folder" => {
                let folder = origins.context.path("mirror");
                origins.release.write_tgz(&folder);
                origins
                    .build(&["--mirror", &folder.display().to_string()])
                    .success();
            }
            "address" => drop(origins.build(&["--mirror", &url]).success()),
            _ => {
                origins.context.set("PYBUILD_MIRROR", &url);
                origins.build(&[]).success();
            }
        }
        origins.assert_built();
        assert!(
            origins.server.requests_for(&origins.path()).is_empty(),
            "{way}"
        );
    }
}

#[test]
fn an_origin_with_another_file_is_skipped() {
    let origins = Origins::with_python_org();
    origins.server.put_release_files(&origins.release);
    let folder = origins.context.path("mirror");
    let name = format!("mirror/{}", origins.release.tgz_name());
    origins.context.write(&name, "not the release");
    let mirror = Server::start();
    let path = format!("/{}", origins.release.tgz_name());
    mirror.put(&path, Answer::bytes("neither this"));
    let arguments = [
        "--mirror",
        &folder.display().to_string(),
        "--mirror",
        &mirror.url("/"),
    ];
    origins.build(&arguments).success();
    assert!(!mirror.requests_for(&path).is_empty());
    origins.assert_built();
}

#[test]
fn a_broken_download_is_resumed_where_it_broke() {
    let origins = Origins::with_python_org();
    let answer = Answer::bytes(origins.release.tgz()).cut_once(1000);
    origins.server.put(&origins.path(), answer);
    origins.build(&[]).success();
    origins.assert_built();
    let requests = origins.server.requests_for(&origins.path());
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[1].header("range"), Some("bytes=1000-"));
}

#[test]
fn a_download_from_a_server_without_ranges_begins_again() {
    let origins = Origins::with_python_org();
    let answer = Answer::bytes(origins.release.tgz());
    origins
        .server
        .put(&origins.path(), answer.cut_once(1000).ignoring_ranges());
    origins.build(&[]).success();
    origins.assert_built();
}

#[test]
fn a_request_that_fails_once_is_repeated() {
    let origins = Origins::with_python_org();
    let answer = Answer::bytes(origins.release.tgz()).failing_first(1, 503);
    origins.server.put(&origins.path(), answer);
    origins.build(&[]).success();
    origins.assert_built();
}

#[test]
fn a_redirect_is_followed() {
    let origins = Origins::with_python_org();
    origins
        .server
        .put("/elsewhere", Answer::bytes(origins.release.tgz()));
    origins
        .server
        .put(&origins.path(), Answer::redirect("/elsewhere"));
    origins.build(&[]).success();
    origins.assert_built();
}

#[test]
fn when_all_fail_every_answer_is_shown() {
    let origins = Origins::with_python_org();
    let loops = Server::start();
    let path = format!("/{}", origins.release.tgz_name());
    loops.put(&path, Answer::redirect(&path));
    let folder = origins.context.path("empty-mirror");
    fs_err::create_dir(&folder).unwrap();
    let folder = folder.display().to_string();
    let arguments = ["--mirror", &folder, "--mirror", &loops.url("/")];
    let outcome = origins
        .build(&arguments)
        .exits(4)
        .has_one_error_with_a_hint();
    outcome.says([folder.as_str(), "redirect", &origins.server.url("/"), "404"]);
    assert!(!origins.context.default_prefix(VERSION).exists());
}

#[test]
fn the_second_build_uses_the_store_unless_its_file_is_corrupt() {
    let origins = Origins::with_python_org();
    origins.server.put_release_files(&origins.release);
    origins.build(&["--no-cache"]).success();
    let requests = || origins.server.requests_for(&origins.path()).len();
    assert_eq!(requests(), 1);
    origins.build(&["--force", "--no-cache"]).success();
    assert_eq!(requests(), 1);
    let stored = format!("cache/sha256/{}", origins.release.sha256());
    let stored = origins.context.path(&stored);
    fs_err::remove_file(&stored).unwrap();
    fs_err::write(&stored, "tampered").unwrap();
    origins.build(&["--force", "--no-cache"]).success();
    assert_eq!(requests(), 2);
    origins.assert_built();
}

#[test]
fn offline_no_origin_is_asked() {
    let origins = Origins::with_python_org();
    origins.server.put_release_files(&origins.release);
    let outcome = origins.build(&["--offline"]).exits(4);
    outcome.has_one_error_with_a_hint().says(["offline"]);
    assert!(origins.server.requests().is_empty());
}

#[test]
fn a_release_from_an_address_is_fetched_with_its_digest() {
    let origins = Origins::new();
    origins
        .server
        .put("/any/name.tgz", Answer::bytes(origins.release.tgz()));
    origins
        .build(&["--source", &origins.server.url("/any/name.tgz")])
        .success();
    origins.assert_built();
}

#[test]
fn a_download_that_always_breaks_off_is_an_error_and_leaves_no_file() {
    let origins = Origins::with_python_org();
    let answer = Answer::bytes(origins.release.tgz());
    origins.server.put(&origins.path(), answer.cut_always(0));
    let outcome = origins.build(&[]).exits(4).has_one_error_with_a_hint();
    outcome.says(["broke off"]);
    assert!(origins.context.snapshot("cache/sha256").len() <= 1);
}

/// Puts programs in place that answer like apt on a host whose sources have the release. Only the
/// archive of the package can still be downloaded.
fn put_apt(origins: &Origins, packaged: &[u8]) {
    let context = &origins.context;
    let archive = context.write("python3.99_3.99.1.orig.tar.gz", packaged);
    let sources = context.write(
        "apt/sources.list",
        "deb http://127.0.0.1:1/debian stable main\n",
    );
    let stanza = context.write(
        "stanza",
        format!(
            "Package: python3.99\nVersion: 3.99.1-6\nChecksums-Sha256:\n {} 1 {}\n",
            origins.release.sha256(),
            "python3.99_3.99.1.orig.tar.gz"
        ),
    );
    let config = format!(
        "#!/bin/sh\necho \"LIST='{}'\"\necho \"PARTS='{}'\"\n",
        sources.display(),
        context.path("apt/parts").display()
    );
    context.put_program("apt-config", &config);
    let cache = format!("#!/bin/sh\ncat '{}'\n", stanza.display());
    context.put_program("apt-cache", &cache);
    let get = format!(
        "#!/bin/sh\ncase \"$*\" in\n*update*) exit 0 ;;\n*'source '*python3.99=3.99.1-6*) cp '{}' . ;;\n\
         esac\necho 'E: Failed to fetch python3.99_3.99.1-6.dsc  404  Not Found'\nexit 100\n",
        archive.display()
    );
    context.put_program("apt-get", &get);
}

#[test]
fn the_hosts_source_package_is_asked_last_and_only_its_archive_is_needed() {
    let origins = Origins::with_python_org();
    put_apt(&origins, &origins.release.tgz());
    origins.build(&[]).success();
    origins.assert_built();
    assert_eq!(origins.server.requests_for(&origins.path()).len(), 1);
}

#[test]
fn a_source_package_with_another_archive_is_not_the_release() {
    let origins = Origins::with_python_org();
    put_apt(&origins, b"repacked by the distribution");
    let outcome = origins.build(&[]).exits(4).has_one_error_with_a_hint();
    outcome.says(["python3.99=3.99.1-6"]);
}
