//! The programs that pybuild runs in an interpreter that it builds or changes.
//!
//! A program's first line names it, and the comment below describes its arguments and its output. This
//! is the whole interface: the tests' miniature interpreter knows a program only by its name. All
//! programs work from Python 2.7 on, unless their comment has another version.

mod questions;

use std::path::Path;

pub(crate) use questions::{Questions, version_in};

use crate::process::Command;

/// A program, passed to the interpreter with `-c`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Program {
    ByteCompile,
    DescribeInterpreter,
    EnsurepipVersion,
    ImportModules,
    MakeVenv,
    MovePrefix,
    RunEnsurepip,
    RunPip,
    SetuptoolsVersion,
}

impl Program {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::ByteCompile => include_str!("byte_compile.py"),
            Self::DescribeInterpreter => include_str!("describe_interpreter.py"),
            Self::EnsurepipVersion => include_str!("ensurepip_version.py"),
            Self::ImportModules => include_str!("import_modules.py"),
            Self::MakeVenv => include_str!("make_venv.py"),
            Self::MovePrefix => include_str!("move_prefix.py"),
            Self::RunEnsurepip => concat!(
                include_str!("run_ensurepip.py"),
                include_str!("final_prefix.py"),
                include_str!("run_ensurepip_site.py"),
                include_str!("pip_settings.py"),
                include_str!("run_ensurepip_main.py"),
            ),
            Self::RunPip => concat!(
                include_str!("run_pip.py"),
                include_str!("final_prefix.py"),
                include_str!("pip_settings.py"),
                include_str!("run_pip_main.py"),
            ),
            Self::SetuptoolsVersion => include_str!("setuptools_version.py"),
        }
    }
}

impl Command {
    /// Passes the program to the interpreter that this command starts. The program's own arguments
    /// follow.
    #[must_use]
    pub(crate) fn with_program(self, program: Program) -> Self {
        // `site` would run the interpreter's .pth files and sitecustomize while packages are installed.
        let installs = matches!(
            program,
            Program::ByteCompile | Program::MakeVenv | Program::RunEnsurepip | Program::RunPip
        );
        let command = if installs {
            self.with_argument("-S")
        } else {
            self
        };
        command.with_arguments(["-c", program.text()])
    }

    /// Passes the program that makes a virtual environment in `folder`.
    #[must_use]
    pub(crate) fn with_venv_in(self, folder: &Path) -> Self {
        self.with_program(Program::MakeVenv)
            .with_argument(folder)
            .with_argument(Program::RunEnsurepip.text())
    }
}

#[cfg(test)]
mod tests {
    use super::Program;

    #[test]
    fn the_first_line_of_each_program_names_it() {
        for (program, name) in [
            (Program::ByteCompile, "byte-compile"),
            (Program::DescribeInterpreter, "describe-interpreter"),
            (Program::EnsurepipVersion, "ensurepip-version"),
            (Program::ImportModules, "import-modules"),
            (Program::MakeVenv, "make-venv"),
            (Program::MovePrefix, "move-prefix"),
            (Program::RunEnsurepip, "run-ensurepip"),
            (Program::RunPip, "run-pip"),
            (Program::SetuptoolsVersion, "setuptools-version"),
        ] {
            let first = program.text().lines().next();
            assert_eq!(first, Some(&*format!("# pybuild program: {name}")));
        }
    }
}
