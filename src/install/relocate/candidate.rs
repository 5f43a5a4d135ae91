//! Examines a build tree: whether the installation from it can be moved, as far as the tree decides that.

use std::io::Read as _;
use std::path::Path;

use memchr::memmem::Finder;
use walkdir::WalkDir;

use super::commands::Commands;
use super::error::NotMovable;
use super::inventory::contains;
use super::kit::{Kit, PLACEHOLDER};
use super::prefixes;
use super::recipe::Recipe;
use crate::compile::{BuildContext, BuiltTree};
use crate::parallel::in_parallel;
use crate::plan::{DebugInfo, InstallPrefix, Library, Optimization, Plan};

/// Text files in which a build writes its prefix, and folders of such files. If another file has the
/// text, the release has it, and it may mean something else.
const GENERATED: [&str; 8] = [
    "build",
    "config.log",
    "config.status",
    "Makefile",
    "Makefile.pre",
    "python-config",
    "python-config.py",
    "Misc",
];

/// A compile that can be moved if its installation can.
pub(crate) struct Candidate {
    prefix: InstallPrefix,
    recipe: Recipe,
    source: String,
}

impl Candidate {
    /// Examines a built tree. `scratch` is an empty folder.
    pub(crate) fn new(
        tree: &BuiltTree,
        scratch: &Path,
        context: &BuildContext<'_>,
    ) -> Result<Self, NotMovable> {
        let plan = tree.plan();
        let build = &plan.request().build;
        let is_movable = build.optimization == Optimization::Plain
            && build.library == Library::Static
            && build.debug_info == DebugInfo::None;
        if !is_movable || !cfg!(target_os = "linux") {
            return Err(NotMovable::Options);
        }
        ensure_only_prefix(plan, context)?;
        let dry_run = context
            .make(tree.root())
            .with_arguments(["--dry-run", "--what-if=Modules/getpath.c"])
            .with_arguments(tree.make_arguments())
            .with_argument("python")
            .read()?;
        Self::from_tree(
            plan.prefix(),
            tree.root(),
            &dry_run.stdout,
            scratch,
            context,
        )
    }

    /// `dry_run` is the output for [`Recipe::read`].
    pub(super) fn from_tree(
        prefix: &InstallPrefix,
        tree: &Path,
        dry_run: &str,
        scratch: &Path,
        commands: &dyn Commands,
    ) -> Result<Self, NotMovable> {
        let text = prefixes::plain_text(prefix)?;
        prefixes::ensure_unused(prefix)?;
        ensure_not_in_release(tree, prefix, text)?;
        let recipe = Recipe::read(dry_run).ok_or(NotMovable::NoRecipe)?;
        let output = scratch.join("getpath.i");
        commands.give(scratch)?;
        let script = recipe.preprocess(text, PLACEHOLDER, &output.to_string_lossy());
        commands.run_script(&script, tree)?;
        let source = fs_err::read_to_string(output)?;
        let prefix = prefix.clone();
        Ok(Self {
            prefix,
            recipe,
            source,
        })
    }

    /// Examines the installation at `root`. `scratch` is an empty folder.
    pub(crate) fn kit(
        self,
        root: &Path,
        scratch: &Path,
        context: &BuildContext<'_>,
    ) -> Result<Kit, NotMovable> {
        self.examine(root, scratch, context)
    }

    pub(super) fn examine(
        self,
        root: &Path,
        scratch: &Path,
        commands: &dyn Commands,
    ) -> Result<Kit, NotMovable> {
        Kit::new(
            self.prefix,
            self.recipe,
            self.source,
            root,
            scratch,
            commands,
        )
    }
}

/// Refuses a build in which another input than `--prefix` contains the prefix.
fn ensure_only_prefix(plan: &Plan, context: &BuildContext<'_>) -> Result<(), NotMovable> {
    let text = prefixes::plain_text(plan.prefix())?;
    let variables = context.environment.variables();
    let variables = variables.map(|(name, value)| {
        let (name, value) = (name.to_string_lossy(), value.to_string_lossy());
        (name.into_owned(), value.into_owned())
    });
    let arguments = plan.request().build.configure_args.iter();
    let arguments = arguments.map(|argument| ("--configure-arg".to_owned(), argument.clone()));
    let flags = context.host.modules.module_link_flags().into_iter();
    let flags = flags.map(|flag| ("a linker flag".to_owned(), flag));
    match variables
        .chain(arguments)
        .chain(flags)
        .find(|(_, value)| value.contains(text))
    {
        Some((what, _)) => Err(NotMovable::Ambiguous {
            what,
            prefix: plan.prefix().clone(),
        }),
        None => Ok(()),
    }
}

/// Refuses a prefix that a text of the release contains.
fn ensure_not_in_release(
    tree: &Path,
    prefix: &InstallPrefix,
    text: &str,
) -> Result<(), NotMovable> {
    let generated = GENERATED.map(|name| tree.join(name));
    let mut files = Vec::new();
    let entries = WalkDir::new(tree).sort_by_file_name().into_iter();
    for entry in entries.filter_entry(|entry| !generated.iter().any(|path| path == entry.path())) {
        let entry = entry.map_err(std::io::Error::from)?;
        if entry.file_type().is_file() {
            files.push(entry.into_path());
        }
    }
    let finder = Finder::new(text);
    in_parallel(&files, |file| {
        if !contains(file, &finder)? {
            return Ok(());
        }
        // A file that the build compiled.
        let mut head = Vec::new();
        fs_err::File::open(file)?
            .take(4096)
            .read_to_end(&mut head)?;
        if head.contains(&0) {
            return Ok(());
        }
        Err(NotMovable::Ambiguous {
            what: file
                .strip_prefix(tree)
                .unwrap_or(file)
                .display()
                .to_string(),
            prefix: prefix.clone(),
        })
    })
    .into_iter()
    .collect()
}
