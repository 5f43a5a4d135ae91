//! The compiled modules of the standard library, which `make install` writes.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use super::make_script;
use crate::compile::{BuiltTree, value_in};
use crate::plan::Bytecode;
use crate::process::quoted;
use crate::python::Program;

/// The variable of the Makefile that runs `compileall`.
const INTERPRETER: &str = "PYTHON_FOR_BUILD";

/// The script that runs commands of `make install`, in the source tree.
const SCRIPT: &str = "pybuild-python-for-build";

/// The argument of `make install` that lets [`Program::ByteCompile`] take the place of `compileall`.
/// `None` if the Makefile has another form; then `compileall` does the work.
pub(super) fn make_argument(
    tree: &BuiltTree,
    makefile: &str,
    bytecode: Bytecode,
    processes: usize,
) -> io::Result<Option<String>> {
    let command = value_in(makefile, INTERPRETER).filter(|command| command.starts_with("./"));
    let Some(command) = command else {
        return Ok(None);
    };
    let script = format!(
        "program={}\nprocesses={processes}\nlevels='{}'\n{}",
        quoted(OsStr::new(Program::ByteCompile.text())),
        bytecode.levels(),
        include_str!("python_for_build.sh")
    );
    make_script::write(&tree.root().join(SCRIPT), &script)?;
    Ok(Some(format!("{INTERPRETER}=/bin/sh ./{SCRIPT} {command}")))
}

/// Removes compiled modules of levels that are not wanted. There are some only if `compileall` did the
/// work.
pub(super) fn remove_unwanted(root: &Path, bytecode: Bytecode) -> io::Result<()> {
    let is_unwanted = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let compiled = name.ends_with(".pyc") || name.ends_with(".pyo");
        let optimized = name.contains(".opt-") || name.ends_with(".pyo");
        match bytecode {
            Bytecode::None => compiled,
            Bytecode::Default => compiled && optimized,
            Bytecode::All => false,
        }
    };
    if bytecode == Bytecode::All {
        return Ok(());
    }
    for entry in walkdir::WalkDir::new(root).contents_first(true) {
        let entry = entry?;
        if entry.file_type().is_file() && is_unwanted(entry.path()) {
            fs_err::remove_file(entry.path())?;
        } else if entry.file_name() == "__pycache__" {
            // Only an empty one can be removed.
            let _ = std::fs::remove_dir(entry.path());
        }
    }
    Ok(())
}

/// The source of a byte-code file (PEP 3147; `x.pyc` and `x.pyo` beside `x.py` up to Python 3.1); `None`
/// for other files.
pub(super) fn source_of(file: &Path) -> Option<PathBuf> {
    let name = file.file_name()?.to_str()?;
    let stem = name
        .strip_suffix(".pyc")
        .or_else(|| name.strip_suffix(".pyo"))?;
    let folder = file.parent()?;
    if folder.file_name() != Some(OsStr::new("__pycache__")) {
        return Some(folder.join(format!("{stem}.py")));
    }
    // `NAME.cpython-311` or `NAME.cpython-311.opt-1`.
    let (before, last) = stem.rsplit_once('.')?;
    let (module, _) = if last.starts_with("opt-") {
        before.rsplit_once('.')?
    } else {
        (before, last)
    };
    Some(folder.parent()?.join(format!("{module}.py")))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{remove_unwanted, source_of};
    use crate::plan::Bytecode;

    #[test]
    fn only_wanted_levels_stay() {
        for (bytecode, stay) in [
            (Bytecode::All, 3),
            (Bytecode::Default, 1),
            (Bytecode::None, 0),
        ] {
            let dir = tempfile::tempdir().unwrap();
            let cache = dir.path().join("a/__pycache__");
            fs_err::create_dir_all(&cache).unwrap();
            for level in ["", ".opt-1", ".opt-2"] {
                fs_err::write(cache.join(format!("m.cpython-311{level}.pyc")), "").unwrap();
            }
            fs_err::write(dir.path().join("a/m.py"), "").unwrap();
            remove_unwanted(dir.path(), bytecode).unwrap();
            let left = fs_err::read_dir(&cache).map_or(0, Iterator::count);
            assert_eq!(left, stay);
            assert!(dir.path().join("a/m.py").exists() && cache.exists() == (stay > 0));
        }
    }

    #[test]
    fn byte_code_has_a_source() {
        for (file, source) in [
            ("lib/__pycache__/os.cpython-311.pyc", Some("lib/os.py")),
            (
                "lib/__pycache__/a.b.cpython-311.opt-2.pyc",
                Some("lib/a.b.py"),
            ),
            ("lib/python2.7/os.pyo", Some("lib/python2.7/os.py")),
            ("lib/os.py", None),
        ] {
            assert_eq!(source_of(Path::new(file)).as_deref(), source.map(Path::new));
        }
    }
}
