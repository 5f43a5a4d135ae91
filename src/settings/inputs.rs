//! Settings that several commands share: pins, sources of a release, and their verification.

use std::path::Path;

use super::error::Error;
use super::path::{absolute, address, file, mirror, source};
use crate::cli::{PinArguments, SourceArguments};
use crate::environment::Environment;
use crate::net::address::Address;
use crate::net::network::Network;
use crate::plan::pin_request::PinRequest;
use crate::plan::verification::{KeyringFile, ProofPolicy};
use crate::plan::{Origin, SourceLocation};

pub fn choose<T>(flag: bool, set: T, unset: T) -> T {
    if flag { set } else { unset }
}

/// Whether the command changes anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Change,
    /// `--dry-run`: it only prints what it would do.
    DryRun,
}

/// The pins of `ensurepip`, and the index to search.
#[derive(Debug)]
pub(super) struct PinSettings {
    pub pip: PinRequest,
    pub setuptools: PinRequest,
    pub index_url: Option<Address>,
    pub network: Network,
}

impl PinSettings {
    pub fn new(arguments: PinArguments, environment: &Environment) -> Result<Self, Error> {
        // A relative path has to name the same wheel when the command runs in another folder.
        let absolute_pin = |option, request| -> Result<_, Error> {
            Ok(match request {
                PinRequest::Wheel(path) => PinRequest::Wheel(absolute(option, &path, environment)?),
                other => other,
            })
        };
        Ok(Self {
            pip: absolute_pin("--pip", arguments.pip)?,
            setuptools: absolute_pin("--setuptools", arguments.setuptools)?,
            // clap would print the address, and any secret in it, in its own error.
            index_url: arguments
                .index_url
                .map(|text| address("--index-url", &text))
                .transpose()?,
            network: choose(arguments.offline, Network::Offline, Network::Online),
        })
    }

    pub fn are_bundled(&self) -> bool {
        [&self.pip, &self.setuptools] == [&PinRequest::Bundled; 2]
    }
}

/// `--source`.
pub(super) fn location(
    arguments: &SourceArguments,
    environment: &Environment,
) -> Result<Option<SourceLocation>, Error> {
    let text = arguments.source.as_deref();
    text.map(|text| source("--source", text, environment))
        .transpose()
}

/// `--mirror`, then `PYBUILD_MIRROR`.
pub(super) fn mirrors(
    arguments: &SourceArguments,
    environment: &Environment,
) -> Result<Vec<Origin>, Error> {
    const VARIABLE: &str = "PYBUILD_MIRROR";
    let variable = environment.variable(VARIABLE).unwrap_or_default();
    let options = arguments.mirror.iter().map(|text| ("--mirror", &**text));
    options
        .chain(variable.split_whitespace().map(|text| (VARIABLE, text)))
        .map(|(option, text)| mirror(option, text, environment))
        .collect()
}

/// `--verify`; `--keyring`, then `PYBUILD_KEYRING` (separated as in `PATH`).
pub(super) fn proofs(
    arguments: &SourceArguments,
    environment: &Environment,
) -> Result<ProofPolicy, Error> {
    const VARIABLE: &str = "PYBUILD_KEYRING";
    let keyring = |option, path: &Path| {
        let (path, sha256) = file(option, path, environment)?;
        Ok(KeyringFile { path, sha256 })
    };
    let variable = environment.variable_os(VARIABLE).unwrap_or_default();
    let variable = std::env::split_paths(variable).filter(|path| !path.as_os_str().is_empty());
    let options = arguments.keyring.iter();
    Ok(ProofPolicy {
        verify: arguments.verify,
        keyrings: options
            .map(|path| keyring("--keyring", path))
            .chain(variable.map(|path| keyring(VARIABLE, &path)))
            .collect::<Result<_, Error>>()?,
    })
}
