//! The environment of every build command: some variables of the caller, and fixed ones.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use crate::environment::Environment;

/// The variables that are taken over from the caller. Each one changes the result, or the search for
/// tools and libraries, so all of them are in the plan.
const TAKEN_OVER: [&str; 30] = [
    // Programs, and the libraries of a compiler outside the system's folders.
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
    // Search paths of the compiler and the linker, as environment modules and package managers set
    // them.
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
    // macOS: the target system, and the tools.
    "MACOSX_DEPLOYMENT_TARGET",
    "SDKROOT",
    "DEVELOPER_DIR",
    // Compiler caches: by default, they are in the home folder, which is a scratch folder here.
    "CCACHE_DIR",
    "CCACHE_CONFIGPATH",
    "CCACHE_DISABLE",
    "SCCACHE_DIR",
    // The dates in the result (reproducible-builds.org).
    "SOURCE_DATE_EPOCH",
    // CPython's Makefile: the training of a profile-guided build.
    "PROFILE_TASK",
];

/// The search path if the caller has no `PATH`.
const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Whether an argument of `configure` sets a variable for [`BuildEnvironment::with_assignments`].
pub fn is_assignment(argument: &str) -> bool {
    let name = argument.split_once('=').map(|(name, _)| name);
    name.is_some_and(|name| TAKEN_OVER.contains(&name))
}

#[derive(Debug, Clone)]
pub struct BuildEnvironment {
    variables: BTreeMap<OsString, OsString>,
}

/// The caller's variables for the plan.
pub fn taken_over(caller: &Environment) -> BTreeMap<String, String> {
    let set = |name: &str| {
        let value = caller.variable_os(name)?;
        Some((name.to_owned(), value.to_string_lossy().into_owned()))
    };
    TAKEN_OVER.into_iter().filter_map(set).collect()
}

/// The caller's environment with the variables of a recorded build. The search path and the folders of compiler
/// caches stay those of the caller.
pub fn as_recorded(caller: &Environment, recorded: &BTreeMap<String, String>) -> Environment {
    let own = [
        "PATH",
        "CCACHE_DIR",
        "CCACHE_CONFIGPATH",
        "CCACHE_DISABLE",
        "SCCACHE_DIR",
    ];
    let names = TAKEN_OVER.into_iter().filter(|name| !own.contains(name));
    names.fold(caller.clone(), |environment, name| {
        environment.with_variable(name, recorded.get(name).map(String::as_str))
    })
}

impl BuildEnvironment {
    /// The environment of a build in `scratch`.
    pub fn new(caller: &Environment, scratch: &Path) -> Self {
        let taken = TAKEN_OVER.into_iter();
        let taken = taken.filter_map(|name| Some((name.into(), caller.variable_os(name)?.into())));
        let mut variables: BTreeMap<OsString, OsString> = taken.collect();
        // No dot file of the caller changes the build, and all files are in the scratch folder.
        for name in ["HOME", "TMPDIR"] {
            variables.insert(name.into(), scratch.into());
        }
        // pybuild reads messages, and CPython before 3.7 needs an encoding for its own texts.
        for name in ["LANG", "LC_ALL"] {
            variables.insert(name.into(), "C.UTF-8".into());
        }
        variables.insert("TZ".into(), "UTC".into());
        // The order of a set must not get into a generated file.
        variables.insert("PYTHONHASHSEED".into(), "0".into());
        let mut environment = Self { variables };
        environment.set_default("PATH", DEFAULT_PATH);
        environment
    }

    /// All variables, sorted by name.
    pub fn variables(&self) -> impl Iterator<Item = (&OsString, &OsString)> {
        self.variables.iter()
    }

    /// The variable's value; `None` if it is unset, empty or not UTF-8.
    pub fn variable(&self, name: &str) -> Option<&str> {
        let value = self.variables.get(std::ffi::OsStr::new(name))?.to_str()?;
        (!value.is_empty()).then_some(value)
    }

    /// The variable's words, split as the shell splits an unquoted `$CC` or `$CFLAGS`.
    pub fn words(&self, name: &str) -> Vec<String> {
        self.variable(name)
            .unwrap_or_default()
            .split_whitespace()
            .map(ToOwned::to_owned)
            .collect()
    }

    /// With the `NAME=VALUE` arguments of `configure` whose variables may be taken over: a compiler
    /// that is named there is the one to check.
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

    /// Sets a variable if it is unset.
    pub fn set_default(&mut self, name: &str, value: impl Into<OsString>) {
        self.variables
            .entry(name.into())
            .or_insert_with(|| value.into());
    }

    /// Appends words to a variable, except those that it already has.
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
                "PYTHONHASHSEED=0",
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
