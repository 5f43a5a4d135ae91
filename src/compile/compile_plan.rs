//! The compile plan: everything that decides the compiled tree, and nothing else. The pins are not in it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::digest::Sha256;
use crate::host::build_environment::{BuildEnvironment, is_assignment};
use crate::host::modules::{is_openssl_dir, knows_openssl_dir};
use crate::host::prerequisites::ReadyHost;
use crate::host::toolchain::{Compiler, Program};
use crate::plan::version::PythonVersion;
use crate::plan::{Bytecode, DebugInfo, InstallPrefix, Library, Optimization, Plan, Source};

/// The way in which this pybuild compiles an equal plan. It is raised when that changes the result.
const WAY: u32 = 2;

/// Variables of the build environment that do not decide the result: scratch folders, the search path of
/// tools that are in the plan themselves, fixed values, and folders of compiler caches.
const UNDECIDING: [&str; 11] = [
    "HOME",
    "TMPDIR",
    "PATH",
    "LANG",
    "LC_ALL",
    "TZ",
    "PYTHONHASHSEED",
    "CCACHE_DIR",
    "CCACHE_CONFIGPATH",
    "CCACHE_DISABLE",
    "SCCACHE_DIR",
];

/// Everything that decides the compiled tree. Equal plans give equal trees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CompilePlan {
    way: u32,
    python: PythonVersion,
    /// The archives that are this release: all have the same content. Empty if no digest is known.
    source: BTreeSet<Sha256>,
    /// The patches but the pin, in order.
    patches: Vec<Sha256>,
    prefix: InstallPrefix,
    /// The arguments of `configure`.
    configure: Vec<String>,
    /// The compiled modules that are installed.
    bytecode: Bytecode,
    /// The modules that are left out.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    left_out: BTreeSet<String>,
    /// Linker flags of the standard library's extension modules.
    module_link_flags: Vec<String>,
    /// The variables that decide, with the flags of patches and of libraries.
    environment: BTreeMap<String, String>,
    compiler: Compiler,
    linker: Option<Program>,
    pkg_config: Option<Program>,
    debug_info: DebugInfo,
    /// The program that splits the debug information.
    objcopy: Option<Program>,
    /// The C library.
    libc: String,
    /// Versions of system headers, and optional headers.
    headers: Vec<String>,
    /// The modules whose libraries were found, with the libraries' versions and names.
    libraries: BTreeMap<String, String>,
}

impl CompilePlan {
    /// Gathers the compile plan, and completes `environment`, which is the environment of the build's
    /// commands: with the compiler, the folders of libraries, and the flags of compatibility patches.
    pub(crate) fn gather(
        plan: &Plan,
        host: &ReadyHost,
        environment: &mut BuildEnvironment,
    ) -> Self {
        host.complete(environment);
        for (variable, words) in plan.patches().iter().flat_map(|patch| &patch.flags) {
            environment.append(variable.name(), words.iter().map(String::as_str));
        }
        let source = match plan.source() {
            Source::Archive { accepted, .. } => accepted.iter().map(|file| file.sha256).collect(),
            Source::Tree { .. } => BTreeSet::new(),
        };
        let deciding = environment
            .variables()
            .map(|(name, value)| (name.to_string_lossy(), value.to_string_lossy()))
            .filter(|(name, _)| !UNDECIDING.contains(&name.as_ref()));
        Self {
            way: WAY,
            python: plan.python(),
            source,
            patches: plan.patches().iter().map(|patch| patch.sha256).collect(),
            prefix: plan.prefix().clone(),
            configure: configure_arguments(plan),
            bytecode: plan.request().build.bytecode,
            left_out: plan.request().modules.left_out.clone(),
            module_link_flags: host.modules.module_link_flags(),
            environment: deciding
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect(),
            compiler: host.toolchain.compiler.clone(),
            linker: host.toolchain.linker.clone(),
            pkg_config: host.toolchain.pkg_config.clone(),
            debug_info: plan.request().build.debug_info,
            objcopy: host.toolchain.objcopy.clone(),
            libc: host.toolchain.libc.clone(),
            headers: host.toolchain.headers.clone(),
            libraries: host.library_versions(),
        }
    }

    /// The compile key: the SHA-256 of the plan as JSON without blanks. `None` for a source without a
    /// known digest.
    pub(crate) fn key(&self) -> Option<Sha256> {
        if self.source.is_empty() {
            return None;
        }
        serde_json::to_vec(self).ok().map(|text| Sha256::of(&text))
    }

    /// The key of all compiles that differ in nothing but the prefix. It is no compile key: nothing is
    /// compiled for the root folder.
    pub(crate) fn key_for_any_prefix(&self) -> Option<Sha256> {
        let mut plan = self.clone();
        plan.prefix = InstallPrefix::new("/".into());
        let own = prefix_argument(&self.prefix);
        for argument in plan
            .configure
            .iter_mut()
            .filter(|argument| **argument == own)
        {
            *argument = prefix_argument(&plan.prefix);
        }
        plan.key()
    }

    pub(crate) fn python(&self) -> PythonVersion {
        self.python
    }

    pub(crate) fn prefix(&self) -> &InstallPrefix {
        &self.prefix
    }

    /// The arguments of `configure`.
    pub(crate) fn configure(&self) -> &[String] {
        &self.configure
    }

    /// The modules whose libraries were found, with the libraries' versions and names.
    pub(crate) fn libraries(&self) -> &BTreeMap<String, String> {
        &self.libraries
    }

    /// The names of the shared libraries that the modules need.
    pub(crate) fn sonames(&self) -> BTreeSet<&str> {
        let words = self.libraries.values().flat_map(|text| text.split(' '));
        words.filter(|word| word.contains(".so")).collect()
    }

    /// The linker flags of the standard library's extension modules.
    pub(crate) fn module_link_flags(&self) -> &[String] {
        &self.module_link_flags
    }
}

/// The series in which `configure` no longer falls back to the bundled libmpdec by itself. Debian 12
/// has no package of libmpdec, and `decimal` written in Python is slow.
const NEEDS_LIBMPDEC_OPTION: (u32, u32) = (3, 15);

fn prefix_argument(prefix: &InstallPrefix) -> String {
    format!("--prefix={prefix}")
}

/// The arguments of `configure`. The user's come last, so that they win. Assignments are not among them:
/// they are in the environment, to which flags of patches and libraries are appended. A release that
/// does not know `--with-openssl` does not get it.
fn configure_arguments(plan: &Plan) -> Vec<String> {
    let build = &plan.request().build;
    let mut arguments = vec![
        prefix_argument(plan.prefix()),
        "--with-ensurepip=upgrade".to_owned(),
    ];
    if build.library == Library::Shared {
        arguments.push("--enable-shared".to_owned());
    }
    if build.optimization == Optimization::ProfileGuided {
        arguments.extend(["--enable-optimizations".to_owned(), "--with-lto".to_owned()]);
    }
    let given = build.configure_args.iter();
    let decides = |argument: &String| argument.contains("-system-libmpdec");
    if plan.python().series() == NEEDS_LIBMPDEC_OPTION && !given.clone().any(decides) {
        arguments.push("--with-system-libmpdec=no".to_owned());
    }
    arguments.extend(
        given
            .filter(|argument| !is_assignment(argument))
            .filter(|argument| !is_openssl_dir(argument) || knows_openssl_dir(plan.python()))
            .cloned(),
    );
    arguments
}
