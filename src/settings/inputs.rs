//! Settings that several commands share: pins, sources of a release, and their verification.

use std::path::Path;

use super::error::Error;
use super::path::{absolute, address, file, mirror, source};
use crate::cli::{PinArguments, SourceArguments};
use crate::digest::Sha256;
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
#[derive(Debug, Clone)]
pub(super) struct PinSettings {
    pub pip: PinRequest,
    pub setuptools: PinRequest,
    pub index_url: Option<Address>,
    pub network: Network,
}

impl PinSettings {
    /// The pins of a command that makes one result.
    pub fn new(arguments: PinArguments, environment: &Environment) -> Result<Self, Error> {
        let mut all = Self::all(arguments, environment)?;
        match (all.pop(), all.is_empty()) {
            (Some(pins), true) => Ok(pins),
            _ => Err(Error::usage(
                "--pip or --setuptools is given more than once",
                "only a build takes several pins: run this command once for each",
            )),
        }
    }

    /// Each pip with each setuptools.
    pub fn all(arguments: PinArguments, environment: &Environment) -> Result<Vec<Self>, Error> {
        // A relative path has to name the same wheel when the command runs in another folder.
        let absolute_pin = |option, request| -> Result<_, Error> {
            Ok(match request {
                PinRequest::Wheel(path) => PinRequest::Wheel(absolute(option, &path, environment)?),
                other => other,
            })
        };
        // clap would print the address, and any secret in it, in its own error.
        let index_url = arguments.index_url;
        let index_url = index_url.map(|text| address("--index-url", &text));
        let index_url = index_url.transpose()?;
        let network = choose(arguments.offline, Network::Offline, Network::Online);
        let mut all = Vec::new();
        for pip in arguments.pip {
            let pip = absolute_pin("--pip", pip)?;
            for setuptools in &arguments.setuptools {
                all.push(Self {
                    pip: pip.clone(),
                    setuptools: absolute_pin("--setuptools", setuptools.clone())?,
                    index_url: index_url.clone(),
                    network,
                });
            }
        }
        Ok(all)
    }

    pub fn are_bundled(&self) -> bool {
        [&self.pip, &self.setuptools] == [&PinRequest::Bundled; 2]
    }
}

/// The sources of a release, and how to verify them.
#[derive(Debug)]
pub(super) struct SourceSettings {
    pub location: Option<SourceLocation>,
    pub sha256: Option<Sha256>,
    pub mirrors: Vec<Origin>,
    pub proofs: ProofPolicy,
}

impl SourceSettings {
    pub fn new(arguments: &SourceArguments, environment: &Environment) -> Result<Self, Error> {
        const MIRRORS: &str = "PYBUILD_MIRROR";
        const KEYRINGS: &str = "PYBUILD_KEYRING";
        let location = arguments.source.as_deref();
        let mirrors = arguments.mirror.iter().map(|text| ("--mirror", &**text));
        let more_mirrors = environment.variable(MIRRORS).unwrap_or_default();
        let more_mirrors = more_mirrors.split_whitespace().map(|text| (MIRRORS, text));
        let keyring = |option, path: &Path| {
            let (path, sha256) = file(option, path, environment)?;
            Ok(KeyringFile { path, sha256 })
        };
        let keyrings = arguments.keyring.iter();
        let more_keyrings = environment.variable_os(KEYRINGS).unwrap_or_default();
        let more_keyrings =
            std::env::split_paths(more_keyrings).filter(|path| !path.as_os_str().is_empty());
        Ok(Self {
            location: location
                .map(|text| source("--source", text, environment))
                .transpose()?,
            sha256: arguments.sha256,
            mirrors: mirrors
                .chain(more_mirrors)
                .map(|(option, text)| mirror(option, text, environment))
                .collect::<Result<_, _>>()?,
            proofs: ProofPolicy {
                verify: arguments.verify,
                keyrings: keyrings
                    .map(|path| keyring("--keyring", path))
                    .chain(more_keyrings.map(|path| keyring(KEYRINGS, &path)))
                    .collect::<Result<_, Error>>()?,
            },
        })
    }
}
