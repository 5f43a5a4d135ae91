//! The command line; nothing else parses arguments.

#![expect(
    clippy::doc_markdown,
    reason = "the comments are the text of --help, where backticks would show"
)]

use std::path::PathBuf;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

use crate::compile::jobs::Jobs;
use crate::digest::Sha256;
use crate::export::PatchProgram;
use crate::output::Verbosity;
use crate::plan::pin_request::PinRequest;
use crate::plan::verification::Verify;
use crate::plan::version::VersionRequest;

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

const EXAMPLES: &str = "\
Examples:
  pybuild 3.11.2 --pip latest
      CPython 3.11.2 whose pip, and that of every venv made from it, is the newest that admits it
  pybuild 3.13 --pip '<26' --prefix /usr/local
      the newest 3.13, with the newest pip before 26, into /usr/local
  pybuild 3.9.2 --pip 24.0 --setuptools 68.0.0 --mirror /srv/python --offline
      nothing from the network: release files from a folder, wheels from the store
  pybuild 3.11.2 --pip ./pip-24.0-py3-none-any.whl --dry-run
      what would be done, as TOML

Exit codes:
  0 done   1 the build failed   2 usage   3 no such version or no fitting wheel
  4 an input cannot be fetched or is not what it should be   5 a prerequisite is missing
  6 the result does not pass its checks   130 interrupted";

const HOTPATCH_EXAMPLES: &str = "\
Examples:
  pybuild hotpatch ~/.pyenv/versions/3.10.13 --pip latest
      new venvs of that interpreter get the newest pip that admits it
  pybuild hotpatch /usr/local/bin/python3.12 --pip 24.0 --upgrade-installed
      and the interpreter's own pip is 24.0 too
  pybuild hotpatch ~/.pyenv/versions/3.10.13 --undo
      as it was before";

/// Builds CPython with the pip and setuptools of your choice inside its ensurepip.
#[derive(Debug, Parser)]
#[command(
    name = "pybuild",
    version,
    styles = STYLES,
    after_help = EXAMPLES,
    max_term_width = 100,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
pub struct Cli {
    /// Something else than a build.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// What to build, and how; there when there is no subcommand.
    #[command(flatten)]
    pub build: BuildArguments,
    /// What to say of it.
    #[command(flatten)]
    pub output: OutputArguments,
}

/// What stands in the place of VERSION for something else than a build.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make the patch that pins what ensurepip bundles, and nothing else
    Patch(PatchArguments),
    /// Bring the ensurepip of installed interpreters up to date in place
    Hotpatch(HotpatchArguments),
    /// Remove what a build put into its prefix, and nothing else
    Uninstall(UninstallArguments),
}

const UNINSTALL_EXAMPLES: &str = "\
Examples:
  pybuild uninstall 3.11.2
      the one in the default prefix
  pybuild uninstall 3.11 --prefix /usr/local
      one of several in a prefix; whatever else is there stays
  pybuild uninstall /opt/python --dry-run
      the files that would go";

/// `pybuild uninstall …`.
#[derive(Debug, Args)]
#[command(after_help = UNINSTALL_EXAMPLES)]
pub struct UninstallArguments {
    /// The version that is to go (3.11.2, or 3.11 where only one is installed), or the prefix that it
    /// is in
    #[arg(value_name = "PREFIX|VERSION")]
    pub what: PathBuf,

    /// The prefix that the version is in [default: the data folder's pybuild/versions/VERSION]
    #[arg(long, value_name = "DIR")]
    pub prefix: Option<PathBuf>,

    /// Take it away although processes are running it
    #[arg(long)]
    pub even_if_running: bool,

    /// Print the files that would go, and do nothing
    #[arg(long, help_heading = "Output")]
    pub dry_run: bool,
}

const PATCH_EXAMPLES: &str = "\
Examples:
  pybuild patch 3.11.2 --pip latest -o pip.patch
      one file; `git apply pip.patch` in an unpacked 3.11.2 is all there is to do
  pybuild patch --tree . --pip 24.0 --apply
      pins pip in the tree that is here
  pybuild patch 3.13.5 --pip latest --for patch -o - | python-build --patch 3.13.5 ~/py3.13
      a python-build whose ensurepip bundles the newest pip; pyenv install --patch takes it too";

/// `pybuild patch …`.
#[derive(Debug, Args)]
#[command(after_help = PATCH_EXAMPLES)]
pub struct PatchArguments {
    /// CPython's version, as for a build; with --tree it is the tree's own, and need not be said
    #[arg(value_name = "VERSION", required_unless_present = "tree")]
    pub python: Option<VersionRequest>,

    /// What ensurepip will bundle.
    #[command(flatten)]
    pub pins: PinArguments,

    /// Where CPython's source comes from.
    #[command(flatten)]
    pub source: SourceArguments,

    /// Make the patch for this unpacked tree: nothing is fetched but wheels
    #[arg(
        long,
        value_name = "DIR",
        conflicts_with_all = ["source", "sha256", "mirror", "verify", "keyring"],
        help_heading = "Inputs"
    )]
    pub tree: Option<PathBuf>,

    /// Apply it to that tree
    #[arg(long, requires = "tree", help_heading = "Patch")]
    pub apply: bool,

    /// One file with the wheels in it (- for standard output), or a folder of diff, wheels and
    /// SHA256SUMS [default: the text's diff on standard output]
    #[arg(
        short = 'o',
        long = "output",
        value_name = "FILE|DIR/",
        help_heading = "Patch"
    )]
    pub destination: Option<PathBuf>,

    /// What will apply the file [default: git]
    #[arg(
        long = "for",
        value_name = "PROGRAM",
        requires = "destination",
        help_heading = "Patch"
    )]
    pub program: Option<PatchProgram>,
}

/// `pybuild hotpatch …`.
#[derive(Debug, Args)]
#[command(after_help = HOTPATCH_EXAMPLES)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "a flag on a command line is a bool; HotpatchSettings makes enums of them"
)]
pub struct HotpatchArguments {
    /// An interpreter, or the prefix that has it in bin (repeatable)
    #[arg(value_name = "PYTHON|PREFIX", required = true)]
    pub targets: Vec<PathBuf>,

    /// What ensurepip will bundle.
    #[command(flatten)]
    pub pins: PinArguments,

    /// Bring the interpreter's own pip and setuptools to the pins too
    #[arg(long, help_heading = "Hotpatch")]
    pub upgrade_installed: bool,

    /// Put back what was there before the first hotpatch
    #[arg(
        long,
        conflicts_with_all = ["pip", "setuptools", "index_url", "offline", "upgrade_installed", "no_check"],
        help_heading = "Hotpatch"
    )]
    pub undo: bool,

    /// Leave out the proof: asking ensurepip, and making a venv
    #[arg(long, help_heading = "Hotpatch")]
    pub no_check: bool,

    /// Change it although processes run that interpreter
    #[arg(long, help_heading = "Hotpatch")]
    pub even_if_running: bool,

    /// Show the diff and the wheels that would come and go, and do nothing
    #[arg(long, help_heading = "Output")]
    pub dry_run: bool,
}

/// `pybuild VERSION …`.
#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "a flag on a command line is a bool; BuildSettings makes enums of them"
)]
pub struct BuildArguments {
    /// CPython's version: 3.11.2, or 3.11, 3 or latest for the newest final release that is known
    #[arg(value_name = "VERSION", required = true)]
    pub python: Option<VersionRequest>,

    /// What ensurepip will bundle.
    #[command(flatten)]
    pub pins: PinArguments,

    /// Where CPython's source comes from.
    #[command(flatten)]
    pub source: SourceArguments,

    /// Where the interpreter goes [default: the data folder's pybuild/versions/VERSION]
    #[arg(long, value_name = "DIR", help_heading = "Installation")]
    pub prefix: Option<PathBuf>,

    /// Also make bin/python, bin/pip, bin/idle, bin/pydoc and bin/python-config, which point at the
    /// programs of this version; a default prefix has them anyway
    #[arg(long, help_heading = "Installation")]
    pub unversioned_links: bool,

    /// Build again although the same request is installed there already
    #[arg(long, help_heading = "Installation")]
    pub force: bool,

    /// Replace files in the prefix that pybuild did not put there
    #[arg(long, help_heading = "Installation")]
    pub overwrite: bool,

    /// Jobs that make runs at once [default: the CPUs that this process may use]
    #[arg(short, long, value_name = "N", help_heading = "Build")]
    pub jobs: Option<Jobs>,

    /// Profile-guided and link-time optimisation: a faster interpreter, a much longer build
    #[arg(long, help_heading = "Build")]
    pub optimize: bool,

    /// Build libpython as a shared library
    #[arg(long, help_heading = "Build")]
    pub enable_shared: bool,

    /// One more argument for configure (repeatable); one that contradicts pybuild is refused
    #[arg(
        long,
        value_name = "ARG",
        allow_hyphen_values = true,
        help_heading = "Build"
    )]
    pub configure_arg: Vec<String>,

    /// A patch for CPython's tree, applied after pybuild's own (repeatable); one with a header says
    /// itself which releases and hosts it is for
    #[arg(long, value_name = "FILE", help_heading = "Build")]
    pub patch: Vec<PathBuf>,

    /// Leave out one of pybuild's own compatibility patches (repeatable); --dry-run names those that fit
    #[arg(
        long,
        value_name = "NAME",
        conflicts_with = "no_compat_patches",
        help_heading = "Build"
    )]
    pub no_compat_patch: Vec<String>,

    /// Leave out all of pybuild's own compatibility patches: CPython as it was released
    #[arg(long, help_heading = "Build")]
    pub no_compat_patches: bool,

    /// The folder to build in [also: PYBUILD_BUILD_DIR; default: build in the cache folder]
    #[arg(long, value_name = "DIR", help_heading = "Build")]
    pub build_dir: Option<PathBuf>,

    /// As root, run configure, make and what they build as this user
    #[arg(long, value_name = "USER", help_heading = "Build")]
    pub build_user: Option<String>,

    /// Let configure, make and what they build use the network, from which they are kept where the
    /// kernel allows that
    #[arg(long, help_heading = "Build")]
    pub network: bool,

    /// Keep the folder that was built in, and say where it is
    #[arg(long, help_heading = "Build")]
    pub keep_build: bool,

    /// Stop unless this module of the standard library works (repeatable)
    #[arg(
        long,
        value_name = "MODULE",
        help_heading = "Modules and prerequisites"
    )]
    pub require: Vec<String>,

    /// Go on without this module (repeatable); zlib, ssl and ctypes are required by default
    #[arg(
        long,
        value_name = "MODULE",
        help_heading = "Modules and prerequisites"
    )]
    pub allow_missing: Vec<String>,

    /// Install the compiler and libraries that are missing, with the host's package manager
    #[arg(long, help_heading = "Modules and prerequisites")]
    pub install_deps: bool,

    /// Make the checks of a build, print the plan as TOML, and do nothing
    #[arg(long, help_heading = "Output")]
    pub dry_run: bool,
}

/// What `ensurepip` will bundle, and whom to ask for it.
#[derive(Debug, Args)]
pub struct PinArguments {
    /// The pip that ensurepip will bundle: latest, bundled, a version, a range such as '<24', or a .whl
    #[arg(
        long,
        value_name = "SPEC",
        default_value = "bundled",
        help_heading = "Pins"
    )]
    pub pip: PinRequest,

    /// The same for setuptools, up to CPython 3.11; also none, to leave it out
    #[arg(
        long,
        value_name = "SPEC",
        default_value = "bundled",
        help_heading = "Pins"
    )]
    pub setuptools: PinRequest,

    /// The package index for pip and setuptools [default: as pip is configured, else PyPI]
    #[arg(long, value_name = "URL", help_heading = "Pins")]
    pub index_url: Option<String>,

    /// Ask no other host: the store, folders and earlier index answers have to do
    #[arg(long, help_heading = "Inputs")]
    pub offline: bool,
}

/// Where CPython's source comes from.
#[derive(Debug, Args)]
pub struct SourceArguments {
    /// A release file, its address, or the folder of an unpacked tree, instead of looking for one
    #[arg(long, value_name = "FILE|DIR|URL", help_heading = "Inputs")]
    pub source: Option<String>,

    /// The release file's digest, for a release that pybuild does not know
    #[arg(long, value_name = "HEX", help_heading = "Inputs")]
    pub sha256: Option<Sha256>,

    /// A folder of release files, or an address below which they are [also: PYBUILD_MIRROR, separated by spaces]
    #[arg(long, value_name = "DIR|URL", help_heading = "Inputs")]
    pub mirror: Vec<String>,

    /// What has to prove that an archive is the release
    #[arg(
        long,
        value_name = "WITH",
        default_value = "any",
        help_heading = "Inputs"
    )]
    pub verify: Verify,

    /// A file of OpenPGP keys that may sign archives, beside the release managers' (repeatable) [also: PYBUILD_KEYRING]
    #[arg(long, value_name = "FILE", help_heading = "Inputs")]
    pub keyring: Vec<PathBuf>,
}

/// How much is said, and in which colours.
#[derive(Debug, Clone, Args)]
pub struct OutputArguments {
    /// Say more: what each origin answered, every choice, where the log grows
    #[arg(
        short,
        long,
        conflicts_with = "quiet",
        global = true,
        help_heading = "Output"
    )]
    pub verbose: bool,

    /// Say nothing but warnings and errors
    #[arg(short, long, global = true, help_heading = "Output", action = ArgAction::SetTrue)]
    pub quiet: bool,

    /// When to use colours
    #[arg(
        long,
        value_name = "WHEN",
        default_value = "auto",
        global = true,
        help_heading = "Output"
    )]
    pub color: Color,
}

impl OutputArguments {
    /// How much is said.
    #[must_use]
    pub fn verbosity(&self) -> Verbosity {
        match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (_, true) => Verbosity::Verbose,
            _ => Verbosity::Normal,
        }
    }
}

/// When colours are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Color {
    /// Makes it so for all that is printed from now on.
    pub fn apply(self) {
        match self {
            Self::Auto => anstream::ColorChoice::Auto,
            Self::Always => anstream::ColorChoice::Always,
            Self::Never => anstream::ColorChoice::Never,
        }
        .write_global();
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
