//! Before compiling: the compiler, make and their kin are found, and the compiler is proven to work.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::environment::Environment;
use crate::error::{ExitStatus, Explain};
use crate::fs::disk;
use crate::host::build_environment::BuildEnvironment;
use crate::host::compile_probe::{Cause, CompileProbe, Flags, Refusal};
use crate::host::packages::Capability;
use crate::process::{Command, CommandError};

/// What is compiled, linked and run as a proof.
const PROOF: &str = include_str!("compile_probe.c");

/// The compilers that are looked for, in the order of autoconf's `AC_PROG_CC`.
const COMPILERS: [&str; 3] = ["gcc", "cc", "clang"];

/// Why nothing can be compiled here.
#[derive(Debug, thiserror::Error)]
pub enum ToolchainError {
    /// None of the usual names is in `PATH`.
    #[error("there is no C compiler: none of {} is in PATH", COMPILERS.join(", "))]
    NoCompiler,
    /// `CC` names something that is not there.
    #[error("the C compiler `{name}`, which CC names, is not in PATH")]
    NamedCompilerMissing {
        /// The program that `CC` begins with.
        name: String,
    },
    /// The compiler refuses a tiny program.
    #[error("the C compiler `{command}` does not work: {line}")]
    BrokenCompiler {
        /// The compiler, as `CC` has it.
        command: String,
        /// The first line of what it says.
        line: String,
        /// What is missing, where that can be told.
        lacks: Option<Capability>,
    },
    /// The compiler cannot be started at all.
    #[error("the C compiler cannot be started")]
    CompilerNotStarted(#[source] CommandError),
    /// Nothing may be executed in the build folder.
    #[error(
        "programs cannot be started in {}{}",
        dir.display(),
        if *noexec { ": it is on a file system that is mounted noexec" } else { "" }
    )]
    NotExecutable {
        /// The build folder.
        dir: PathBuf,
        /// Whether the mount's flags say so.
        noexec: bool,
        /// What starting the program gave, when it was tried.
        source: Option<CommandError>,
    },
    /// The tiny program was compiled, but does not run.
    #[error("what the C compiler `{command}` makes does not run here: {what}")]
    ProgramFails {
        /// The compiler, as `CC` has it.
        command: String,
        /// How the program ended, or why it was not started.
        what: String,
    },
    /// There is no GNU make.
    #[error("there is no GNU make: {tried}")]
    NoMake {
        /// What was tried, and what it is instead.
        tried: String,
    },
    /// There is no `ar`.
    #[error("there is no archiver: `{name}` is not in PATH")]
    NoArchiver {
        /// What was looked for: `ar`, or what `AR` names.
        name: String,
    },
    /// The build folder cannot be written to.
    #[error("the build folder {} cannot be written to", dir.display())]
    Folder {
        /// The build folder.
        dir: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl ToolchainError {
    /// The tool whose installation would mend it; `None` when nothing can be installed against it.
    #[must_use]
    pub fn fixed_by(&self) -> Option<Capability> {
        match self {
            Self::NoCompiler => Some(Capability::Compiler),
            Self::BrokenCompiler { lacks, .. } => *lacks,
            Self::NoMake { .. } => Some(Capability::Make),
            Self::NoArchiver { name } if name == "ar" => Some(Capability::Binutils),
            _ => None,
        }
    }
}

impl Explain for ToolchainError {
    fn exit_status(&self) -> ExitStatus {
        match self {
            Self::Folder { .. } => ExitStatus::Failed,
            _ => ExitStatus::Prerequisite,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoCompiler | Self::NoMake { .. } => {
                "install a C compiler and GNU make, or run again with --install-deps".to_owned()
            }
            Self::NamedCompilerMissing { .. } => {
                "unset CC, or set it to a compiler that is installed".to_owned()
            }
            Self::NoArchiver { .. } => "install binutils, or set AR".to_owned(),
            Self::BrokenCompiler { lacks: None, .. } | Self::ProgramFails { .. } => {
                "try it on a `main` of your own; CC, CFLAGS, CPPFLAGS, LDFLAGS and LIBS are used as they are set"
                    .to_owned()
            }
            Self::BrokenCompiler { .. } => {
                "install what the compiler needs, or run again with --install-deps".to_owned()
            }
            Self::CompilerNotStarted(_) => "set CC to a compiler that works".to_owned(),
            Self::NotExecutable { .. } => {
                "name a folder on a mount that allows execution with `--build-dir DIR` or PYBUILD_BUILD_DIR"
                    .to_owned()
            }
            Self::Folder { .. } => {
                let instead = "name another folder with `--build-dir DIR` or PYBUILD_BUILD_DIR";
                disk::hint(self, instead).unwrap_or_else(|| instead.to_owned())
            }
        })
    }
}

/// Who wrote the compiler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// GNU's compiler.
    Gcc,
    /// LLVM's compiler, Apple's build of it among others.
    Clang,
    /// Another one.
    Other,
}

/// The C compiler.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compiler {
    /// As `CC` has it, arguments included.
    pub command: String,
    /// The full path of the program that the command begins with, then its arguments.
    pub words: Vec<String>,
    /// Who wrote it.
    pub family: Family,
    /// Its version as its own macros give it, such as `12.2.0`; empty for [`Family::Other`].
    pub version: String,
    /// The first line of `--version`, for people.
    pub banner: String,
    /// What it compiles for, as `-dumpmachine` gives it, such as `x86_64-linux-gnu`.
    pub machine: String,
}

/// A program and its version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// Where it is.
    pub path: PathBuf,
    /// The first line of `--version`.
    pub version: String,
}

/// The tools that build CPython, found and proven; part of the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Toolchain {
    /// The C compiler.
    pub compiler: Compiler,
    /// GNU make.
    pub make: Program,
    /// The linker that the compiler uses, where it tells.
    pub linker: Option<Program>,
    /// pkg-config, where there is one.
    pub pkg_config: Option<Program>,
    /// The C library that programs run with, such as `glibc 2.36` or `musl`.
    pub libc: String,
}

impl Toolchain {
    /// Finds the tools and proves in `scratch`, the folder that will be built in, that the compiler
    /// works and that what it makes can be started there.
    ///
    /// # Errors
    /// [`ToolchainError`].
    pub fn find(
        caller: &Environment,
        environment: &BuildEnvironment,
        scratch: &Path,
    ) -> Result<Self, ToolchainError> {
        let search = Search {
            caller,
            environment,
            scratch,
        };
        let (command, words) = search.compiler()?;
        search.archiver()?;
        let make = search.make()?;
        let pkg_config = search.pkg_config();
        let (family, version, libc) = search.prove(&command, &words)?;
        let compiler = search.compiler_command(&words);
        let machine = compiler.clone().with_argument("-dumpmachine");
        let banner = compiler.clone().with_argument("--version");
        let linker = compiler.with_argument("-print-prog-name=ld");
        Ok(Self {
            linker: first_line(&linker).and_then(|name| search.program(&name)),
            compiler: Compiler {
                command,
                words,
                family,
                version,
                banner: first_line(&banner).unwrap_or_default(),
                machine: first_line(&machine).unwrap_or_default(),
            },
            make,
            pkg_config,
            libc,
        })
    }

    /// Tells the build which compiler was proven, so that `configure` does not choose another.
    pub fn complete(&self, environment: &mut BuildEnvironment) {
        environment.set_default("CC", &self.compiler.command);
    }
}

struct Search<'a> {
    caller: &'a Environment,
    environment: &'a BuildEnvironment,
    scratch: &'a Path,
}

impl Search<'_> {
    /// `CC`, which may hold arguments or a launcher such as ccache, else one of the usual names.
    fn compiler(&self) -> Result<(String, Vec<String>), ToolchainError> {
        let mut words = self.environment.words("CC");
        let name = match words.first() {
            Some(name) => name.clone(),
            None => COMPILERS
                .into_iter()
                .find(|name| self.caller.find_program(name).is_some())
                .ok_or(ToolchainError::NoCompiler)?
                .to_owned(),
        };
        let path = self
            .caller
            .find_program(&name)
            .ok_or_else(|| ToolchainError::NamedCompilerMissing { name: name.clone() })?;
        let command = if words.is_empty() {
            words.push(String::new());
            name
        } else {
            words.join(" ")
        };
        words[0] = path.to_string_lossy().into_owned();
        Ok((command, words))
    }

    fn archiver(&self) -> Result<(), ToolchainError> {
        let name = self.environment.words("AR").into_iter().next();
        let name = name.unwrap_or_else(|| "ar".to_owned());
        match self.caller.find_program(&name) {
            Some(_) => Ok(()),
            None => Err(ToolchainError::NoArchiver { name }),
        }
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
        Err(ToolchainError::NoMake {
            tried: tried.join(", "),
        })
    }

    fn pkg_config(&self) -> Option<Program> {
        match self.environment.variable("PKG_CONFIG") {
            Some(name) => self.program(name),
            // The other name is not one that CPython's configure looks for.
            None => self.program("pkg-config"),
        }
    }

    /// A program in `PATH` and what it says of its version.
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

    fn probe<'a>(&'a self, words: &'a [String]) -> CompileProbe<'a> {
        CompileProbe {
            compiler: words,
            environment: self.environment,
            folder: self.scratch,
        }
    }

    fn compiler_command(&self, words: &[String]) -> Command {
        self.probe(words).command()
    }

    fn prove(
        &self,
        command: &str,
        words: &[String],
    ) -> Result<(Family, String, String), ToolchainError> {
        let dir = self.scratch.to_owned();
        let program = self
            .probe(words)
            .build("proof", PROOF, &Flags::default())
            .map_err(|refusal| match refusal {
                Refusal::Folder(source) => ToolchainError::Folder { dir, source },
                Refusal::NotStarted(source) => ToolchainError::CompilerNotStarted(source),
                Refusal::Compiler(complaint) => ToolchainError::BrokenCompiler {
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
        let run = Command::new(&program, self.scratch).with_variables(self.environment.variables());
        let answer = run
            .read()
            .map_err(|error| not_started(error, command, &program))?;
        let mut lines = answer.stdout.lines();
        let (Some(compiler), Some(libc), true) =
            (lines.next(), lines.next(), answer.status.success())
        else {
            let said = answer.stderr.lines().next().unwrap_or_default().trim();
            return Err(ToolchainError::ProgramFails {
                command: command.to_owned(),
                what: format!("{} {said}", answer.status).trim_end().to_owned(),
            });
        };
        let (family, version) = compiler.split_once(' ').unwrap_or((compiler, ""));
        let family = match family {
            "gcc" => Family::Gcc,
            "clang" => Family::Clang,
            _ => Family::Other,
        };
        Ok((family, version.to_owned(), libc.to_owned()))
    }
}

/// Why a program that was just linked is not started: the mount, or the program.
fn not_started(error: CommandError, command: &str, program: &Path) -> ToolchainError {
    use rustix::fs::StatVfsMountFlags;
    use std::os::unix::fs::PermissionsExt as _;
    let dir = program.parent().unwrap_or(program).to_owned();
    let denied = match &error {
        CommandError::NotStarted { source, .. } => {
            source.kind() == std::io::ErrorKind::PermissionDenied
        }
        _ => false,
    };
    // Without the mode's own bits (an umask of 0111), a permission that is denied says nothing.
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
