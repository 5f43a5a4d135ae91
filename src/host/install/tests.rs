//! Tests of the install command with fake package managers.

use std::sync::{Arc, Mutex};

use super::{InstallCommand, Progress, fraction};
use crate::environment::Environment;
use crate::error::Explain as _;
use crate::host::Error;
use crate::host::packages::{Capability, PackageManager};
use crate::host::testing::write_program;
use crate::process::Runner;
use crate::progress::{Phase, SilentReporter};

/// A folder with programs.
fn programs(scripts: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, body) in scripts {
        write_program(&dir.path().join(name), &format!("#!/bin/sh\n{body}\n"));
    }
    dir
}

fn run(scripts: &[(&str, &str)], as_root: bool) -> (Result<(), Error>, String) {
    let dir = programs(scripts);
    let path = format!("{}:/usr/bin:/bin", dir.path().display());
    let environment = Environment::with_variables(
        dir.path(),
        [
            ("PATH", path.as_str()),
            ("https_proxy", "http://me:secret@proxy.example:3128"),
            ("SECRET", "x"),
        ],
    );
    let log = dir.path().join("log");
    let runner = Runner::with_log([log.clone()]);
    let command = InstallCommand::new(PackageManager::Apt, [Capability::Zlib], as_root).unwrap();
    let result = command.run(&environment, &runner, &SilentReporter);
    (result, fs_err::read_to_string(log).unwrap_or_default())
}

#[test]
fn root_runs_the_package_manager_itself_without_questions() {
    let apt = "echo \"apt $*\"; env";
    let (result, log) = run(&[("apt-get", apt)], true);
    result.unwrap();
    let update = log.find("apt update").unwrap();
    let install = log
        .find("install -y --no-install-recommends zlib1g-dev")
        .unwrap();
    assert!(update < install);
    assert!(log.contains("DEBIAN_FRONTEND=noninteractive"), "{log}");
    assert!(log.contains("https_proxy=http"), "{log}");
    assert!(!log.contains("SECRET"), "{log}");
}

#[test]
fn other_users_need_sudo_and_its_command_line_has_no_password() {
    let sudo = "echo \"sudo $*\"";
    let (result, log) = run(&[("apt-get", ""), ("sudo", sudo)], false);
    result.unwrap();
    assert!(
        log.contains("sudo -n --preserve-env=https_proxy,DEBIAN_FRONTEND,LC_ALL"),
        "{log}"
    );
    assert!(!log.contains("secret"), "{log}");
}

#[test]
fn if_sudo_refuses_the_root_command_is_printed() {
    let (result, _) = run(&[("apt-get", ""), ("sudo", "exit 1")], false);
    let error = result.unwrap_err();
    assert!(matches!(error, Error::NeedsRoot { .. }), "{error}");
    assert!(
        error
            .hint()
            .unwrap()
            .contains("`apt-get update && apt-get install -y --no-install-recommends zlib1g-dev`"),
        "{error}"
    );
}

#[test]
fn a_failed_update_is_ignored_and_a_failed_installation_is_an_error() {
    let apt = "case $* in update) echo 'E: no route' >&2; exit 100;; esac";
    run(&[("apt-get", apt)], true).0.unwrap();
    let apt = "echo 'E: Could not get lock /var/lib/dpkg/lock-frontend' >&2; exit 100";
    let error = run(&[("apt-get", apt)], true).0.unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("Could not get lock"), "{cause}");
}

#[test]
fn each_part_of_the_line_begins_with_sudo() {
    let command = InstallCommand::new(PackageManager::Apt, [Capability::Zlib], false).unwrap();
    assert_eq!(
        command.to_string(),
        "sudo apt-get update && sudo apt-get install -y --no-install-recommends zlib1g-dev"
    );
    let brew = InstallCommand::new(PackageManager::Brew, [Capability::Zlib], false).unwrap();
    assert_eq!(brew.to_string(), "brew install zlib");
    assert_eq!(
        InstallCommand::new(PackageManager::Brew, [Capability::Crypt], false),
        None
    );
}

#[test]
fn the_bar_follows_the_output_of_package_managers() {
    #[derive(Default, Clone)]
    struct Seen(Arc<Mutex<(u64, u64)>>);
    impl Phase for Seen {
        fn set_total(&mut self, total: u64) {
            self.0.lock().unwrap().1 = total;
        }
        fn set_position(&mut self, position: u64) {
            self.0.lock().unwrap().0 = position;
        }
    }
    let after = |lines: &[&str]| {
        let seen = Seen::default();
        let mut progress = Progress::default();
        for line in lines {
            progress.see(line, &mut seen.clone());
        }
        *seen.0.lock().unwrap()
    };
    let apt = [
        "0 upgraded, 2 newly installed, 0 to remove and 7 not upgraded.",
        "Get:1 mirror bookworm/main amd64 zlib1g-dev",
        "Selecting previously unselected package zlib1g-dev.",
        "Unpacking zlib1g-dev ...",
    ];
    assert_eq!(after(&apt), (2, 6));
    assert_eq!(after(&["(3/12) Installing zlib-dev (1.3.1-r1)"]), (3, 12));
    assert_eq!(fraction("[ 4/30] Installing gcc"), Some((4, 30)));
    assert_eq!(fraction("gcc (GCC) 14"), None);
}
