//! Many checks of one kind at once: one program for all functions, and one compiler call for many headers,
//! types, members, declarations and sizes. Each check is the program that Autoconf would make.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::question::{Kind, Question};
use super::script::Expected;
use crate::compile::confinement::Confinement;
use crate::compile::jobs::Jobs;
use crate::digest::Sha256;
use crate::fs::scratch::ScratchFolder;
use crate::host::build_environment::BuildEnvironment;
use crate::process::{Answer, Command};

/// Fewer checks are not worth a compiler call of their own.
const FEW: usize = 3;

/// The expansion of it is the same text in all checks of a script.
const DEFAULT_INCLUDES: &str = "$ac_includes_default";

/// Runs the compiler like `configure` does.
#[derive(Clone, Copy)]
pub(super) struct Compiler<'a> {
    pub environment: &'a BuildEnvironment,
    pub confinement: &'a Confinement,
    pub jobs: Jobs,
}

pub(super) struct Bulk<'a> {
    compiler: Compiler<'a>,
    /// Programs and assembler files are made in folders in it.
    folder: PathBuf,
    expected: Vec<Expected>,
    default_includes: Option<String>,
    /// How often a kind was asked with the same macros and flags.
    asked: BTreeMap<Sha256, u32>,
}

impl<'a> Bulk<'a> {
    pub(super) fn new(compiler: Compiler<'a>, folder: PathBuf, expected: Vec<Expected>) -> Self {
        Self {
            compiler,
            folder,
            expected,
            default_includes: None,
            asked: BTreeMap::new(),
        }
    }

    /// Answers for questions like this one, which the script is expected to ask next. `context` stands
    /// for everything that they have in common; `confdefs` begins each program.
    pub(super) fn answers(
        &mut self,
        question: &Question,
        context: Sha256,
        confdefs: &str,
    ) -> Vec<(Question, String)> {
        let count = self.asked.entry(context).or_default();
        *count += 1;
        // The first checks of a script change what the next ones include, those of headers most of all.
        let enough = if question.kind == Kind::Header { 4 } else { 2 };
        if *count != enough || !is_usual(question) {
            return Vec::new();
        }
        let questions = self.like(question);
        if questions.len() < FEW {
            return Vec::new();
        }
        let Ok(folder) = ScratchFolder::new(&self.folder, "bulk-") else {
            return Vec::new();
        };
        let batch = Batch {
            compiler: self.compiler,
            flags: &question.flags,
            folder: folder.path(),
            confdefs,
        };
        let subjects: Vec<&Question> = questions.iter().collect();
        let answers = match question.kind {
            Kind::Function => batch.functions(&subjects),
            Kind::Integer => batch.integers(&subjects),
            _ => batch.accepted(&subjects),
        };
        let answers = answers.unwrap_or_default();
        questions
            .iter()
            .zip(answers)
            .filter_map(|(question, answer)| Some((question.clone(), answer?)))
            .collect()
    }

    /// Learns the expansion of the default includes, and that this check needs no prediction any more.
    pub(super) fn see(&mut self, question: &Question) {
        let default_includes = &mut self.default_includes;
        self.expected.retain(|expected| {
            let same = expected.kind == question.kind
                && expected.subject == question.subject
                && expected.more == member_of(question);
            if same
                && let Some((before, after)) = expected.includes.split_once(DEFAULT_INCLUDES)
                && let Some(rest) = question.includes.strip_prefix(before)
                && let Some(text) = rest.strip_suffix(after)
            {
                *default_includes = Some(text.to_owned());
            }
            !same
        });
    }

    fn like(&self, question: &Question) -> Vec<Question> {
        let mut questions = vec![question.clone()];
        for expected in &self.expected {
            if expected.kind != question.kind {
                continue;
            }
            let includes = match &self.default_includes {
                Some(text) => expected.includes.replace(DEFAULT_INCLUDES, text),
                None => expected.includes.clone(),
            };
            let expanded = !expected
                .includes
                .replace(DEFAULT_INCLUDES, "")
                .contains(['$', '`', '\\']);
            if !expanded || (self.default_includes.is_none() && includes.contains('$')) {
                continue;
            }
            let new = Question {
                subject: expected.subject.clone(),
                more: match question.kind {
                    Kind::Member => expected.more.clone(),
                    _ => question.more.clone(),
                },
                includes,
                ..question.clone()
            };
            if !questions.contains(&new) {
                questions.push(new);
            }
        }
        questions
    }
}

fn member_of(question: &Question) -> &str {
    match question.kind {
        Kind::Member => &question.more,
        _ => "",
    }
}

/// Whether the commands and flags are plain words.
fn is_usual(question: &Question) -> bool {
    let flags = &question.flags;
    let plain = |text: &String| {
        !text.contains("-Werror")
            && !text.contains([
                '\'', '"', '\\', '`', '$', '*', '?', '[', ';', '&', '|', '<', '>', '(', ')', '#',
                '~',
            ])
    };
    let words = [
        &flags.cc,
        &flags.cflags,
        &flags.cppflags,
        &flags.ldflags,
        &flags.libs,
    ];
    flags.warnings.starts_with(',')
        && words.into_iter().all(plain)
        && !(question.kind == Kind::Declaration && !question.more.trim().is_empty())
}

struct Batch<'a> {
    compiler: Compiler<'a>,
    flags: &'a super::question::Flags,
    folder: &'a Path,
    confdefs: &'a str,
}

impl Batch<'_> {
    /// Whether each function can be linked. The linker names all missing functions of one program.
    fn functions(&self, questions: &[&Question]) -> Option<Vec<Option<String>>> {
        let mut found: BTreeSet<&str> = questions
            .iter()
            .map(|question| question.subject.as_str())
            .filter(|name| *name != "main")
            .collect();
        let mut missing = BTreeSet::new();
        // A linker may stop after some errors. The last program contains only functions that exist.
        for _ in 0..8 {
            let names: Vec<&str> = found.iter().copied().collect();
            let source = self.write("functions", &program_of_functions(&names))?;
            let answer = self.link("functions", &[source])?;
            if answer.status.success() {
                let answer = |name: &str| match (found.contains(name), missing.contains(name)) {
                    (true, _) => Some("yes".to_owned()),
                    (_, true) => Some("no".to_owned()),
                    _ => None,
                };
                return Some(
                    questions
                        .iter()
                        .map(|question| answer(&question.subject))
                        .collect(),
                );
            }
            let undefined: Vec<&str> = answer.stderr.lines().filter_map(undefined_symbol).collect();
            let before = found.len();
            for name in undefined {
                let name = name.strip_prefix(STUB).unwrap_or(name);
                if let Some(name) = found.take(name) {
                    missing.insert(name);
                }
            }
            if found.len() == before {
                return None;
            }
        }
        None
    }

    /// Whether each program is accepted.
    fn accepted(&self, questions: &[&Question]) -> Option<Vec<Option<String>>> {
        let programs = questions.iter().flat_map(|question| programs_of(question));
        let verdicts = self.compile(&programs.collect::<Vec<_>>())?;
        let mut verdicts = verdicts.into_iter();
        let answers = questions.iter().map(|question| {
            let accepted = match question.kind {
                // A type is accepted in `sizeof (T)` but not in `sizeof ((T))`.
                Kind::Type => match (verdicts.next()?, verdicts.next()?) {
                    (Some(first), Some(second)) => Some(first && !second),
                    _ => None,
                },
                Kind::Member => match (verdicts.next()?, verdicts.next()?) {
                    (Some(first), Some(second)) => Some(first || second),
                    _ => None,
                },
                _ => verdicts.next()?,
            };
            accepted.map(|yes| if yes { "yes" } else { "no" }.to_owned())
        });
        Some(answers.collect())
    }

    /// The values of expressions: all that compile are printed by one program.
    fn integers(&self, questions: &[&Question]) -> Option<Vec<Option<String>>> {
        let programs: Vec<String> = questions
            .iter()
            .enumerate()
            .map(|(number, question)| {
                let (includes, expression) = (&question.includes, &question.subject);
                format!("{includes}\nlong int pybuild_value_{number} (void) {{ return {expression}; }}\n")
            })
            .collect();
        let verdicts = self.compile(&programs)?;
        let numbers = (0..questions.len()).filter(|number| verdicts[*number] == Some(true));
        let (mut declarations, mut calls, mut files) = (String::new(), String::new(), Vec::new());
        for number in numbers {
            declarations += &format!("long int pybuild_value_{number} (void);\n");
            calls += &format!("  printf (\"{number} %ld\\n\", pybuild_value_{number} ());\n");
            files.push(self.folder.join(compiled(number)));
        }
        let main = format!(
            "#include <stdio.h>\n{declarations}int main (void)\n{{\n{calls}  return 0;\n}}\n"
        );
        files.insert(0, self.write("values", &main)?);
        if !self.link("values", &files)?.status.success() {
            return None;
        }
        let run = self.confined(Command::new(self.folder.join("values"), self.folder));
        let answer = run.read().ok().filter(|answer| answer.status.success())?;
        let mut values = vec![None; questions.len()];
        for line in answer.stdout.lines() {
            let (number, value) = line.split_once(' ')?;
            *values.get_mut(number.parse::<usize>().ok()?)? = Some(value.to_owned());
        }
        Some(values)
    }

    /// Compiles each program into an assembler file of its own: the assembler's part decides nothing, and
    /// takes time. `None` for a program that has neither such a file nor an error.
    fn compile(&self, programs: &[String]) -> Option<Vec<Option<bool>>> {
        let mut files = Vec::new();
        for (number, program) in programs.iter().enumerate() {
            files.push(self.write(&format!("check{number}"), program)?);
        }
        let jobs = self.compiler.jobs.count();
        let parts = files.chunks(files.len().div_ceil(jobs).max(1));
        let outputs: Option<String> = std::thread::scope(|scope| {
            let threads: Vec<_> = parts
                .map(|part| scope.spawn(move || self.call(&["-S"], part, &[])))
                .collect();
            let answers = threads.into_iter().map(|thread| thread.join().ok()?);
            answers.map(|answer| Some(answer?.stderr)).collect()
        });
        let output = outputs?;
        let mut rejected = BTreeSet::new();
        for line in output.lines() {
            if let Some((_, rest)) = line.split_once("check")
                && let Some((number, _)) = rest.split_once(".c:")
                && let Ok(number) = number.parse::<usize>()
            {
                rejected.insert(number);
            }
        }
        let verdict = |number: usize| {
            let made = self.folder.join(compiled(number)).metadata();
            match (
                made.is_ok_and(|file| file.len() > 0),
                rejected.contains(&number),
            ) {
                (true, _) => Some(true),
                (false, true) => Some(false),
                (false, false) => None,
            }
        };
        Some((0..programs.len()).map(verdict).collect())
    }

    fn write(&self, name: &str, program: &str) -> Option<PathBuf> {
        let path = self.folder.join(format!("{name}.c"));
        let confdefs = self.confdefs;
        fs_err::write(
            &path,
            format!("{confdefs}/* end confdefs.h.  */\n{program}"),
        )
        .ok()?;
        Some(path)
    }

    fn link(&self, program: &str, files: &[PathBuf]) -> Option<Answer> {
        let libraries: Vec<&str> = self.flags.libs.split_whitespace().collect();
        self.call(&["-o", program], files, &libraries)
    }

    fn call(&self, arguments: &[&str], files: &[PathBuf], libraries: &[&str]) -> Option<Answer> {
        let flags = self.flags;
        let mut words = flags.cc.split_whitespace();
        let links = arguments.first() == Some(&"-o");
        let command = Command::new(words.next()?, self.folder)
            .with_arguments(words)
            .with_arguments(arguments.iter().copied())
            .with_arguments(flags.cflags.split_whitespace())
            .with_arguments(flags.cppflags.split_whitespace())
            .with_arguments(flags.ldflags.split_whitespace().filter(|_| links))
            .with_arguments(files)
            .with_arguments(libraries.iter().copied());
        self.confined(command).read().ok()
    }

    fn confined(&self, command: Command) -> Command {
        let Compiler {
            environment,
            confinement,
            ..
        } = self.compiler;
        confinement.confine(command.with_variables(environment.variables()))
    }
}

fn compiled(number: usize) -> String {
    format!("check{number}.s")
}

/// The programs of Autoconf's check. It compiles the second one of a member only if the first one fails.
fn programs_of(question: &Question) -> Vec<String> {
    let Question {
        subject,
        more,
        includes,
        ..
    } = question;
    let main =
        |body: &str| format!("{includes}\nint\nmain (void)\n{{\n{body}\n  ;\n  return 0;\n}}\n");
    match question.kind {
        Kind::Header => vec![format!("{includes}\n#include <{subject}>\n")],
        Kind::Type => vec![
            main(&format!("if (sizeof ({subject}))\n\t return 0;")),
            main(&format!("if (sizeof (({subject})))\n\t    return 0;")),
        ],
        Kind::Member => vec![
            main(&format!(
                "static {subject} ac_aggr;\nif (ac_aggr.{more})\nreturn 0;"
            )),
            main(&format!(
                "static {subject} ac_aggr;\nif (sizeof ac_aggr.{more})\nreturn 0;"
            )),
        ],
        // The name of a declaration with arguments ends before them.
        _ => {
            let name = subject.split('(').next().unwrap_or(subject).trim_end();
            vec![main(&format!("#ifndef {name}\n  (void) {name};\n#endif\n"))]
        }
    }
}

/// The prefix of a function that glibc only has as a stub.
const STUB: &str = "pybuild_stub_";

/// Autoconf's program for one function, with all of them.
fn program_of_functions(names: &[&str]) -> String {
    let each =
        |line: &dyn Fn(&str) -> String| names.iter().map(|name| line(name)).collect::<String>();
    let defines = each(&|name| format!("#define {name} innocuous_{name}\n"));
    let undefines = each(&|name| format!("#undef {name}\n"));
    let declarations = each(&|name| format!("char {name} ();\nchar {STUB}{name} ();\n"));
    let calls = each(&|name| {
        format!(
            "#if defined __stub_{name} || defined __stub___{name}\n  sum += {STUB}{name} ();\n\
             #else\n  sum += {name} ();\n#endif\n"
        )
    });
    format!(
        "{defines}#include <limits.h>\n{undefines}{declarations}int\nmain (void)\n{{\n  int sum = 0;\n\
         {calls}  return sum;\n}}\n"
    )
}

/// The symbol that a line of GNU ld, gold, lld or mold reports as undefined.
fn undefined_symbol(line: &str) -> Option<&str> {
    let marks = ["undefined reference to ", "undefined symbol: "];
    let rest = marks
        .iter()
        .find_map(|mark| line.split_once(mark))
        .map(|(_, rest)| rest)?;
    Some(rest.trim_matches(['`', '\'', '"', ' ']))
}
