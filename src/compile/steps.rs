//! Steps 5 and 6: `configure` and `make`. Each takes the tree that the step before it made.

use std::path::{Path, PathBuf};

use crate::compile::build_path;
use crate::compile::configure_answers::ConfigureAnswers;
use crate::compile::confinement::BuildUserError;
use crate::compile::context::BuildContext;
use crate::compile::debug_flag;
use crate::compile::error::Error;
use crate::compile::event::Event;
use crate::compile::left_out;
use crate::compile::link;
use crate::compile::unbuilt::{Unbuilt, UnbuiltReader};
use crate::plan::{Optimization, Plan};
use crate::process::Command;
use crate::progress::Unit;
use crate::source::{PatchedTree, Provenance, SourceDate};

/// A tree that belongs to the build user until [`crate::install::stage`] takes the installed files back.
#[derive(Debug)]
struct Tree {
    root: PathBuf,
    /// The empty DESTDIR of `make install`.
    destdir: PathBuf,
    provenance: Provenance,
}

/// A patched tree in which the build user can work.
#[derive(Debug)]
pub(crate) struct HandedOverTree(Tree);

/// A tree in which `configure` has run.
#[derive(Debug)]
pub(crate) struct ConfiguredTree {
    tree: Tree,
    date: SourceDate,
}

/// A tree in which everything is compiled.
#[derive(Debug)]
pub(crate) struct BuiltTree {
    tree: Tree,
    date: SourceDate,
    make_arguments: Vec<String>,
    unbuilt: Unbuilt,
}

impl BuiltTree {
    pub(crate) fn root(&self) -> &Path {
        &self.tree.root
    }

    pub(crate) fn destdir(&self) -> &Path {
        &self.tree.destdir
    }

    pub(crate) fn plan(&self) -> &Plan {
        self.tree.provenance.plan()
    }

    pub(crate) fn date(&self) -> SourceDate {
        self.date
    }

    /// Arguments that every later `make` needs too, or it links again.
    pub(crate) fn make_arguments(&self) -> &[String] {
        &self.make_arguments
    }

    /// The DESTDIR, the provenance of the tree, and the modules that were not built.
    pub(crate) fn into_parts(self) -> (PathBuf, Provenance, Unbuilt) {
        (self.tree.destdir, self.tree.provenance, self.unbuilt)
    }
}

/// Gives `folder`, which contains the tree and `destdir`, to the build user.
pub(crate) fn hand_over(
    tree: PatchedTree,
    folder: &Path,
    destdir: PathBuf,
    context: &BuildContext<'_>,
) -> Result<HandedOverTree, BuildUserError> {
    context.confinement.give(folder, context.environment)?;
    let (root, provenance) = tree.into_parts();
    Ok(HandedOverTree(Tree {
        root,
        destdir,
        provenance,
    }))
}

/// Programs that `configure` would search, and whose names would get into the Makefile and into `sysconfig`
/// although a release's build does not need them: a Python for generated files, and version control systems.
const NOT_SEARCHED: [(&str, &str); 5] = [
    ("PYTHON_FOR_REGEN", "python3"),
    ("PYTHON_FOR_GEN", "python3"),
    ("HAS_GIT", "not-found"),
    ("HAS_HG", "not-found"),
    ("SVNVERSION", "not-found"),
];

/// Runs `configure`.
pub(crate) fn configure(
    tree: HandedOverTree,
    context: &BuildContext<'_>,
) -> Result<ConfiguredTree, Error> {
    let HandedOverTree(tree) = tree;
    let date = SourceDate::of(&tree.root, context.environment).map_err(Error::Tree)?;
    let arguments = context.compile.configure();
    let path = tree.root.join("configure");
    let mut script = fs_err::read_to_string(&path).map_err(Error::Tree)?;
    let options = &tree.provenance.plan().request().build;
    let modules = &tree.provenance.plan().request().modules;
    left_out::name_in(&tree.root, &modules.left_out).map_err(Error::Tree)?;
    let changed = debug_flag::without_it(&script, options.debug_info, &options.configure_args);
    if let Some(changed) = changed {
        fs_err::write(&path, &changed).map_err(Error::Tree)?;
        script = changed;
    }
    // The name is relative: a full path would put the scratch folder into every compiler command, and
    // so into the interpreter.
    let command = context
        .command("./configure", &tree.root)
        .with_arguments(arguments);
    let command = NOT_SEARCHED
        .into_iter()
        .fold(command, |command, (name, value)| {
            command.with_variable(name, value)
        });
    // Each check prints one line. The script has a text for each, also in branches that do not run.
    let checks = script.matches("checking ").count() as u64;
    let total = Some(checks * 3 / 4);
    let mut phase = context.reporter.begin("configure", Unit::Steps, total);
    let mut unknown = Vec::new();
    let answers = ConfigureAnswers::prepare(&tree.root, &script, context);
    let mut run = |command: &Command| {
        context.runner.run("configure", command, |line| {
            if let Some(check) = line.strip_prefix("checking ") {
                phase.advance(1);
                phase.set_current(check);
            } else if line.contains("unrecognized options:") {
                unknown.push(line.to_owned());
            }
        })
    };
    let result = match answers {
        Some(answers) => answers.run(command, run),
        None => run(&command),
    };
    result.map_err(Error::Command)?;
    phase.finish(&arguments.join(" "));
    for line in unknown {
        context.reporter.report(&Event::UnknownOptions(line));
    }
    Ok(ConfiguredTree { tree, date })
}

/// Compiles everything, and warns of modules that were left out.
pub(crate) fn make(tree: ConfiguredTree, context: &BuildContext<'_>) -> Result<BuiltTree, Error> {
    let ConfiguredTree { tree, date } = tree;
    let plan = tree.provenance.plan();
    let request = plan.request();
    let prerequisites = &context.host.modules;
    let path = tree.root.join("Makefile");
    let makefile = fs_err::read_to_string(&path).map_err(Error::Tree)?;
    let module_flags = context.compile.module_link_flags();
    let mut make_arguments = link::make_arguments(&makefile, request.build.library, module_flags);
    let public = build_path::source_folder(plan.python());
    let toolchain = &context.host.toolchain;
    let flags = build_path::compiler_flags(&toolchain.compiler, &tree.root, &public);
    make_arguments.extend(context.compilers.make_argument(&makefile, &flags));
    let (makefile, paths) = build_path::without_path(&makefile, &tree.root, &public);
    fs_err::write(&path, makefile).map_err(Error::Tree)?;
    make_arguments.extend(paths);
    let total = expected_steps(&tree.root, request.build.optimization, context);
    let mut phase = context.reporter.begin("make", Unit::Steps, Some(total));
    let mut compiled = 0_u64;
    let mut unbuilt = UnbuiltReader::default();
    let command = context
        .parallel_make(&tree.root)
        .with_variable(SourceDate::VARIABLE, date.text())
        .with_arguments(&make_arguments);
    context
        .runner
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
    phase.finish(&format!("{compiled} files compiled, -j{}", context.jobs));
    let names = ["python", "python.exe"];
    if !names.iter().any(|name| tree.root.join(name).is_file()) {
        return Err(Error::NoInterpreter { tree: tree.root });
    }
    let unbuilt = unbuilt.finish();
    let unexpected = unbuilt.unexpected(plan.python(), prerequisites, &request.modules);
    if !unexpected.is_empty() {
        context.reporter.report(&Event::NotBuilt(unexpected));
    }
    Ok(BuiltTree {
        tree,
        date,
        make_arguments,
        unbuilt,
    })
}

/// The duration of a test of the profiling run, measured in files compiled.
const STEPS_PER_TEST: u64 = 12;

/// The number of tests in CPython's default `PROFILE_TASK` (43 or 44 since 3.9).
const PROFILE_TESTS: u64 = 44;

#[derive(Debug, PartialEq, Eq)]
enum Step<'a> {
    Compiled(&'a str),
    Tested(&'a str),
}

/// The step that a line of `make`'s output reports.
fn step_of(line: &str) -> Option<Step<'_>> {
    if line.contains(" -c ") {
        let is_source = |word: &&str| Path::new(word).extension().is_some_and(|e| e == "c");
        let file = line.split_whitespace().rev().find(is_source);
        return file.map(Step::Compiled);
    }
    // regrtest: `0:00:12 load avg: 1.25 [ 5/44] test_bytes`
    let (_, counted) = line.split_once('[')?;
    let (count, test) = counted.split_once("] ")?;
    let (done, all) = count.trim().split_once('/')?;
    let numbers = [done, all].iter().all(|n| n.parse::<u32>().is_ok());
    numbers.then_some(Step::Tested(test))
}

/// Estimates the number of steps that `make` will print: the compiler calls of a dry run, plus the
/// usual number for extension modules that `setup.py` builds, which a dry run does not show.
fn expected_steps(root: &Path, optimization: Optimization, context: &BuildContext<'_>) -> u64 {
    let preview = context.make(root).with_argument("-n").read();
    let named = preview.map_or(0, |answer| {
        let steps = answer.stdout.lines().filter_map(step_of);
        steps
            .filter(|step| matches!(step, Step::Compiled(_)))
            .count() as u64
    });
    // About half of the files are for this system (79 of 158 against 99 compiled in 2.7.18, 88 of 176
    // against 94 in 3.11.2). The files of libffi are for all systems, and mostly unused.
    let by_setup = if root.join("setup.py").is_file() {
        count_files(&root.join("Modules"), "c", |name| {
            !name.starts_with("libffi")
        }) / 2
    } else {
        0
    };
    // `make -n` shows only the first of the two passes of a profiled build.
    match optimization {
        Optimization::Plain => named + by_setup,
        Optimization::ProfileGuided => 2 * (named + by_setup) + PROFILE_TESTS * STEPS_PER_TEST,
    }
    .max(1)
}

/// The number of files with this extension below `folder`, in folders whose names are `wanted`.
pub(crate) fn count_files(folder: &Path, extension: &str, wanted: impl Fn(&str) -> bool) -> u64 {
    walkdir::WalkDir::new(folder)
        .into_iter()
        .filter_entry(|entry| {
            !entry.file_type().is_dir() || entry.file_name().to_str().is_some_and(&wanted)
        })
        .filter_map(Result::ok)
        .filter(|entry| entry.path().extension().is_some_and(|e| e == extension))
        .count() as u64
}

#[cfg(test)]
mod tests {
    use super::{Step, step_of};

    #[test]
    fn only_compiled_files_and_profile_tests_advance_the_progress_bar() {
        assert_eq!(
            step_of("gcc -O3 -c -Wall -o Objects/abstract.o Objects/abstract.c"),
            Some(Step::Compiled("Objects/abstract.c"))
        );
        assert_eq!(
            step_of("0:00:12 load avg: 1.25 [ 5/44] test_bytes"),
            Some(Step::Tested("test_bytes"))
        );
        assert_eq!(
            step_of("/usr/bin/ccache gcc -pthread -c Modules/a.c -o build/a.o"),
            Some(Step::Compiled("Modules/a.c"))
        );
        assert_eq!(step_of("gcc -shared -o x.so x.o"), None);
        assert_eq!(step_of("sed -e 's,[@]x[/]y,,' < a"), None);
    }
}
