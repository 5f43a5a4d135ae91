//! The arguments of a build, validated: one value made of enums, with every path absolute.

pub(crate) mod configure;
pub mod error;
pub mod folder_name;
pub mod hotpatch;
pub mod patch;
pub(crate) mod path;
pub mod stdlib;

use std::path::{Path, PathBuf};

use path::{absolute, index_url, mirrors, named_file, named_source, of_variable};

use crate::cli::{BuildArguments, SourceArguments};
use crate::compile::confinement::BuildUser;
use crate::compile::isolation::BuildNetwork;
use crate::compile::jobs::Jobs;
use crate::environment::Environment;
use crate::install::FilesInTheWay;
use crate::net::address::Address;
use crate::net::network::Network;
use crate::plan::compat;
use crate::plan::compat::CompatPolicy;
use crate::plan::pin_request::PinRequest;
use crate::plan::verification::{KeyringFile, ProofPolicy};
use crate::plan::{
    BuildOptions, InstallPrefix, Library, ModulePolicy, Optimization, Origin, PatchFile,
    ProgramNames, Request,
};
pub use crate::settings::error::Error;

/// Everything about a build that is not the request itself.
#[derive(Debug)]
pub struct BuildSettings {
    /// What is asked for.
    pub request: Request,
    /// Where it goes, if that was said.
    pub prefix: Option<InstallPrefix>,
    /// Folders and addresses of release files, in order.
    pub mirrors: Vec<Origin>,
    /// `--index-url`.
    pub index_url: Option<Address>,
    /// Whether other hosts may be asked.
    pub network: Network,
    /// How many jobs `make` runs at once.
    pub jobs: Jobs,
    /// What to do when the same request is installed already.
    pub installed: WhenInstalled,
    /// What to do about files of somebody else.
    pub in_the_way: FilesInTheWay,
    /// What to do about missing prerequisites.
    pub missing_prerequisites: WhenMissing,
    /// `--build-user`: as whom the build's commands run.
    pub build_user: Option<BuildUser>,
    /// Whether the build's commands may use the network.
    pub build_network: BuildNetwork,
    /// Where to build, if that was said.
    pub build_dir: Option<PathBuf>,
    /// What becomes of the folder that was built in.
    pub build_tree: BuildTree,
    /// Whether anything is done at all.
    pub mode: Mode,
}

/// What to do when the same request is installed already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenInstalled {
    /// Say so, and do nothing.
    Keep,
    /// `--force`: build it again.
    Rebuild,
}

/// What to do about missing prerequisites.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenMissing {
    /// Name them, with the command that installs them.
    Tell,
    /// `--install-deps`: install them.
    Install,
}

/// What becomes of the folder that was built in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuildTree {
    /// It is removed, whatever happens.
    Remove,
    /// `--keep-build`: it stays, whatever happens.
    Keep,
}

/// Whether anything is done at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The plan is carried out.
    Build,
    /// `--dry-run`: the plan is printed.
    DryRun,
}

impl BuildSettings {
    /// The settings that these arguments and this environment mean.
    ///
    /// # Errors
    /// [`Error::Usage`] for arguments that do not go together or files that cannot be read.
    pub fn new(arguments: BuildArguments, environment: &Environment) -> Result<Self, Error> {
        // Required without a subcommand, which has no settings of a build.
        let python = arguments.python.ok_or_else(|| {
            usage(
                "no CPython version is named".to_owned(),
                "see `pybuild --help`",
            )
        })?;
        let (library, configure_args) = configure::options(
            choose(arguments.enable_shared, Library::Shared, Library::Static),
            arguments.optimize,
            arguments.configure_arg,
        )?;
        configure::ensure_pins_count(
            &configure_args,
            [&arguments.pins.pip, &arguments.pins.setuptools],
        )?;
        let source = named_source(&arguments.source, environment)?;
        let mirrors = mirrors(&arguments.source, environment)?;
        let patches = arguments
            .patch
            .iter()
            .map(|path| patch_file(path, environment))
            .collect::<Result<_, _>>()?;
        let index_url = index_url(&arguments.pins)?;
        let modules = modules(arguments.require, arguments.allow_missing, &configure_args)?;
        let build_dir = match arguments.build_dir {
            Some(folder) => Some(absolute("--build-dir", &folder, environment)?),
            None => of_variable("PYBUILD_BUILD_DIR", environment)?,
        };
        let prefix = arguments
            .prefix
            .map(|path| absolute("--prefix", &path, environment))
            .transpose()?;
        Ok(Self {
            request: Request {
                python,
                pip: absolute_pin("--pip", arguments.pins.pip, environment)?,
                setuptools: absolute_pin("--setuptools", arguments.pins.setuptools, environment)?,
                source,
                sha256: arguments.source.sha256,
                proofs: proofs(&arguments.source, environment)?,
                build: BuildOptions {
                    optimization: choose(
                        arguments.optimize,
                        Optimization::ProfileGuided,
                        Optimization::Plain,
                    ),
                    library,
                    configure_args,
                },
                patches,
                compat: compat_policy(arguments.no_compat_patch, arguments.no_compat_patches)?,
                modules,
                names: choose(
                    arguments.unversioned_links,
                    ProgramNames::AlsoUnversioned,
                    ProgramNames::Versioned,
                ),
            },
            prefix: prefix.map(InstallPrefix::new),
            mirrors,
            index_url,
            network: choose(arguments.pins.offline, Network::Offline, Network::Online),
            jobs: arguments.jobs.unwrap_or_else(Jobs::of_this_process),
            installed: choose(arguments.force, WhenInstalled::Rebuild, WhenInstalled::Keep),
            in_the_way: choose(
                arguments.overwrite,
                FilesInTheWay::Replace,
                FilesInTheWay::Stop,
            ),
            missing_prerequisites: choose(
                arguments.install_deps,
                WhenMissing::Install,
                WhenMissing::Tell,
            ),
            build_user: arguments
                .build_user
                .map(|name| BuildUser::find(&name, environment))
                .transpose()?,
            build_network: choose(
                arguments.network,
                BuildNetwork::Allowed,
                BuildNetwork::KeptAway,
            ),
            build_dir,
            build_tree: choose(arguments.keep_build, BuildTree::Keep, BuildTree::Remove),
            mode: choose(arguments.dry_run, Mode::DryRun, Mode::Build),
        })
    }
}

pub(crate) fn choose<T>(flag: bool, set: T, unset: T) -> T {
    if flag { set } else { unset }
}

fn usage(what: String, hint: &str) -> Error {
    Error::Usage {
        what,
        hint: hint.to_owned(),
    }
}

/// The same wheel is meant wherever the command is run again.
fn absolute_pin(
    option: &str,
    request: PinRequest,
    environment: &Environment,
) -> Result<PinRequest, Error> {
    Ok(match request {
        PinRequest::Wheel(path) => PinRequest::Wheel(absolute(option, &path, environment)?),
        other => other,
    })
}

/// `--verify`; `--keyring`, then `PYBUILD_KEYRING` (separated as in `PATH`).
fn proofs(arguments: &SourceArguments, environment: &Environment) -> Result<ProofPolicy, Error> {
    const VARIABLE: &str = "PYBUILD_KEYRING";
    let variable = environment.variable_os(VARIABLE).unwrap_or_default();
    let of_variable = std::env::split_paths(variable)
        .filter(|path| !path.as_os_str().is_empty())
        .map(|path| (VARIABLE, path));
    let keyrings = arguments.keyring.iter();
    let keyrings = keyrings.map(|path| ("--keyring", path.clone()));
    Ok(ProofPolicy {
        verify: arguments.verify,
        keyrings: keyrings
            .chain(of_variable)
            .map(|(named_by, path)| {
                let (path, sha256) = named_file(named_by, &path, environment)?;
                Ok(KeyringFile { path, sha256 })
            })
            .collect::<Result<_, Error>>()?,
    })
}

fn patch_file(path: &Path, environment: &Environment) -> Result<PatchFile, Error> {
    let (path, sha256) = named_file("--patch", path, environment)?;
    Ok(PatchFile { path, sha256 })
}

fn compat_policy(left_out: Vec<String>, all: bool) -> Result<CompatPolicy, Error> {
    if all {
        return Ok(CompatPolicy::None);
    }
    if left_out.is_empty() {
        return Ok(CompatPolicy::All);
    }
    for name in &left_out {
        if !compat::names().any(|known| known == name) {
            let known: Vec<&str> = compat::names().collect();
            return Err(usage(
                format!("there is no compatibility patch `{name}`"),
                &format!("the names are {}", known.join(", ")),
            ));
        }
    }
    Ok(CompatPolicy::Without(left_out.into_iter().collect()))
}

fn modules(
    required: Vec<String>,
    allowed: Vec<String>,
    configure_args: &[String],
) -> Result<ModulePolicy, Error> {
    use crate::host::modules::{canonical_name, leaves_out_readline};
    let canonical = |names: Vec<String>| {
        names
            .iter()
            .map(|name| canonical_name(name).to_owned())
            .collect::<std::collections::BTreeSet<_>>()
    };
    let policy = ModulePolicy {
        required: canonical(required),
        may_be_missing: canonical(allowed),
    };
    if policy.required.contains("readline") && leaves_out_readline(configure_args) {
        return Err(usage(
            "`readline` is required, and a --configure-arg leaves it out".to_owned(),
            "leave out --require readline or the --configure-arg",
        ));
    }
    match policy.required.intersection(&policy.may_be_missing).next() {
        None => Ok(policy),
        Some(module) => Err(usage(
            format!("`{module}` is both required and allowed to be missing"),
            "leave out --require or --allow-missing for it",
        )),
    }
}
