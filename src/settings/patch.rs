//! The arguments of `pybuild patch`, validated.

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::path::{absolute, index_url, mirrors, named_source};
use super::{absolute_pin, choose, proofs, usage};
use crate::cli::PatchArguments;
use crate::digest::Sha256;
use crate::environment::Environment;
use crate::export::PatchProgram;
use crate::net::address::Address;
use crate::net::network::Network;
use crate::plan::pin_request::PinRequest;
use crate::plan::verification::ProofPolicy;
use crate::plan::version::VersionRequest;
use crate::plan::{Origin, SourceLocation};
use crate::settings::error::Error;

/// Which patch is made, and what becomes of it.
#[derive(Debug)]
pub struct PatchSettings {
    /// The pip that `ensurepip` is to bundle.
    pub pip: PinRequest,
    /// The setuptools.
    pub setuptools: PinRequest,
    /// What the patch is for.
    pub target: Target,
    /// `--index-url`.
    pub index_url: Option<Address>,
    /// Whether other hosts may be asked.
    pub network: Network,
    /// Where the patch goes.
    pub destination: Destination,
}

/// What the patch is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A release, which is fetched.
    Release {
        /// The version asked for.
        python: VersionRequest,
        /// `--source`.
        source: Option<SourceLocation>,
        /// `--sha256`.
        sha256: Option<Sha256>,
        /// Folders and addresses of release files, in order.
        mirrors: Vec<Origin>,
        /// `--verify` and `--keyring`.
        proofs: ProofPolicy,
    },
    /// `--tree`: an unpacked tree.
    Tree {
        /// The folder.
        path: PathBuf,
        /// What its version has to be, if that was said.
        python: Option<VersionRequest>,
        /// Whether the patch is applied to it.
        change: TreeChange,
    },
}

/// What becomes of the tree that a patch is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TreeChange {
    /// It stays as it is.
    None,
    /// `--apply`.
    Apply,
}

/// Where the patch goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// Nowhere: it is applied.
    Nowhere,
    /// The text's diff to standard output.
    Diff,
    /// `-o -`: the whole patch to standard output.
    StandardOutput(PatchProgram),
    /// `-o FILE`: the whole patch.
    File(PathBuf, PatchProgram),
    /// `-o DIR`: the text's diff, the wheels and their digests.
    Folder(PathBuf),
}

impl PatchSettings {
    /// The settings that these arguments and this environment mean.
    ///
    /// # Errors
    /// [`Error::Usage`] for arguments that do not go together, [`Error::Missing`] for what is not there.
    pub fn new(arguments: PatchArguments, environment: &Environment) -> Result<Self, Error> {
        let pins = &arguments.pins;
        if [&pins.pip, &pins.setuptools] == [&PinRequest::Bundled; 2] {
            return Err(usage(
                "a patch that changes neither pip nor setuptools is none".to_owned(),
                "say which pip ensurepip is to bundle, such as `--pip latest`",
            ));
        }
        let change = choose(arguments.apply, TreeChange::Apply, TreeChange::None);
        let destination = match &arguments.destination {
            Some(path) => destination(path, arguments.program, environment)?,
            None if change == TreeChange::Apply => Destination::Nowhere,
            None => Destination::Diff,
        };
        Ok(Self {
            target: target(&arguments, change, environment)?,
            index_url: index_url(&arguments.pins)?,
            pip: absolute_pin("--pip", arguments.pins.pip, environment)?,
            setuptools: absolute_pin("--setuptools", arguments.pins.setuptools, environment)?,
            network: choose(arguments.pins.offline, Network::Offline, Network::Online),
            destination,
        })
    }
}

fn target(
    arguments: &PatchArguments,
    change: TreeChange,
    environment: &Environment,
) -> Result<Target, Error> {
    let Some(tree) = &arguments.tree else {
        // Required without a tree.
        let python = arguments.python.ok_or_else(|| {
            usage(
                "neither a CPython version nor a tree is named".to_owned(),
                "see `pybuild patch --help`",
            )
        })?;
        return Ok(Target::Release {
            python,
            source: named_source(&arguments.source, environment)?,
            sha256: arguments.source.sha256,
            mirrors: mirrors(&arguments.source, environment)?,
            proofs: proofs(&arguments.source, environment)?,
        });
    };
    let path = absolute("--tree", tree, environment)?;
    if !path.exists() {
        return Err(Error::Missing {
            what: "--tree",
            path,
        });
    }
    // The one file of a tree that says what it is.
    if !path.join("Include/patchlevel.h").is_file() {
        return Err(usage(
            format!(
                "--tree {} is not a CPython source tree: it has no Include/patchlevel.h",
                path.display()
            ),
            "name the folder that holds CPython's `Include` and `Lib`",
        ));
    }
    Ok(Target::Tree {
        path,
        python: arguments.python,
        change,
    })
}

/// A folder is meant when there is one, or when the name ends in a slash.
fn destination(
    given: &Path,
    program: Option<PatchProgram>,
    environment: &Environment,
) -> Result<Destination, Error> {
    let for_program = program.unwrap_or(PatchProgram::Git);
    if given == Path::new("-") {
        return Ok(Destination::StandardOutput(for_program));
    }
    let path = absolute("-o", given, environment)?;
    let is_folder = path.is_dir() || given.as_os_str().as_bytes().ends_with(b"/");
    match program {
        Some(_) if is_folder => Err(usage(
            format!(
                "--for says how one file holds the wheels, and {} is a folder",
                path.display()
            ),
            "leave --for out: the folder's ensurepip.diff is for `git apply` and `patch -p1` alike",
        )),
        _ if is_folder => Ok(Destination::Folder(path)),
        _ => Ok(Destination::File(path, for_program)),
    }
}
