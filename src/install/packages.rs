//! The compiled modules of the packages that `ensurepip` installs.

use std::io;
use std::path::{Path, PathBuf};

use super::error::Error;
use super::installed::InstalledTree;
use super::kept::library_in;
use crate::compile::BuildContext;
use crate::plan::Bytecode;
use crate::plan::version::PythonVersion;
use crate::plan::wheel_record::RecordEntry;
use crate::process::Command;
use crate::python::Program;
use crate::source::SourceDate;

/// Compiles the modules of the packages that `ensurepip` has installed, for the default level like pip, and
/// those of the standard library that a kept compile lacks. `python` runs the installed interpreter.
pub(super) fn compile(
    tree: &InstalledTree,
    python: &Command,
    context: &BuildContext<'_>,
) -> Result<(), Error> {
    let plan = tree.plan();
    let bytecode = plan.request().build.bytecode;
    if bytecode == Bytecode::None {
        return Ok(());
    }
    let library = library_in(tree.root(), plan.python()).map_err(Error::Staging)?;
    let packages = folder(tree).map_err(Error::Staging)?;
    let mut folders = vec![(packages, Bytecode::Default)];
    let changed = library
        .iter()
        .flat_map(|library| CHANGED.map(|name| library.join(name)));
    let lacking = changed.filter(|folder| folder.is_dir() && !is_compiled(folder));
    folders.extend(lacking.map(|folder| (folder, bytecode)));
    let is_old = plan.python().series().0 == 2;
    for (folder, bytecode) in &folders {
        let below = folder.strip_prefix(tree.root()).unwrap_or(folder);
        let all_at_once = *bytecode == Bytecode::All && !is_old;
        let levels: &[&str] = if all_at_once {
            &["-o", "0", "-o", "1", "-o", "2"]
        } else {
            &[]
        };
        // 2.7 compiles for the level at which it runs.
        let runs: &[&[&str]] = if *bytecode == Bytecode::All && is_old {
            &[&["-Wi"], &["-Wi", "-O"]]
        } else {
            &[&["-Wi"]]
        };
        for flags in runs {
            let processes = context.processes();
            // Without -E: the order of a set in a compiled module depends on PYTHONHASHSEED.
            let command = python
                .clone()
                .with_variable(SourceDate::VARIABLE, tree.date().text())
                .with_argument("-B")
                // Some bytes depend on what the process has loaded, such as the `.pth` files of packages.
                .with_argument("-S")
                .with_arguments(flags.iter())
                .with_program(Program::ByteCompile)
                .with_argument(processes.count.to_string())
                .with_arguments([bytecode.levels(), "compileall.py", "-f"])
                .with_arguments(levels.iter())
                .with_argument("-d")
                .with_argument(plan.prefix().path().join(below))
                .with_argument(folder);
            let run = context.runner.run("byte-compile", &command, |_| {});
            run.map_err(Error::Command)?;
        }
    }
    Ok(())
}

/// The folder of the packages of the interpreter in `tree`.
pub(super) fn folder(tree: &InstalledTree) -> io::Result<PathBuf> {
    let python = tree.plan().python();
    let library = library_in(tree.root(), python)?;
    Ok(tree.root().join(site_packages(library.as_deref(), python)))
}

/// The folders of the standard library in which a pin changes modules.
const CHANGED: [&str; 2] = ["ensurepip", "venv"];

/// Whether the package in `folder` is compiled.
fn is_compiled(folder: &Path) -> bool {
    let beside = folder.join("__init__.pyc").exists();
    let in_cache = std::fs::read_dir(folder.join("__pycache__"));
    let mut names = in_cache.into_iter().flatten().flatten();
    beside || names.any(|entry| entry.file_name().to_string_lossy().starts_with("__init__."))
}

/// Adds the compiled modules of each installed project to its `RECORD`, sorted as pip sorts it.
pub(super) fn record_compiled(root: &Path, python: PythonVersion) -> io::Result<()> {
    let library = library_in(root, python)?;
    let site_packages = root.join(site_packages(library.as_deref(), python));
    for entry in fs_err::read_dir(&site_packages)? {
        let record = entry?.path().join("RECORD");
        if !record.is_file() {
            continue;
        }
        let text = fs_err::read_to_string(&record)?;
        let mut lines = Vec::new();
        for line in text.lines() {
            let file = RecordEntry::parse(line).map(|entry| entry.file);
            let file = file.unwrap_or_else(|| line.to_owned());
            let mut compiled = compiled_names(&file, python).into_iter();
            if let Some(compiled) = compiled.find(|name| site_packages.join(name).is_file()) {
                lines.push((compiled.clone(), format!("{compiled},,\n")));
            }
            lines.push((file, format!("{line}\n")));
        }
        lines.sort();
        lines.dedup();
        let lines = lines.into_iter().map(|(_, line)| line);
        fs_err::write(&record, lines.collect::<String>())?;
    }
    Ok(())
}

/// `a/__pycache__/b.cpython-311.pyc` of `a/b.py` (PEP 3147), and the name that a free-threaded interpreter gives
/// it; `a/b.pyc` for 2.7. None if it is no module, or if its name would need quotes in `RECORD`.
fn compiled_names(file: &str, python: PythonVersion) -> Vec<String> {
    let stem = file.strip_suffix(".py");
    let Some(stem) = stem.filter(|stem| !stem.contains(['"', ','])) else {
        return Vec::new();
    };
    let (major, minor) = python.series();
    if major == 2 {
        return vec![format!("{stem}.pyc")];
    }
    let (folder, name) = stem.rsplit_once('/').unwrap_or((".", stem));
    let compiled = ["", "t"].map(|free_threaded| {
        let tag = format!("cpython-{major}{minor}{free_threaded}");
        let compiled = format!("{folder}/__pycache__/{name}.{tag}.pyc");
        compiled.trim_start_matches("./").to_owned()
    });
    compiled.into()
}

/// The folder of packages below the prefix, of an interpreter whose standard library is `library`.
fn site_packages(library: Option<&Path>, python: PythonVersion) -> PathBuf {
    let usual = format!("python{}", python.short());
    let name = library.and_then(Path::file_name);
    Path::new("lib")
        .join(name.unwrap_or(usual.as_ref()))
        .join("site-packages")
}

#[cfg(test)]
mod tests {
    use super::{compiled_names, record_compiled};

    #[test]
    fn compiled_modules_are_recorded_where_pip_records_them() {
        let dir = tempfile::tempdir().unwrap();
        let site = dir.path().join("lib/python3.11/site-packages");
        for folder in ["a-1.dist-info", "a/__pycache__", "__pycache__"] {
            fs_err::create_dir_all(site.join(folder)).unwrap();
        }
        for compiled in [
            "a/__pycache__/b.cpython-311.pyc",
            "__pycache__/c.cpython-311.pyc",
        ] {
            fs_err::write(site.join(compiled), "").unwrap();
        }
        let record = site.join("a-1.dist-info/RECORD");
        let text = "../../../bin/a,sha256=x,1\na-1.dist-info/RECORD,,\na/b.py,sha256=x,1\n\
                    a/not-compiled.py,sha256=x,1\nc.py,sha256=x,1\n";
        fs_err::write(&record, text).unwrap();
        let python = "3.11.2".parse().unwrap();
        for _ in 0..2 {
            record_compiled(dir.path(), python).unwrap();
            assert_eq!(
                fs_err::read_to_string(&record).unwrap(),
                "../../../bin/a,sha256=x,1\n__pycache__/c.cpython-311.pyc,,\n\
                 a-1.dist-info/RECORD,,\na/__pycache__/b.cpython-311.pyc,,\na/b.py,sha256=x,1\n\
                 a/not-compiled.py,sha256=x,1\nc.py,sha256=x,1\n"
            );
        }
        let old = compiled_names("a/b.py", "2.7.18".parse().unwrap());
        assert_eq!(old, ["a/b.pyc"]);
    }
}
