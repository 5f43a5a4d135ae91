//! The build tree's own commands that compile the prefix into the interpreter, as `make --dry-run` prints
//! them.

use serde::{Deserialize, Serialize};

/// The only object file into which the prefix is compiled.
const OBJECT: &str = "Modules/getpath.o";
const SOURCE: &str = "Modules/getpath.c";

/// Shell commands that work in a folder with the object files of the static library and of the main
/// program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Recipe {
    /// Compiles [`SOURCE`].
    compile: String,
    /// Makes the static library.
    archive: Vec<String>,
    /// Links the interpreter.
    link: String,
    /// The name of the static library.
    pub(super) library: String,
    /// The object files in the static library, in order.
    pub(super) members: Vec<String>,
    /// The object file of the main program.
    pub(super) program: String,
}

impl Recipe {
    /// Reads the output of `make --dry-run --what-if=Modules/getpath.c python`. `None` if it has not the
    /// commands that every known release has.
    pub(super) fn read(dry_run: &str) -> Option<Self> {
        let joined = dry_run.replace("\\\n", " ");
        let lines: Vec<&str> = joined.lines().collect();
        let only = |wanted: &dyn Fn(&str) -> bool| {
            let mut found = lines.iter().filter(|line| wanted(line));
            let first = found.next()?;
            found.next().is_none().then(|| (*first).to_owned())
        };
        let compile = only(&|line| has_words(line, &["-o", OBJECT]))?;
        let link = only(&|line| has_words(line, &["-o", "python"]))?;
        let mut libraries = lines.iter().flat_map(|line| line.split_whitespace());
        let library = libraries
            .find(|word| word.starts_with("libpython") && word.strip_suffix(".a").is_some())?;
        let archive: Vec<String> = lines
            .iter()
            .filter(|line| has_words(line, &[library]) && !has_words(line, &["-o"]))
            .map(|line| (*line).to_owned())
            .collect();
        let members: Vec<String> = archive.iter().flat_map(|line| objects(line)).collect();
        let program = objects(&link).find(|object| !members.contains(object))?;
        let known = members.iter().any(|member| member == OBJECT);
        known.then(|| Self {
            compile,
            archive,
            link,
            library: library.to_owned(),
            members,
            program,
        })
    }

    /// The command that writes the preprocessed source to `output`, for `placeholder` instead of `prefix`.
    pub(super) fn preprocess(&self, prefix: &str, placeholder: &str, output: &str) -> String {
        let compile = self.compile.replace(prefix, placeholder);
        replace_word(&compile, OBJECT, &format!("{output} -E"))
    }

    /// The commands that compile the preprocessed source `input` and link all.
    pub(super) fn script(&self, input: &str) -> String {
        let is_source = |word: &&str| word.ends_with(SOURCE);
        let source = self.compile.split_whitespace().find(is_source);
        let compile = replace_word(&self.compile, source.unwrap_or(SOURCE), input);
        let commands = std::iter::once(&compile)
            .chain(&self.archive)
            .chain([&self.link]);
        commands.fold("set -e".to_owned(), |script, command| {
            script + "\n" + command
        })
    }
}

/// Whether `words` follow each other in the line.
fn has_words(line: &str, words: &[&str]) -> bool {
    let all: Vec<&str> = line.split_whitespace().collect();
    all.windows(words.len()).any(|window| window == words)
}

fn objects(line: &str) -> impl Iterator<Item = String> {
    let words = line.split_whitespace();
    words
        .filter(|word| word.strip_suffix(".o").is_some())
        .map(ToOwned::to_owned)
}

fn replace_word(line: &str, word: &str, with: &str) -> String {
    let replaced = |found: &str| {
        if found == word {
            with.to_owned()
        } else {
            found.to_owned()
        }
    };
    line.split_whitespace()
        .map(replaced)
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::Recipe;

    /// In the form of 3.9; from 3.11 on, the interpreter is linked from the object files, and other
    /// programs are linked, too.
    const DRY_RUN: &str = "gcc -c -O3 -DPREFIX='\"/opt/p\"' \\\n\t-DEXEC_PREFIX='\"/opt/p\"' \\\n\t-o Modules/getpath.o ./Modules/getpath.c
gcc -o _bootstrap_python Modules/getpath.o Programs/_bootstrap_python.o -lm
rm -f libpython3.9.a
ar rcs libpython3.9.a  Modules/getpath.o Python/import.o
gcc -Xlinker -export-dynamic -o python Programs/python.o libpython3.9.a -lm
";

    #[test]
    fn the_commands_are_taken_from_a_dry_run() {
        let recipe = Recipe::read(DRY_RUN).unwrap();
        assert_eq!(recipe.library, "libpython3.9.a");
        assert_eq!(recipe.members, ["Modules/getpath.o", "Python/import.o"]);
        assert_eq!(recipe.program, "Programs/python.o");
        assert_eq!(
            recipe.preprocess("/opt/p", "/here", "/tmp/x.i"),
            "gcc -c -O3 -DPREFIX='\"/here\"' -DEXEC_PREFIX='\"/here\"' -o /tmp/x.i -E ./Modules/getpath.c"
        );
        let script = recipe.script("x.i");
        let lines: Vec<&str> = script.lines().collect();
        assert_eq!(lines.len(), 5, "{script}");
        assert!(lines[1].ends_with("-o Modules/getpath.o x.i"));
        assert_eq!(lines[2], "rm -f libpython3.9.a");
        assert!(lines[4].contains(" -o python Programs/python.o "));
    }

    #[test]
    fn a_dry_run_without_one_of_the_commands_is_not_used() {
        for missing in [
            "\t-o Modules/getpath.o",
            "libpython3.9.a",
            " -o python ",
            "Programs/python.o",
        ] {
            assert_eq!(
                Recipe::read(&DRY_RUN.replace(missing, " x ")),
                None,
                "{missing}"
            );
        }
        assert_eq!(Recipe::read(&DRY_RUN.repeat(2)), None);
    }
}
