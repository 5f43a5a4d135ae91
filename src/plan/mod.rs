//! The plan: every input by name, address and digest, and every choice, before anything is done.

pub mod compat;
mod debug_info;
pub(crate) mod lock;
mod named_file;
mod options;
mod patches;
pub(crate) mod pin_request;
mod pins;
pub(crate) mod recipe;
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

pub(crate) use debug_info::DebugInfo;
pub(crate) use named_file::{FileLocation, NamedFile};
pub(crate) use options::{
    BuildOptions, Bytecode, InstallPrefix, Library, ModulePolicy, Optimization, ProgramNames,
};
pub(crate) use patches::{PatchOrigin, PlannedPatch};
pub(crate) use pins::{Pin, Pins, WheelInput, WheelLocation};
pub(crate) use source::{Origin, ReleaseFile, Source, SourceLocation};
pub(crate) use verification::DigestProof;

use crate::digest::Sha256;
use crate::plan::compat::CompatPolicy;
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
    pub(crate) patches: Vec<NamedFile>,
    /// `--wheel`, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) wheels: Vec<NamedFile>,
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
