//! The host: what it is, what it lacks for a build, and the one command that installs that.

pub mod build_environment;
pub mod certificates;
mod compile_probe;
pub mod distribution;
pub mod install;
pub mod loader;
pub mod module_probes;
pub mod modules;
pub mod packages;
pub mod prerequisites;
pub mod toolchain;

use std::path::PathBuf;

use crate::error::{ExitStatus, Explain};
use crate::host::modules::MissingModule;
use crate::host::packages::Capability;
use crate::host::toolchain::ToolchainError;
use crate::process::CommandError;

/// Why this host cannot build what is asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Tools or libraries are not there.
    #[error("{}", .0.what())]
    Missing(Box<Missing>),
    /// The tools do not work, and nothing can be installed against that.
    #[error(transparent)]
    Toolchain(#[from] ToolchainError),
    /// The distribution's package manager is not in `PATH`.
    #[error("`{program}` is not in PATH, so that nothing can be installed with it")]
    NoPackageManager {
        /// The package manager.
        program: &'static str,
        /// What was to be run.
        command: String,
    },
    /// Installing needs root, and sudo is not there or does not let us.
    #[error("installing packages needs root, and sudo is not to be had without a password")]
    NeedsRoot {
        /// What root should run.
        command: String,
    },
    /// The package manager failed.
    #[error("the packages could not be installed; the log is {}", log.display())]
    Installation {
        /// The whole log.
        log: PathBuf,
        /// What it ended with.
        source: CommandError,
    },
}

/// What is missing, and how it can be had.
#[derive(Debug)]
pub struct Missing {
    /// The tool without which nothing can be compiled.
    pub tool: Option<ToolchainError>,
    /// The modules whose libraries are not there.
    pub modules: Vec<MissingModule>,
    /// The line for a shell that installs it all; `None` on a system that is not known.
    pub command: Option<String>,
    /// What the system calls itself.
    pub system: String,
    /// Whether that command has been run already.
    pub installed: bool,
}

impl Missing {
    fn what(&self) -> String {
        match &self.tool {
            Some(tool) => tool.to_string(),
            None => format!("this host cannot build these modules: {}", self.list()),
        }
    }

    /// `zlib (no zlib.h), ssl (no openssl/ssl.h)`.
    fn list(&self) -> String {
        let modules: Vec<String> = self
            .modules
            .iter()
            .map(|module| format!("{} ({})", module.module, module.why))
            .collect();
        modules.join(", ")
    }

    /// The libraries' own names, for a system whose packages are not known.
    fn libraries(&self) -> String {
        let mut names: Vec<&str> = self
            .modules
            .iter()
            .map(|module| module.capability.name())
            .collect();
        names.dedup();
        if self.tool.is_some() {
            names.insert(0, "a C compiler, GNU make and the C library's headers");
        }
        names.join(", ")
    }

    /// Whether every library is there, in versions that are of no use.
    fn all_unsuitable(&self) -> bool {
        self.tool.is_none() && self.modules.iter().all(|module| module.unsuitable)
    }

    /// What helps against libraries that programs do not find when they run.
    fn at_run_time(&self) -> Option<String> {
        let hints = self
            .modules
            .iter()
            .filter_map(|module| module.at_run_time.as_deref());
        let mut hints: Vec<&str> = hints.collect();
        hints.dedup();
        (!hints.is_empty()).then(|| hints.join("; "))
    }

    /// Whether that is all there is to be done.
    fn all_at_run_time(&self) -> bool {
        self.tool.is_none()
            && self
                .modules
                .iter()
                .all(|module| module.at_run_time.is_some())
    }

    /// The warning for modules that are not required.
    fn warning(&self) -> String {
        let at_run_time = self.at_run_time().unwrap_or_default();
        let remedy = match (&self.command, self.installed) {
            _ if self.all_at_run_time() => format!("to have them, {at_run_time}"),
            _ if self.all_unsuitable() => {
                "to have them, name versions of their libraries that fit, with CPPFLAGS and LDFLAGS or the right --configure-arg"
                    .to_owned()
            }
            (_, true) => "the packages that were installed did not bring what they need".to_owned(),
            (Some(command), false) => {
                format!("to have them, run again with --install-deps, or run `{command}` before")
            }
            (None, false) => format!("to have them, install with headers: {}", self.libraries()),
        };
        let also = match at_run_time.as_str() {
            "" => String::new(),
            _ if self.all_at_run_time() => String::new(),
            hint => format!("; {hint}"),
        };
        format!(
            "these modules will be missing: {}; {remedy}{also}",
            self.list()
        )
    }

    fn hint(&self) -> String {
        let allow = self
            .modules
            .iter()
            .map(|module| format!("--allow-missing {}", module.module))
            .collect::<Vec<_>>()
            .join(" ");
        let allow = if allow.is_empty() {
            String::new()
        } else {
            format!("; `{allow}` builds without")
        };
        if self.tool.is_some() && cfg!(target_os = "macos") {
            return "run `xcode-select --install`, which brings compiler and make".to_owned();
        }
        let first = match self.at_run_time() {
            None => String::new(),
            Some(hint) if self.all_at_run_time() => return hint + &allow,
            Some(hint) => hint + "; ",
        };
        let rest = match (&self.command, self.installed) {
            _ if self.all_unsuitable() => {
                let openssl = |module: &MissingModule| module.capability == Capability::OpenSsl;
                let way = if self.modules.iter().any(openssl) {
                    "`--configure-arg --with-openssl=DIR`"
                } else {
                    "CPPFLAGS and LDFLAGS or the right --configure-arg"
                };
                format!(
                    "name a version of the library that fits, with {way}, or build another release{allow}"
                )
            }
            (_, true) => format!(
                "the packages were installed, but what the build looks for is still not found; -v shows what the compiler says{allow}"
            ),
            (Some(command), false) => format!(
                "install what is missing: `{command}`, or run again with --install-deps{allow}"
            ),
            (None, false) => format!(
                "install with headers: {} (the package names of {} are not known here){allow}",
                self.libraries(),
                self.system
            ),
        };
        first + &rest
    }
}

impl Explain for Error {
    fn exit_status(&self) -> ExitStatus {
        match self {
            Self::Toolchain(error) => error.exit_status(),
            _ => ExitStatus::Prerequisite,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Missing(missing) => Some(missing.hint()),
            Self::Toolchain(error) => error.hint(),
            Self::NoPackageManager { command, .. } => {
                Some(format!("run it where it is in PATH: `{command}`"))
            }
            Self::NeedsRoot { command } => {
                Some(format!("as root, run `{command}`, and then this again"))
            }
            Self::Installation { .. } => Some(
                "the package manager's own words above say why; without --install-deps nothing is installed"
                    .to_owned(),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Error, Missing};
    use crate::error::{ExitStatus, Explain as _};
    use crate::host::modules::{MissingModule, Need};
    use crate::host::packages::Capability;

    fn ssl(unsuitable: bool) -> MissingModule {
        MissingModule {
            module: "ssl",
            why: "no openssl/ssl.h".to_owned(),
            detail: String::new(),
            feature: "",
            capability: Capability::OpenSsl,
            unsuitable,
            at_run_time: None,
            need: Need::Required,
        }
    }

    fn hint(command: Option<&str>, installed: bool, unsuitable: bool) -> String {
        let error = Error::Missing(Box::new(Missing {
            tool: None,
            modules: vec![ssl(unsuitable)],
            command: command.map(ToOwned::to_owned),
            system: "Plan 10".to_owned(),
            installed,
        }));
        assert_eq!(error.exit_status(), ExitStatus::Prerequisite);
        assert_eq!(
            error.to_string(),
            "this host cannot build these modules: ssl (no openssl/ssl.h)"
        );
        error.hint().unwrap()
    }

    #[test]
    fn the_hint_says_what_helps_and_nothing_that_does_not() {
        let known = hint(Some("dnf install -y openssl-devel"), false, false);
        assert!(known.contains("`dnf install -y openssl-devel`, or run again with --install-deps"));
        assert!(known.ends_with("`--allow-missing ssl` builds without"));
        let unknown = hint(None, false, false);
        assert!(
            unknown.contains("OpenSSL") && unknown.contains("Plan 10"),
            "{unknown}"
        );
        assert!(!unknown.contains("--install-deps"), "{unknown}");
        let again = hint(Some("dnf install -y openssl-devel"), true, false);
        assert!(!again.contains("dnf"), "{again}");
        let unsuitable = hint(Some("dnf install -y gdbm-devel"), false, true);
        assert!(
            unsuitable.contains("--with-openssl=DIR") && !unsuitable.contains("dnf"),
            "{unsuitable}"
        );
    }
}
