//! The one command that installs what is missing: as a line to show, and as something to run.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use super::Error;
use super::packages::{Capability, PackageManager};
use crate::environment::Environment;
use crate::process::{Command, CommandError, Runner};
use crate::progress::{Phase, Reporter, Unit};

/// What package managers and sudo need of the caller's environment: where programs are, and how the
/// network is reached.
const PASSED_ON: [&str; 12] = [
    "PATH",
    "HOME",
    "http_proxy",
    "https_proxy",
    "ftp_proxy",
    "all_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "SSL_CERT_FILE",
];

/// The step's name in the log and in front of its bar.
const STEP: &str = "packages";

/// The command that installs packages; displayed as one line for a shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstallCommand {
    manager: PackageManager,
    packages: BTreeSet<&'static str>,
    as_root: bool,
}

impl InstallCommand {
    /// The command that brings `needs` for a user who is root, or is not. `None` when that package
    /// manager has no package for any of them.
    pub fn new(
        manager: PackageManager,
        needs: impl IntoIterator<Item = Capability>,
        as_root: bool,
    ) -> Option<Self> {
        let packages = manager.packages(needs);
        (!packages.is_empty()).then_some(Self {
            manager,
            packages,
            as_root,
        })
    }

    /// Whether sudo has to be put in front.
    fn through_sudo(&self) -> bool {
        self.manager.needs_root() && !self.as_root
    }

    /// What has to be run, in order, each with the options that only a run without a person needs.
    fn steps(&self) -> Vec<Step> {
        let install = |unattended: &[&'static str], arguments: &[&'static str]| Step {
            unattended: unattended.to_vec(),
            arguments: arguments
                .iter()
                .copied()
                .chain(self.packages.iter().copied())
                .collect(),
            may_fail: false,
        };
        match self.manager {
            PackageManager::Apt => vec![
                Step {
                    unattended: vec![],
                    arguments: vec!["update"],
                    // One repository of many that does not answer; what is installed decides.
                    may_fail: true,
                },
                install(
                    // Hosts that upgrade themselves hold the lock now and then.
                    &["-o", "DPkg::Lock::Timeout=120"],
                    &["install", "-y", "--no-install-recommends"],
                ),
            ],
            // A release without one of the optional libraries must not keep the others out. dnf 4
            // knows the first of these, dnf 5 the second.
            PackageManager::Dnf => vec![install(
                &["--setopt=strict=0", "--setopt=skip_unavailable=1"],
                &["install", "-y"],
            )],
            PackageManager::Yum => vec![install(&[], &["install", "-y"])],
            PackageManager::Apk => vec![install(&[], &["add"])],
            PackageManager::Zypper => vec![install(
                &["--ignore-unknown"],
                &["--non-interactive", "install", "--no-recommends"],
            )],
            // Arch does not support installing from new lists without upgrading.
            PackageManager::Pacman => vec![install(&[], &["-Syu", "--needed", "--noconfirm"])],
            PackageManager::Brew => vec![install(&[], &["install"])],
        }
    }

    /// Runs it: nothing is asked, the output goes to the log, sudo is used when it is needed.
    ///
    /// # Errors
    /// [`Error::NoPackageManager`], [`Error::NeedsRoot`] and [`Error::Installation`].
    pub fn run(
        &self,
        environment: &Environment,
        runner: &Runner,
        reporter: &dyn Reporter,
    ) -> Result<(), Error> {
        let program = environment
            .find_program(self.manager.program())
            .ok_or_else(|| Error::NoPackageManager {
                program: self.manager.program(),
                command: self.to_string(),
            })?;
        let sudo = self.through_sudo().then(|| self.sudo(environment));
        let sudo = sudo.transpose()?;
        let mut phase = reporter.begin(STEP, Unit::Steps, None);
        for step in self.steps() {
            let command = step.command(&program, sudo.as_ref(), environment);
            let mut progress = Progress::default();
            let outcome = runner.run(STEP, &command, |line| progress.see(line, phase.as_mut()));
            match outcome {
                Ok(()) => {}
                Err(error @ CommandError::Failed { .. }) if step.may_fail => {
                    reporter.detail(&error.to_string());
                }
                Err(source) => {
                    return Err(Error::Installation {
                        log: runner.log_path().to_owned(),
                        source,
                    });
                }
            }
        }
        let count = self.packages.len();
        let plural = if count == 1 { "" } else { "s" };
        phase.finish(&format!("{count} package{plural} installed"));
        Ok(())
    }

    /// sudo, once it is known that it asks for nothing any more: a question in the middle of a bar
    /// would be overwritten by it.
    fn sudo(&self, environment: &Environment) -> Result<Command, Error> {
        let needs_root = || Error::NeedsRoot {
            command: Self {
                as_root: true,
                ..self.clone()
            }
            .to_string(),
        };
        let path = environment.find_program("sudo").ok_or_else(needs_root)?;
        let sudo = base(&path, environment);
        let silent = sudo.clone().with_arguments(["-n", "true"]).read();
        if silent.is_ok_and(|answer| answer.status.success()) {
            return Ok(sudo.with_argument("-n"));
        }
        if !environment.stderr_is_terminal() {
            return Err(needs_root());
        }
        let asked = sudo.clone().with_argument("-v").run_in_terminal();
        match asked {
            Ok(()) => Ok(sudo),
            _ => Err(needs_root()),
        }
    }
}

impl fmt::Display for InstallCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sudo = if self.through_sudo() { "sudo " } else { "" };
        for (index, step) in self.steps().iter().enumerate() {
            let and = if index == 0 { "" } else { " && " };
            let program = self.manager.program();
            write!(f, "{and}{sudo}{program} {}", step.arguments.join(" "))?;
        }
        Ok(())
    }
}

/// One call of the package manager.
struct Step {
    /// Options that only a run without a person at the keyboard needs; not shown.
    unattended: Vec<&'static str>,
    /// What is shown.
    arguments: Vec<&'static str>,
    /// Whether the next step may make up for it.
    may_fail: bool,
}

impl Step {
    fn command(
        &self,
        program: &Path,
        sudo: Option<&Command>,
        environment: &Environment,
    ) -> Command {
        let command = match sudo {
            None => base(program, environment),
            Some(sudo) => {
                // By name only: a proxy's address may hold a password, and command lines are shown.
                let names: Vec<&str> = PASSED_ON
                    .into_iter()
                    .filter(|name| !matches!(*name, "PATH" | "HOME"))
                    .filter(|name| environment.variable_os(name).is_some())
                    .chain(["DEBIAN_FRONTEND", "LC_ALL"])
                    .collect();
                sudo.clone()
                    .with_argument(format!("--preserve-env={}", names.join(",")))
                    .with_argument(program)
            }
        };
        command
            .with_arguments(&self.unattended)
            .with_arguments(&self.arguments)
    }
}

/// `program` with the environment of package managers, and where Ctrl-C reaches it: killing a group
/// in which packages are being configured would leave the host worse than before.
fn base(program: &Path, environment: &Environment) -> Command {
    let mut command = Command::new(program, "/")
        .in_the_foreground()
        .with_variable("DEBIAN_FRONTEND", "noninteractive")
        .with_variable("LC_ALL", "C");
    for name in PASSED_ON {
        if let Some(value) = environment.variable_os(name) {
            command = command.with_variable(name, value);
        }
    }
    command
}

/// Reads how far a package manager is from what it prints.
#[derive(Default)]
struct Progress {
    packages: u64,
    done: u64,
}

impl Progress {
    /// What apt does for each package, a line each.
    const STAGES: [&str; 3] = ["Get:", "Unpacking ", "Setting up "];

    fn see(&mut self, line: &str, phase: &mut dyn Phase) {
        let line = line.trim();
        if line.is_empty() {
            return;
        }
        phase.set_current(line);
        if let Some((_, rest)) = line.split_once(" upgraded, ")
            && let Some(count) = rest
                .split_once(" newly installed")
                .and_then(|(count, _)| count.parse::<u64>().ok())
        {
            // apt: `0 upgraded, 12 newly installed, 0 to remove and 3 not upgraded.`
            self.packages = count;
            phase.set_total(count * 3);
        } else if self.packages > 0 {
            if Self::STAGES.iter().any(|stage| line.starts_with(stage)) {
                self.done += 1;
                phase.set_position(self.done);
            }
        } else if let Some((done, total)) = fraction(line) {
            // apk, dnf, pacman and zypper: `(3/12) installing ...`, for one stage after the other.
            phase.set_total(total);
            phase.set_position(done);
        }
    }
}

/// `(3, 12)` of a line with `(3/12)` or, as dnf 5 writes it, `[ 3/12]`.
fn fraction(line: &str) -> Option<(u64, u64)> {
    let start = line.find(['(', '['])?;
    let rest = &line[start + 1..];
    let (numbers, _) = rest.split_once([')', ']'])?;
    let (done, total) = numbers.split_once('/')?;
    let (done, total) = (done.trim().parse().ok()?, total.trim().parse().ok()?);
    (done <= total).then_some((done, total))
}

#[cfg(test)]
mod tests;
