//! Tiny programs compiled and linked to see whether that works; toolchain and modules ask this way.

use std::path::{Path, PathBuf};

use crate::fs::disk;
use crate::host::build_environment::BuildEnvironment;
use crate::process::{Command, CommandError};

/// Where and with what tiny programs are compiled.
#[derive(Debug, Clone, Copy)]
pub(super) struct CompileProbe<'a> {
    /// The compiler's full path and its own arguments.
    pub compiler: &'a [String],
    /// The environment; its `CPPFLAGS`, `CFLAGS`, `LDFLAGS` and `LIBS` are used as `make` does.
    pub environment: &'a BuildEnvironment,
    /// The folder that source and program are written to.
    pub folder: &'a Path,
}

/// Flags beyond the environment's.
#[derive(Debug, Clone, Default)]
pub(super) struct Flags {
    /// Before the source: `-I`, `-D`.
    pub compile: Vec<String>,
    /// After it: `-L`, `-l`.
    pub link: Vec<String>,
}

/// Why there is no program.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The compiler does not take it.
    Compiler(Complaint),
    /// The compiler cannot be started.
    NotStarted(CommandError),
    /// The source or the program cannot be written.
    Folder(std::io::Error),
}

impl CompileProbe<'_> {
    /// Compiles and links `source` in one call; gives the program's path.
    pub fn build(&self, name: &str, source: &str, flags: &Flags) -> Result<PathBuf, Refusal> {
        let program = self.folder.join(name);
        let source_file = self.folder.join(format!("{name}.c"));
        fs_err::write(&source_file, source).map_err(Refusal::Folder)?;
        let answer = self
            .command()
            .with_arguments(self.environment.words("CPPFLAGS"))
            .with_arguments(self.environment.words("CFLAGS"))
            // A warning about a program of three lines, or -Werror, would say nothing of the host.
            .with_argument("-w")
            .with_arguments(&flags.compile)
            .with_argument("-o")
            .with_argument(&program)
            .with_argument(&source_file)
            .with_arguments(self.environment.words("LDFLAGS"))
            .with_arguments(&flags.link)
            .with_arguments(self.environment.words("LIBS"))
            .read()
            .map_err(Refusal::NotStarted)?;
        if answer.status.success() && program.exists() {
            return Ok(program);
        }
        let said = format!("{}\n{}", answer.stderr, answer.stdout);
        // What a full disk does to a compiler says nothing of what this host has.
        let told = disk::Refusal::in_output(&said);
        Err(match disk::cause(told, self.folder) {
            Some(source) => Refusal::Folder(source),
            None => Refusal::Compiler(Complaint::of(&said)),
        })
    }

    /// Runs what [`CompileProbe::build`] made, in the environment of the build; gives its output.
    pub fn run(&self, program: &Path) -> Result<String, Complaint> {
        let answer = Command::new(program, self.folder)
            .with_variables(self.environment.variables())
            .read();
        let line = match answer {
            Ok(answer) if answer.status.success() => return Ok(answer.stdout),
            Ok(answer) => {
                let mut lines = answer.stderr.lines().map(str::trim);
                let line = lines.find(|line| !line.is_empty()).unwrap_or_default();
                // glibc's loader begins with the program's path.
                let program = format!("{}: ", program.display());
                let said = line.strip_prefix(&program).unwrap_or(line);
                match said {
                    "" => format!(
                        "a program that uses its library ended with {}",
                        answer.status
                    ),
                    said => said.to_owned(),
                }
            }
            Err(error) => crate::error::chain(&error),
        };
        Err(Complaint {
            line,
            cause: Cause::DoesNotRun,
        })
    }

    /// The compiler with nothing but its own arguments.
    pub fn command(&self) -> Command {
        let (program, arguments) = self
            .compiler
            .split_first()
            .map_or(("cc", &[][..]), |(program, rest)| (program.as_str(), rest));
        Command::new(program, self.folder)
            .with_arguments(arguments)
            .with_variables(self.environment.variables())
    }
}

/// The first thing that a compiler or linker did not like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Complaint {
    /// The line as it was printed.
    pub line: String,
    /// What it comes to.
    pub cause: Cause,
}

/// What a complaint comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cause {
    /// A header is not there.
    NoHeader(String),
    /// A library is not there.
    NoLibrary(String),
    /// The program's own `#error`.
    Own(String),
    /// A library does not have what is asked of it.
    NoSymbol,
    /// It was linked, but does not run: the loader does not find the library, or the program crashes.
    DoesNotRun,
    /// Assembler or linker are not there.
    NoBinutils,
    /// Something else.
    Other,
}

impl Complaint {
    /// Reads gcc's, clang's, GNU ld's, lld's and Apple's ld's words.
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
        text.trim_start_matches(['\'', '`', '"'])
            .split(end)
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    if let Some(rest) = after("#error ") {
        return Cause::Own(rest.trim_matches('"').to_owned());
    }
    if let Some(rest) = after("error: \"") {
        // clang leaves the directive's name out.
        return Cause::Own(rest.trim_end_matches('"').to_owned());
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
        let name = word(rest);
        return match name.as_str() {
            "ld" | "as" => Cause::NoBinutils,
            // crt1.o and its kin are the C library's.
            _ if name.starts_with("crt") || name.starts_with("Scrt") => {
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
    fn what_compilers_and_linkers_say_is_understood() {
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
