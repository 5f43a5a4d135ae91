//! Linker flags for this build only. `make` gets them on its command line, not in the Makefile: the
//! installed `sysconfig` takes its values from the Makefile, and users' extension modules are linked
//! with those.

use crate::plan::Library;

/// The library search path of a shared interpreter. RUNPATH, unlike RPATH, comes after
/// `LD_LIBRARY_PATH`, so the staged tree can be checked with its own library while another is in the
/// prefix. `make` expands the variable, which `--configure-arg=--libdir=DIR` changes.
const LIBPYTHON_RUNPATH: &str = "-Wl,--enable-new-dtags,-rpath,$(LIBDIR)";

/// The flags that link the interpreter. `LDFLAGS_NODIST` exists only from 3.6.8 and 3.7.2 on
/// (bpo-35351), and the installed `BLDSHARED` contains it.
const INTERPRETER: &str = "LINKFORSHARED";

/// A flag that links only `libpython3.so`, which needs `libpython3.X.so`. 2.7 has neither.
const STABLE_LIBRARY: &str = "NO_AS_NEEDED";

/// The command that links the standard library's extension modules.
const MODULES: &str = "BLDSHARED";

/// The arguments of `make` that add flags to variables of `makefile`.
pub(super) fn make_arguments(
    makefile: &str,
    library: Library,
    module_flags: &[String],
) -> Vec<String> {
    let mut added = Vec::new();
    if library == Library::Shared && cfg!(not(target_os = "macos")) {
        added.push((INTERPRETER, LIBPYTHON_RUNPATH.to_owned()));
        added.push((STABLE_LIBRARY, LIBPYTHON_RUNPATH.to_owned()));
    }
    if !module_flags.is_empty() {
        added.push((MODULES, module_flags.join(" ")));
    }
    let argument = |(name, flags): (&str, String)| {
        let value = value_in(makefile, name)?;
        Some(format!("{name}={value} {flags}"))
    };
    added.into_iter().filter_map(argument).collect()
}

/// The unexpanded value of a variable.
pub(crate) fn value_in<'a>(makefile: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = makefile.lines();
    let value = lines.find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix('='))?;
    Some(value.trim())
}

#[cfg(test)]
mod tests {
    use super::value_in;

    #[test]
    fn values_are_not_expanded() {
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
