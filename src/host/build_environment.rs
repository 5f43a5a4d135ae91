//! The environment of every build command: named variables of the caller's, fixed ones, nothing else.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use crate::environment::Environment;

/// What is taken over from the caller when it is set. Everything here changes what is built, or
/// where the tools and libraries that build it are found; all of it is in the plan.
pub const TAKEN_OVER: [&str; 30] = [
    // Where programs are, and the libraries of a compiler that lives outside the system's folders.
    "PATH",
    "LD_LIBRARY_PATH",
    // configure's own variables.
    "CC",
    "CXX",
    "CPP",
    "CFLAGS",
    "CPPFLAGS",
    "CXXFLAGS",
    "LDFLAGS",
    "LIBS",
    "AR",
    "RANLIB",
    // The compiler's and linker's search paths, as environment modules and package managers set them.
    "CPATH",
    "C_INCLUDE_PATH",
    "CPLUS_INCLUDE_PATH",
    "LIBRARY_PATH",
    "LD_RUN_PATH",
    // pkg-config's.
    "PKG_CONFIG",
    "PKG_CONFIG_PATH",
    "PKG_CONFIG_LIBDIR",
    "PKG_CONFIG_SYSROOT_DIR",
    // macOS: which system is built for, and whose tools do it.
    "MACOSX_DEPLOYMENT_TARGET",
    "SDKROOT",
    "DEVELOPER_DIR",
    // Compiler caches, which would otherwise look for theirs in a home that is a scratch folder.
    "CCACHE_DIR",
    "CCACHE_CONFIGPATH",
    "CCACHE_DISABLE",
    "SCCACHE_DIR",
    // Dates inside what is built (reproducible-builds.org).
    "SOURCE_DATE_EPOCH",
    // CPython's Makefile: what a profile-guided build is trained with.
    "PROFILE_TASK",
];

/// Where programs are looked for when the caller has no `PATH`.
const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Whether an argument of `configure` sets a variable that [`BuildEnvironment::with_assignments`]
/// takes.
#[must_use]
pub fn is_assignment(argument: &str) -> bool {
    let name = argument.split_once('=').map(|(name, _)| name);
    name.is_some_and(|name| TAKEN_OVER.contains(&name))
}

/// The environment of build commands.
#[derive(Debug, Clone)]
pub struct BuildEnvironment {
    variables: BTreeMap<OsString, OsString>,
}

/// What is taken over from the caller, by name, for the plan.
#[must_use]
pub fn taken_over(caller: &Environment) -> BTreeMap<String, String> {
    let set = |name: &str| {
        let value = caller.variable_os(name)?;
        Some((name.to_owned(), value.to_string_lossy().into_owned()))
    };
    TAKEN_OVER.into_iter().filter_map(set).collect()
}

impl BuildEnvironment {
    /// The clean environment of a build in `scratch`, with what [`TAKEN_OVER`] names from the caller.
    #[must_use]
    pub fn new(caller: &Environment, scratch: &Path) -> Self {
        let mut variables = BTreeMap::new();
        for name in TAKEN_OVER {
            if let Some(value) = caller.variable_os(name) {
                variables.insert(name.into(), value.to_owned());
            }
        }
        // No dot file of the caller's changes the build, and nothing is left outside the scratch folder.
        for name in ["HOME", "TMPDIR"] {
            variables.insert(name.into(), scratch.into());
        }
        // Messages are read by programs, and CPython before 3.7 needs an encoding for its own texts.
        for name in ["LANG", "LC_ALL"] {
            variables.insert(name.into(), "C.UTF-8".into());
        }
        variables.insert("TZ".into(), "UTC".into());
        let mut environment = Self { variables };
        environment.set_default("PATH", DEFAULT_PATH);
        environment
    }

    /// All variables, sorted by name, as a command takes them.
    pub fn variables(&self) -> impl Iterator<Item = (&OsString, &OsString)> {
        self.variables.iter()
    }

    /// The variable's value; `None` when it is unset, empty or not UTF-8.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&str> {
        let value = self.variables.get(std::ffi::OsStr::new(name))?.to_str()?;
        (!value.is_empty()).then_some(value)
    }

    /// The variable's words, split as the shell does in an unquoted `$CC` or `$CFLAGS`.
    #[must_use]
    pub fn words(&self, name: &str) -> Vec<String> {
        self.variable(name)
            .unwrap_or_default()
            .split_whitespace()
            .map(ToOwned::to_owned)
            .collect()
    }

    /// With a variable set, whatever the caller had.
    #[must_use]
    pub fn with_variable(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    /// With what `configure` will be told as `NAME=VALUE` arguments, for the variables that may be
    /// taken over: a compiler named there is the one to be looked at.
    #[must_use]
    pub fn with_assignments(mut self, configure_args: &[String]) -> Self {
        for argument in configure_args {
            if let Some((name, value)) = argument.split_once('=')
                && is_assignment(argument)
            {
                self.variables.insert(name.into(), value.into());
            }
        }
        self
    }

    /// Sets a variable that is not set yet.
    pub fn set_default(&mut self, name: &str, value: impl Into<OsString>) {
        self.variables
            .entry(name.into())
            .or_insert_with(|| value.into());
    }

    /// Adds words to the end of a variable, leaving out those that are in it already.
    pub fn append<'w>(&mut self, name: &str, words: impl IntoIterator<Item = &'w str>) {
        let mut all = self.words(name);
        for word in words {
            if !all.iter().any(|present| present == word) {
                all.push(word.to_owned());
            }
        }
        if !all.is_empty() {
            self.variables.insert(name.into(), all.join(" ").into());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{BuildEnvironment, taken_over};
    use crate::environment::Environment;

    #[test]
    fn only_named_variables_are_taken_over() {
        let caller = Environment::with_variables(
            Path::new("/"),
            [
                ("CFLAGS", "-O1 -g"),
                ("PYTHONPATH", "/elsewhere"),
                ("HOME", "/home/me"),
                ("LC_ALL", "de_DE"),
                ("MAKEFLAGS", "-j99"),
                ("PIP_INDEX_URL", "https://me:secret@example.org/simple"),
                ("HTTPS_PROXY", "http://me:secret@proxy.example.org"),
            ],
        );
        let environment = BuildEnvironment::new(&caller, Path::new("/scratch"));
        let shown: Vec<String> = environment
            .variables()
            .map(|(name, value)| format!("{}={}", name.display(), value.display()))
            .collect();
        assert_eq!(
            shown,
            [
                "CFLAGS=-O1 -g",
                "HOME=/scratch",
                "LANG=C.UTF-8",
                "LC_ALL=C.UTF-8",
                "PATH=/usr/local/bin:/usr/bin:/bin",
                "TMPDIR=/scratch",
                "TZ=UTC",
            ]
        );
        assert_eq!(environment.words("CFLAGS"), ["-O1", "-g"]);
        assert_eq!(taken_over(&caller).keys().collect::<Vec<_>>(), ["CFLAGS"]);
    }

    #[test]
    fn arguments_of_configure_win_over_the_callers_variables() {
        let caller = Environment::with_variables(Path::new("/"), [("CC", "gcc")]);
        let mut environment = BuildEnvironment::new(&caller, Path::new("/scratch"))
            .with_assignments(&["CC=clang -m64".to_owned(), "--with-x=1".to_owned()]);
        environment.set_default("CC", "tcc");
        assert_eq!(environment.variable("CC"), Some("clang -m64"));
    }
}
