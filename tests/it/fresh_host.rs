//! A host without root certificates: a mount namespace in which `/etc/ssl` is empty, and package managers
//! that install one certificate.

use crate::certificates::{Authority, Shown};
use crate::fixture::{Fixture, LATEST_PIP};
use crate::outcome::Outcome;
use crate::server::Server;
use crate::small_disk::{can_be_mounted, unshare, which};
use crate::wheels::{IndexForm, Wheel};

const MANAGERS: [&str; 6] = ["apt-get", "dnf", "yum", "apk", "zypper", "pacman"];

struct FreshHost {
    fixture: Fixture,
    index: Server,
}

impl FreshHost {
    /// A host with an index behind TLS. The package `ca-certificates` installs the bundle `installed`,
    /// or the certificate of the index's authority.
    fn new(installed: Option<&str>) -> Self {
        let mut fixture = Fixture::new();
        let authority = Authority::new();
        let index = Server::start_tls(authority.issue(Shown::Good));
        index.put_index(IndexForm::Json, &[Wheel::pip(LATEST_PIP)]);
        fixture.context.set("PIP_INDEX_URL", index.url("/simple/"));
        // The configuration of this host's pip may name a bundle.
        fixture.context.set("PIP_CONFIG_FILE", "/dev/null");
        let bundle = installed.unwrap_or(authority.pem());
        let bundle = fixture.context.write("bundle.pem", bundle);
        for manager in MANAGERS {
            let script = format!(
                "#!/bin/sh\necho \"$*\" >>{}\ncase \" $* \" in *' ca-certificates'*)\n\
                 mkdir -p /etc/ssl/certs && cp {} /etc/ssl/certs/ca-certificates.crt ;;\nesac\n",
                fixture.context.path("installed").display(),
                bundle.display(),
            );
            fixture.context.put_program(manager, &script);
        }
        Self { fixture, index }
    }

    fn run(&self, arguments: &[impl AsRef<std::ffi::OsStr>]) -> Outcome {
        let mut command = std::process::Command::new(which("unshare"));
        let words = unshare();
        command.args(words.get_args());
        self.fixture.context.isolate(&mut command).args([
            "/bin/sh",
            "-c",
            "PATH=/usr/sbin:/usr/bin:/sbin:/bin mount -t tmpfs tmpfs /etc/ssl && exec \"$@\"",
            "sh",
            env!("CARGO_BIN_EXE_pybuild"),
        ]);
        self.fixture.context.outcome(command.args(arguments))
    }

    fn build(&self, more: &[&str]) -> Outcome {
        self.run(&self.fixture.arguments(more))
    }

    /// Whether a package manager was called.
    fn has_installed(&self) -> bool {
        self.fixture.context.path("installed").exists()
    }
}

#[test]
fn install_deps_installs_certificates_before_the_first_https_request() {
    if !can_be_mounted() {
        return;
    }
    let host = FreshHost::new(None);
    let latest = ["--pip", "latest"];
    host.build(&latest)
        .exits(5)
        .has_one_error_with_a_hint()
        .says(["no root certificate", "ca-certificates", "--install-deps"]);
    host.build(&["--pip", "latest", "--install-deps", "--dry-run"])
        .exits(5)
        .has_one_error_with_a_hint()
        .says(["--dry-run installs nothing", "ca-certificates"]);
    host.run(&["patch", "3.11.2", "--pip", "latest"])
        .exits(5)
        .says(["ca-certificates"])
        .never_says("--install-deps");
    assert!(!host.has_installed());
    host.build(&["--pip", "latest", "--install-deps"])
        .success()
        .says(["installing root certificates", LATEST_PIP]);
    assert_eq!(host.fixture.venv_pip(&host.fixture.prefix()), LATEST_PIP);
    // Everything is in the store now, so nothing needs a certificate.
    host.build(&["--pip", "latest", "--offline", "--force"])
        .success();
}

#[test]
fn nothing_is_installed_if_no_certificate_is_needed_or_a_variable_names_a_bundle() {
    if !can_be_mounted() {
        return;
    }
    let mut host = FreshHost::new(None);
    let arguments = ["--pip", "latest", "--install-deps", "--force"];
    host.build(&["--pip", "bundled", "--install-deps"])
        .success();
    host.build(&["--pip", "latest", "--install-deps", "--offline"])
        .exits(4);
    let plain = host.fixture.server.url("/simple/");
    host.build(&["--pip", "latest", "--install-deps", "--index-url", &plain])
        .success();
    let empty = host.fixture.context.write("empty.pem", "no certificate\n");
    for named in [empty, host.fixture.context.path("missing.pem")] {
        host.fixture.context.set("SSL_CERT_FILE", &named);
        host.build(&arguments)
            .exits(4)
            .has_one_error_with_a_hint()
            .says(["SSL_CERT_FILE", &named.display().to_string()]);
    }
    let good = host.fixture.context.path("bundle.pem");
    host.fixture.context.set("SSL_CERT_FILE", &good);
    host.build(&arguments).success();
    host.fixture.context.unset("SSL_CERT_FILE");
    host.fixture.context.set("PIP_CERT", &good);
    host.build(&["--pip", LATEST_PIP, "--install-deps", "--force"])
        .success();
    assert!(!host.has_installed());
}

#[test]
fn a_redirect_to_https_needs_certificates() {
    if !can_be_mounted() {
        return;
    }
    let host = FreshHost::new(None);
    let target = host.index.url("/simple/pip/");
    let redirect = crate::server::Answer::redirect(&target);
    host.fixture.server.put("/elsewhere/pip/", redirect);
    let plain = host.fixture.server.url("/elsewhere/");
    host.build(&["--pip", "latest", "--index-url", &plain])
        .exits(5)
        .has_one_error_with_a_hint()
        .says(["no root certificate", "ca-certificates"]);
}

#[test]
fn a_package_without_a_certificate_is_reported() {
    if !can_be_mounted() {
        return;
    }
    for installed in ["", "no certificate\n"] {
        let host = FreshHost::new(Some(installed));
        host.build(&["--pip", "latest", "--install-deps"])
            .exits(5)
            .has_one_error_with_a_hint()
            .says(["no root certificate", "update-ca-certificates"]);
        assert!(host.has_installed());
    }
}
