//! The files that `make install` copies with a process for each: one process copies all files of a folder.

use std::io;

use super::make_script;
use crate::compile::{BuiltTree, value_in};

/// The script that runs the recipes of `make install`, in the source tree.
const SCRIPT: &str = "pybuild-collect-copies";

/// The Makefile's commands that copy a file.
const COMMANDS: [&str; 2] = ["INSTALL_DATA", "INSTALL_SCRIPT"];

/// The arguments of `make install` that let its recipes collect their copies. None if the Makefile has
/// another form; then each file has its own process.
///
/// The recipes stay upstream's: only the meaning of two commands changes, in the shell that runs them.
pub(super) fn make_arguments(tree: &BuiltTree, makefile: &str) -> io::Result<Vec<String>> {
    let shell = value_in(makefile, "SHELL").unwrap_or_default();
    if !["/bin/sh", "/bin/sh -e"].contains(&shell) {
        return Ok(Vec::new());
    }
    make_script::write(&tree.root().join(SCRIPT), include_str!("collect_copies.sh"))?;
    let commands = COMMANDS.into_iter().filter_map(|name| {
        let command = value_in(makefile, name)?;
        Some(format!("{name}=pybuild_copy \"{command}\""))
    });
    Ok([format!("SHELL={shell} ./{SCRIPT}")]
        .into_iter()
        .chain(commands)
        .collect())
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::Command;

    /// Runs a recipe in a folder with the files `a`, `b` and `sub/c`, the folder `out`, and a command `./copy`
    /// that writes its arguments into `calls`. Returns the exit code and the calls.
    fn run(folder: &Path, shell: &[&str], recipe: &str) -> (Option<i32>, String) {
        for name in ["sub", "out"] {
            fs_err::create_dir(folder.join(name)).unwrap();
        }
        for name in ["a", "b", "sub/c"] {
            fs_err::write(folder.join(name), name).unwrap();
        }
        let script = include_str!("collect_copies.sh");
        fs_err::write(folder.join("shell"), script).unwrap();
        let copy = "echo \"$@\" >>\"${0%/*}/calls\" && exec install \"$@\"";
        fs_err::write(folder.join("copy"), copy).unwrap();
        let mut command = Command::new("/bin/sh");
        command.args(shell).args(["./shell", "-c", recipe]);
        let output = command.current_dir(folder).output().unwrap();
        let calls = fs_err::read_to_string(folder.join("calls")).unwrap_or_default();
        (output.status.code(), calls)
    }

    #[test]
    fn one_process_copies_the_files_of_a_folder() {
        let dir = tempfile::tempdir().unwrap();
        let recipe = "for i in a b; do pybuild_copy 'sh ./copy -c -m 644' $i out; done\n\
                      (cd sub && pybuild_copy 'sh ../copy -c -m 600' c ../out)\n\
                      pybuild_copy 'sh ./copy -c -m 644' a out/named && test -f out/c";
        let (code, calls) = run(dir.path(), &[], recipe);
        assert_eq!(code, Some(0));
        let expected = "-c -m 644 a b out\n-c -m 600 c ../out\n-c -m 644 a out/named\n";
        assert_eq!(calls, expected);
        for (name, content) in [("a", "a"), ("b", "b"), ("c", "sub/c"), ("named", "a")] {
            let copied = fs_err::read_to_string(dir.path().join("out").join(name)).unwrap();
            assert_eq!(copied, content);
        }
        assert!(!dir.path().read_dir().unwrap().any(|entry| {
            let name = entry.unwrap().file_name();
            name.to_string_lossy().starts_with("pybuild-copies")
        }));
    }

    #[test]
    fn a_failed_copy_and_a_failed_recipe_have_their_status() {
        for (shell, recipe, expected) in [
            (&[][..], "pybuild_copy 'sh ./copy' absent out; true", 1),
            (&["-e"], "pybuild_copy 'sh ./copy' absent out; true", 1),
            (&[], "pybuild_copy 'sh ./copy' a out; exit 3", 3),
            (&["-e"], "pybuild_copy 'sh ./copy' a out; false; true", 1),
        ] {
            let dir = tempfile::tempdir().unwrap();
            let (code, calls) = run(dir.path(), shell, recipe);
            assert_eq!(code, Some(expected), "{recipe}");
            assert_eq!(calls.lines().count(), 1, "{recipe}");
        }
    }
}
