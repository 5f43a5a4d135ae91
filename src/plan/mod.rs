//! The plan: every input by name, address and digest, and every choice, before anything is done.

pub mod compat;
mod options;
mod patches;
pub(crate) mod pin_request;
mod pins;
pub(crate) mod requires_python;
mod source;
mod text;
pub(crate) mod verification;
pub mod version;
pub(crate) mod wheel_metadata;
pub(crate) mod wheel_name;
pub(crate) mod wheel_record;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub(crate) use options::{
    BuildOptions, InstallPrefix, Library, ModulePolicy, Optimization, ProgramNames,
};
pub(crate) use patches::{PatchFile, PatchOrigin, PlannedPatch};
pub(crate) use pins::{Pin, Pins, WheelInput, WheelLocation};
pub(crate) use source::{Origin, ReleaseFile, Source, SourceLocation};
pub(crate) use verification::DigestProof;

use crate::digest::Sha256;
use crate::plan::compat::CompatPolicy;
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
