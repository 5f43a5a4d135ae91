//! The modules that can be built and those that cannot.

use std::collections::BTreeSet;

use crate::host::build_environment::BuildEnvironment;
use crate::host::packages::Capability;

#[derive(Debug, Clone, Default)]
pub struct HostModules {
    pub present: Vec<PresentModule>,
    pub missing: Vec<MissingModule>,
}

/// A module whose library was found.
#[derive(Debug, Clone)]
pub struct PresentModule {
    /// Such as `ssl`.
    pub module: &'static str,
    /// The library's version by its headers, such as `OpenSSL 3.0.15 3 Sep 2024`.
    pub library: Option<String>,
    /// The names of the shared libraries that the module needs (`DT_SONAME`), sorted.
    pub sonames: BTreeSet<String>,
    /// The library's version at run time, if that differs.
    pub library_at_run_time: Option<String>,
    /// The `-I`, `-L` and `-Wl,` flags that the build needs, because CPython's own configure does
    /// not search the library's folder.
    pub flags: Vec<String>,
}

/// A module whose library was not found.
#[derive(Debug, Clone)]
pub struct MissingModule {
    /// Such as `ssl`.
    pub module: &'static str,
    /// The reason in a few words, such as `no openssl/ssl.h`.
    pub why: String,
    /// The compiler's message.
    pub detail: String,
    /// The feature that an interpreter without the module lacks.
    pub feature: &'static str,
    /// Its library.
    pub capability: Capability,
    /// Whether the host's packages do not help: this release cannot use the version of the library,
    /// or a `--configure-arg` names another folder.
    pub unsuitable: bool,
    /// The hint for a library that programs are linked with, but do not find at run time.
    pub at_run_time: Option<String>,
    pub need: Need,
}

/// The consequence of a missing module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// The build stops.
    Required,
    /// The build continues with a warning.
    Wanted,
    /// The build continues: `--allow-missing` names the module.
    Waived,
}

impl HostModules {
    /// Adds the folders of libraries that CPython's configure does not find.
    pub fn complete(&self, environment: &mut BuildEnvironment) {
        // setup.py searches the folders of these variables only.
        for (variable, option) in [("CPPFLAGS", "-I"), ("LDFLAGS", "-L")] {
            environment.append(variable, self.flags(option));
        }
    }

    fn flags<'a>(&'a self, start: &'a str) -> impl Iterator<Item = &'a str> {
        let flags = self.present.iter().flat_map(|module| &module.flags);
        flags
            .map(String::as_str)
            .filter(move |flag| flag.starts_with(start))
    }

    /// The linker flags of extension modules, so that they find their libraries at run time.
    pub fn module_link_flags(&self) -> Vec<String> {
        let mut flags: Vec<String> = Vec::new();
        for flag in self.flags("-Wl,") {
            if !flags.iter().any(|known| known == flag) {
                flags.push(flag.to_owned());
            }
        }
        flags
    }

    /// The names of the modules that can be built.
    pub fn names(&self) -> BTreeSet<&str> {
        self.present.iter().map(|module| module.module).collect()
    }

    /// The version of OpenSSL for `ssl`, as OpenSSL prints it.
    pub fn openssl(&self) -> Option<&str> {
        let ssl = self.present.iter().find(|module| module.module == "ssl")?;
        ssl.library.as_deref()
    }

    /// The libraries to install for the missing modules.
    pub fn lacking(&self) -> impl Iterator<Item = Capability> {
        let missing = self.missing.iter();
        missing
            .filter(|module| module.need != Need::Waived && !module.unsuitable)
            .map(|module| module.capability)
    }
}
