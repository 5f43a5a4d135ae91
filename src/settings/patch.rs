//! The settings of `pybuild patch`.

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::error::Error;
use super::inputs::{PinSettings, SourceSettings, choose};
use super::path::absolute;
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

#[derive(Debug)]
pub struct PatchSettings {
    pub pip: PinRequest,
    pub setuptools: PinRequest,
    pub target: Target,
    pub index_url: Option<Address>,
    pub network: Network,
    pub destination: Destination,
}

/// The text that the patch is made for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A release, which is fetched.
    Release {
        python: VersionRequest,
        source: Option<SourceLocation>,
        sha256: Option<Sha256>,
        mirrors: Vec<Origin>,
        proofs: ProofPolicy,
    },
    /// `--tree`: an unpacked tree.
    Tree {
        path: PathBuf,
        /// The version that the tree must have, if one is given.
        python: Option<VersionRequest>,
        change: TreeChange,
    },
}

/// Whether the patch is applied to the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TreeChange {
    None,
    /// `--apply`.
    Apply,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// The patch is applied and not written.
    Nowhere,
    /// Standard output, without the wheels.
    Diff,
    /// `-o -`: standard output, with the wheels.
    StandardOutput(PatchProgram),
    /// `-o FILE`: a file, with the wheels.
    File(PathBuf, PatchProgram),
    /// `-o DIR`: the diff, the wheels and their digests.
    Folder(PathBuf),
}

impl PatchSettings {
    pub fn new(arguments: PatchArguments, environment: &Environment) -> Result<Self, Error> {
        let pins = PinSettings::new(arguments.pins, environment)?;
        if pins.are_bundled() {
            return Err(Error::usage(
                "the patch would be empty: neither pip nor setuptools is to change",
                "name the pip to bundle in ensurepip, such as `--pip latest`",
            ));
        }
        let destination = match &arguments.destination {
            Some(path) => destination(path, arguments.program, environment)?,
            None if arguments.apply => Destination::Nowhere,
            None => Destination::Diff,
        };
        let target = if let Some(path) = &arguments.tree {
            Target::Tree {
                path: tree(path, environment)?,
                python: arguments.python,
                change: choose(arguments.apply, TreeChange::Apply, TreeChange::None),
            }
        } else {
            let source = SourceSettings::new(&arguments.source, environment)?;
            Target::Release {
                // clap requires the version if there is no tree.
                python: arguments.python.ok_or_else(|| {
                    Error::usage("no CPython version is given", "see `pybuild patch --help`")
                })?,
                source: source.location,
                sha256: source.sha256,
                mirrors: source.mirrors,
                proofs: source.proofs,
            }
        };
        Ok(Self {
            pip: pins.pip,
            setuptools: pins.setuptools,
            target,
            index_url: pins.index_url,
            network: pins.network,
            destination,
        })
    }
}

fn tree(given: &Path, environment: &Environment) -> Result<PathBuf, Error> {
    let path = absolute("--tree", given, environment)?;
    if !path.exists() {
        return Err(Error::Missing {
            what: "--tree",
            path,
        });
    }
    // The file that contains the version of a tree.
    if !path.join("Include/patchlevel.h").is_file() {
        return Err(Error::usage(
            format!(
                "--tree {} is not a CPython source tree: it has no Include/patchlevel.h",
                path.display()
            ),
            "name the folder that contains CPython's `Include` and `Lib`",
        ));
    }
    Ok(path)
}

/// A name that ends in a slash is a folder, and so is an existing folder.
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
    if !path.is_dir() && !given.as_os_str().as_bytes().ends_with(b"/") {
        return Ok(Destination::File(path, for_program));
    }
    if program.is_some() {
        return Err(Error::usage(
            format!(
                "--for sets the format of a patch file, but {} is a folder",
                path.display()
            ),
            "leave out --for: `git apply` and `patch -p1` both accept the folder's ensurepip.diff",
        ));
    }
    Ok(Destination::Folder(path))
}
