//! Linker flags for this build alone. `make` gets them on its command line, so that the Makefile, and with
//! it the installed `sysconfig`, does not have them: users' extension modules are linked from that.

use crate::compile::Site;
use crate::plan::{Library, Plan};

/// The search path of an interpreter that finds its `libpython` without `LD_LIBRARY_PATH`. RUNPATH and not
/// RPATH, so that the staged tree can be checked with its own library while another is in the prefix.
/// `make` expands the variable: `--configure-arg=--libdir=DIR` changes it.
const LIBPYTHON_RUNPATH: &str = "-Wl,--enable-new-dtags,-rpath,$(LIBDIR)";

/// What links the interpreter. `LDFLAGS_NODIST` would do too, but only from 3.6.8 and 3.7.2 on (bpo-35351),
/// and it is in the installed `BLDSHARED`.
const INTERPRETER: &str = "LINKFORSHARED";

/// What links `libpython3.so`, which needs `libpython3.X.so`, and nothing else. 2.7 has neither.
const STABLE_LIBRARY: &str = "NO_AS_NEEDED";

/// What links the standard library's extension modules.
const MODULES: &str = "BLDSHARED";

/// The arguments of `make` that add the flags of this build to the variables of `makefile`.
pub(super) fn make_arguments(makefile: &str, plan: &Plan, site: &Site<'_>) -> Vec<String> {
    let mut added = Vec::new();
    if plan.request.build.library == Library::Shared && cfg!(not(target_os = "macos")) {
        added.push((INTERPRETER, LIBPYTHON_RUNPATH.to_owned()));
        added.push((STABLE_LIBRARY, LIBPYTHON_RUNPATH.to_owned()));
    }
    if !site.module_link_flags.is_empty() {
        added.push((MODULES, site.module_link_flags.join(" ")));
    }
    let argument = |(name, flags): (&str, String)| {
        let value = value_in(makefile, name)?;
        Some(format!("{name}={value} {flags}"))
    };
    added.into_iter().filter_map(argument).collect()
}

/// The value of a variable, unexpanded.
fn value_in<'a>(makefile: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = makefile.lines();
    let value = lines.find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix('='))?;
    Some(value.trim())
}

#[cfg(test)]
mod tests {
    use super::value_in;

    #[test]
    fn a_value_is_taken_as_it_stands() {
        let makefile = "# LINKFORSHARED are the flags\nX=$(LINKFORSHARED)\nLINKFORSHAREDX=no\n\
                        LINKFORSHARED=\t-Xlinker -export-dynamic\nBLDSHARED=\t$(CC) -shared $(PY_CORE_LDFLAGS)\n\
                        NO_AS_NEEDED=\t\n";
        let value = |name| value_in(makefile, name);
        assert_eq!(value("LINKFORSHARED"), Some("-Xlinker -export-dynamic"));
        assert_eq!(value("BLDSHARED"), Some("$(CC) -shared $(PY_CORE_LDFLAGS)"));
        assert_eq!(value("NO_AS_NEEDED"), Some(""));
        assert_eq!(value("MISSING"), None);
    }
}
