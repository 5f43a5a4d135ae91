//! The settings of a build.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use toml::Table;

use super::cache::StoreLimit;
use super::configure;
use super::error::Error;
use super::inputs::{Mode, PinSettings, SourceSettings, choose};
use super::launcher::launcher;
use super::path::{absolute_if_given, named_file, of_variable};
use super::prefix_template::{PrefixTemplate, Several};
use super::recipe::{self, Builds, Group};
use crate::cli::{BuildArguments, InstallationArguments, PrerequisiteArguments};
use crate::compile::confinement::BuildUser;
use crate::compile::isolation::BuildNetwork;
use crate::compile::jobs::Jobs;
use crate::compile::launcher::{Launcher, LauncherFolders};
use crate::environment::Environment;
use crate::host::modules::{canonical_name, leaves_out_readline};
use crate::install::FilesInTheWay;
use crate::net::address::Address;
use crate::net::network::Network;
use crate::plan::compat;
use crate::plan::compat::CompatPolicy;
use crate::plan::lock::{Disagreement, Lock, LockedBuild, lock_path};
use crate::plan::pin_request::PinRequest;
use crate::plan::version::VersionRequest;
use crate::plan::wheel_name::WheelName;
use crate::plan::{
    BuildOptions, Library, ModulePolicy, NamedFile, Optimization, Origin, ProgramNames, Request,
};
use crate::source::SourceDate;
use crate::store::Limit;

/// The request, and the settings that do not decide the result.
#[derive(Debug, Clone)]
pub struct BuildSettings {
    pub request: Request,
    pub prefix: PrefixTemplate,
    pub mirrors: Vec<Origin>,
    pub index_url: Option<Address>,
    pub network: Network,
    pub jobs: Jobs,
    pub launcher: Option<Launcher>,
    pub timings: Timings,
    pub installed: WhenInstalled,
    pub in_the_way: FilesInTheWay,
    pub missing_prerequisites: WhenMissing,
    pub build_user: Option<BuildUser>,
    pub build_network: BuildNetwork,
    pub build_dir: Option<PathBuf>,
    pub build_tree: BuildTree,
    pub configure_cache: ConfigureCache,
    pub kept_compiles: KeptCompiles,
    pub cache_limit: Limit,
    pub mode: Mode,
    /// The keys of the recipe for this build.
    pub recipe: Option<Table>,
    /// What the lock of the recipe has for this build.
    pub locked: Option<Locked>,
}

/// A build of a lock file.
#[derive(Debug, Clone)]
pub struct Locked {
    pub build: LockedBuild,
    /// The lock file.
    pub path: PathBuf,
    pub recipe: PathBuf,
}

impl Locked {
    /// The error for an input that is not the locked one.
    pub fn disagreement(&self, source: Disagreement) -> Error {
        Error::Disagreement {
            lock: self.path.clone(),
            recipe: self.recipe.clone(),
            source,
        }
    }
}

/// The use of the compiles that are kept in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeptCompiles {
    Use,
    /// `--keep-build`: the build folder is wanted, so this build compiles.
    Add,
    /// `--no-cache`.
    Ignore,
}

impl KeptCompiles {
    fn new(no_cache: bool, keep_build: bool, limit: Limit) -> Self {
        if no_cache || !limit.keeps_built_things() {
            Self::Ignore
        } else if keep_build {
            Self::Add
        } else {
            Self::Use
        }
    }
}

/// The action if the same request is installed already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenInstalled {
    Keep,
    /// `--force`.
    Rebuild,
}

/// The action if prerequisites are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenMissing {
    Report,
    /// `--install-deps`.
    Install,
}

/// The action on the build folder when the build ends, successful or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuildTree {
    Remove,
    /// `--keep-build`.
    Keep,
}

/// Whether the record has a timeline of the build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timings {
    NotWritten,
    /// `--timings`.
    Written,
}

/// Whether `configure` uses and keeps answers of its checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigureCache {
    Use,
    /// `--no-configure-cache`.
    Ignore,
}

impl BuildSettings {
    /// One value for each build: each version with each pip and each setuptools, in this order.
    pub fn all(arguments: BuildArguments, environment: &Environment) -> Result<Vec<Self>, Error> {
        ensure_date(environment)?;
        let needs_lock = arguments.locked;
        let mut all = Vec::new();
        for group in recipe::expand(arguments, environment)? {
            let lock = group.lock()?;
            let Group { recipe, sets } = group;
            let mut builds = Vec::new();
            for set in sets {
                builds.extend(Self::of_one_set(set, environment)?);
            }
            match (lock, recipe) {
                (Some(lock), Some(recipe)) => lock_all(&mut builds, &lock, recipe)?,
                (None, Some(recipe)) if needs_lock => {
                    let path = lock_path(&recipe);
                    return Err(Error::NoLock { path, recipe });
                }
                (_, None) if needs_lock => {
                    return Err(Error::usage(
                        "--locked is given without a recipe",
                        "only a recipe has a lock",
                    ));
                }
                _ => {}
            }
            all.extend(builds);
        }
        Ok(all)
    }

    /// The builds of one recipe for `pybuild lock`, without its lock, and that lock if it can be read.
    pub fn to_lock(
        arguments: BuildArguments,
        environment: &Environment,
    ) -> Result<(Vec<Self>, Option<Lock>), Error> {
        let mut all = Vec::new();
        let mut lock = None;
        for group in recipe::expand(arguments, environment)? {
            lock = group.lock()?;
            for set in group.sets {
                all.extend(Self::of_one_set(set, environment)?);
            }
        }
        Ok((all, lock))
    }

    /// The builds of one set of options.
    fn of_one_set(set: Builds, environment: &Environment) -> Result<Vec<Self>, Error> {
        let Builds {
            python: versions,
            arguments,
            keys,
        } = set;
        let several = Several {
            versions: versions.len() > 1,
            pips: arguments.pins.pip.len() > 1,
            setuptools: arguments.pins.setuptools.len() > 1,
        };
        if several.versions
            && (arguments.source.source.is_some() || arguments.source.sha256.is_some())
        {
            return Err(Error::usage(
                "--source and --sha256 are for one version, and several are given",
                "name a folder of release archives with --mirror, or run pybuild once for each version",
            ));
        }
        let pins = PinSettings::all(arguments.pins.clone(), environment)?;
        // clap requires the version only if there is no subcommand.
        let (Some(python), Some(first)) = (versions.first(), pins.first()) else {
            return Err(Error::usage(
                "no CPython version is given",
                "see `pybuild --help`",
            ));
        };
        let first = Self::new(*python, first.clone(), several, arguments, environment)?;
        let builds = versions
            .iter()
            .flat_map(|python| pins.iter().map(move |pins| (python, pins)));
        builds
            .map(|(python, pins)| {
                let build = &first.request.build;
                configure::ensure_pins_used(&build.configure_args, pins.are_bundled())?;
                if pins.pip == PinRequest::None && !first.request.wheels.is_empty() {
                    return Err(Error::usage(
                        "--wheel is given, and pip, which would install it, is left out",
                        "leave out either `--pip none` or --wheel",
                    ));
                }
                let request = Request {
                    python: *python,
                    pip: pins.pip.clone(),
                    setuptools: pins.setuptools.clone(),
                    ..first.request.clone()
                };
                Ok(Self {
                    recipe: keys.clone().map(|keys| with_pins(keys, &request)),
                    request,
                    ..first.clone()
                })
            })
            .collect()
    }

    fn new(
        python: VersionRequest,
        pins: PinSettings,
        several: Several,
        arguments: BuildArguments,
        environment: &Environment,
    ) -> Result<Self, Error> {
        let InstallationArguments {
            prefix,
            unversioned_links,
            wheel,
            force,
            overwrite,
        } = arguments.installation;
        let cache_limit = StoreLimit::of(environment)?.limit;
        let compile = arguments.compile;
        let optimize = compile.optimize;
        let modules = arguments.prerequisites;
        let (library, configure_args) = configure::options(
            choose(compile.enable_shared, Library::Shared, Library::Static),
            optimize,
            compile.configure_arg,
        )?;
        let source = SourceSettings::new(&arguments.source, environment)?;
        let patches = compile.patch.iter();
        let patches = patches.map(|given| named_file("--patch", given, environment));
        let wheels = wheel.iter();
        let wheels = wheels.map(|given| package("--wheel", given, environment));
        let build_user = compile.build_user;
        let folders = choose(
            build_user.is_some(),
            LauncherFolders::OfBuildUser,
            LauncherFolders::OfCaller,
        );
        let build_user = build_user.map(|name| BuildUser::find(&name, environment));
        let build_dir = absolute_if_given("--build-dir", compile.build_dir, environment)?;
        Ok(Self {
            request: Request {
                python,
                pip: pins.pip,
                setuptools: pins.setuptools,
                source: source.location,
                sha256: source.sha256,
                proofs: source.proofs,
                modules: module_policy(&modules, &configure_args)?,
                build: BuildOptions {
                    optimization: choose(
                        optimize,
                        Optimization::ProfileGuided,
                        Optimization::Plain,
                    ),
                    library,
                    debug_info: compile.debug_info,
                    configure_args,
                    bytecode: compile.bytecode,
                },
                patches: patches.collect::<Result<_, Error>>()?,
                wheels: wheels.collect::<Result<_, Error>>()?,
                compat: compat_policy(compile.no_compat_patch, compile.no_compat_patches)?,
                names: choose(
                    unversioned_links,
                    ProgramNames::AlsoUnversioned,
                    ProgramNames::Versioned,
                ),
            },
            prefix: PrefixTemplate::new(
                absolute_if_given("--prefix", prefix, environment)?,
                several,
            )?,
            mirrors: source.mirrors,
            index_url: pins.index_url,
            network: pins.network,
            jobs: compile.jobs.unwrap_or_else(Jobs::of_this_process),
            launcher: launcher(compile.launcher, folders, environment)?,
            timings: choose(compile.timings, Timings::Written, Timings::NotWritten),
            installed: choose(force, WhenInstalled::Rebuild, WhenInstalled::Keep),
            in_the_way: choose(overwrite, FilesInTheWay::Replace, FilesInTheWay::Stop),
            missing_prerequisites: choose(
                modules.install_deps,
                WhenMissing::Install,
                WhenMissing::Report,
            ),
            build_user: build_user.transpose()?,
            build_network: choose(
                compile.network,
                BuildNetwork::Allowed,
                BuildNetwork::KeptAway,
            ),
            build_dir: match build_dir {
                Some(folder) => Some(folder),
                None => of_variable("PYBUILD_BUILD_DIR", environment)?,
            },
            configure_cache: choose(
                compile.no_configure_cache,
                ConfigureCache::Ignore,
                ConfigureCache::Use,
            ),
            build_tree: choose(compile.keep_build, BuildTree::Keep, BuildTree::Remove),
            kept_compiles: KeptCompiles::new(compile.no_cache, compile.keep_build, cache_limit),
            cache_limit,
            mode: choose(arguments.dry_run, Mode::DryRun, Mode::Change),
            recipe: None,
            locked: None,
        })
    }
}

/// The keys of a recipe for one build.
fn with_pins(mut keys: Table, request: &Request) -> Table {
    let mut set = |key: &str, value: String| drop(keys.insert(key.to_owned(), value.into()));
    set("python", request.python.to_string());
    for (key, pin) in [("pip", &request.pip), ("setuptools", &request.setuptools)] {
        match pin {
            PinRequest::Bundled => {}
            PinRequest::Wheel(path) => {
                set(
                    key,
                    path.file_name().unwrap_or_default().display().to_string(),
                );
            }
            other => set(key, other.to_string()),
        }
    }
    keys
}

/// Gives each build of a recipe its part of the lock.
fn lock_all(builds: &mut [BuildSettings], lock: &Lock, recipe: PathBuf) -> Result<(), Error> {
    let keys: Vec<Table> = builds
        .iter()
        .map(|build| build.recipe.clone().unwrap_or_default())
        .collect();
    let path = lock_path(&recipe);
    match lock.for_recipe(&keys) {
        Ok(locked) => {
            for (build, locked) in builds.iter_mut().zip(locked) {
                build.locked = Some(Locked {
                    build: locked.clone(),
                    path: path.clone(),
                    recipe: recipe.clone(),
                });
            }
            Ok(())
        }
        Err(source) => Err(Error::Disagreement {
            lock: path,
            recipe,
            source,
        }),
    }
}

/// A wheel to install.
fn package(
    option: &'static str,
    given: &Path,
    environment: &Environment,
) -> Result<NamedFile, Error> {
    let file = named_file(option, given, environment)?;
    match file.file_name().parse::<WheelName>() {
        Ok(_) => Ok(file),
        Err(error) => Err(Error::usage(
            format!("{option} {}: {error}", file.name()),
            "name the file of a wheel, such as `name-1.0-py3-none-any.whl`",
        )),
    }
}

/// Refuses a date that the compiler would refuse in the middle of the build.
fn ensure_date(environment: &Environment) -> Result<(), Error> {
    match environment.variable(SourceDate::VARIABLE) {
        Some(text) if text.parse::<u64>().is_err() => Err(Error::usage(
            format!(
                "{} is `{text}`, which is no number of seconds since 1970",
                SourceDate::VARIABLE
            ),
            "unset it, or set it to the output of a command such as `git log -1 --format=%ct`",
        )),
        _ => Ok(()),
    }
}

fn compat_policy(skipped: Vec<String>, skip_all: bool) -> Result<CompatPolicy, Error> {
    if skip_all {
        return Ok(CompatPolicy::None);
    }
    let names: Vec<&str> = compat::names().collect();
    match skipped.iter().find(|name| !names.contains(&name.as_str())) {
        Some(name) => Err(Error::usage(
            format!("there is no compatibility patch `{name}`"),
            format!("the names are {}", names.join(", ")),
        )),
        None if skipped.is_empty() => Ok(CompatPolicy::All),
        None => Ok(CompatPolicy::Without(skipped.into_iter().collect())),
    }
}

fn module_policy(
    arguments: &PrerequisiteArguments,
    configure_args: &[String],
) -> Result<ModulePolicy, Error> {
    let canonical = |names: &[String]| -> BTreeSet<String> {
        let names = names.iter();
        names.map(|name| canonical_name(name).to_owned()).collect()
    };
    let policy = ModulePolicy {
        required: canonical(&arguments.require),
        may_be_missing: canonical(&arguments.allow_missing),
        left_out: canonical(&arguments.without_module),
    };
    if let Some(module) = policy.required.intersection(&policy.left_out).next() {
        return Err(Error::usage(
            format!("`{module}` is both required and left out"),
            "leave out --require or --without-module for it",
        ));
    }
    if policy.required.contains("readline") && leaves_out_readline(configure_args) {
        return Err(Error::usage(
            "`readline` is required, but a --configure-arg leaves it out",
            "leave out --require readline or the --configure-arg",
        ));
    }
    match policy.required.intersection(&policy.may_be_missing).next() {
        None => Ok(policy),
        Some(module) => Err(Error::usage(
            format!("`{module}` is both required and allowed to be missing"),
            "leave out --require or --allow-missing for it",
        )),
    }
}
