//! The tools that build CPython: the compiler, make and others are searched, and the compiler is tried.

pub(super) mod error;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use error::ToolchainError;

use error::COMPILERS;

use crate::environment::Environment;
use crate::host::build_environment::BuildEnvironment;
use crate::host::compile_probe::{Cause, CompileProbe, Flags, ProbeError};
use crate::host::packages::Capability;
use crate::plan::DebugInfo;
use crate::process::{Command, CommandError};

/// The program that is compiled, linked and run to try the compiler.
const PROBE: &str = include_str!("compile_probe.c");

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    Gcc,
    /// LLVM's compiler, or Apple's build of it.
    Clang,
    Other,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compiler {
    /// The value of `CC`, with its arguments.
    pub command: String,
    /// The full path of the program that the command begins with, then its arguments.
    pub words: Vec<String>,
    pub family: Family,
    /// Its version by its own macros, such as `12.2.0`; empty for [`Family::Other`].
    pub version: String,
    /// The first line of `--version`.
    pub banner: String,
    /// Its target, as `-dumpmachine` prints it, such as `x86_64-linux-gnu`.
    pub machine: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    pub path: PathBuf,
    /// The first line of `--version`.
    pub version: String,
}

/// The tools that build CPython; part of the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Toolchain {
    pub compiler: Compiler,
    pub make: Program,
    /// The compiler's linker, if the compiler prints its name.
    pub linker: Option<Program>,
    pub pkg_config: Option<Program>,
    /// The program that moves debug information into files of its own, if the build does that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objcopy: Option<Program>,
    /// The C library of programs, such as `glibc 2.36` or `musl`.
    pub libc: String,
    /// Versions of system headers, and optional headers that were found; they decide parts of CPython
    /// that have no module of their own. Empty in records of earlier versions.
    #[serde(default)]
    pub headers: Vec<String>,
}

impl Toolchain {
    /// Searches the tools. In `scratch`, a folder in the build folder, it checks that the compiler
    /// works and that its programs can be started there.
    pub fn find(
        caller: &Environment,
        environment: &BuildEnvironment,
        debug_info: DebugInfo,
        scratch: &Path,
    ) -> Result<Self, ToolchainError> {
        let search = ToolSearch {
            caller,
            environment,
            scratch,
        };
        let (command, words) = search.compiler()?;
        search.ensure_archiver()?;
        let objcopy = search.objcopy(debug_info)?;
        let make = search.make()?;
        // CPython's configure knows no other name, such as `pkgconf`.
        let pkg_config = environment.variable("PKG_CONFIG").unwrap_or("pkg-config");
        let pkg_config = search.program(pkg_config);
        let probe = CompileProbe {
            compiler: &words,
            environment,
            folder: scratch,
        };
        let tried = try_compiler(&command, probe)?;
        let ask = |option: &str| first_line(&probe.command().with_argument(option));
        Ok(Self {
            linker: ask("-print-prog-name=ld").and_then(|name| search.program(&name)),
            compiler: Compiler {
                command,
                family: tried.family,
                version: tried.version,
                banner: ask("--version").unwrap_or_default(),
                machine: ask("-dumpmachine").unwrap_or_default(),
                words: words.clone(),
            },
            make,
            pkg_config,
            objcopy,
            libc: tried.libc,
            headers: tried.headers,
        })
    }

    /// Sets `CC`, so that `configure` chooses the compiler that was tried.
    pub fn complete(&self, environment: &mut BuildEnvironment) {
        environment.set_default("CC", &self.compiler.command);
    }
}

struct ToolSearch<'a> {
    caller: &'a Environment,
    environment: &'a BuildEnvironment,
    scratch: &'a Path,
}

impl ToolSearch<'_> {
    /// The command and its words: `CC`, which may begin with a launcher such as ccache, or the first
    /// of the usual names.
    fn compiler(&self) -> Result<(String, Vec<String>), ToolchainError> {
        let mut words = self.environment.words("CC");
        if words.is_empty() {
            let mut names = COMPILERS.into_iter();
            let name = names.find(|name| self.caller.find_program(name).is_some());
            words.push(name.ok_or(ToolchainError::NoCompiler)?.to_owned());
        }
        let command = words.join(" ");
        let Some(path) = self.caller.find_program(&words[0]) else {
            let name = words.swap_remove(0);
            return Err(ToolchainError::NamedCompilerMissing { name });
        };
        words[0] = path.to_string_lossy().into_owned();
        Ok((command, words))
    }

    fn ensure_archiver(&self) -> Result<(), ToolchainError> {
        let name = self.environment.words("AR").into_iter().next();
        let name = name.unwrap_or_else(|| "ar".to_owned());
        match self.caller.find_program(&name) {
            Some(_) => Ok(()),
            None => Err(ToolchainError::NoArchiver { name }),
        }
    }

    /// The program for [`DebugInfo::Split`].
    fn objcopy(&self, debug_info: DebugInfo) -> Result<Option<Program>, ToolchainError> {
        if debug_info != DebugInfo::Split {
            return Ok(None);
        }
        let found = self.program("objcopy");
        found.map(Some).ok_or(ToolchainError::NoObjcopy)
    }

    fn make(&self) -> Result<Program, ToolchainError> {
        let names = match self.caller.variable("MAKE") {
            Some(name) => vec![name],
            None => vec!["make", "gmake"],
        };
        let mut tried = Vec::new();
        for name in names {
            match self.program(name) {
                None => tried.push(format!("`{name}` is not in PATH")),
                Some(program) if program.version.contains("GNU Make") => return Ok(program),
                Some(program) => {
                    tried.push(format!("{} is another make", program.path.display()));
                }
            }
        }
        let tried = tried.join(", ");
        Err(ToolchainError::NoMake { tried })
    }

    /// A program in `PATH`.
    fn program(&self, name: &str) -> Option<Program> {
        let path = self.caller.find_program(name)?;
        let question = Command::new(&path, self.scratch)
            .with_variables(self.environment.variables())
            .with_argument("--version");
        Some(Program {
            version: first_line(&question).unwrap_or_default(),
            path,
        })
    }
}

/// The answers of the program that [`try_compiler`] runs.
struct Tried {
    family: Family,
    version: String,
    libc: String,
    headers: Vec<String>,
}

/// Compiles, links and runs a program.
fn try_compiler(command: &str, probe: CompileProbe<'_>) -> Result<Tried, ToolchainError> {
    let built = probe.build("proof", PROBE, &Flags::default());
    let program = built.map_err(|error| match error {
        ProbeError::Failed(error) => error,
        ProbeError::Rejected(complaint) => ToolchainError::BrokenCompiler {
            command: command.to_owned(),
            line: complaint.line,
            lacks: match complaint.cause {
                Cause::NoHeader(_) => Some(Capability::LibcHeaders),
                Cause::NoLibrary(name) => (name == "c").then_some(Capability::LibcHeaders),
                Cause::NoBinutils => Some(Capability::Binutils),
                Cause::Own(_) | Cause::NoSymbol | Cause::DoesNotRun | Cause::Other => None,
            },
        },
    })?;
    let run = Command::new(&program, probe.folder).with_variables(probe.environment.variables());
    let answer = run
        .read()
        .map_err(|error| not_started(error, command, &program))?;
    let mut lines = answer.stdout.lines();
    let (Some(compiler), Some(libc), true) = (lines.next(), lines.next(), answer.status.success())
    else {
        let message = answer.stderr.lines().next().unwrap_or_default().trim();
        return Err(ToolchainError::ProgramFails {
            command: command.to_owned(),
            what: format!("{} {message}", answer.status).trim_end().to_owned(),
        });
    };
    let (family, version) = compiler.split_once(' ').unwrap_or((compiler, ""));
    let family = match family {
        "gcc" => Family::Gcc,
        "clang" => Family::Clang,
        _ => Family::Other,
    };
    let headers = lines.next().and_then(|line| line.strip_prefix("headers"));
    let headers = headers.unwrap_or_default().split_whitespace();
    Ok(Tried {
        family,
        version: version.to_owned(),
        libc: libc.to_owned(),
        headers: headers.map(ToOwned::to_owned).collect(),
    })
}

/// The error of a program that was linked but cannot be started: the mount, or the program itself.
fn not_started(error: CommandError, command: &str, program: &Path) -> ToolchainError {
    use rustix::fs::StatVfsMountFlags;
    use std::os::unix::fs::PermissionsExt as _;

    let dir = program.parent().unwrap_or(program).to_owned();
    let denied = matches!(&error, CommandError::NotStarted { source, .. }
        if source.kind() == std::io::ErrorKind::PermissionDenied);
    // With an umask of 0111, the file itself is not executable.
    let executable =
        fs_err::metadata(program).is_ok_and(|metadata| metadata.permissions().mode() & 0o111 != 0);
    if denied && executable {
        let noexec = rustix::fs::statvfs(&dir)
            .is_ok_and(|mount| mount.f_flag.contains(StatVfsMountFlags::NOEXEC));
        return ToolchainError::NotExecutable {
            dir,
            noexec,
            source: Some(error),
        };
    }
    let cause = std::error::Error::source(&error).map(ToString::to_string);
    ToolchainError::ProgramFails {
        command: command.to_owned(),
        what: cause.unwrap_or_else(|| error.to_string()),
    }
}

fn first_line(question: &Command) -> Option<String> {
    let answer = question.read().ok()?;
    let line = answer.stdout.lines().next()?.trim();
    (answer.status.success() && !line.is_empty()).then(|| line.to_owned())
}

#[cfg(test)]
mod tests;
