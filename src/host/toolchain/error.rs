//! The reasons why nothing can be compiled on this host.

use std::path::PathBuf;

use crate::error::{ExitStatus, Explain};
use crate::fs::disk;
use crate::host::packages::Capability;
use crate::process::CommandError;

/// The compilers to search for, in the order of autoconf's `AC_PROG_CC`.
pub(super) const COMPILERS: [&str; 3] = ["gcc", "cc", "clang"];

#[derive(Debug, thiserror::Error)]
pub enum ToolchainError {
    #[error("no C compiler was found: none of {} is in PATH", COMPILERS.join(", "))]
    NoCompiler,
    #[error("the C compiler `{name}`, which CC names, is not in PATH")]
    NamedCompilerMissing { name: String },
    /// The compiler rejects a small program.
    #[error("the C compiler `{command}` does not work: {line}")]
    BrokenCompiler {
        /// The value of `CC`.
        command: String,
        /// The first line of its messages.
        line: String,
        /// The missing package, if the message shows it.
        lacks: Option<Capability>,
    },
    #[error("the C compiler cannot be started")]
    CompilerNotStarted(#[source] CommandError),
    /// Programs cannot be executed in the build folder.
    #[error(
        "programs cannot be started in {}{}",
        dir.display(),
        if *noexec { ": its file system is mounted noexec" } else { "" }
    )]
    NotExecutable {
        dir: PathBuf,
        noexec: bool,
        /// The error of starting a program, if that was tried.
        source: Option<CommandError>,
    },
    #[error("a program that the C compiler `{command}` made does not run on this host: {what}")]
    ProgramFails {
        command: String,
        /// Its exit status, or why it was not started.
        what: String,
    },
    #[error("GNU make was not found: {tried}")]
    NoMake { tried: String },
    #[error("the archiver `{name}` is not in PATH")]
    NoArchiver {
        /// `ar`, or the value of `AR`.
        name: String,
    },
    #[error("--debug-info=split needs `objcopy` (binutils), which is not in PATH")]
    NoObjcopy,
    #[error("the build folder {} cannot be written", dir.display())]
    Folder {
        dir: PathBuf,
        source: std::io::Error,
    },
}

impl ToolchainError {
    /// The package that fixes it, if one does.
    pub fn fixed_by(&self) -> Option<Capability> {
        match self {
            Self::NoCompiler => Some(Capability::Compiler),
            Self::BrokenCompiler { lacks, .. } => *lacks,
            Self::NoMake { .. } => Some(Capability::Make),
            Self::NoArchiver { name } if name == "ar" => Some(Capability::Binutils),
            Self::NoObjcopy => Some(Capability::Binutils),
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
        let hint = match self {
            Self::NoCompiler | Self::NoMake { .. } => {
                "install a C compiler and GNU make, or run again with --install-deps"
            }
            Self::NamedCompilerMissing { .. } => {
                "unset CC, or set it to a compiler that is installed"
            }
            Self::NoObjcopy => {
                "install binutils, run again with --install-deps, or leave out `=split`"
            }
            Self::NoArchiver { .. } => "install binutils, or set AR to an archiver",
            Self::BrokenCompiler { lacks: None, .. } | Self::ProgramFails { .. } => {
                "compile and run a small C program with the same CC, CFLAGS, CPPFLAGS, LDFLAGS and LIBS, and correct the variable that makes it fail"
            }
            Self::BrokenCompiler { .. } => {
                "install the missing part of the compiler, or run again with --install-deps"
            }
            Self::CompilerNotStarted(_) => "set CC to a compiler that works",
            Self::NotExecutable { .. } => {
                "name a folder where programs can be executed, with `--build-dir DIR` or PYBUILD_BUILD_DIR"
            }
            Self::Folder { .. } => {
                let instead = "name another folder with `--build-dir DIR` or PYBUILD_BUILD_DIR";
                return disk::hint(self, instead).or_else(|| Some(instead.to_owned()));
            }
        };
        Some(hint.to_owned())
    }
}
