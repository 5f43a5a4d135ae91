//! One address, downloaded into the store: hashed on the way, resumed, tried again.

use std::io::{self, Read as _};
use std::path::Path;
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::blocking::Response;
use reqwest::header;

use super::partial::Partial;
use super::signature::SignatureError;
use crate::digest::{Digest, Sha256};
use crate::net::address::Address;
use crate::net::http::{Http, HttpError};
use crate::net::network::Network;
use crate::net::retry::{Passing, Retries};
use crate::progress::{Phase, Reporter};
use crate::store::{Store, StoredFile};

/// No release file and no wheel comes near this; an endless answer must not fill the disk.
const LARGEST_FILE: u64 = 1 << 30;

/// Why an address did not give what was wanted.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// No answer, no success, or a body that broke off, however often it was tried.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// It is something else.
    #[error(
        "{address} has the digest {found} instead of {}",
        super::one_of(accepted)
    )]
    WrongDigest {
        /// What was asked.
        address: Box<Address>,
        /// What came.
        found: Sha256,
        /// What should have come: one of these.
        accepted: Vec<Sha256>,
    },
    /// It is something else than what the index lists.
    #[error("{address} has the digest {found} instead of {listed}")]
    NotAsListed {
        /// What was asked.
        address: Box<Address>,
        /// What came.
        found: Digest,
        /// What should have come.
        listed: Digest,
    },
    /// It is something else than what its signature is of.
    #[error(transparent)]
    Unproven(Box<SignatureError>),
    /// It does not end.
    #[error("{address} has more than {} MiB", LARGEST_FILE >> 20)]
    TooLarge {
        /// What was asked.
        address: Address,
    },
    /// What came cannot be written: nothing that another origin could mend.
    #[error("the cache folder cannot be used")]
    Store(#[source] io::Error),
}

impl Passing for DownloadError {
    fn is_passing(&self) -> bool {
        matches!(self, Self::Http(error) if error.is_passing())
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Http(error) => error.retry_after(),
            _ => None,
        }
    }
}

/// What downloading works with.
#[derive(Clone, Copy)]
pub struct Downloads<'a> {
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
}

impl Downloads<'_> {
    /// The first of these files that the store has. A damaged one is reported, and passed over.
    pub(super) fn look_up(&self, accepted: &[Sha256]) -> Option<StoredFile> {
        accepted
            .iter()
            .find_map(|digest| match self.store.get(*digest) {
                Ok(found) => found,
                Err(spoilt) => {
                    self.reporter.warn(&crate::error::chain(&spoilt));
                    None
                }
            })
    }
}

/// What is to be downloaded.
pub(super) struct Download<'a> {
    pub(super) address: &'a Address,
    pub(super) wanted: Wanted<'a>,
    /// The digest it most likely has, when that is known: what comes from elsewhere under the same
    /// digest can be resumed here.
    pub(super) expected: Option<Sha256>,
}

/// What the file has to be.
pub(super) enum Wanted<'a> {
    /// It must have one of these digests.
    Digests(&'a [Sha256]),
    /// It must have the digest that an index lists.
    Listed(&'a Digest),
    /// This says whether the file at a path is it.
    Proven(&'a dyn Fn(&Path) -> Result<(), SignatureError>),
}

impl Download<'_> {
    /// Whether what came is what is wanted.
    fn check(&self, partial: &Partial) -> Result<(), DownloadError> {
        match &self.wanted {
            Wanted::Digests(accepted) => {
                let found = partial.digest();
                if accepted.contains(&found) {
                    return Ok(());
                }
                Err(DownloadError::WrongDigest {
                    address: Box::new(self.address.clone()),
                    found,
                    accepted: accepted.to_vec(),
                })
            }
            Wanted::Listed(listed) => {
                let found = listed.same_of_file(partial.path());
                let found = found.map_err(DownloadError::Store)?;
                if found == **listed {
                    return Ok(());
                }
                Err(DownloadError::NotAsListed {
                    address: Box::new(self.address.clone()),
                    found,
                    listed: (*listed).clone(),
                })
            }
            Wanted::Proven(prove) => {
                prove(partial.path()).map_err(|error| DownloadError::Unproven(Box::new(error)))
            }
        }
    }

    fn digests(&self) -> &[Sha256] {
        match self.wanted {
            Wanted::Digests(accepted) => accepted,
            Wanted::Listed(_) | Wanted::Proven(_) => &[],
        }
    }

    /// Downloads it, unless the store has it meanwhile.
    pub(super) fn run(
        &self,
        downloads: Downloads<'_>,
        phase: &mut dyn Phase,
    ) -> Result<StoredFile, DownloadError> {
        let name = self.expected.unwrap_or_else(|| self.address.digest());
        let mut partial = Partial::open(
            downloads.store,
            &name.to_string(),
            &self.address.to_string(),
            downloads.reporter,
        )
        .map_err(DownloadError::Store)?;
        // Whoever held the lock before may have finished it.
        for digest in self.digests() {
            if let Ok(Some(file)) = downloads.store.get(*digest) {
                let _ = partial.restart();
                return Ok(file);
            }
        }
        loop {
            if self.check(&partial).is_err() {
                downloads.retries.run(downloads.reporter, || {
                    self.transfer(downloads, &mut partial, phase)
                })?;
            }
            let Err(error) = self.check(&partial) else {
                return partial.adopt(downloads.store).map_err(DownloadError::Store);
            };
            let inherited = partial.is_inherited();
            partial.restart().map_err(DownloadError::Store)?;
            // What was left by others may have been the wrong half: then this address is not to blame.
            if !inherited {
                return Err(error);
            }
        }
    }

    /// One request, from where the partial file ends to the end of the answer.
    fn transfer(
        &self,
        downloads: Downloads<'_>,
        partial: &mut Partial,
        phase: &mut dyn Phase,
    ) -> Result<(), DownloadError> {
        let mut response = self.ask(downloads, partial)?;
        if let Some(length) = response.content_length() {
            let total = partial.length() + length;
            if total > LARGEST_FILE {
                return Err(self.too_large(partial));
            }
            phase.set_total(total);
        }
        let mut buffer = vec![0; 1 << 16];
        loop {
            phase.set_position(partial.length());
            match response.read(&mut buffer) {
                // The client itself calls a body broken that is shorter than it was said to be.
                Ok(0) => break,
                Ok(read) => partial
                    .append(&buffer[..read])
                    .map_err(DownloadError::Store)?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(self.broken(source)),
            }
            if partial.length() > LARGEST_FILE {
                return Err(self.too_large(partial));
            }
        }
        Ok(())
    }

    /// Asks for what is missing. Where the answer does not go on from there, the partial file
    /// begins anew.
    fn ask(
        &self,
        downloads: Downloads<'_>,
        partial: &mut Partial,
    ) -> Result<Response, DownloadError> {
        let offset = partial.length();
        let asked = downloads.http.get_from(self.address, offset);
        if offset == 0 {
            return Ok(asked?);
        }
        match asked {
            Ok(response) if continues_at(&response, offset) => {
                downloads
                    .reporter
                    .detail(&format!("{} is resumed at byte {offset}", self.address));
                return Ok(response);
            }
            // The whole file after all: there is no need to ask again.
            Ok(response) if response.status() != StatusCode::PARTIAL_CONTENT => {
                partial.restart().map_err(DownloadError::Store)?;
                return Ok(response);
            }
            // Another part than the one asked for, or none: what is here is not the beginning of it.
            Ok(_)
            | Err(HttpError::Status {
                status: StatusCode::RANGE_NOT_SATISFIABLE,
                ..
            }) => {}
            Err(error) => return Err(error.into()),
        }
        partial.restart().map_err(DownloadError::Store)?;
        Ok(downloads.http.get_from(self.address, 0)?)
    }

    fn broken(&self, source: io::Error) -> DownloadError {
        DownloadError::Http(HttpError::Broken {
            address: self.address.clone(),
            source,
        })
    }

    fn too_large(&self, partial: &mut Partial) -> DownloadError {
        let address = self.address.clone();
        match partial.restart() {
            Ok(()) => DownloadError::TooLarge { address },
            Err(error) => DownloadError::Store(error),
        }
    }
}

/// Whether this is the rest of a file from `offset` on (RFC 9110, section 14.4).
fn continues_at(response: &Response, offset: u64) -> bool {
    let range = response.headers().get(header::CONTENT_RANGE);
    response.status() == StatusCode::PARTIAL_CONTENT
        && range
            .and_then(|range| range.to_str().ok())
            .and_then(|range| {
                range
                    .strip_prefix("bytes ")?
                    .split('-')
                    .next()?
                    .parse()
                    .ok()
            })
            == Some(offset)
}
