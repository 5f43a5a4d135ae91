//! The command line; nothing else parses arguments.

#![expect(
    clippy::doc_markdown,
    reason = "the comments are the text of --help, where backticks would show"
)]

use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

use crate::compile::jobs::Jobs;
use crate::digest::Sha256;
use crate::export::PatchProgram;
use crate::output::Verbosity;
use crate::plan::pin_request::PinRequest;
use crate::plan::verification::Verify;
use crate::plan::version::{InvalidVersion, VersionRequest};
use crate::plan::{Bytecode, DebugInfo};

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

const EXAMPLES: &str = "\
Examples:
  pybuild 3.11.2 --pip latest
      Build CPython 3.11.2 with the newest pip that supports it
  pybuild 3.13 --pip '<26' --prefix /usr/local
      Install the newest 3.13 into /usr/local, with the newest pip below 26
  pybuild 3.9.2 --pip 24.0 --setuptools 68.0.0 --mirror /srv/python --offline
      Build without network, from release archives in a folder and cached wheels
  pybuild 3.11.2 --pip ./pip-24.0-py3-none-any.whl --dry-run
      Print the build plan as TOML
  pybuild recipes/base.toml
      Build what a recipe describes
  pybuild 3.11.2 3.13.5 --pip 23.3.2 --pip latest --prefix '/opt/python/{version}-pip{pip}'
      Build each version with each pip, at the same time

Exit codes:
  0 success   1 build failed   2 usage error   3 no such release or no compatible wheel
  4 input unavailable or not verified   5 missing prerequisite   6 failed check of the result
  130 interrupted   143 terminated";

const PATCH_EXAMPLES: &str = "\
Examples:
  pybuild patch 3.11.2 --pip latest -o pip.patch
      Write one patch file; run `git apply pip.patch` in an unpacked 3.11.2 to apply it
  pybuild patch --tree . --pip 24.0 --apply
      Pin pip in the source tree of the current folder
  pybuild patch 3.13.5 --pip latest --for patch -o - | python-build --patch 3.13.5 ~/py3.13
      Build with python-build and the newest pip; `pyenv install --patch` takes the patch too";

const HOTPATCH_EXAMPLES: &str = "\
Examples:
  pybuild hotpatch ~/.pyenv/versions/3.10.13 --pip latest
      Give new venvs of this interpreter the newest pip that supports it
  pybuild hotpatch /usr/local/bin/python3.12 --pip 24.0 --upgrade-installed
      Also install pip 24.0 for the interpreter itself
  pybuild hotpatch ~/.pyenv/versions/3.10.13 --undo
      Restore the original files";

const UNINSTALL_EXAMPLES: &str = "\
Examples:
  pybuild uninstall 3.11.2
      Uninstall 3.11.2 from its default prefix
  pybuild uninstall 3.11 --prefix /usr/local
      Uninstall one version from a shared prefix; all other files stay
  pybuild uninstall /opt/python --dry-run
      Print the files to remove";

const REPRODUCE_EXAMPLES: &str = "\
Examples:
  pybuild reproduce /usr/local
      Build the interpreter in /usr/local again, and compare; nothing there is changed
  pybuild reproduce record.json --mirror /srv/python
      The same on another host, with record.json and files.json of the first build";

const BUNDLE_EXAMPLES: &str = "\
Examples:
  pybuild lock recipes/base.toml && pybuild bundle recipes/base.toml -o base.bundle
      Collect all inputs of a recipe
  pybuild recipes/base.toml --bundle base.bundle --offline
      Build from the bundle on a host without network";

const LOCK_EXAMPLES: &str = "\
Examples:
  pybuild lock recipes/base.toml
      Write recipes/base.toml.lock; what it has already stays
  pybuild lock recipes/base.toml --upgrade pip
      Choose pip again, and nothing else";

const VERIFY_EXAMPLES: &str = "\
Examples:
  pybuild verify /usr/local
      Print the digest of the installed files, or those that were changed since
  pybuild verify 3.11.2
      Verify the installation in the default prefix";

const CACHE_EXAMPLES: &str = "\
Examples:
  pybuild cache info
      Print what the cache folder contains, and what kept compiles have saved
  pybuild cache prune --older-than 30d --keep-size 2GiB
      Remove what was not used for 30 days, and then more until 2 GiB remain
  pybuild cache clean --dry-run
      Print everything that `pybuild cache clean` would remove";

/// Build CPython with a chosen pip and setuptools bundled in its ensurepip
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
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub build: BuildArguments,
    #[command(flatten)]
    pub output: OutputArguments,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a patch that pins pip and setuptools in the ensurepip of a CPython source tree
    Patch(PatchArguments),
    /// Pin pip and setuptools in the ensurepip of installed interpreters
    Hotpatch(HotpatchArguments),
    /// Remove a CPython that pybuild installed
    Uninstall(UninstallArguments),
    /// Write the lock of a recipe: every input with its digest
    Lock(LockArguments),
    /// Write a recipe, its lock and every file that the lock names into one archive
    Bundle(BundleArguments),
    /// Build again what a record describes, and compare every file
    Reproduce(ReproduceArguments),
    /// Print the JSON Schema of recipes
    Schema,
    /// Compare every file of an installed CPython with its record
    Verify(VerifyArguments),
    /// Show and clean the cache folder: downloads, kept compiles, logs
    Cache(CacheArguments),
}

/// The positional argument of a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BuildTarget {
    Version(VersionRequest),
    Recipe(PathBuf),
}

impl FromStr for BuildTarget {
    type Err = InvalidVersion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let path = Path::new(text);
        if path.extension().is_some_and(|ending| ending == "toml") {
            return Ok(Self::Recipe(path.to_owned()));
        }
        text.parse().map(Self::Version)
    }
}

#[derive(Debug, Clone, Args)]
pub struct BuildArguments {
    /// CPython version: a release such as 3.11.2, or 3.11, 3 or latest for the newest final release;
    /// or a recipe, which is a .toml file (repeatable)
    #[arg(value_name = "VERSION|RECIPE", required = true)]
    pub targets: Vec<BuildTarget>,

    #[command(flatten)]
    pub pins: PinArguments,

    #[command(flatten)]
    pub source: SourceArguments,

    #[command(flatten)]
    pub installation: InstallationArguments,

    #[command(flatten)]
    pub compile: CompileArguments,

    #[command(flatten)]
    pub prerequisites: PrerequisiteArguments,

    /// Take the recipe, its lock and all inputs from this bundle
    #[arg(long, value_name = "FILE", help_heading = "Inputs")]
    pub bundle: Option<PathBuf>,

    /// Refuse to resolve: the recipe must have a lock
    #[arg(long, help_heading = "Inputs")]
    pub locked: bool,

    /// Check the request and the host, print the plan as TOML, and build nothing
    #[arg(long, help_heading = "Output")]
    pub dry_run: bool,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Installation")]
pub struct InstallationArguments {
    /// Installation prefix; {version}, {pip} and {setuptools} in it become the versions [default:
    /// pybuild/versions/{version} in the user's data folder, with several pips
    /// pybuild/versions/{version}-pip{pip}]
    #[arg(long, value_name = "DIR")]
    pub prefix: Option<PathBuf>,

    /// Also create the links bin/python, bin/pip, bin/idle, bin/pydoc and bin/python-config; the
    /// default prefix always has them
    #[arg(long)]
    pub unversioned_links: bool,

    /// Wheel to install with the built pip, without its dependencies (repeatable): a file, or an address
    /// with #sha256=HEX
    #[arg(long, value_name = "FILE|URL")]
    pub wheel: Vec<PathBuf>,

    /// Build again even if the prefix already has the requested installation
    #[arg(long)]
    pub force: bool,

    /// Replace files in the prefix that pybuild did not install
    #[arg(long)]
    pub overwrite: bool,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Build")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "a flag on a command line is a bool; BuildSettings makes enums of them"
)]
pub struct CompileArguments {
    /// Number of parallel jobs, of all builds together [default: the number of CPUs that pybuild may
    /// use]
    #[arg(short, long, value_name = "N")]
    pub jobs: Option<Jobs>,

    /// Program that starts every compiler of make, such as ccache, sccache or distcc [also:
    /// PYBUILD_LAUNCHER]
    #[arg(long, value_name = "PROGRAM")]
    pub launcher: Option<PathBuf>,

    /// Also write timings.html and timings.json beside the record: a chart of all steps and compiler
    /// runs, the slowest files and the CPU use
    #[arg(long)]
    pub timings: bool,

    /// Enable profile-guided and link-time optimisation: a faster interpreter, a much longer build
    #[arg(long)]
    pub optimize: bool,

    /// Build libpython as a shared library
    #[arg(long)]
    pub enable_shared: bool,

    /// Optimisation levels of the compiled modules (.pyc) that are installed
    #[arg(long, value_name = "LEVELS", value_enum, default_value_t)]
    pub bytecode: Bytecode,

    /// Debug information of the interpreter and its libraries
    #[arg(
        long,
        value_name = "WHERE",
        num_args = 0..=1,
        require_equals = true,
        default_value = "none",
        default_missing_value = "in-files"
    )]
    pub debug_info: DebugInfo,

    /// Extra argument for configure (repeatable); an argument that contradicts pybuild is an error
    #[arg(long, value_name = "ARG", allow_hyphen_values = true)]
    pub configure_arg: Vec<String>,

    /// Patch for CPython's source, applied after pybuild's own patches (repeatable): a file, or an
    /// address with #sha256=HEX; a header in the file can limit it to certain releases and hosts
    #[arg(long, value_name = "FILE|URL")]
    pub patch: Vec<PathBuf>,

    /// Skip one of pybuild's compatibility patches (repeatable); --dry-run lists those that apply
    #[arg(long, value_name = "NAME", conflicts_with = "no_compat_patches")]
    pub no_compat_patch: Vec<String>,

    /// Skip all of pybuild's compatibility patches
    #[arg(long)]
    pub no_compat_patches: bool,

    /// Compile even if the cache has this compile, and do not keep it there
    #[arg(long)]
    pub no_cache: bool,

    /// Build folder [also: PYBUILD_BUILD_DIR; default: build in the cache folder]
    #[arg(long, value_name = "DIR")]
    pub build_dir: Option<PathBuf>,

    /// As root, run configure, make and the programs that they build as this user
    #[arg(long, value_name = "USER")]
    pub build_user: Option<String>,

    /// Allow the build commands to use the network; by default, pybuild isolates them from it where
    /// the kernel supports this
    #[arg(long)]
    pub network: bool,

    /// Run every check of configure as it stands: neither use nor keep answers of earlier builds
    #[arg(long)]
    pub no_configure_cache: bool,

    /// Keep the build folder and print its path; always compiles
    #[arg(long)]
    pub keep_build: bool,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Modules and prerequisites")]
pub struct PrerequisiteArguments {
    /// Stop if this module of the standard library does not work (repeatable)
    #[arg(long, value_name = "MODULE")]
    pub require: Vec<String>,

    /// Continue without this module (repeatable); zlib, ssl and ctypes are required by default
    #[arg(long, value_name = "MODULE")]
    pub allow_missing: Vec<String>,

    /// Do not compile this extension module, although its library is there (repeatable)
    #[arg(long, value_name = "MODULE")]
    pub without_module: Vec<String>,

    /// Install a missing compiler and missing libraries with the host's package manager
    #[arg(long)]
    pub install_deps: bool,
}

#[derive(Debug, Args)]
#[command(after_help = PATCH_EXAMPLES)]
pub struct PatchArguments {
    /// CPython version, as for a build; with --tree, the default is the version of the tree
    #[arg(value_name = "VERSION", required_unless_present = "tree")]
    pub python: Option<VersionRequest>,

    #[command(flatten)]
    pub pins: PinArguments,

    #[command(flatten)]
    pub source: SourceArguments,

    /// Make the patch for this unpacked source tree; only wheels are downloaded
    #[arg(
        long,
        value_name = "DIR",
        conflicts_with_all = ["source", "sha256", "mirror", "verify", "keyring"],
        help_heading = "Inputs"
    )]
    pub tree: Option<PathBuf>,

    /// Apply the patch to the source tree
    #[arg(long, requires = "tree", help_heading = "Patch")]
    pub apply: bool,

    /// File for a patch that contains the wheels (- for standard output), or folder for the diff,
    /// the wheels and SHA256SUMS [default: print the diff without wheels]
    #[arg(
        short = 'o',
        long = "output",
        value_name = "FILE|DIR/",
        help_heading = "Patch"
    )]
    pub destination: Option<PathBuf>,

    /// Program that will apply the patch file [default: git]
    #[arg(
        long = "for",
        value_name = "PROGRAM",
        requires = "destination",
        help_heading = "Patch"
    )]
    pub program: Option<PatchProgram>,
}

#[derive(Debug, Args)]
#[command(after_help = HOTPATCH_EXAMPLES)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "a flag on a command line is a bool; HotpatchSettings makes enums of them"
)]
pub struct HotpatchArguments {
    /// Interpreter, or prefix with an interpreter in bin (repeatable)
    #[arg(value_name = "PYTHON|PREFIX", required = true)]
    pub targets: Vec<PathBuf>,

    #[command(flatten)]
    pub pins: PinArguments,

    /// Also install the pinned pip and setuptools into the interpreter's site-packages
    #[arg(long, help_heading = "Hotpatch")]
    pub upgrade_installed: bool,

    /// Restore the files that were there before the first hotpatch
    #[arg(
        long,
        conflicts_with_all = ["pip", "setuptools", "index_url", "offline", "upgrade_installed", "no_check"],
        help_heading = "Hotpatch"
    )]
    pub undo: bool,

    /// Skip the final check, which runs ensurepip and creates a venv
    #[arg(long, help_heading = "Hotpatch")]
    pub no_check: bool,

    /// Continue even if processes run this interpreter
    #[arg(long, help_heading = "Hotpatch")]
    pub even_if_running: bool,

    /// Print the diff and the wheels to add and to remove, and change nothing
    #[arg(long, help_heading = "Output")]
    pub dry_run: bool,
}

#[derive(Debug, Args)]
#[command(after_help = UNINSTALL_EXAMPLES)]
pub struct UninstallArguments {
    /// Version to uninstall (3.11.2, or 3.11 if only one 3.11 is installed), or the prefix that
    /// contains it
    #[arg(value_name = "PREFIX|VERSION")]
    pub what: PathBuf,

    /// Prefix that contains the version [default: pybuild/versions/VERSION in the user's data folder]
    #[arg(long, value_name = "DIR")]
    pub prefix: Option<PathBuf>,

    /// Continue even if processes run this interpreter
    #[arg(long)]
    pub even_if_running: bool,

    /// Print the files to remove, and remove nothing
    #[arg(long, help_heading = "Output")]
    pub dry_run: bool,
}

/// Where the commands that repeat or lock a build look for its inputs.
#[derive(Debug, Args)]
#[command(next_help_heading = "Inputs")]
pub struct OriginArguments {
    /// Package index for pip and setuptools [default: the index in pip's configuration, else PyPI]
    #[arg(long, value_name = "URL")]
    pub index_url: Option<String>,

    /// Folder or base URL of release archives, searched before python.org (repeatable) [also:
    /// PYBUILD_MIRROR, separated by spaces]
    #[arg(long, value_name = "DIR|URL")]
    pub mirror: Vec<String>,

    /// Use no network: only local files, the cache and cached pages of the package index
    #[arg(long)]
    pub offline: bool,
}

#[derive(Debug, Args)]
#[command(after_help = LOCK_EXAMPLES)]
pub struct LockArguments {
    /// Recipe; its lock is RECIPE.lock
    #[arg(value_name = "RECIPE")]
    pub recipe: PathBuf,

    /// Resolve again what the lock has: one project, or everything
    #[arg(long, value_name = "WHAT", num_args = 0..=1, default_missing_value = "all")]
    pub upgrade: Option<Upgrade>,

    #[command(flatten)]
    pub origins: OriginArguments,
}

#[derive(Debug, Args)]
#[command(after_help = BUNDLE_EXAMPLES)]
pub struct BundleArguments {
    /// Recipe with a lock
    #[arg(value_name = "RECIPE")]
    pub recipe: PathBuf,

    /// The archive to write
    #[arg(short = 'o', long, value_name = "FILE")]
    pub output: PathBuf,

    #[command(flatten)]
    pub origins: OriginArguments,
}

/// `pybuild lock --upgrade`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Upgrade {
    /// Everything
    All,
    /// The CPython release, and with it the pins
    Cpython,
    /// pip
    Pip,
    /// setuptools
    Setuptools,
}

impl BuildArguments {
    /// The arguments of `pybuild TARGET` with these origins, and else with the defaults of the command line.
    pub fn of_target(target: BuildTarget, origins: OriginArguments) -> Self {
        let mut build = Cli::parse_from(["pybuild", "latest"]).build;
        build.targets = vec![target];
        build.pins.index_url = origins.index_url;
        build.pins.offline = origins.offline;
        build.source.mirror = origins.mirror;
        build
    }
}

#[derive(Debug, Args)]
#[command(after_help = REPRODUCE_EXAMPLES)]
pub struct ReproduceArguments {
    /// Installed version, the prefix that contains it, or a record.json with the files.json beside it
    #[arg(value_name = "PREFIX|VERSION|RECORD")]
    pub what: PathBuf,

    /// Prefix that contains the version [default: pybuild/versions/VERSION in the user's data folder]
    #[arg(long, value_name = "DIR")]
    pub prefix: Option<PathBuf>,

    /// Number of parallel jobs [default: the number of CPUs that pybuild may use]
    #[arg(short, long, value_name = "N")]
    pub jobs: Option<Jobs>,

    /// Build folder [default: in the cache folder]
    #[arg(long, value_name = "DIR")]
    pub build_dir: Option<PathBuf>,

    /// As root, run configure, make and the programs that they build as this user
    #[arg(long, value_name = "USER")]
    pub build_user: Option<String>,

    #[command(flatten)]
    pub origins: OriginArguments,
}

#[derive(Debug, Args)]
#[command(after_help = VERIFY_EXAMPLES)]
pub struct VerifyArguments {
    /// Installed version (3.11.2, or 3.11 if only one 3.11 is installed), or the prefix that contains
    /// it
    #[arg(value_name = "PREFIX|VERSION")]
    pub what: PathBuf,

    /// Prefix that contains the version [default: pybuild/versions/VERSION in the user's data folder]
    #[arg(long, value_name = "DIR")]
    pub prefix: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = CACHE_EXAMPLES)]
pub struct CacheArguments {
    #[command(subcommand)]
    pub command: CacheCommand,
}

#[derive(Debug, Subcommand)]
pub enum CacheCommand {
    /// Print the path of the cache folder
    Dir,
    /// Print the size of each kind of content, the saved time, and the limit
    Info {
        /// Print JSON
        #[arg(long, help_heading = "Output")]
        json: bool,
    },
    /// Remove what was not used for the longest time
    ///
    /// Without options, kept compiles are removed until their limit is met (PYBUILD_CACHE_LIMIT, 2GiB),
    /// and partial downloads after seven days. With options, downloads, index answers, logs and kept
    /// build folders are removed too. Content that a running pybuild uses stays.
    Prune {
        /// Remove everything that was not used for this time, such as 12h, 30d or 8w
        #[arg(long, value_name = "AGE", allow_hyphen_values = true)]
        older_than: Option<String>,

        /// Remove the least recently used content until the rest has this size, such as 2GiB
        #[arg(long, value_name = "SIZE", allow_hyphen_values = true)]
        keep_size: Option<String>,

        /// Print the paths to remove, and remove nothing
        #[arg(long, help_heading = "Output")]
        dry_run: bool,
    },
    /// Remove everything that pybuild put into the cache folder and no running pybuild uses
    Clean {
        /// Print the paths to remove, and remove nothing
        #[arg(long, help_heading = "Output")]
        dry_run: bool,
    },
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Pins")]
pub struct PinArguments {
    /// pip to bundle in ensurepip: latest, bundled (unchanged), a version, a range such as '<24', or
    /// the path of a wheel (for a build: repeatable)
    #[arg(long, value_name = "SPEC", default_value = "bundled")]
    pub pip: Vec<PinRequest>,

    /// setuptools to bundle in ensurepip, up to CPython 3.11: as for --pip, or none to remove it
    #[arg(long, value_name = "SPEC", default_value = "bundled")]
    pub setuptools: Vec<PinRequest>,

    /// Package index for pip and setuptools [default: the index in pip's configuration, else PyPI]
    #[arg(long, value_name = "URL")]
    pub index_url: Option<String>,

    /// Use no network: only local files, the cache and cached pages of the package index
    #[arg(long, help_heading = "Inputs")]
    pub offline: bool,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Inputs")]
pub struct SourceArguments {
    /// CPython source: a release archive, its URL, or an unpacked source tree [default: search the
    /// cache, the mirrors, python.org and the host's package manager]
    #[arg(long, value_name = "FILE|DIR|URL")]
    pub source: Option<String>,

    /// SHA-256 of the release archive, for a release that pybuild does not know
    #[arg(long, value_name = "HEX")]
    pub sha256: Option<Sha256>,

    /// Folder or base URL of release archives, searched before python.org (repeatable) [also:
    /// PYBUILD_MIRROR, separated by spaces]
    #[arg(long, value_name = "DIR|URL")]
    pub mirror: Vec<String>,

    /// How to verify the release archive
    #[arg(long, value_name = "METHOD", default_value = "any")]
    pub verify: Verify,

    /// File of OpenPGP keys to trust in addition to the release managers' keys (repeatable) [also:
    /// PYBUILD_KEYRING, separated by colons]
    #[arg(long, value_name = "FILE")]
    pub keyring: Vec<PathBuf>,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
pub struct OutputArguments {
    /// Print more: the answer of each origin, every choice, and the path of the log
    #[arg(short, long, conflicts_with = "quiet", global = true)]
    pub verbose: bool,

    /// Print only warnings and errors
    #[arg(short, long, global = true, action = ArgAction::SetTrue)]
    pub quiet: bool,

    /// When to use colours
    #[arg(long, value_name = "WHEN", default_value = "auto", global = true)]
    pub color: Color,
}

impl OutputArguments {
    pub fn verbosity(&self) -> Verbosity {
        match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (_, true) => Verbosity::Verbose,
            _ => Verbosity::Normal,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl Color {
    /// Sets the choice for the whole process.
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
