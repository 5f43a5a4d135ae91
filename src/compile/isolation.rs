//! Keeps the build's commands from the network, where the host lets an ordinary process do that: a
//! network namespace (`network_namespaces(7)`) of their own, which holds no interface that is up.
//!
//! What is built is then a matter of the inputs that were verified, and of nothing that a `setup.py`
//! fetches behind their back.

use std::ffi::OsString;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::environment::Environment;
use crate::host::build_environment::BuildEnvironment;
use crate::process::Command;

/// Whether the build may use the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuildNetwork {
    /// Not where the host lets it be kept away.
    KeptAway,
    /// `--network`.
    Allowed,
}

/// What the build's commands could reach; part of the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "network")]
pub enum Isolation {
    /// No network: each command ran in a namespace of its own.
    None {
        /// What commands are started with.
        #[serde(skip)]
        starter: Vec<OsString>,
    },
    /// The host's network.
    Host {
        /// Why.
        because: String,
    },
}

/// Compilers' helpers that talk to a server, be it on this host: a namespace of one's own has not
/// even a loopback interface that is up.
const TALKATIVE: [&str; 4] = ["sccache", "distcc", "icecc", "pump"];

impl Isolation {
    /// Finds out what this host allows, by trying it in `scratch`.
    #[must_use]
    pub fn find(
        wish: BuildNetwork,
        caller: &Environment,
        environment: &BuildEnvironment,
        scratch: &Path,
    ) -> Self {
        let host = |because: String| Self::Host { because };
        if wish == BuildNetwork::Allowed {
            return host("--network allows it".to_owned());
        }
        for variable in ["CC", "CXX"] {
            let words = environment.words(variable);
            let program = words.first().map(Path::new);
            let name = program.and_then(Path::file_name).unwrap_or_default();
            if TALKATIVE.iter().any(|talkative| name == *talkative) {
                return host(format!("{variable} begins with {}", name.display()));
            }
        }
        let Some(unshare) = caller.find_program("unshare") else {
            return host("there is no `unshare` (util-linux) on this host".to_owned());
        };
        let mut starter = vec![unshare.into_os_string(), "--net".into()];
        if !rustix::process::geteuid().is_root() {
            // Who may not make a network namespace alone may make one inside a user namespace.
            starter.extend(["--user".into(), "--map-current-user".into()]);
        }
        let trial = Command::new("/bin/sh", scratch)
            .with_variables(environment.variables())
            .with_arguments(["-c", ":"])
            .started_by(&starter);
        match trial.read() {
            Ok(answer) if answer.status.success() => Self::None { starter },
            Ok(answer) => {
                let said = answer.stderr.lines().next().unwrap_or_default();
                host(format!("the kernel does not allow it ({said})"))
            }
            Err(error) => host(crate::error::chain(&error)),
        }
    }

    /// What commands are started with, so that they are kept from the network.
    #[must_use]
    pub fn starter(&self) -> &[OsString] {
        match self {
            Self::None { starter } => starter,
            Self::Host { .. } => &[],
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::{BuildNetwork, Isolation};
    use crate::environment::Environment;
    use crate::host::build_environment::BuildEnvironment;
    use crate::process::Command;

    fn find(wish: BuildNetwork, variables: &[(&str, &str)]) -> (tempfile::TempDir, Isolation) {
        let dir = tempfile::tempdir().unwrap();
        let path = std::env::var("PATH").unwrap();
        let all = variables.iter().copied().chain([("PATH", path.as_str())]);
        let all: std::collections::BTreeMap<&str, &str> = all.collect();
        let mut all: Vec<(&str, &str)> = all.into_iter().collect();
        if let Some(own) = variables.iter().find(|(name, _)| *name == "PATH") {
            all.retain(|(name, _)| *name != "PATH");
            all.push(*own);
        }
        let caller = Environment::with_variables(dir.path(), all);
        let environment = BuildEnvironment::new(&caller, dir.path());
        let isolation = Isolation::find(wish, &caller, &environment, dir.path());
        (dir, isolation)
    }

    fn because(wish: BuildNetwork, variables: &[(&str, &str)]) -> String {
        match find(wish, variables).1 {
            Isolation::Host { because } => because,
            Isolation::None { .. } => "it is kept away".to_owned(),
        }
    }

    #[test]
    fn a_confined_command_has_a_network_of_its_own_where_the_kernel_allows_it() {
        let (dir, isolation) = find(BuildNetwork::KeptAway, &[]);
        let Isolation::None { .. } = &isolation else {
            // A sandbox that allows no namespaces says so, and the build goes on.
            assert!(because(BuildNetwork::KeptAway, &[]).contains("does not allow"));
            return;
        };
        let question = Command::new("/bin/sh", dir.path())
            .with_arguments(["-c", "readlink /proc/self/ns/net; cat /proc/net/route"]);
        let inside = question
            .clone()
            .started_by(isolation.starter())
            .read()
            .unwrap()
            .stdout;
        let outside = question.read().unwrap().stdout;
        assert_ne!(inside.lines().next(), outside.lines().next());
        assert!(inside.lines().count() <= 2, "there is no route: {inside}");
    }

    #[test]
    fn why_it_is_not_kept_away_is_said() {
        assert_eq!(because(BuildNetwork::Allowed, &[]), "--network allows it");
        assert_eq!(
            because(BuildNetwork::KeptAway, &[("CC", "/usr/bin/sccache gcc")]),
            "CC begins with sccache"
        );
        assert_eq!(
            because(BuildNetwork::KeptAway, &[("PATH", "/nowhere")]),
            "there is no `unshare` (util-linux) on this host"
        );
    }
}
