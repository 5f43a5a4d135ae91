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

/// The format of plans and records. It is raised when older versions could not read new ones.
const FORMAT: u32 = 1;

/// The part of the command line that decides the result. Equal requests give equal interpreters,
/// except that `latest` and ranges are looked up again each time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) python: VersionRequest,
    pub(crate) pip: PinRequest,
    pub(crate) setuptools: PinRequest,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<SourceLocation>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sha256: Option<Sha256>,
    /// `--verify` and `--keyring`.
    #[serde(default, skip_serializing_if = "ProofPolicy::is_default")]
    pub(crate) proofs: ProofPolicy,
    pub(crate) build: BuildOptions,
    /// `--patch`, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) patches: Vec<PatchFile>,
    /// `--no-compat-patch` and `--no-compat-patches`.
    #[serde(default, skip_serializing_if = "CompatPolicy::is_all")]
    pub(crate) compat: CompatPolicy,
    /// `--require` and `--allow-missing`.
    pub(crate) modules: ModulePolicy,
    /// `--unversioned-links`.
    #[serde(default, skip_serializing_if = "ProgramNames::is_default")]
    pub(crate) names: ProgramNames,
}

/// Whether a record shows two values in the same way. Addresses are recorded without their secret
/// parts; for sources that differ only in those, the digest decides.
pub(crate) fn are_recorded_alike<T: Serialize>(one: &T, other: &T) -> bool {
    let recorded = |value: &T| serde_json::to_value(value);
    matches!((recorded(one), recorded(other)), (Ok(one), Ok(other)) if one == other)
}

/// Every input by name, address and digest, and every choice. Only [`Draft::with_patches`] makes
/// one, for the resolve step; records and lock files contain it.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Plan {
    format: u32,
    python: PythonVersion,
    prefix: InstallPrefix,
    request: Request,
    source: Source,
    pins: Pins,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    patches: Vec<PlannedPatch>,
    #[serde(default, skip_serializing_if = "ProgramNames::is_default")]
    names: ProgramNames,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    environment: BTreeMap<String, String>,
}

impl Plan {
    /// Whether this pybuild understands a plan that it read.
    pub(crate) fn has_known_format(&self) -> bool {
        self.format == FORMAT
    }

    pub(crate) fn python(&self) -> PythonVersion {
        self.python
    }

    pub(crate) fn prefix(&self) -> &InstallPrefix {
        &self.prefix
    }

    pub(crate) fn request(&self) -> &Request {
        &self.request
    }

    pub(crate) fn source(&self) -> &Source {
        &self.source
    }

    pub(crate) fn pins(&self) -> &Pins {
        &self.pins
    }

    /// The patches that are applied in addition to the pins, in order.
    pub(crate) fn patches(&self) -> &[PlannedPatch] {
        &self.patches
    }

    pub(crate) fn names(&self) -> ProgramNames {
        self.names
    }

    /// The caller's environment variables that the build's commands see. Plans of earlier versions
    /// have none.
    pub(crate) fn environment(&self) -> &BTreeMap<String, String> {
        &self.environment
    }
}

/// A plan without its patches: those depend on the host, which is examined later.
#[derive(Debug)]
pub(crate) struct Draft(Plan);

impl Draft {
    pub(crate) fn new(
        request: Request,
        python: PythonVersion,
        source: Source,
        pins: Pins,
        prefix: InstallPrefix,
        names: ProgramNames,
        environment: BTreeMap<String, String>,
    ) -> Self {
        Self(Plan {
            format: FORMAT,
            python,
            prefix,
            request,
            source,
            pins,
            patches: Vec::new(),
            names,
            environment,
        })
    }

    pub(crate) fn with_patches(self, patches: Vec<PlannedPatch>) -> Plan {
        Plan { patches, ..self.0 }
    }

    pub(crate) fn python(&self) -> PythonVersion {
        self.0.python
    }

    pub(crate) fn prefix(&self) -> &InstallPrefix {
        &self.0.prefix
    }

    pub(crate) fn request(&self) -> &Request {
        &self.0.request
    }

    pub(crate) fn pins(&self) -> &Pins {
        &self.0.pins
    }

    pub(crate) fn names(&self) -> ProgramNames {
        self.0.names
    }

    pub(crate) fn environment(&self) -> &BTreeMap<String, String> {
        &self.0.environment
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
