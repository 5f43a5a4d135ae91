//! Step 2: every input of the plan, verified, in the store.

mod apt_sources;
mod archive;
mod attempt;
pub mod download;
pub mod host_packages;
mod partial;
pub mod signature;
#[cfg(test)]
mod tests;
mod verified;
mod wheels;

use std::io;
use std::path::{Path, PathBuf};

use crate::net::http::Http;
use crate::net::retry::Retries;
pub use attempt::Attempt;
use download::{DownloadError, Downloads};
use signature::Keyring;
pub use signature::signature_beside;
pub use verified::{VerifiedArchive, VerifiedInputs, VerifiedPatch, VerifiedSource, VerifiedWheel};
pub use wheels::{fetch_listed, fetch_wheels};

use crate::digest::Sha256;
use crate::environment::Environment;
use crate::error::{ExitStatus, Explain};
use crate::fs::disk;
use crate::fs::lock::LockError;
use crate::net::address::Address;
use crate::net::network::Network;
use crate::plan::verification::KeyringFile;
use crate::plan::version::PythonVersion;
use crate::plan::{PatchFile, Plan, Source};
use crate::process::Runner;
use crate::progress::Reporter;
use crate::store::{Store, StoredFile};

/// The title of this step's phases.
const PHASE: &str = "fetch";

/// What fetching works with.
#[derive(Clone, Copy)]
pub struct FetchContext<'a> {
    /// Where files go, and where they may be already.
    pub store: &'a Store,
    /// The client that addresses are asked with.
    pub http: &'a Http<'a>,
    /// Whether they may be asked.
    pub network: Network,
    /// How failures that may pass are met.
    pub retries: Retries,
    /// Who is told.
    pub reporter: &'a dyn Reporter,
    /// Where programs and proxies are looked up.
    pub environment: &'a Environment,
    /// Runs the host's package manager, and keeps what it printed.
    pub runner: &'a Runner,
}

/// Why this step failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No origin has the release; this is what each of them answered.
    #[error(
        "the source of CPython {version} cannot be fetched from anywhere:{}",
        lines(attempts)
    )]
    NoOrigin {
        /// The release that is wanted.
        version: String,
        /// What each origin answered, in the order they were asked.
        attempts: Vec<Attempt>,
        /// Whether other hosts were left out.
        network: Network,
    },
    /// `--source` names something else than the release.
    #[error(
        "{source_given} is not CPython {version}: its digest is {found} instead of {}",
        one_of(accepted)
    )]
    WrongSource {
        /// What was given.
        source_given: String,
        /// The release that is wanted.
        version: String,
        /// The digest it has.
        found: Sha256,
        /// The digests of which it should have one.
        accepted: Vec<Sha256>,
    },
    /// The release file is there, but is no archive that CPython is released as.
    #[error("{name} from {origin} has the right digest, but is neither gzip nor xz")]
    NotCompressed {
        /// Its name.
        name: String,
        /// Where it came from.
        origin: String,
    },
    /// `--source DIR` is gone.
    #[error("{} is not a folder", path.display())]
    NoTree {
        /// What was given.
        path: PathBuf,
    },
    /// A file that was named on the command line cannot be read.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file that was named on the command line is not what it was when the request was read.
    #[error("{} was changed meanwhile: its digest is {found} instead of {expected}", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
        /// The digest it has now.
        found: Sha256,
        /// The digest it had.
        expected: Sha256,
    },
    /// A wheel cannot be downloaded, or is not what the index promised.
    #[error("{file_name} cannot be fetched")]
    Wheel {
        /// The wheel.
        file_name: String,
        /// What the address answered.
        source: Box<DownloadError>,
    },
    /// A wheel is not in the store, and nobody may be asked for it.
    #[error("{file_name} is not in the store, and {address} is not asked offline")]
    WheelNotAsked {
        /// The wheel.
        file_name: String,
        /// Where it is.
        address: Address,
    },
    /// A signature is bad, or is missing where it is demanded.
    #[error(transparent)]
    Signature(#[from] signature::Error),
    /// The cache folder cannot be used.
    #[error("the cache folder {} cannot be used", path.display())]
    Store {
        /// The cache folder.
        path: PathBuf,
        /// What failed in it.
        source: io::Error,
    },
}

const CACHE_HINT: &str =
    "check the space and the permissions there, or name another folder with PYBUILD_CACHE_DIR";

fn cache_hint(error: &io::Error) -> String {
    if LockError::is(error) {
        "the file system there has no working locks, as it happens with NFS: name a folder on a local disk with PYBUILD_CACHE_DIR".to_owned()
    } else {
        disk::hint(error, "name another folder with PYBUILD_CACHE_DIR")
            .unwrap_or_else(|| CACHE_HINT.to_owned())
    }
}

impl Explain for Error {
    fn exit_status(&self) -> ExitStatus {
        match self {
            Self::NoOrigin { attempts, .. } => attempt::exit_status(attempts),
            Self::Wheel { source, .. } => match &**source {
                DownloadError::Http(error) => error.exit_status(),
                _ => ExitStatus::Input,
            },
            _ => ExitStatus::Input,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Signature(error) => return error.hint(),
            Self::NoOrigin { network, .. } if *network == Network::Offline => {
                "leave out `--offline`, or name the archive with `--source` or a folder that has it with `--mirror`"
            }
            Self::NoOrigin { attempts, .. } => attempt::hint(attempts)
                .unwrap_or(
                "check the network (HTTPS_PROXY names a proxy), or name an archive with `--source`, or a mirror with `--mirror` or PYBUILD_MIRROR",
            ),
            Self::WrongSource { .. } => {
                "get the archive again; if it is meant to differ from the release, give its digest with `--sha256`"
            }
            Self::NotCompressed { .. } => "give the digest of the release's .tgz or .tar.xz",
            Self::NoTree { .. } | Self::Unreadable { .. } => "check the path and who may read it",
            Self::Changed { .. } => "run the same command again to take it as it is now",
            Self::Store { source, .. } => return Some(cache_hint(source)),
            Self::Wheel { source, .. } => match &**source {
                DownloadError::Store(source) => return Some(cache_hint(source)),
                DownloadError::WrongDigest { .. } | DownloadError::NotAsListed { .. } => {
                    "the index and the file do not agree: try again later, or another index with `--index-url`"
                }
                DownloadError::Http(error) if error.hint().is_some() => {
                    return error.hint().map(ToOwned::to_owned);
                }
                DownloadError::Http(_)
                | DownloadError::TooLarge { .. }
                | DownloadError::Unproven(_) => {
                    "check the network (HTTPS_PROXY names a proxy), or name another index with `--index-url`"
                }
            },
            Self::WheelNotAsked { .. } => {
                "leave out `--offline`, or name the wheel's own path instead of its version"
            }
        };
        Some(hint.to_owned())
    }
}

fn lines(attempts: &[Attempt]) -> String {
    attempts.iter().fold(String::new(), |text, attempt| {
        text + "\n    " + &attempt.to_string()
    })
}

/// Digests as an error shows them.
fn one_of(accepted: &[Sha256]) -> String {
    let mut shown: Vec<String> = Vec::new();
    for digest in accepted.iter().map(ToString::to_string) {
        if !shown.contains(&digest) {
            shown.push(digest);
        }
    }
    shown.join(" or ")
}

/// Gets every input of `plan` and proves its digest.
///
/// # Errors
/// [`Error`]. What was downloaded until then stays in the store.
pub fn fetch(plan: &Plan, context: &FetchContext<'_>) -> Result<VerifiedInputs, Error> {
    context.store.sweep();
    // What is here already comes first: it fails without having cost a download.
    let patches = plan
        .request
        .patches
        .iter()
        .map(read_patch)
        .collect::<Result<_, _>>()?;
    let wheels = fetch_wheels(&plan.pins, context)?;
    let source = fetch_source(plan.python, &plan.source, context)?;
    Ok(VerifiedInputs {
        source,
        wheels,
        patches,
    })
}

/// Gets the source of CPython `python` and proves its digest.
///
/// # Errors
/// [`Error`].
pub fn fetch_source(
    python: PythonVersion,
    source: &Source,
    context: &FetchContext<'_>,
) -> Result<VerifiedSource, Error> {
    match source {
        Source::Archive {
            accepted,
            proof,
            origins,
            proofs,
        } => {
            let search = archive::Search {
                version: python,
                accepted,
                proof: *proof,
                origins,
                verify: proofs.verify,
                keyring: &Keyring::with(&proofs.keyrings)?,
                context,
            };
            search.run().map(VerifiedSource::Archive)
        }
        Source::Tree { path } if path.is_dir() => Ok(VerifiedSource::Tree(path.clone())),
        Source::Tree { path } => Err(Error::NoTree { path: path.clone() }),
    }
}

/// Reads the beginning of a file, so that a failure of copying it later is one of the store.
/// Refuses files of `--keyring` that hold no keys.
///
/// # Errors
/// [`Error::Signature`] with what is wrong.
pub fn ensure_keys(files: &[KeyringFile]) -> Result<(), Error> {
    Keyring::with(files)?;
    Ok(())
}

fn ensure_readable(path: &Path) -> io::Result<()> {
    use io::Read as _;
    let mut beginning = [0];
    std::fs::File::open(path)?.read(&mut beginning).map(drop)
}

fn read_patch(input: &PatchFile) -> Result<VerifiedPatch, Error> {
    let path = input.path.clone();
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(source) => return Err(Error::Unreadable { path, source }),
    };
    let found = Sha256::of(&bytes);
    if found != input.sha256 {
        return Err(Error::Changed {
            path,
            found,
            expected: input.sha256,
        });
    }
    Ok(VerifiedPatch {
        path,
        content: bytes,
    })
}

impl<'a> FetchContext<'a> {
    fn downloads(&self) -> Downloads<'a> {
        Downloads {
            store: self.store,
            http: self.http,
            network: self.network,
            retries: self.retries,
            reporter: self.reporter,
        }
    }

    fn look_up(&self, accepted: &[Sha256]) -> Option<StoredFile> {
        self.downloads().look_up(accepted)
    }

    /// A file that the plan names with its digest.
    fn copy_named_file(&self, path: &Path, expected: Sha256) -> Result<StoredFile, Error> {
        if let Err(source) = ensure_readable(path) {
            return Err(Error::Unreadable {
                path: path.to_owned(),
                source,
            });
        }
        self.store
            .copy_in(path, &[expected])
            .map_err(|source| self.store_error(source))?
            .map_err(|found| Error::Changed {
                path: path.to_owned(),
                found,
                expected,
            })
    }

    fn store_error(&self, source: io::Error) -> Error {
        Error::Store {
            path: self.store.root().to_owned(),
            source,
        }
    }
}
