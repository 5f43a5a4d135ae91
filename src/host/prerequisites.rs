//! The one check whether this host can build a request: it searches tools and libraries, installs what
//! is missing if that is requested, and reports the rest as an error or a warning.

use std::collections::BTreeMap;
use std::path::Path;

use super::event::Event;
use super::install::InstallCommand;
use super::missing::Missing;
use super::modules::found::{MissingModule, Need};
use super::modules::{self, HostModules, Requirements};
use super::packages::Capability;
use super::toolchain::{Family, Toolchain, ToolchainError};
use crate::environment::Environment;
use crate::host::Error;
use crate::host::build_environment::BuildEnvironment;
use crate::host::distribution::Distribution;
use crate::plan::DebugInfo;
use crate::plan::compat::{Component, HostFacts};
use crate::process::Runner;
use crate::progress::Reporter;

/// The handling of missing packages.
#[derive(Clone, Copy)]
pub enum Remedy<'a> {
    /// Print the command that installs them.
    Print,
    /// `--install-deps`: install them; this runner's log gets the output.
    Install(&'a Runner),
}

/// A host that can build the request.
#[derive(Debug, Clone)]
pub struct ReadyHost {
    pub toolchain: Toolchain,
    pub modules: HostModules,
}

impl ReadyHost {
    /// Sets the compiler that was tried, and the folders of libraries that configure does not find.
    pub fn complete(&self, environment: &mut BuildEnvironment) {
        self.toolchain.complete(environment);
        self.modules.complete(environment);
    }

    /// The modules whose libraries were found, with the libraries' versions and names.
    pub fn library_versions(&self) -> BTreeMap<String, String> {
        let modules = self.modules.present.iter();
        let versions = modules.map(|module| {
            let version = module.library.iter().chain(&module.sonames);
            let words: Vec<&str> = version.map(String::as_str).collect();
            (module.module.to_owned(), words.join(" "))
        });
        versions.collect()
    }

    /// The facts for the conditions of compatibility patches.
    pub fn facts(&self) -> HostFacts {
        let compiler = &self.toolchain.compiler;
        let family = match compiler.family {
            Family::Gcc => "gcc",
            Family::Clang => "clang",
            Family::Other => "other",
        };
        HostFacts {
            compiler: Component::read(&format!("{family} {}", compiler.version)),
            openssl: self.modules.openssl().and_then(Component::read),
            libc: Component::read(&self.toolchain.libc),
            machine: compiler.machine.clone(),
        }
    }
}

/// The check of a host.
#[derive(Clone, Copy)]
pub struct PrerequisiteCheck<'a> {
    pub requirements: Requirements<'a>,
    pub debug_info: DebugInfo,
    pub distribution: &'a Distribution,
    /// The environment to search programs in.
    pub caller: &'a Environment,
    /// The environment of the build, with the assignments of the `configure` arguments.
    pub environment: &'a BuildEnvironment,
    /// A folder in the build folder; the check leaves its programs there.
    pub scratch: &'a Path,
}

impl PrerequisiteCheck<'_> {
    /// Checks the host. A missing module that is not required is a warning.
    pub fn run(&self, remedy: Remedy<'_>, reporter: &dyn Reporter) -> Result<ReadyHost, Error> {
        let mut findings = self.search()?;
        let mut installed = false;
        if let Remedy::Install(runner) = remedy
            && let Some(command) = self.install_command(&findings)
        {
            reporter.report(&Event::InstallsPackages {
                command: command.to_string(),
            });
            command.run(self.caller, runner, reporter)?;
            installed = true;
            findings = self.search()?;
            // The missing tool may have hidden another one, such as the assembler.
            if let Findings::NoTools { .. } = findings
                && let Some(command) = self.install_command(&findings)
            {
                command.run(self.caller, runner, reporter)?;
                findings = self.search()?;
            }
        }
        self.judge(findings, installed, reporter)
    }

    /// The facts for compatibility patches in a dry run with `--install-deps`: nothing is installed,
    /// but the command is reported.
    pub fn preview(&self, reporter: &dyn Reporter) -> Result<HostFacts, Error> {
        let findings = self.search()?;
        let command = self.install_command(&findings);
        if let Some(command) = &command {
            reporter.report(&Event::WouldInstallPackages {
                command: command.to_string(),
            });
        }
        Ok(match findings {
            Findings::Tools(_) if command.is_none() => {
                self.judge(findings, false, reporter)?.facts()
            }
            Findings::Tools(ready) => ready.facts(),
            Findings::NoTools { error, .. } => {
                reporter.report(&Event::PatchesNotKnown(&error));
                HostFacts::default()
            }
        })
    }

    /// The command that installs what is missing; `None` if it is not known, or nothing is missing.
    fn install_command(&self, findings: &Findings) -> Option<InstallCommand> {
        let needs = match findings {
            Findings::NoTools { needs, .. } => needs.clone(),
            Findings::Tools(ready) => ready.modules.lacking().collect(),
        };
        self.distribution.install_command(needs)
    }

    fn search(&self) -> Result<Findings, Error> {
        let toolchain =
            match Toolchain::find(self.caller, self.environment, self.debug_info, self.scratch) {
                Ok(toolchain) => toolchain,
                Err(error) => {
                    let Some(tool) = error.fixed_by() else {
                        return Err(error.into());
                    };
                    // The first missing tool hides the others: a host without a compiler often lacks
                    // make too. Naming an installed library to a package manager does no harm.
                    let make = self.caller.variable("MAKE").unwrap_or("make");
                    let lacks_make = self.caller.find_program(make).is_none();
                    let make = lacks_make.then_some(Capability::Make);
                    let libraries = self.requirements.capabilities();
                    let needs = [tool].into_iter().chain(make).chain(libraries).collect();
                    return Ok(Findings::NoTools { error, needs });
                }
            };
        let modules = modules::find(
            self.requirements,
            &toolchain,
            self.environment,
            self.scratch,
        )?;
        let ready = ReadyHost { toolchain, modules };
        Ok(Findings::Tools(Box::new(ready)))
    }

    fn judge(
        &self,
        findings: Findings,
        installed: bool,
        reporter: &dyn Reporter,
    ) -> Result<ReadyHost, Error> {
        let command = self.install_command(&findings);
        let command = command.map(|command| command.to_string());
        let missing = |tool: Option<ToolchainError>, modules: Vec<MissingModule>| Missing {
            tool,
            modules,
            command: command.clone(),
            system: self.distribution.name.clone(),
            installed,
        };
        let ready = match findings {
            Findings::Tools(ready) => *ready,
            Findings::NoTools { error, .. } => {
                return Err(Error::Missing(Box::new(missing(Some(error), Vec::new()))));
            }
        };
        for module in &ready.modules.missing {
            reporter.report(&Event::ModuleWillBeMissing(module));
        }
        for module in &ready.modules.present {
            if let (Some(headers), Some(library)) = (&module.library, &module.library_at_run_time) {
                reporter.report(&Event::VersionsDiffer {
                    module: module.module,
                    headers,
                    library,
                });
            }
        }
        let with_need = |need: Need| -> Vec<MissingModule> {
            let modules = ready.modules.missing.iter();
            modules.filter(|it| it.need == need).cloned().collect()
        };
        let required = with_need(Need::Required);
        if !required.is_empty() {
            return Err(Error::Missing(Box::new(missing(None, required))));
        }
        let wanted = with_need(Need::Wanted);
        if !wanted.is_empty() {
            reporter.report(&Event::ModulesWillBeMissing(missing(None, wanted)));
        }
        Ok(ready)
    }
}

enum Findings {
    /// A tool is missing, so the libraries cannot be searched.
    NoTools {
        error: ToolchainError,
        needs: Vec<Capability>,
    },
    /// The tools work; libraries may be missing.
    Tools(Box<ReadyHost>),
}

#[cfg(test)]
mod tests;
