//! The path of the build folder must not get into the interpreter: each build has another one.

use std::path::{Path, PathBuf};

use crate::host::toolchain::{Compiler, Family};
use crate::plan::version::PythonVersion;

/// The folder that an interpreter names as that of its source.
pub(crate) fn source_folder(python: PythonVersion) -> String {
    format!("/usr/src/pybuild/Python-{python}")
}

/// Replaces the path of the source tree in the values of a Makefile, from which the installed `sysconfig`
/// takes its own. Returns the Makefile, and the arguments with which `make` still knows the path.
pub(super) fn without_path(makefile: &str, root: &Path, public: &str) -> (String, Vec<String>) {
    // `configure` writes the path by which its folder was entered, or the real one.
    let real = fs_err::canonicalize(root).unwrap_or_else(|_| root.to_owned());
    let paths = [root, &real].map(|path| path.display().to_string());
    let mut changed = String::with_capacity(makefile.len());
    let mut arguments = Vec::new();
    for line in makefile.split_inclusive('\n') {
        match line.split_once('=') {
            Some((name, value))
                if is_name(name) && paths.iter().any(|path| value.contains(path)) =>
            {
                arguments.push(format!("{}={}", name.trim_end(), value.trim()));
                let line = paths
                    .iter()
                    .fold(line.to_owned(), |line, path| line.replace(path, public));
                changed.push_str(&line);
            }
            _ => changed.push_str(line),
        }
    }
    (changed, arguments)
}

fn is_name(text: &str) -> bool {
    let is_part = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let name = text.trim_end();
    !name.is_empty() && name.chars().all(is_part)
}

/// The flags with which the compiler writes the public path in place of the own one: into `__FILE__` and
/// into debug information. None for a compiler that does not know them.
pub(super) fn compiler_flags(compiler: &Compiler, root: &Path, public: &str) -> Vec<String> {
    // `-ffile-prefix-map` came with gcc 8 and clang 10.
    let first = match compiler.family {
        Family::Gcc => 8,
        Family::Clang if compiler.machine.contains("apple") => return Vec::new(),
        Family::Clang => 10,
        Family::Other => return Vec::new(),
    };
    let major = compiler.version.split('.').next();
    if !major.is_some_and(|major| major.parse::<u32>().is_ok_and(|major| major >= first)) {
        return Vec::new();
    }
    // `setup.py` takes the real path, and others the one by which the folder was entered.
    let mut paths = vec![root.to_owned()];
    paths.extend(fs_err::canonicalize(root).ok().filter(|real| real != root));
    // `make` and `setup.py` split the compiler's command at blanks, and the compiler its flag at `=`.
    let is_plain = |path: &PathBuf| {
        let mut characters = path.as_os_str().as_encoded_bytes().iter();
        characters.all(|byte| byte.is_ascii_alphanumeric() || b"/._+-@%,:~".contains(byte))
    };
    paths.retain(is_plain);
    let flag = |path: &Path| format!("-ffile-prefix-map={}={public}", path.display());
    paths.iter().map(|path| flag(path)).collect()
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::{compiler_flags, without_path};
    use crate::host::toolchain::{Compiler, Family};

    #[test]
    fn only_values_lose_the_path_and_make_still_knows_it() {
        let makefile = "# built in /b/source\nabs_srcdir=\t/b/source\nSRC = /b/source/a /b/source/b\n\
                        all:\n\tcd /b/source; X=/b/source ./a\nVPATH=\t.\n";
        let (changed, arguments) = without_path(makefile, Path::new("/b/source"), "/usr/src");
        assert_eq!(
            changed,
            "# built in /b/source\nabs_srcdir=\t/usr/src\nSRC = /usr/src/a /usr/src/b\n\
             all:\n\tcd /b/source; X=/b/source ./a\nVPATH=\t.\n"
        );
        assert_eq!(
            arguments,
            ["abs_srcdir=/b/source", "SRC=/b/source/a /b/source/b"]
        );
    }

    #[test]
    fn only_compilers_that_know_the_flag_get_it() {
        let flags = |family, version: &str, machine: &str| {
            let compiler = Compiler {
                command: "cc".to_owned(),
                words: vec!["/usr/bin/cc".to_owned()],
                family,
                version: version.to_owned(),
                banner: String::new(),
                machine: machine.to_owned(),
            };
            compiler_flags(&compiler, Path::new("/absent"), "/usr/src").len()
        };
        let linux = "x86_64-linux-gnu";
        assert_eq!(flags(Family::Gcc, "12.2.0", linux), 1);
        assert_eq!(flags(Family::Gcc, "7.5.0", linux), 0);
        assert_eq!(flags(Family::Clang, "14.0.6", linux), 1);
        assert_eq!(flags(Family::Clang, "9.0.1", linux), 0);
        assert_eq!(flags(Family::Other, "", linux), 0);
    }

    #[test]
    fn the_real_path_and_the_given_one_are_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let real = dir.path().join("real");
        let link = dir.path().join("link");
        fs_err::create_dir(&real).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let compiler = Compiler {
            command: "cc".to_owned(),
            words: Vec::new(),
            family: Family::Gcc,
            version: "12.2.0".to_owned(),
            banner: String::new(),
            machine: String::new(),
        };
        let flag = |path: &PathBuf| format!("-ffile-prefix-map={}=/usr/src", path.display());
        let expected = [flag(&link), flag(&real.canonicalize().unwrap())];
        assert_eq!(compiler_flags(&compiler, &link, "/usr/src"), expected);
    }
}
