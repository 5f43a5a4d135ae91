//! Network access of the build's commands. If the kernel allows it, each command runs in its own network
//! namespace (`network_namespaces(7)`), in which no interface is up. Then only verified inputs decide
//! the result: a `setup.py` cannot download anything.

use std::ffi::OsString;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::compile::launcher::{Launcher, needs_server};
use crate::environment::Environment;
use crate::host::build_environment::BuildEnvironment;
use crate::process::Command;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BuildNetwork {
    /// No network if the kernel allows a namespace without it.
    KeptAway,
    /// `--network`.
    Allowed,
}

/// The network that the build's commands had; part of the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "network")]
pub(crate) enum Isolation {
    /// No network: each command ran in its own namespace.
    None {
        /// The command prefix that makes the namespace.
        #[serde(skip)]
        starter: Vec<OsString>,
    },
    /// The host's network.
    Host { because: String },
}

impl Isolation {
    /// Starts a trial command in `scratch` to find out what this host allows.
    pub(crate) fn find(
        requested: BuildNetwork,
        caller: &Environment,
        environment: &BuildEnvironment,
        launcher: Option<&Launcher>,
        scratch: &Path,
    ) -> Self {
        let host = |because: String| Self::Host { because };
        if requested == BuildNetwork::Allowed {
            return host("--network allows it".to_owned());
        }
        for variable in ["CC", "CXX"] {
            let words = environment.words(variable);
            let program = words.first().map(Path::new);
            if let Some(program) = program.filter(|program| needs_server(program)) {
                let name = program.file_name().unwrap_or_default();
                return host(format!("{variable} begins with {}", name.display()));
            }
        }
        if let Some(because) = launcher.and_then(Launcher::reason_for_network) {
            return host(because);
        }
        let Some(unshare) = caller.find_program("unshare") else {
            return host("there is no `unshare` (util-linux) on this host".to_owned());
        };
        let mut starter = vec![unshare.into_os_string(), "--net".into()];
        if !rustix::process::geteuid().is_root() {
            // Only root can make a network namespace outside of a user namespace.
            starter.extend(["--user".into(), "--map-current-user".into()]);
        }
        let trial = Command::new("/bin/sh", scratch)
            .with_variables(environment.variables())
            .with_arguments(["-c", ":"])
            .started_by(&starter);
        match trial.read() {
            Ok(answer) if answer.status.success() => Self::None { starter },
            Ok(answer) => {
                let line = answer.stderr.lines().next().unwrap_or_default();
                host(format!("the kernel does not allow it ({line})"))
            }
            Err(error) => host(crate::error::chain(&error)),
        }
    }

    pub(super) fn starter(&self) -> &[OsString] {
        match self {
            Self::None { starter } => starter,
            Self::Host { .. } => &[],
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::{BuildNetwork, Isolation};
    use crate::compile::launcher::{Launcher, LauncherFolders};
    use crate::environment::Environment;
    use crate::host::build_environment::BuildEnvironment;
    use crate::process::Command;

    fn find(requested: BuildNetwork, variables: &[(&str, &str)]) -> (tempfile::TempDir, Isolation) {
        let dir = tempfile::tempdir().unwrap();
        let path = std::env::var("PATH").unwrap();
        // Later values replace earlier ones.
        let mut all = std::collections::BTreeMap::from([("PATH", path.as_str())]);
        all.extend(variables.iter().copied());
        let caller = Environment::with_variables(dir.path(), all);
        let environment = BuildEnvironment::new(&caller, dir.path());
        let launcher = caller.variable("LAUNCHER").map(|name| {
            Launcher::find(name, LauncherFolders::OfCaller, &caller).expect("an executable file")
        });
        let launcher = launcher.as_ref();
        let isolation = Isolation::find(requested, &caller, &environment, launcher, dir.path());
        (dir, isolation)
    }

    fn because(requested: BuildNetwork, variables: &[(&str, &str)]) -> String {
        match find(requested, variables).1 {
            Isolation::Host { because } => because,
            Isolation::None { .. } => "no network".to_owned(),
        }
    }

    #[test]
    fn a_confined_command_has_a_network_of_its_own_where_the_kernel_allows_it() {
        let (dir, isolation) = find(BuildNetwork::KeptAway, &[]);
        let Isolation::None { .. } = &isolation else {
            // In a sandbox without namespaces, the build uses the host's network.
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
    fn the_reason_for_using_the_hosts_network_is_given() {
        assert_eq!(because(BuildNetwork::Allowed, &[]), "--network allows it");
        assert_eq!(
            because(BuildNetwork::KeptAway, &[("CC", "/usr/bin/sccache gcc")]),
            "CC begins with sccache"
        );
        let dir = tempfile::tempdir().unwrap();
        let launcher = |name: &str| {
            let path = dir.path().join(name);
            std::os::unix::fs::symlink("/bin/sh", &path).unwrap();
            path.display().to_string()
        };
        let (distcc, ccache) = (launcher("distcc"), launcher("ccache"));
        assert_eq!(
            because(BuildNetwork::KeptAway, &[("LAUNCHER", &distcc)]),
            format!("--launcher {distcc}")
        );
        let reason = |name, value| {
            because(
                BuildNetwork::KeptAway,
                &[("LAUNCHER", &ccache), (name, value)],
            )
        };
        assert!(reason("CCACHE_PREFIX", "/usr/bin/distcc").contains("CCACHE_PREFIX"));
        assert!(reason("CCACHE_REMOTE_STORAGE", "http://h/x").contains("names a server"));
        assert!(!reason("CCACHE_REMOTE_STORAGE", "file:/x").contains("CCACHE"));
        assert_eq!(
            because(BuildNetwork::KeptAway, &[("PATH", "/nowhere")]),
            "there is no `unshare` (util-linux) on this host"
        );
    }
}
