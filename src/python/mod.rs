//! The programs that pybuild runs in an interpreter that it builds or changes.
//!
//! A program's first line names it, and the comment below that line describes its arguments and its
//! output. This is the whole interface: the tests' miniature interpreter knows a program by its name
//! and nothing else of its text. Every program works from Python 2.7 on, unless it says otherwise.

use crate::command::Command;

/// A program, passed to the interpreter with `-c`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Program {
    /// Prints version and folders of the interpreter.
    DescribeInterpreter,
    /// Prints the pip version that `ensurepip` bundles.
    EnsurepipVersion,
    /// Imports modules and prints which ones work.
    ImportModules,
    /// Makes a virtual environment.
    MakeVenv,
    /// Installs what `ensurepip` bundles below another root folder.
    RunEnsurepip,
    /// Runs the pip inside a wheel.
    RunPip,
    /// Prints the version of the installed setuptools.
    SetuptoolsVersion,
}

impl Program {
    fn text(self) -> &'static str {
        match self {
            Self::DescribeInterpreter => include_str!("describe_interpreter.py"),
            Self::EnsurepipVersion => include_str!("ensurepip_version.py"),
            Self::ImportModules => include_str!("import_modules.py"),
            Self::MakeVenv => include_str!("make_venv.py"),
            Self::RunEnsurepip => include_str!("run_ensurepip.py"),
            Self::RunPip => include_str!("run_pip.py"),
            Self::SetuptoolsVersion => include_str!("setuptools_version.py"),
        }
    }
}

impl Command {
    /// With a program for the interpreter that this command starts. The program's own arguments
    /// follow it.
    #[must_use]
    pub(crate) fn with_program(self, program: Program) -> Self {
        self.with_arguments(["-c", program.text()])
    }
}

#[cfg(test)]
mod tests {
    use super::Program;

    #[test]
    fn the_first_line_of_each_program_names_it() {
        for (program, name) in [
            (Program::DescribeInterpreter, "describe-interpreter"),
            (Program::EnsurepipVersion, "ensurepip-version"),
            (Program::ImportModules, "import-modules"),
            (Program::MakeVenv, "make-venv"),
            (Program::RunEnsurepip, "run-ensurepip"),
            (Program::RunPip, "run-pip"),
            (Program::SetuptoolsVersion, "setuptools-version"),
        ] {
            let first = program.text().lines().next();
            assert_eq!(first, Some(&*format!("# pybuild program: {name}")));
        }
    }
}
