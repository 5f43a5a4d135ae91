//! Answers of `configure`'s checks. They come from earlier runs on this host, or from compiler calls that
//! answer many checks at once.
//!
//! `configure` asks pybuild before each standard check of Autoconf, and before each program that a check
//! only compiles, links or runs. The key of an answer is the whole question: program or subject, commands,
//! flags and macros. A question of one release thus answers the same question of another.
//!
//! A cache file (`--cache-file`) would change the result: CPython's configure reads some variables before
//! the check that sets them, and some checks set more than their variable. Here each check runs in its
//! place, with all that it does besides.
//!
//! Answers belong to a host: its toolchain, the build's environment and the installed development files.
//! `configure` gets them through a site script (`CONFIG_SITE`), which leaves no trace in the result.

mod bulk;
mod dialogue;
mod kept;
mod question;
mod script;

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use self::bulk::{Bulk, Compiler};
use self::dialogue::{Dialogue, End, Reply, Respond};
use self::kept::KeptAnswers;
use self::question::{Kind, Macros, Question};
use crate::compile::context::BuildContext;
use crate::compile::jobs::Jobs;
use crate::digest::{Hasher, Sha256};
use crate::host::development_files;
use crate::process::Command;
use crate::store::Store;

/// The folder in the tree with the site script and the pipes.
const FOLDER: &str = ".configure-answers";

pub(super) struct ConfigureAnswers<'a> {
    store: &'a Store,
    folder: AnswersFolder,
    /// The name of the file in the store.
    name: String,
    dialogue: Dialogue,
    end: End,
    adviser: Adviser<'a>,
    /// A user with fewer rights than pybuild's could report wrong answers for other builds.
    keep: bool,
}

/// The folder in the tree, removed when it is dropped.
struct AnswersFolder(PathBuf);

impl Drop for AnswersFolder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl<'a> ConfigureAnswers<'a> {
    /// Writes the site script. `None` if answers are not wanted, or cannot be used.
    pub(super) fn prepare(
        root: &'a Path,
        script: &str,
        context: &BuildContext<'a>,
    ) -> Option<Self> {
        let store = context.configure_answers?;
        if decides_itself(context.compile.configure()) {
            return None;
        }
        let folder = AnswersFolder(root.join(FOLDER));
        fs_err::create_dir(&folder.0).ok()?;
        let (dialogue, end) = Dialogue::new(&folder.0).ok()?;
        let site = include_str!("site.sh").replace("@FOLDER@", FOLDER) + &script::wrappers(script);
        fs_err::write(folder.0.join("site"), site).ok()?;
        let compiler = Compiler {
            environment: context.environment,
            confinement: context.confinement,
            // `configure` waits meanwhile, so its own job is free.
            jobs: context.pool.map_or(context.jobs, |_| Jobs::ONE),
        };
        let keep = context.confinement.user.is_none();
        let name = host_key(context, &folder.0).to_string();
        let adviser = Adviser {
            root,
            plain_programs: script::plain_programs(script),
            answers: KeptAnswers::read(store, &name),
            // The build user could not write into the folder.
            bulk: keep.then(|| Bulk::new(compiler, folder.0.clone(), script::expected(script))),
            run_facts: run_facts(context),
            asked: None,
        };
        Some(Self {
            store,
            folder,
            name,
            dialogue,
            end,
            adviser,
            keep,
        })
    }

    /// Runs `configure` with the answers, and keeps new ones if it succeeds.
    pub(super) fn run<E>(
        self,
        command: Command,
        run: impl FnOnce(&Command) -> Result<(), E>,
    ) -> Result<(), E> {
        let command = &command.with_variable("CONFIG_SITE", format!("./{FOLDER}/site"));
        let (dialogue, end, mut adviser) = (self.dialogue, self.end, self.adviser);
        let result = std::thread::scope(|scope| {
            scope.spawn(|| dialogue.run(&mut adviser));
            let result = run(command);
            drop(end);
            result
        });
        if result.is_ok() && self.keep {
            adviser.answers.write(self.store, &self.name);
        }
        drop(self.folder);
        result
    }
}

/// Whether the user's arguments or the prefix already name a cache file or a site script.
fn decides_itself(arguments: &[String]) -> bool {
    let cache = |argument: &String| {
        argument == "-C" || argument.starts_with("--cache-file") || argument == "--config-cache"
    };
    let prefixes = arguments
        .iter()
        .filter_map(|argument| argument.strip_prefix("--prefix="));
    let mut sites = prefixes.flat_map(|prefix| {
        ["share/config.site", "etc/config.site"].map(|name| Path::new(prefix).join(name))
    });
    arguments.iter().any(cache) || sites.any(|site| site.exists())
}

/// The key of everything on the host that an answer of the compiler depends on.
fn host_key(context: &BuildContext<'_>, scratch: &Path) -> Sha256 {
    let mut hasher = Hasher::default();
    let toolchain = &context.host.toolchain;
    let mut add = |text: String| hasher.update(format!("{}:{text}", text.len()).as_bytes());
    add(serde_json::to_string(toolchain).unwrap_or_default());
    add(state_of(toolchain.compiler.words.first().map(Path::new)));
    for (name, value) in context.environment.variables() {
        // They name a folder of this build.
        if name != "HOME" && name != "TMPDIR" {
            add(format!("{}={}", name.display(), value.display()));
        }
    }
    add(development_files::fingerprint(toolchain, context.environment, scratch).to_string());
    hasher.finish()
}

/// Everything on the host that the answer of a program that runs may depend on besides.
fn run_facts(context: &BuildContext<'_>) -> String {
    let system = rustix::system::uname();
    let boot = fs_err::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let spaces = ["mnt", "user", "ipc", "pid"].map(|name| {
        let link = fs_err::read_link(format!("/proc/self/ns/{name}"));
        link.unwrap_or_default()
    });
    let (release, version) = (system.release(), system.version());
    let (confinement, user) = (context.confinement, rustix::process::geteuid());
    format!("{release:?} {version:?} {boot} {spaces:?} {confinement:?} {user:?}")
}

/// The size and the time of a file or folder.
fn state_of(path: Option<&Path>) -> String {
    let path = path.unwrap_or(Path::new(""));
    match fs_err::metadata(path) {
        Ok(state) => {
            let (size, seconds, rest) = (state.size(), state.mtime(), state.mtime_nsec());
            format!("{} {size} {seconds}.{rest}", path.display())
        }
        Err(_) => format!("{} absent", path.display()),
    }
}

/// Answers the questions of one run of `configure`.
struct Adviser<'a> {
    root: &'a Path,
    plain_programs: BTreeSet<String>,
    answers: KeptAnswers,
    bulk: Option<Bulk<'a>>,
    /// See [`run_facts`].
    run_facts: String,
    /// The key of the question whose check runs.
    asked: Option<Sha256>,
}

impl Adviser<'_> {
    /// The program in `conftest.c`, if its check only asks whether it is accepted.
    fn program(&self) -> Option<String> {
        let text = fs_err::read_to_string(self.root.join("conftest.c")).ok()?;
        let (_, program) = text.split_once(script::END_OF_MACROS)?;
        let local = program.contains("#include \"") || program.contains("conftest");
        let plain = self.plain_programs.contains(program) && !local;
        plain.then(|| program.to_owned())
    }

    fn try_ask(&mut self, fields: &[&str]) -> Option<Reply> {
        let question = Question::read(fields)?;
        let confdefs = fs_err::read_to_string(self.root.join("confdefs.h")).ok()?;
        let macros = Macros::read(&confdefs);
        let program = if question.kind.is_program() {
            self.program()?
        } else {
            String::new()
        };
        let program = match question.kind {
            Kind::Run => program + &self.run_facts,
            _ => program,
        };
        let key = question.key(&macros, &program);
        if let Some(bulk) = &mut self.bulk {
            bulk.see(&question);
        }
        if self.answers.get(key).is_none()
            && let Some(bulk) = &mut self.bulk
            && !question.kind.is_program()
        {
            let context = question.context(&macros);
            for (question, answer) in bulk.answers(&question, context, &confdefs) {
                self.answers.insert(question.key(&macros, ""), &answer);
            }
        }
        if let Some(answer) = self.answers.get(key) {
            return Some(Reply::Known(answer.to_owned()));
        }
        self.asked = Some(key);
        Some(Reply::Run)
    }
}

impl Respond for Adviser<'_> {
    fn ask(&mut self, fields: &[&str]) -> Reply {
        self.asked = None;
        self.try_ask(fields).unwrap_or(Reply::RunOnly)
    }

    fn report(&mut self, answer: &str) {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if let Some(key) = self.asked.take()
            && !answer.is_empty()
            && answer.chars().all(plain)
        {
            self.answers.insert(key, answer);
        }
    }
}
