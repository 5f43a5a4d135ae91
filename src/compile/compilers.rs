//! The words that `make` puts before each compiler command. They are on its command line, not in the
//! Makefile, from which the installed `sysconfig` takes its values.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use crate::compile::launcher::Launcher;
use crate::compile::link::value_in;
use crate::timeline::CompilerTimer;

/// The programs that start each compiler, outermost first.
#[derive(Debug, Default)]
pub(crate) struct CompilerStart {
    launcher: Option<String>,
    words: Vec<String>,
    variables: BTreeMap<OsString, OsString>,
}

impl CompilerStart {
    pub(crate) fn new(
        timer: Option<&CompilerTimer>,
        launcher: Option<&Launcher>,
        build_folder: &Path,
    ) -> Self {
        let mut start = Self::default();
        if let Some(timer) = timer {
            start.words.push(timer.program().display().to_string());
            start.variables.extend(timer.variables().clone());
        }
        if let Some(launcher) = launcher {
            let program = launcher.program().display().to_string();
            start.words.push(program.clone());
            start.variables.extend(launcher.variables(build_folder));
            start.launcher = Some(program);
        }
        start
    }

    /// The program of `--launcher`.
    pub(crate) fn launcher(&self) -> Option<&str> {
        self.launcher.as_deref()
    }

    pub(super) fn variables(&self) -> &BTreeMap<OsString, OsString> {
        &self.variables
    }

    /// The argument of `make`, with more `flags` of the compiler. `BLDSHARED`, `LINKCC` and the commands of
    /// `setup.py` contain `CC`.
    pub(super) fn make_argument(&self, makefile: &str, flags: &[String]) -> Option<String> {
        let compiler = value_in(makefile, "CC")?;
        let named = Path::new(compiler.split_whitespace().next()?);
        // `CC='ccache gcc'` in the caller's environment: no launcher starts itself.
        let words = self.words.iter().map(String::as_str);
        let words = words.filter(|word| Path::new(word).file_name() != named.file_name());
        let flags = flags.iter().map(String::as_str);
        let all: Vec<&str> = words.chain([compiler]).chain(flags).collect();
        (all.len() > 1).then(|| format!("CC={}", all.join(" ")))
    }
}

#[cfg(test)]
mod tests {
    use super::CompilerStart;

    fn argument(makefile: &str) -> Option<String> {
        let start = CompilerStart {
            words: vec!["/b/compiler-timer".to_owned(), "/usr/bin/ccache".to_owned()],
            ..CompilerStart::default()
        };
        start.make_argument(makefile, &[])
    }

    #[test]
    fn the_whole_value_of_the_makefile_stays() {
        assert_eq!(
            argument("CCSHARED=no\nCC=\t\tgcc -pthread\nBLDSHARED=$(CC) -shared\n").unwrap(),
            "CC=/b/compiler-timer /usr/bin/ccache gcc -pthread"
        );
        assert_eq!(
            argument("CC= ccache gcc\n").unwrap(),
            "CC=/b/compiler-timer ccache gcc"
        );
        assert_eq!(argument("CXX=g++\n"), None);
        let plain = CompilerStart::default();
        assert_eq!(plain.make_argument("CC=gcc\n", &[]), None);
        let flags = ["-O1".to_owned()];
        let with_flags = plain.make_argument("CC=gcc -pthread\n", &flags);
        assert_eq!(with_flags.unwrap(), "CC=gcc -pthread -O1");
    }
}
