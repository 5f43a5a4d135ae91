//! Recipes as build arguments: both give the same request.

use std::io;
use std::path::{Path, PathBuf};

use toml::Table;

use super::error::Error;
use super::path::absolute;
use crate::cli::{BuildArguments, BuildTarget};
use crate::environment::Environment;
use crate::host::build_environment::is_assignment;
use crate::plan::lock::{Lock, lock_path};
use crate::plan::pin_request::PinRequest;
use crate::plan::recipe::{self, InvalidRecipe, Recipe, RecipeBuilds};
use crate::plan::verification::Verify;
use crate::plan::version::VersionRequest;
use crate::plan::{Bytecode, DebugInfo};

/// The arguments of builds that differ in their versions and pins only.
pub(super) struct Builds {
    pub python: Vec<VersionRequest>,
    pub arguments: BuildArguments,
    /// The keys of the recipe without versions and pins; none without a recipe.
    pub keys: Option<Table>,
}

/// All builds of one recipe, or those of the command line.
pub(super) struct Group {
    pub recipe: Option<PathBuf>,
    pub sets: Vec<Builds>,
}

impl Group {
    /// The lock beside the recipe; `None` without a recipe, and if there is none.
    pub(super) fn lock(&self) -> Result<Option<Lock>, Error> {
        let Some(recipe) = &self.recipe else {
            return Ok(None);
        };
        let path = lock_path(recipe);
        match fs_err::read_to_string(&path) {
            Ok(text) => match Lock::read(&text) {
                Ok(lock) => Ok(Some(lock)),
                Err(source) => Err(Error::Lock { path, source }),
            },
            Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(Error::not_opened("the lock", path, source)),
        }
    }
}

/// The builds that the arguments name: versions, or recipes.
pub(super) fn expand(
    mut arguments: BuildArguments,
    environment: &Environment,
) -> Result<Vec<Group>, Error> {
    let mut versions = Vec::new();
    let mut recipes = Vec::new();
    for target in std::mem::take(&mut arguments.targets) {
        match target {
            BuildTarget::Version(version) => versions.push(version),
            BuildTarget::Recipe(path) => recipes.push(path),
        }
    }
    if recipes.is_empty() {
        return Ok(vec![Group {
            recipe: None,
            sets: vec![Builds {
                python: versions,
                arguments,
                keys: None,
            }],
        }]);
    }
    if !versions.is_empty() {
        return Err(Error::usage(
            "a version and a recipe are given",
            "run pybuild once for the version and once for the recipe",
        ));
    }
    if let Some(option) = option_of_request(&arguments) {
        return Err(Error::usage(
            format!("{option} is given together with a recipe"),
            "write it into the recipe: its keys are the long options",
        ));
    }
    let mut groups = Vec::new();
    for path in recipes {
        let path = absolute("RECIPE", &path, environment)?;
        let text = fs_err::read_to_string(&path)
            .map_err(|source| Error::not_opened("the recipe", path.clone(), source))?;
        let invalid = |source| Error::Recipe {
            path: path.clone(),
            source,
        };
        let folder = path.parent().unwrap_or(Path::new("/"));
        let sets = recipe::read(&text).map_err(invalid)?.into_iter();
        let sets = sets.map(|set| with_recipe(set, folder, arguments.clone()));
        let sets = sets.collect::<Result<_, _>>().map_err(invalid)?;
        groups.push(Group {
            recipe: Some(path),
            sets,
        });
    }
    Ok(groups)
}

/// An option that decides the result. Of these, only the prefix can be given together with a recipe.
fn option_of_request(arguments: &BuildArguments) -> Option<&'static str> {
    let (source, compile) = (&arguments.source, &arguments.compile);
    let (pins, modules) = (&arguments.pins, &arguments.prerequisites);
    let given = [
        ("--pip", pins.pip != [PinRequest::Bundled]),
        ("--setuptools", pins.setuptools != [PinRequest::Bundled]),
        ("--wheel", !arguments.installation.wheel.is_empty()),
        ("--source", source.source.is_some()),
        ("--sha256", source.sha256.is_some()),
        ("--verify", source.verify != Verify::default()),
        ("--keyring", !source.keyring.is_empty()),
        (
            "--unversioned-links",
            arguments.installation.unversioned_links,
        ),
        ("--optimize", compile.optimize),
        ("--enable-shared", compile.enable_shared),
        ("--bytecode", compile.bytecode != Bytecode::default()),
        ("--debug-info", compile.debug_info != DebugInfo::default()),
        ("--configure-arg", !compile.configure_arg.is_empty()),
        ("--patch", !compile.patch.is_empty()),
        ("--no-compat-patch", !compile.no_compat_patch.is_empty()),
        ("--no-compat-patches", compile.no_compat_patches),
        ("--require", !modules.require.is_empty()),
        ("--allow-missing", !modules.allow_missing.is_empty()),
        ("--without-module", !modules.without_module.is_empty()),
    ];
    given
        .into_iter()
        .find_map(|(option, given)| given.then_some(option))
}

fn with_recipe(
    set: RecipeBuilds,
    folder: &Path,
    mut arguments: BuildArguments,
) -> Result<Builds, InvalidRecipe> {
    let RecipeBuilds {
        python,
        pip,
        setuptools,
        options,
    } = set;
    let keys = Some(options.table());
    let Recipe {
        python: _,
        pip: _,
        setuptools: _,
        prefix,
        source,
        sha256,
        verify,
        keyring,
        unversioned_links,
        optimize,
        enable_shared,
        bytecode,
        debug_info,
        configure_arg,
        environment,
        patch,
        wheel,
        no_compat_patch,
        no_compat_patches,
        require,
        allow_missing,
        without_module,
    } = options;
    // An address stays, and a tilde is refused where the path is used.
    let from_folder = |path: PathBuf| match path.components().next() {
        Some(first) if first.as_os_str().as_encoded_bytes().starts_with(b"~") => path,
        _ if path.to_string_lossy().contains("://") => path,
        _ => folder.join(path),
    };
    let paths = |paths: Vec<PathBuf>| paths.into_iter().map(from_folder).collect();
    let pins = |pins: Vec<PinRequest>| {
        let pins = pins.into_iter().map(|pin| match pin {
            PinRequest::Wheel(path) => PinRequest::Wheel(from_folder(path)),
            other => other,
        });
        let pins: Vec<PinRequest> = pins.collect();
        if pins.is_empty() {
            vec![PinRequest::Bundled]
        } else {
            pins
        }
    };
    arguments.pins.pip = pins(pip);
    arguments.pins.setuptools = pins(setuptools);
    let source = source.map(|source| from_folder(source.into()).display().to_string());
    arguments.source.source = source;
    arguments.source.sha256 = sha256;
    arguments.source.verify = verify.unwrap_or_default();
    arguments.source.keyring = paths(keyring);
    let installation = &mut arguments.installation;
    installation.prefix = installation.prefix.take().or(prefix.map(from_folder));
    installation.unversioned_links = unversioned_links;
    installation.wheel = paths(wheel);
    let compile = &mut arguments.compile;
    compile.optimize = optimize;
    compile.enable_shared = enable_shared;
    compile.bytecode = bytecode.unwrap_or_default();
    compile.debug_info = debug_info.unwrap_or_default();
    compile.configure_arg = configure_arg;
    for (name, value) in environment {
        let assignment = format!("{name}={value}");
        if !is_assignment(&assignment) {
            return Err(InvalidRecipe::UnknownVariable { name });
        }
        compile.configure_arg.push(assignment);
    }
    compile.patch = paths(patch);
    compile.no_compat_patch = no_compat_patch;
    compile.no_compat_patches = no_compat_patches;
    arguments.prerequisites.require = require;
    arguments.prerequisites.allow_missing = allow_missing;
    arguments.prerequisites.without_module = without_module;
    Ok(Builds {
        python,
        arguments,
        keys,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::CommandFactory as _;

    use crate::cli::Cli;
    use crate::plan::recipe;

    /// Options that do not decide the result: those of the run and of the host.
    const OF_THE_RUN: [&str; 23] = [
        "index-url",
        "offline",
        "mirror",
        "force",
        "overwrite",
        "jobs",
        "launcher",
        "timings",
        "no-cache",
        "build-dir",
        "build-user",
        "network",
        "no-configure-cache",
        "keep-build",
        "install-deps",
        "dry-run",
        "verbose",
        "quiet",
        "color",
        "help",
        "version",
        "bundle",
        "locked",
    ];

    #[test]
    fn a_recipe_can_say_what_an_option_can_say() {
        let command = Cli::command();
        let options: BTreeSet<String> = command
            .get_arguments()
            .filter_map(|argument| argument.get_long())
            .filter(|long| !OF_THE_RUN.contains(long))
            .map(ToOwned::to_owned)
            .collect();
        let mut keys = recipe::keys();
        // The positional argument, and `--configure-arg NAME=VALUE`.
        for key in ["python", "environment"] {
            assert!(keys.remove(key), "{key}");
        }
        assert_eq!(keys, options);
    }
}
