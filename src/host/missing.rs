//! Missing prerequisites: the message about them, and how the user can get them.

use std::fmt;

use super::modules::found::MissingModule;
use super::packages::Capability;
use super::toolchain::error::ToolchainError;

#[derive(Debug)]
pub struct Missing {
    /// The missing tool; without it, the libraries are not known.
    pub tool: Option<ToolchainError>,
    pub modules: Vec<MissingModule>,
    /// The shell command that installs the packages; `None` on an unknown system.
    pub command: Option<String>,
    /// The name of the system.
    pub system: String,
    /// Whether that command was already run.
    pub installed: bool,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.tool {
            Some(tool) => tool.fmt(f),
            None => write!(f, "this host cannot build these modules: {}", self.list()),
        }
    }
}

impl Missing {
    /// `zlib (no zlib.h), ssl (no openssl/ssl.h)`.
    fn list(&self) -> String {
        let modules = self.modules.iter();
        let shown = modules.map(|module| format!("{} ({})", module.module, module.why));
        shown.collect::<Vec<_>>().join(", ")
    }

    /// The names of the libraries, for a system whose package names are not known.
    fn libraries(&self) -> String {
        let tools = self.tool.as_ref();
        let tools = tools.map(|_| "a C compiler, GNU make and the C library's headers");
        let libraries = self.modules.iter().map(|module| module.capability.name());
        let mut names: Vec<&str> = tools.into_iter().chain(libraries).collect();
        names.dedup();
        names.join(", ")
    }

    /// Whether only modules are missing, and all of them meet the condition.
    fn all(&self, condition: impl Fn(&MissingModule) -> bool) -> bool {
        self.tool.is_none() && self.modules.iter().all(condition)
    }

    /// The warning about modules that are not required.
    pub fn warning(&self) -> String {
        let (list, remedy) = (self.list(), self.remedy());
        format!("these modules will be missing: {list}; {remedy}")
    }

    pub fn hint(&self) -> String {
        let modules = self.modules.iter();
        let options = modules.map(|module| format!("--allow-missing {}", module.module));
        let options = options.collect::<Vec<_>>().join(" ");
        let them = if self.modules.len() == 1 {
            "it"
        } else {
            "them"
        };
        let remedy = self.remedy();
        match options.as_str() {
            "" => remedy,
            _ => format!("{remedy}; add `{options}` to build without {them}"),
        }
    }

    /// How the user can get what is missing.
    fn remedy(&self) -> String {
        if self.tool.is_some() && cfg!(target_os = "macos") {
            return "run `xcode-select --install`, which installs the compiler and make".to_owned();
        }
        let modules = self.modules.iter();
        let mut remedies: Vec<String> = modules
            .filter_map(|module| module.at_run_time.clone())
            .collect();
        remedies.dedup();
        if remedies.is_empty() || !self.all(|module| module.at_run_time.is_some()) {
            remedies.push(self.remedy_for_packages());
        }
        remedies.join("; ")
    }

    fn remedy_for_packages(&self) -> String {
        let is_openssl = |module: &MissingModule| module.capability == Capability::OpenSsl;
        match (&self.command, self.installed) {
            _ if self.all(|module| module.unsuitable) => {
                let way = if self.modules.iter().any(is_openssl) {
                    "`--configure-arg --with-openssl=DIR`"
                } else {
                    "CPPFLAGS and LDFLAGS or the right --configure-arg"
                };
                format!("use a version of the library that this release supports, and name it with {way}, or build another release")
            }
            (_, true) => {
                "the packages were installed, but the compiler still does not find the libraries; -v prints its messages"
                    .to_owned()
            }
            (Some(command), false) => format!(
                "install the missing packages: `{command}`, or run again with --install-deps"
            ),
            (None, false) => format!(
                "install {} with the development files; the package names of {} are not known",
                self.libraries(),
                self.system
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Missing;
    use crate::error::{ExitStatus, Explain as _};
    use crate::host::Error;
    use crate::host::modules::found::{MissingModule, Need};
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
    fn the_hint_names_only_remedies_that_help() {
        let known = hint(Some("dnf install -y openssl-devel"), false, false);
        assert!(known.contains("`dnf install -y openssl-devel`, or run again with --install-deps"));
        assert!(known.ends_with("add `--allow-missing ssl` to build without it"));
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

    #[test]
    fn the_warning_names_the_library_to_find_and_the_packages_to_install() {
        let at_run_time = MissingModule {
            at_run_time: Some("add the folder to LDFLAGS".to_owned()),
            ..ssl(true)
        };
        let mut missing = Missing {
            tool: None,
            modules: vec![at_run_time],
            command: Some("dnf install -y openssl-devel".to_owned()),
            system: String::new(),
            installed: false,
        };
        let start = "these modules will be missing: ssl (no openssl/ssl.h)";
        let first = "; add the folder to LDFLAGS";
        assert_eq!(missing.warning(), format!("{start}{first}"));
        missing.modules.push(ssl(false));
        let packages = "; install the missing packages: `dnf install -y openssl-devel`, or run again with --install-deps";
        assert!(missing.warning().ends_with(&format!("{first}{packages}")));
    }
}
