//! Steps 5 and 6: `configure` and `make`, each taking the tree that the step before it made.

use std::path::{Path, PathBuf};

use crate::compile::unbuilt::{Unbuilt, UnbuiltReader};
use crate::compile::{Error, Site, link};
use crate::host::build_environment::is_assignment;
use crate::host::modules::{is_openssl_dir, knows_openssl_dir};
use crate::plan::{Library, Optimization, Plan};
use crate::progress::Unit;
use crate::source::PatchedTree;

/// A tree that `configure` has been run in, for one prefix.
#[derive(Debug)]
pub struct ConfiguredTree {
    root: PathBuf,
}

/// A tree in which everything is compiled.
#[derive(Debug)]
pub struct BuiltTree {
    root: PathBuf,
    python: PathBuf,
    make_arguments: Vec<String>,
    unbuilt: Unbuilt,
}

impl BuiltTree {
    /// The folder that was built in.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The interpreter, runnable where it is.
    #[must_use]
    pub fn python(&self) -> &Path {
        &self.python
    }

    /// The modules that `make` says it could not build.
    #[must_use]
    pub fn unbuilt(&self) -> &Unbuilt {
        &self.unbuilt
    }

    /// The arguments that every later `make` needs too, or it links anew.
    #[must_use]
    pub fn make_arguments(&self) -> &[String] {
        &self.make_arguments
    }
}

/// In this series `configure` takes the system's libmpdec, and none where there is none, unless it is
/// told to take the copy that the release brings along. Debian 12 has no package of it, and `decimal`
/// in Python alone is slow; so it is told, as all before took it by themselves.
const FORGETS_ITS_LIBMPDEC: (u32, u32) = (3, 15);

/// What `configure` is called with, in order. What the person adds comes last and so has its way; an
/// assignment to one of `configure`'s own variables is not among them, but in the environment, where
/// flags of patches and libraries can be added to it; nor is `--with-openssl` for a release that does
/// not know it.
#[must_use]
pub fn configure_arguments(plan: &Plan) -> Vec<String> {
    let mut arguments = vec![
        format!("--prefix={}", plan.prefix),
        "--with-ensurepip=upgrade".to_owned(),
    ];
    if plan.request.build.library == Library::Shared {
        arguments.push("--enable-shared".to_owned());
    }
    if plan.request.build.optimization == Optimization::ProfileGuided {
        arguments.extend(["--enable-optimizations".to_owned(), "--with-lto".to_owned()]);
    }
    let given = plan.request.build.configure_args.iter();
    let decides = |argument: &String| argument.contains("-system-libmpdec");
    if plan.python.series() == FORGETS_ITS_LIBMPDEC && !given.clone().any(decides) {
        arguments.push("--with-system-libmpdec=no".to_owned());
    }
    arguments.extend(
        given
            .filter(|argument| !is_assignment(argument))
            .filter(|argument| !is_openssl_dir(argument) || knows_openssl_dir(plan.python))
            .cloned(),
    );
    arguments
}

/// Runs `configure` in the tree.
///
/// # Errors
/// [`Error::Command`] when it fails, with the lines that matter.
pub fn configure(tree: PatchedTree, plan: &Plan, site: &Site<'_>) -> Result<ConfiguredTree, Error> {
    let root = tree.into_root();
    let script = fs_err::read_to_string(root.join("configure")).map_err(Error::Tree)?;
    // By its relative name: called by its full path, it writes the scratch folder into every
    // compiler command, and so into the interpreter.
    let command = site
        .command("./configure", &root)
        .with_arguments(configure_arguments(plan));
    // Each check prints one line; the script has a text for each, some in branches not taken.
    let checks = script.matches("checking ").count() as u64;
    let mut phase = site
        .reporter
        .begin("configure", Unit::Steps, Some(checks * 3 / 4));
    let mut ignored = Vec::new();
    site.runner
        .run("configure", &command, |line| {
            if let Some(check) = line.strip_prefix("checking ") {
                phase.advance(1);
                phase.set_current(check);
            } else if line.contains("unrecognized options:") {
                ignored.push(line.to_owned());
            }
        })
        .map_err(Error::Command)?;
    phase.finish(&configure_arguments(plan).join(" "));
    for line in ignored {
        site.reporter.warn(&line);
    }
    Ok(ConfiguredTree { root })
}

/// Compiles everything.
///
/// # Errors
/// [`Error::Command`] when it fails, with the lines that matter; [`Error::NoInterpreter`].
pub fn make(tree: ConfiguredTree, plan: &Plan, site: &Site<'_>) -> Result<BuiltTree, Error> {
    let root = tree.root;
    let makefile = fs_err::read_to_string(root.join("Makefile")).map_err(Error::Tree)?;
    let make_arguments = link::make_arguments(&makefile, plan, site);
    let total = expected_steps(&root, plan, site);
    let mut phase = site.reporter.begin("make", Unit::Steps, Some(total));
    let mut compiled = 0_u64;
    let mut unbuilt = UnbuiltReader::default();
    let command = site
        .make(&root)
        .with_argument(format!("-j{}", site.jobs))
        .with_arguments(&make_arguments);
    site.runner
        .run("make", &command, |line| match step_of(line) {
            Some(Step::Compiled(file)) => {
                compiled += 1;
                phase.advance(1);
                phase.set_current(file);
            }
            Some(Step::Tested(test)) => {
                phase.advance(STEPS_PER_TEST);
                phase.set_current(test);
            }
            None => unbuilt.see(line),
        })
        .map_err(Error::Command)?;
    phase.finish(&format!("{compiled} files compiled, -j{}", site.jobs));
    let python = ["python", "python.exe"]
        .into_iter()
        .map(|name| root.join(name))
        .find(|path| path.is_file())
        .ok_or_else(|| Error::NoInterpreter { tree: root.clone() })?;
    Ok(BuiltTree {
        root,
        python,
        make_arguments,
        unbuilt: unbuilt.finish(),
    })
}

/// A profiling run's test takes about as long as compiling so many files.
const STEPS_PER_TEST: u64 = 12;

/// The tests in CPython's default `PROFILE_TASK` (43 or 44 since 3.9).
const PROFILE_TESTS: u64 = 44;

#[derive(Debug, PartialEq, Eq)]
enum Step<'a> {
    Compiled(&'a str),
    Tested(&'a str),
}

/// What a line of `make`'s output says was done.
fn step_of(line: &str) -> Option<Step<'_>> {
    if line.contains(" -c ") {
        let file = line.split_whitespace().rev().find(|word| {
            Path::new(word)
                .extension()
                .is_some_and(|ending| ending == "c")
        });
        return file.map(Step::Compiled);
    }
    // regrtest: `0:00:12 load avg: 1.25 [ 5/44] test_bytes`
    let (_, counted) = line.split_once('[')?;
    let (count, test) = counted.split_once("] ")?;
    let (done, all) = count.trim().split_once('/')?;
    let numbers = [done, all].iter().all(|n| n.parse::<u32>().is_ok());
    numbers.then_some(Step::Tested(test))
}

/// How many steps `make` will show: what it says that it would compile, and, where extension
/// modules are built by `setup.py`, which it cannot look into, as many as there usually are.
fn expected_steps(root: &Path, plan: &Plan, site: &Site<'_>) -> u64 {
    let preview = site.make(root).with_argument("-n").read();
    let named = preview.map_or(0, |answer| {
        let steps = answer.stdout.lines().filter_map(step_of);
        steps
            .filter(|step| matches!(step, Step::Compiled(_)))
            .count() as u64
    });
    // Of the files there, about half are for this system (79 of 158 against 99 compiled in 2.7.18,
    // 88 of 176 against 94 in 3.11.2); libffi's are for any, and mostly not used.
    let by_setup = if root.join("setup.py").is_file() {
        count_files(&root.join("Modules"), "c", |name| {
            !name.starts_with("libffi")
        }) / 2
    } else {
        0
    };
    // A profiled build shows the first of its two passes only.
    match plan.request.build.optimization {
        Optimization::Plain => named + by_setup,
        Optimization::ProfileGuided => 2 * (named + by_setup) + PROFILE_TESTS * STEPS_PER_TEST,
    }
    .max(1)
}

/// How many files with this ending there are below `folder`, in folders whose names are `wanted`.
pub fn count_files(folder: &Path, ending: &str, wanted: impl Fn(&str) -> bool) -> u64 {
    walkdir::WalkDir::new(folder)
        .into_iter()
        .filter_entry(|entry| {
            !entry.file_type().is_dir() || entry.file_name().to_str().is_some_and(&wanted)
        })
        .filter_map(Result::ok)
        .filter(|entry| {
            entry
                .path()
                .extension()
                .is_some_and(|found| found == ending)
        })
        .count() as u64
}

#[cfg(test)]
mod tests {
    use super::{Step, step_of};

    #[test]
    fn compiles_and_profile_tests_move_the_bar_and_nothing_else_does() {
        assert_eq!(
            step_of("gcc -O3 -c -Wall -o Objects/abstract.o Objects/abstract.c"),
            Some(Step::Compiled("Objects/abstract.c"))
        );
        assert_eq!(
            step_of("0:00:12 load avg: 1.25 [ 5/44] test_bytes"),
            Some(Step::Tested("test_bytes"))
        );
        assert_eq!(step_of("gcc -shared -o x.so x.o"), None);
        assert_eq!(step_of("sed -e 's,[@]x[/]y,,' < a"), None);
    }
}
