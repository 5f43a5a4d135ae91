//! The plan: every input by name, address and digest, and every choice, before anything is done.

pub mod compat;
pub(crate) mod pin_request;
pub(crate) mod requires_python;
pub(crate) mod verification;
pub mod version;
pub(crate) mod wheel_metadata;
pub(crate) mod wheel_name;
pub(crate) mod wheel_record;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::digest::Sha256;
use crate::net::address::Address;
use crate::plan::compat::{CompatPolicy, Flags};
use crate::plan::pin_request::PinRequest;
use crate::plan::verification::ProofPolicy;
use crate::plan::version::{PythonVersion, VersionRequest};

/// The format of plans and records; raised when an older pybuild could not read a new one.
pub const FORMAT: u32 = 1;

/// What was asked for, as far as it decides what comes out. The same request is the same interpreter
/// but for `latest` and ranges, which are looked up when they are resolved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The version asked for.
    pub python: VersionRequest,
    /// The pip asked for.
    pub pip: PinRequest,
    /// The setuptools asked for.
    pub setuptools: PinRequest,
    /// `--source`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceLocation>,
    /// `--sha256`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Sha256>,
    /// `--verify` and `--keyring`.
    #[serde(default, skip_serializing_if = "ProofPolicy::is_default")]
    pub proofs: ProofPolicy,
    /// How it is built.
    pub build: BuildOptions,
    /// `--patch`, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub patches: Vec<PatchFile>,
    /// Which of pybuild's own patches may be applied.
    #[serde(default, skip_serializing_if = "CompatPolicy::is_all")]
    pub compat: CompatPolicy,
    /// Which modules have to work.
    pub modules: ModulePolicy,
    /// `--unversioned-links`.
    #[serde(default, skip_serializing_if = "ProgramNames::is_default")]
    pub names: ProgramNames,
}

impl Request {
    /// Whether a record of this request would say the same as `recorded`. Secret parts of addresses
    /// are not recorded; where two differ in these alone, the digest of the source decides as always.
    #[must_use]
    pub fn is_recorded_as(&self, recorded: &Self) -> bool {
        are_recorded_alike(self, recorded)
    }
}

/// Whether a record shows two values in the same way. Addresses are recorded without their secrets.
pub fn are_recorded_alike<T: Serialize>(one: &T, other: &T) -> bool {
    let recorded = |value: &T| serde_json::to_value(value);
    matches!((recorded(one), recorded(other)), (Ok(one), Ok(other)) if one == other)
}

/// Everything that will be done, as data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// See [`FORMAT`].
    pub format: u32,
    /// The release that is built.
    pub python: PythonVersion,
    /// Where the interpreter will live.
    pub prefix: InstallPrefix,
    /// What was asked for.
    pub request: Request,
    /// CPython's source.
    pub source: Source,
    /// What `ensurepip` will bundle.
    pub pins: Pins,
    /// The patches that are applied to the tree, in order, beside the pins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub patches: Vec<PlannedPatch>,
    /// The names that the programs have.
    #[serde(default, skip_serializing_if = "ProgramNames::is_default")]
    pub names: ProgramNames,
    /// What the build's commands see of the environment that pybuild was started in. Plans of earlier
    /// versions have none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<String, String>,
}

/// A plan but for what the host decides.
#[derive(Debug, Clone)]
pub struct Draft {
    /// See [`Plan::python`].
    pub python: PythonVersion,
    /// See [`Plan::prefix`].
    pub prefix: InstallPrefix,
    /// See [`Plan::request`].
    pub request: Request,
    /// See [`Plan::source`].
    pub source: Source,
    /// See [`Plan::pins`].
    pub pins: Pins,
    /// See [`Plan::names`].
    pub names: ProgramNames,
    /// See [`Plan::environment`].
    pub environment: BTreeMap<String, String>,
}

impl Draft {
    /// The plan, with the patches that the release needs on this host.
    #[must_use]
    pub fn with_patches(self, patches: Vec<PlannedPatch>) -> Plan {
        Plan {
            format: FORMAT,
            python: self.python,
            prefix: self.prefix,
            request: self.request,
            source: self.source,
            pins: self.pins,
            patches,
            names: self.names,
            environment: self.environment,
        }
    }
}

/// The names of the programs in `bin`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProgramNames {
    /// As CPython installs them: `python3`, `python3.11`, `pip3`, `pip3.11` and so on.
    #[default]
    Versioned,
    /// Also `python`, `pip` and so on, as links.
    AlsoUnversioned,
}

impl ProgramNames {
    /// Whether these are CPython's own.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// A patch that is applied, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedPatch {
    /// The name of one of pybuild's own, or the path of the person's.
    pub name: String,
    /// Whose it is.
    pub origin: PatchOrigin,
    /// The digest of the whole file, header included.
    pub sha256: Sha256,
    /// Which range and which conditions fit.
    pub because: String,
    /// What is wrong, and what the patch does about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub what: Option<String>,
    /// The message that people see without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Upstream's name for the defect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream: Option<String>,
    /// What it adds to variables that `configure` is given.
    #[serde(default, skip_serializing_if = "Flags::is_empty")]
    pub flags: Flags,
}

/// Whose patch it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PatchOrigin {
    /// pybuild's own.
    BuiltIn,
    /// A file that the person named.
    File,
}

/// CPython's source, as the plan names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Source {
    /// A release file: any of the accepted ones, from the first origin that has it.
    Archive {
        /// The files that are this release; none where no digest is known.
        accepted: Vec<ReleaseFile>,
        /// Why their digests are believed.
        proof: DigestProof,
        /// Where to look, in this order.
        origins: Vec<Origin>,
        /// What a file has to prove itself with.
        #[serde(default, skip_serializing_if = "ProofPolicy::is_default")]
        proofs: ProofPolicy,
    },
    /// An unpacked tree that the person vouches for.
    Tree {
        /// The folder.
        path: PathBuf,
    },
}

/// One file that a release was published as.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseFile {
    /// Its name on python.org, such as `Python-3.11.2.tgz`.
    pub name: String,
    /// Its digest.
    pub sha256: Sha256,
}

/// Why a release file's digest is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DigestProof {
    /// It stands in the table that pybuild was built with.
    BuiltInTable,
    /// It was given with `--sha256`.
    CommandLine,
    /// python.org's release data, over HTTPS.
    PythonOrg,
    /// No digest is known: a signature has to prove the file.
    Signature,
}

/// A file, folder or address given with `--source`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceLocation {
    /// A release file or an unpacked tree.
    Path(PathBuf),
    /// The address of a release file.
    Url(Address),
}

/// A place that a release file may come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// `--source FILE`.
    File(PathBuf),
    /// `--source URL`.
    Url(Address),
    /// The store.
    Store,
    /// `--mirror DIR`: a folder of release files.
    MirrorFolder(PathBuf),
    /// `--mirror URL`: a base address.
    MirrorUrl(Address),
    /// python.org, or what stands in for it.
    PythonOrg(Address),
    /// The host's own package manager.
    HostPackages,
}

/// What `ensurepip` will bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pins {
    /// pip.
    pub pip: Pin,
    /// setuptools; always [`Pin::Bundled`] where that CPython does not bundle it.
    pub setuptools: Pin,
}

impl Pins {
    /// The wheels that have to be fetched.
    pub fn wheels(&self) -> impl Iterator<Item = &WheelInput> {
        [&self.pip, &self.setuptools]
            .into_iter()
            .filter_map(|pin| match pin {
                Pin::Wheel(wheel) => Some(wheel),
                Pin::Bundled | Pin::Removed => None,
            })
    }

    /// Whether `ensurepip` stays as it was released.
    #[must_use]
    pub fn change_nothing(&self) -> bool {
        self.pip == Pin::Bundled && self.setuptools == Pin::Bundled
    }
}

/// What happens to one project that `ensurepip` bundles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pin {
    /// It stays as it was released.
    Bundled,
    /// It is taken out.
    Removed,
    /// This wheel takes its place.
    Wheel(WheelInput),
}

/// One wheel, by name, place and digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WheelInput {
    /// The project, in PEP 503's normal form.
    pub project: String,
    /// The version, as PEP 440 writes it.
    #[serde(with = "as_text")]
    pub version: pep440_rs::Version,
    /// The wheel's file name.
    pub file_name: String,
    /// The wheel's digest.
    pub sha256: Sha256,
    /// Where it is.
    pub location: WheelLocation,
}

/// Where a wheel is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WheelLocation {
    /// A file on this machine: named on the command line, or listed by an index in a folder.
    Path(PathBuf),
    /// An index's address of it.
    Url(Address),
}

/// How CPython is configured and compiled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildOptions {
    /// `--optimize`.
    pub optimization: Optimization,
    /// `--enable-shared`.
    pub library: Library,
    /// `--configure-arg`, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub configure_args: Vec<String>,
}

/// Whether the interpreter is profiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Optimization {
    /// One compile, as `configure` does by default.
    Plain,
    /// `--enable-optimizations --with-lto`.
    ProfileGuided,
}

/// Whether there is a `libpython` to link to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Library {
    /// The interpreter holds all of itself.
    Static,
    /// `--enable-shared`.
    Shared,
}

/// A patch that the person brings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PatchFile {
    /// Where it is.
    pub path: PathBuf,
    /// What it held when the request was read.
    pub sha256: Sha256,
}

/// Modules of the standard library that have to work, beyond the default ones, and ones that need not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModulePolicy {
    /// `--require`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub required: BTreeSet<String>,
    /// `--allow-missing`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub may_be_missing: BTreeSet<String>,
}

impl ModulePolicy {
    /// Without these an interpreter cannot install a package, so they are required unless allowed
    /// to be missing.
    pub const ESSENTIAL: [&str; 3] = ["zlib", "ssl", "ctypes"];

    /// Whether the build stops when `module` does not work.
    #[must_use]
    pub fn requires(&self, module: &str) -> bool {
        self.required.contains(module)
            || (Self::ESSENTIAL.contains(&module) && !self.may_be_missing.contains(module))
    }

    /// The modules that have to work, sorted.
    #[must_use]
    pub fn all_required(&self) -> BTreeSet<&str> {
        Self::ESSENTIAL
            .into_iter()
            .chain(self.required.iter().map(String::as_str))
            .filter(|module| self.requires(module))
            .collect()
    }
}

/// The absolute folder that the interpreter is configured for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InstallPrefix(PathBuf);

impl InstallPrefix {
    /// `path` must be absolute; [`crate::environment::Environment::absolute`] makes it so.
    ///
    /// # Panics
    /// In debug builds, when it is not.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        debug_assert!(path.is_absolute());
        Self(path)
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Where the prefix lies below a DESTDIR.
    #[must_use]
    pub fn below(&self, destdir: &Path) -> PathBuf {
        destdir.join(self.0.strip_prefix("/").unwrap_or(&self.0))
    }
}

impl std::fmt::Display for InstallPrefix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.display().fmt(f)
    }
}

mod as_text {
    //! Versions are written as text, however the library that reads them would do it.

    use serde::{Deserialize as _, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(
        version: &pep440_rs::Version,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(version)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<pep440_rs::Version, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}
