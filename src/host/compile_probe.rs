//! Small programs that are compiled and linked to try the toolchain and the libraries.

use std::path::{Path, PathBuf};

use super::toolchain::error::ToolchainError;
use crate::fs::disk;
use crate::host::build_environment::BuildEnvironment;
use crate::process::Command;

#[derive(Debug, Clone, Copy)]
pub(super) struct CompileProbe<'a> {
    /// The compiler's full path and its own arguments.
    pub compiler: &'a [String],
    /// The environment; its `CPPFLAGS`, `CFLAGS`, `LDFLAGS` and `LIBS` are used as `make` does.
    pub environment: &'a BuildEnvironment,
    /// The folder for sources and programs.
    pub folder: &'a Path,
}

/// Flags in addition to the environment's.
#[derive(Debug, Clone, Default)]
pub(super) struct Flags {
    /// Before the source: `-I`, `-D`.
    pub compile: Vec<String>,
    /// After it: `-L`, `-l`.
    pub link: Vec<String>,
}

/// The reason why a program was not made.
#[derive(Debug)]
pub(super) enum ProbeError {
    /// The compiler or the linker rejects it.
    Rejected(Complaint),
    /// The compiler cannot be started, or the folder cannot be written.
    Failed(ToolchainError),
}

impl CompileProbe<'_> {
    /// Compiles and links `source` in one call; returns the program's path.
    pub fn build(&self, name: &str, source: &str, flags: &Flags) -> Result<PathBuf, ProbeError> {
        let folder_error = |source| {
            let dir = self.folder.to_owned();
            ProbeError::Failed(ToolchainError::Folder { dir, source })
        };
        let program = self.folder.join(name);
        let source_file = self.folder.join(format!("{name}.c"));
        fs_err::write(&source_file, source).map_err(folder_error)?;
        let words = |variable| self.environment.words(variable);
        let answer = self
            .command()
            .with_arguments(words("CPPFLAGS"))
            .with_arguments(words("CFLAGS"))
            // Without warnings: -Werror would make a probe fail that has nothing to do with them.
            .with_argument("-w")
            .with_arguments(&flags.compile)
            .with_argument("-o")
            .with_argument(&program)
            .with_argument(&source_file)
            .with_arguments(words("LDFLAGS"))
            .with_arguments(&flags.link)
            .with_arguments(words("LIBS"))
            .read()
            .map_err(|error| ProbeError::Failed(ToolchainError::CompilerNotStarted(error)))?;
        if answer.status.success() && program.exists() {
            return Ok(program);
        }
        let output = format!("{}\n{}", answer.stderr, answer.stdout);
        // On a full disk, the compiler's errors are not about the host.
        Err(
            match disk::cause(disk::Refusal::in_output(&output), self.folder) {
                Some(source) => folder_error(source),
                None => ProbeError::Rejected(Complaint::of(&output)),
            },
        )
    }

    /// Runs a program that [`CompileProbe::build`] made, in the build's environment; returns its
    /// output.
    pub fn run(&self, program: &Path) -> Result<String, Complaint> {
        let answer = Command::new(program, self.folder)
            .with_variables(self.environment.variables())
            .read();
        let line = match answer {
            Ok(answer) if answer.status.success() => return Ok(answer.stdout),
            Ok(answer) => {
                let mut lines = answer.stderr.lines().map(str::trim);
                let line = lines.find(|line| !line.is_empty()).unwrap_or_default();
                // glibc's loader begins its message with the program's path.
                let program = format!("{}: ", program.display());
                match line.strip_prefix(&program).unwrap_or(line) {
                    "" => format!(
                        "a program that uses its library ended with {}",
                        answer.status
                    ),
                    message => message.to_owned(),
                }
            }
            Err(error) => crate::error::chain(&error),
        };
        let cause = Cause::DoesNotRun;
        Err(Complaint { line, cause })
    }

    /// The compiler with only its own arguments.
    pub fn command(&self) -> Command {
        let (program, arguments) = match self.compiler.split_first() {
            Some((program, arguments)) => (program.as_str(), arguments),
            None => ("cc", &[][..]),
        };
        Command::new(program, self.folder)
            .with_arguments(arguments)
            .with_variables(self.environment.variables())
    }
}

/// The first error of a compiler or linker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Complaint {
    /// The line as it was printed.
    pub line: String,
    pub cause: Cause,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cause {
    /// A header is missing.
    NoHeader(String),
    /// A library is missing.
    NoLibrary(String),
    /// The program's own `#error`.
    Own(String),
    /// A library lacks a symbol.
    NoSymbol,
    /// The program was linked, but the loader does not find its library, or it crashes.
    DoesNotRun,
    /// The assembler or the linker is missing.
    NoBinutils,
    Other,
}

impl Complaint {
    /// Reads the output of gcc, clang, GNU ld, lld or Apple's ld.
    fn of(output: &str) -> Self {
        let lines = || {
            output
                .lines()
                .map(str::trim)
                .filter(|line| !line.is_empty())
        };
        // `In file included from` and the name of a function come before the first error itself.
        let line = lines()
            .find(|line| cause(line) != Cause::Other)
            .or_else(|| lines().find(|line| line.to_ascii_lowercase().contains("error")))
            .or_else(|| lines().next())
            .unwrap_or("the compiler printed nothing");
        Self {
            line: line.to_owned(),
            cause: cause(line),
        }
    }
}

fn cause(line: &str) -> Cause {
    let after = |mark: &str| line.split_once(mark).map(|(_, rest)| rest);
    let word = |text: &str| {
        let end = |c: char| c.is_whitespace() || matches!(c, ':' | '\'' | '`' | '"' | ',');
        let text = text.trim_start_matches(['\'', '`', '"']);
        text.split(end).next().unwrap_or_default().to_owned()
    };
    // clang omits the directive's name.
    if let Some(text) = after("#error ").or_else(|| after("error: \"")) {
        return Cause::Own(text.trim_matches('"').to_owned());
    }
    if let Some(rest) = after("fatal error: ") {
        if rest.contains("cannot execute") {
            return Cause::NoBinutils;
        }
        if rest.contains("No such file or directory") || rest.contains("file not found") {
            return Cause::NoHeader(word(rest));
        }
    }
    if let Some(rest) = after("cannot find -l")
        .or_else(|| after("unable to find library -l"))
        .or_else(|| after("library not found for -l"))
        .or_else(|| after("ld: library '"))
    {
        return Cause::NoLibrary(word(rest));
    }
    if let Some(rest) = after("cannot find ") {
        return match word(rest).as_str() {
            "ld" | "as" => Cause::NoBinutils,
            // `crt1.o` and the like belong to the C library.
            name if name.starts_with("crt") || name.starts_with("Scrt") => {
                Cause::NoLibrary("c".to_owned())
            }
            _ => Cause::Other,
        };
    }
    if line.contains("undefined reference") || line.contains("undefined symbol") {
        return Cause::NoSymbol;
    }
    Cause::Other
}

#[cfg(test)]
mod tests {
    use super::{Cause, Complaint};

    #[test]
    fn the_messages_of_compilers_and_linkers_are_recognized() {
        let header = |name: &str| Cause::NoHeader(name.to_owned());
        let library = |name: &str| Cause::NoLibrary(name.to_owned());
        for (output, expected) in [
            (
                "zlib.c:1:10: fatal error: zlib.h: No such file or directory\n    1 | #include <zlib.h>",
                header("zlib.h"),
            ),
            (
                "ssl.c:1:10: fatal error: 'openssl/ssl.h' file not found\n#include <openssl/ssl.h>",
                header("openssl/ssl.h"),
            ),
            (
                "/usr/bin/ld: cannot find -lffi: No such file or directory\ncollect2: error: ld returned 1 exit status",
                library("ffi"),
            ),
            (
                "ld.lld: error: unable to find library -lbz2",
                library("bz2"),
            ),
            ("ld: library 'bz2' not found", library("bz2")),
            (
                "/usr/bin/ld: cannot find crt1.o: No such file or directory",
                library("c"),
            ),
            (
                "collect2: fatal error: cannot find 'ld'\ncompilation terminated.",
                Cause::NoBinutils,
            ),
            (
                "cc1: fatal error: cannot execute 'as': execvp: No such file or directory",
                Cause::NoBinutils,
            ),
            (
                "In file included from a.h:1,\nssl.c:4:2: error: #error \"OpenSSL 1.1.1 is needed\"",
                Cause::Own("OpenSSL 1.1.1 is needed".to_owned()),
            ),
            (
                "ssl.c:4:2: error: \"OpenSSL 1.1.1 is needed\"",
                Cause::Own("OpenSSL 1.1.1 is needed".to_owned()),
            ),
            (
                "/usr/bin/ld: /tmp/cc1.o: in function `main':\na.c:(.text+0x9): undefined reference to `ffi_call'",
                Cause::NoSymbol,
            ),
            ("Illegal instruction", Cause::Other),
        ] {
            assert_eq!(Complaint::of(output).cause, expected, "{output}");
        }
    }
}
