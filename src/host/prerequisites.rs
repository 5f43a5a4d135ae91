//! Whether this host can build what is asked: tools and libraries are looked for, what is missing is
//! installed where that is wanted, and what is missing then is an error or a warning.

use std::path::Path;

use crate::environment::Environment;
use crate::host::build_environment::BuildEnvironment;
use crate::host::distribution::Distribution;
use crate::host::install::InstallCommand;
use crate::host::modules::{MissingModule, Need, Prerequisites, Requirements, all_capabilities};
use crate::host::packages::Capability;
use crate::host::toolchain::{Family, Toolchain, ToolchainError};
use crate::host::{Error, Missing};
use crate::plan::compat::{Component, HostFacts};
use crate::process::Runner;
use crate::progress::Reporter;

/// What is done about something that is missing.
#[derive(Clone, Copy)]
pub enum Remedy<'a> {
    /// It is named, with the command that would install it.
    Name,
    /// `--install-deps`: it is installed, with its output in this runner's log.
    Install(&'a Runner),
}

/// A host that can build what was asked for.
#[derive(Debug, Clone)]
pub struct Ready {
    /// The tools.
    pub toolchain: Toolchain,
    /// The modules that will be there, and the ones that will not.
    pub prerequisites: Prerequisites,
}

impl Ready {
    /// Tells the build which compiler was proven, and where libraries are that it would not find.
    pub fn complete(&self, environment: &mut BuildEnvironment) {
        self.toolchain.complete(environment);
        self.prerequisites.complete(environment);
    }

    /// What compatibility patches ask of the host.
    #[must_use]
    pub fn facts(&self) -> HostFacts {
        let compiler = &self.toolchain.compiler;
        let family = match compiler.family {
            Family::Gcc => "gcc",
            Family::Clang => "clang",
            Family::Other => "other",
        };
        HostFacts {
            compiler: Component::read(&format!("{family} {}", compiler.version)),
            openssl: self.prerequisites.openssl().and_then(Component::read),
            libc: Component::read(&self.toolchain.libc),
            machine: compiler.machine.clone(),
        }
    }
}

/// The question whether a host is ready, with all that it takes to answer it.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    /// What is going to be built.
    pub requirements: Requirements<'a>,
    /// The host's system: [`Distribution::of_this_host`].
    pub distribution: &'a Distribution,
    /// What pybuild was started with: where programs are looked for.
    pub caller: &'a Environment,
    /// What the build commands will see; [`BuildEnvironment::with_assignments`] puts in what
    /// `configure` will be told.
    pub environment: &'a BuildEnvironment,
    /// A folder inside the one that will be built in. It is left with what was tried.
    pub scratch: &'a Path,
}

impl Question<'_> {
    /// Answers it. What is missing and not required is warned of.
    ///
    /// # Errors
    /// [`Error::Missing`] for what is required and not there, [`Error::Toolchain`] for tools that do
    /// not work, and what [`InstallCommand::run`] gives.
    pub fn answer(&self, remedy: Remedy<'_>, reporter: &dyn Reporter) -> Result<Ready, Error> {
        let mut survey = self.survey()?;
        let mut installed = false;
        if let Remedy::Install(runner) = remedy
            && let Some(command) = self.install_command(survey.needs())
        {
            reporter.note(&format!("installing what is missing: {command}"));
            command.run(self.caller, runner, reporter)?;
            installed = true;
            survey = self.survey()?;
            // A compiler that had to come first: only now could the libraries be looked for. Mostly
            // they have come with it, and then this finds nothing more to do.
            if let Some(command) = self.install_command(survey.needs())
                && matches!(survey, Survey::Tools { .. })
            {
                command.run(self.caller, runner, reporter)?;
                survey = self.survey()?;
            }
        }
        self.judge(survey, installed, reporter)
    }

    /// What the host is, as far as compatibility patches ask, when `--install-deps` would install
    /// something: it is named, and nothing is installed.
    ///
    /// # Errors
    /// [`Error::Toolchain`] for tools that do not work although they are installed;
    /// [`Error::Missing`] for a required module that no package provides.
    pub fn foresee(&self, reporter: &dyn Reporter) -> Result<HostFacts, Error> {
        let survey = self.survey()?;
        let command = self.install_command(survey.needs());
        if let Some(command) = &command {
            reporter.note(&format!("a build would install what is missing: {command}"));
        }
        Ok(match survey {
            Survey::Complete(_) if command.is_none() => {
                self.judge(survey, false, reporter)?.facts()
            }
            Survey::Complete(ready) => ready.facts(),
            Survey::Tools { error, .. } => {
                reporter.warn(&format!(
                    "the plan leaves out patches that depend on the compiler: {error}"
                ));
                HostFacts::default()
            }
        })
    }

    /// The command that would install these on this host; `None` when that is not known.
    fn install_command(&self, needs: Vec<Capability>) -> Option<InstallCommand> {
        let manager = self.distribution.manager?;
        InstallCommand::new(manager, needs, rustix::process::geteuid().is_root())
    }

    /// Looks at the host.
    fn survey(&self) -> Result<Survey, Error> {
        let found = Toolchain::find(self.caller, self.environment, self.scratch);
        let toolchain = match found {
            Ok(toolchain) => toolchain,
            Err(error) => {
                let Some(tool) = error.fixed_by() else {
                    return Err(error.into());
                };
                return Ok(Survey::Tools {
                    tools: self.tools_besides(tool),
                    // Nothing can be looked for without a compiler; what is there already costs
                    // nothing when it is named to a package manager once more.
                    libraries: all_capabilities(self.requirements),
                    error,
                });
            }
        };
        let prerequisites = Prerequisites::probe(
            self.requirements,
            &toolchain,
            self.environment,
            self.scratch,
        )?;
        Ok(Survey::Complete(Ready {
            toolchain,
            prerequisites,
        }))
    }

    /// The first tool that is missing hides the others: a host without a compiler has seldom make.
    fn tools_besides(&self, tool: Capability) -> Vec<Capability> {
        let make = self.caller.variable("MAKE").unwrap_or("make");
        let lacks_make = self.caller.find_program(make).is_none();
        let other = lacks_make.then_some(Capability::Make);
        let other = other.filter(|other| *other != tool);
        std::iter::once(tool).chain(other).collect()
    }

    fn judge(
        &self,
        survey: Survey,
        installed: bool,
        reporter: &dyn Reporter,
    ) -> Result<Ready, Error> {
        let missing = |tool: Option<ToolchainError>, modules: Vec<MissingModule>, needs| Missing {
            command: self
                .install_command(needs)
                .map(|command| command.to_string()),
            system: self.distribution.name.clone(),
            tool,
            modules,
            installed,
        };
        let needs = survey.needs();
        let ready = match survey {
            Survey::Complete(ready) => ready,
            Survey::Tools { error, .. } => {
                let missing = missing(Some(error), Vec::new(), needs);
                return Err(Error::Missing(Box::new(missing)));
            }
        };
        let of = |need: Need| -> Vec<MissingModule> {
            let modules = ready.prerequisites.missing.iter();
            modules
                .filter(|module| module.need == need)
                .cloned()
                .collect()
        };
        for module in &ready.prerequisites.missing {
            reporter.detail(&format!(
                "{} will be missing: {} ({})",
                module.module, module.feature, module.detail
            ));
        }
        for module in &ready.prerequisites.present {
            if let (Some(headers), Some(library)) = (&module.library, &module.library_at_run_time) {
                reporter.warn(&format!(
                    "{} will be compiled with the headers of {headers} and run with {library}",
                    module.module
                ));
            }
        }
        let required = of(Need::Required);
        if !required.is_empty() {
            return Err(Error::Missing(Box::new(missing(None, required, needs))));
        }
        let wanted = of(Need::Wanted);
        if !wanted.is_empty() {
            reporter.warn(&missing(None, wanted, needs).warning());
        }
        Ok(ready)
    }
}

/// What was seen of a host.
enum Survey {
    /// Tools are missing, so that libraries could not be looked for.
    Tools {
        error: ToolchainError,
        tools: Vec<Capability>,
        libraries: Vec<Capability>,
    },
    /// The tools work; some libraries may be missing.
    Complete(Ready),
}

impl Survey {
    fn needs(&self) -> Vec<Capability> {
        match self {
            Self::Tools {
                tools, libraries, ..
            } => tools.iter().chain(libraries).copied().collect(),
            Self::Complete(ready) => ready.prerequisites.lacking().collect(),
        }
    }
}

#[cfg(test)]
mod tests;
