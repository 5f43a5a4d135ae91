//! The one command that installs missing packages: it can be printed and run.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::Error;
use super::event::Event;
use super::packages::{Capability, PackageManager};
use crate::environment::Environment;
use crate::process::{Command, CommandError, Runner};
use crate::progress::{Phase, Reporter, Unit};

/// Package managers fail while another one runs, and several builds of a run may need one.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// The variables that package managers and sudo inherit: the search path, and the network's proxies.
const INHERITED: [&str; 12] = [
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

/// Displayed as one line for a shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstallCommand {
    manager: PackageManager,
    packages: BTreeSet<&'static str>,
    as_root: bool,
}

impl InstallCommand {
    /// The command that installs the packages of `needs`; `as_root` if the user is root. `None` if
    /// the package manager has no package for any of them.
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

    fn needs_sudo(&self) -> bool {
        self.manager.needs_root() && !self.as_root
    }

    fn steps(&self) -> Vec<Step> {
        let (unattended, arguments): (&[&str], &[&str]) = match self.manager {
            // A host that upgrades itself holds the lock now and then.
            PackageManager::Apt => (
                &["-o", "DPkg::Lock::Timeout=120"],
                &["install", "-y", "--no-install-recommends"],
            ),
            // The system may lack an optional library, and the others are installed anyway. dnf 4
            // has the first of these options, dnf 5 the second.
            PackageManager::Dnf => (
                &["--setopt=strict=0", "--setopt=skip_unavailable=1"],
                &["install", "-y"],
            ),
            PackageManager::Yum => (&[], &["install", "-y"]),
            PackageManager::Apk => (&[], &["add"]),
            PackageManager::Zypper => (
                &["--ignore-unknown"],
                &["--non-interactive", "install", "--no-recommends"],
            ),
            // Arch does not support new package lists without an upgrade.
            PackageManager::Pacman => (&[], &["-Syu", "--needed", "--noconfirm"]),
            PackageManager::Brew => (&[], &["install"]),
        };
        let update = (self.manager == PackageManager::Apt).then(|| Step {
            unattended: &[],
            arguments: vec!["update"],
            // One of many repositories may not answer; the installation decides.
            may_fail: true,
        });
        let install = Step {
            unattended,
            arguments: arguments.iter().chain(&self.packages).copied().collect(),
            may_fail: false,
        };
        update.into_iter().chain([install]).collect()
    }

    /// Runs it without questions, with sudo if that is needed. The output goes to the log.
    pub fn run(
        &self,
        environment: &Environment,
        runner: &Runner,
        reporter: &dyn Reporter,
    ) -> Result<(), Error> {
        let name = self.manager.program();
        let program = environment.find_program(name);
        let program = program.ok_or_else(|| Error::NoPackageManager {
            program: name,
            command: self.to_string(),
        })?;
        let sudo = self.needs_sudo().then(|| self.sudo(environment));
        let sudo = sudo.transpose()?;
        let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let mut phase = reporter.begin(STEP, Unit::Steps, None);
        for step in self.steps() {
            let command = step.command(&program, sudo.as_ref(), environment);
            let mut progress = Progress::default();
            let outcome = runner.run(STEP, &command, |line| progress.see(line, phase.as_mut()));
            match outcome {
                Ok(()) => {}
                Err(error @ CommandError::Failed { .. }) if step.may_fail => {
                    reporter.report(&Event::PackageListsNotUpdated(&error));
                }
                Err(source) => {
                    let log = runner.log_path().to_owned();
                    return Err(Error::Installation { log, source });
                }
            }
        }
        let count = self.packages.len();
        let plural = if count == 1 { "" } else { "s" };
        phase.finish(&format!("{count} package{plural} installed"));
        Ok(())
    }

    /// sudo, after it has asked for the password: a later question would disappear behind the bar.
    fn sudo(&self, environment: &Environment) -> Result<Command, Error> {
        let needs_root = || {
            let mut as_root = self.clone();
            as_root.as_root = true;
            let command = as_root.to_string();
            Error::NeedsRoot { command }
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
        asked.map(|()| sudo).map_err(|_| needs_root())
    }
}

impl fmt::Display for InstallCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sudo = if self.needs_sudo() { "sudo " } else { "" };
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
    /// The options for a run without a user; they are not displayed.
    unattended: &'static [&'static str],
    arguments: Vec<&'static str>,
    /// Whether the next step runs even if this one fails.
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
                // Only the names: a proxy's address may contain a password, and command lines are
                // visible to everybody.
                let names = INHERITED
                    .into_iter()
                    .filter(|name| !matches!(*name, "PATH" | "HOME"))
                    .filter(|name| environment.variable_os(name).is_some())
                    .chain(["DEBIAN_FRONTEND", "LC_ALL"]);
                let names = names.collect::<Vec<_>>().join(",");
                sudo.clone()
                    .with_argument(format!("--preserve-env={names}"))
                    .with_argument(program)
            }
        };
        command
            .with_arguments(self.unattended)
            .with_arguments(&self.arguments)
    }
}

/// `program` with the environment of package managers, in the foreground: if pybuild killed it while
/// it configures packages, the host would be in a worse state than before.
fn base(program: &Path, environment: &Environment) -> Command {
    let command = Command::new(program, "/")
        .in_the_foreground()
        .with_variable("DEBIAN_FRONTEND", "noninteractive")
        .with_variable("LC_ALL", "C");
    let inherited = INHERITED.into_iter();
    let set = inherited.filter_map(|name| Some((name, environment.variable_os(name)?)));
    set.fold(command, |command, (name, value)| {
        command.with_variable(name, value)
    })
}

/// Reads the progress from the output of a package manager.
#[derive(Default)]
struct Progress {
    packages: u64,
    done: u64,
}

impl Progress {
    /// The lines that apt prints for each package.
    const STAGES: [&str; 3] = ["Get:", "Unpacking ", "Setting up "];

    fn see(&mut self, line: &str, phase: &mut dyn Phase) {
        let line = line.trim();
        if line.is_empty() {
            return;
        }
        phase.set_current(line);
        if let Some(count) = apt_packages(line) {
            self.packages = count;
            phase.set_total(count * 3);
        } else if self.packages > 0 {
            if Self::STAGES.iter().any(|stage| line.starts_with(stage)) {
                self.done += 1;
                phase.set_position(self.done);
            }
        } else if let Some((done, total)) = fraction(line) {
            // apk, dnf, pacman and zypper: `(3/12) installing ...`, in each stage.
            phase.set_total(total);
            phase.set_position(done);
        }
    }
}

/// 12 for apt's `0 upgraded, 12 newly installed, 0 to remove and 3 not upgraded.`
fn apt_packages(line: &str) -> Option<u64> {
    let (_, rest) = line.split_once(" upgraded, ")?;
    let (count, _) = rest.split_once(" newly installed")?;
    count.parse().ok()
}

/// `(3, 12)` for a line with `(3/12)` or, from dnf 5, `[ 3/12]`.
fn fraction(line: &str) -> Option<(u64, u64)> {
    let start = line.find(['(', '['])?;
    let (numbers, _) = line[start + 1..].split_once([')', ']'])?;
    let (done, total) = numbers.split_once('/')?;
    let (done, total) = (done.trim().parse().ok()?, total.trim().parse().ok()?);
    (done <= total).then_some((done, total))
}

#[cfg(test)]
mod tests;
