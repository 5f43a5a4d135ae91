//! Downloads one address into the store: hashes while it downloads, resumes, repeats.

use std::io::{self, Read as _};
use std::path::Path;

use reqwest::StatusCode;
use reqwest::blocking::Response;
use reqwest::header;

use crate::digest::{Digest, Sha256};
use crate::error::{ExitStatus, Explain};
use crate::fetch::context::FetchContext;
use crate::fetch::event::Event;
use crate::fetch::partial::Partial;
use crate::net;
use crate::net::address::Address;
use crate::net::error::{HttpError, MaybeHttp};
use crate::progress::Phase;
use crate::store::{StoredFile, cache_hint};

/// No release file and no wheel comes near this; an endless answer must not fill the disk.
const LARGEST_FILE: u64 = 1 << 30;

/// Why an address did not give what was wanted.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error("{address} has the digest {found} instead of {}", one_of(accepted))]
    WrongDigest {
        address: Box<Address>,
        found: Sha256,
        accepted: Vec<Sha256>,
    },
    #[error("{address} has the digest {found} instead of {listed}")]
    NotAsListed {
        address: Box<Address>,
        found: Digest,
        listed: Digest,
    },
    #[error("{address} is not the file that its signature was made for")]
    NotSigned { address: Address },
    #[error("{address} has more than {} MiB", LARGEST_FILE >> 20)]
    TooLarge { address: Address },
    /// No other origin could help.
    #[error("the cache folder cannot be used")]
    Store(#[source] io::Error),
}

impl MaybeHttp for DownloadError {
    fn http(&self) -> Option<&HttpError> {
        match self {
            Self::Http(error) => Some(error),
            _ => None,
        }
    }
}

/// The hints fit wheels, which come from an index.
impl Explain for DownloadError {
    fn exit_status(&self) -> ExitStatus {
        self.http()
            .map_or(ExitStatus::Input, HttpError::exit_status)
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Store(source) => return Some(cache_hint(source)),
            Self::Http(error) if error.hint().is_some() => return error.hint(),
            Self::WrongDigest { .. } | Self::NotAsListed { .. } => {
                "the index and the file do not agree: try again later, or another index with \
                 `--index-url`"
            }
            Self::Http(_) | Self::TooLarge { .. } | Self::NotSigned { .. } => {
                "check the network (HTTPS_PROXY names a proxy), or name another index with \
                 `--index-url`"
            }
        };
        Some(hint.to_owned())
    }
}

/// Digests as an error shows them, each once.
pub(super) fn one_of(accepted: &[Sha256]) -> String {
    let mut shown: Vec<String> = Vec::new();
    for digest in accepted.iter().map(ToString::to_string) {
        if !shown.contains(&digest) {
            shown.push(digest);
        }
    }
    shown.join(" or ")
}

/// A file to download.
pub(super) struct Download<'a> {
    pub(super) address: &'a Address,
    pub(super) wanted: Wanted<'a>,
    /// The digest that it most likely has, where that is known: a download of the same file from
    /// another address can be resumed from this one.
    pub(super) expected: Option<Sha256>,
}

/// The condition that the file has to meet.
pub(super) enum Wanted<'a> {
    /// It has one of these digests.
    Digests(&'a [Sha256]),
    /// It has the digest that an index lists.
    Listed(&'a Digest),
    /// This function accepts the file at a path.
    Signed(&'a dyn Fn(&Path) -> bool),
}

impl Download<'_> {
    /// Downloads the file, unless the store has it by now.
    pub(super) fn run(
        &self,
        context: &FetchContext<'_>,
        phase: &mut dyn Phase,
    ) -> Result<StoredFile, DownloadError> {
        let name = self.expected.unwrap_or_else(|| self.address.digest());
        let mut partial = Partial::open(
            context.store,
            &name.to_string(),
            &self.address.to_string(),
            context.reporter,
        )
        .map_err(DownloadError::Store)?;
        // The process that had the lock before may have finished the download.
        if let Wanted::Digests(accepted) = self.wanted {
            for digest in accepted {
                if let Ok(Some(file)) = context.store.get(*digest) {
                    let _ = partial.restart();
                    return Ok(file);
                }
            }
        }
        loop {
            if self.check(&partial).is_err() {
                let asking = net::event::Event::Asking(self.address);
                context.reporter.report(&asking);
                context.retries.run(context.reporter, || {
                    self.transfer(context, &mut partial, phase)
                })?;
            }
            let Err(error) = self.check(&partial) else {
                return partial.adopt(context.store).map_err(DownloadError::Store);
            };
            let is_inherited = partial.is_inherited();
            partial.restart().map_err(DownloadError::Store)?;
            // The wrong bytes may be those of an earlier download from another address.
            if !is_inherited {
                return Err(error);
            }
        }
    }

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
            Wanted::Signed(accepts) if accepts(partial.path()) => Ok(()),
            Wanted::Signed(_) => Err(DownloadError::NotSigned {
                address: self.address.clone(),
            }),
        }
    }

    /// One request, from the end of the partial file to the end of the answer.
    fn transfer(
        &self,
        context: &FetchContext<'_>,
        partial: &mut Partial,
        phase: &mut dyn Phase,
    ) -> Result<(), DownloadError> {
        let mut response = self.ask(context, partial)?;
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
                // The client reports a body that is shorter than its `Content-Length`.
                Ok(0) => return Ok(()),
                Ok(read) => partial
                    .append(&buffer[..read])
                    .map_err(DownloadError::Store)?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => {
                    let address = self.address.clone();
                    return Err(HttpError::Broken { address, source }.into());
                }
            }
            if partial.length() > LARGEST_FILE {
                return Err(self.too_large(partial));
            }
        }
    }

    /// Asks for the missing part. Where the answer is another part, the partial file is emptied.
    fn ask(
        &self,
        context: &FetchContext<'_>,
        partial: &mut Partial,
    ) -> Result<Response, DownloadError> {
        let (address, offset) = (self.address, partial.length());
        let asked = context.http.get_from(address, offset);
        if offset == 0 {
            return Ok(asked?);
        }
        match asked {
            Ok(response) if continues_at(&response, offset) => {
                context.reporter.report(&Event::Resumed { address, offset });
                return Ok(response);
            }
            // The whole file: it need not be asked for again.
            Ok(response) if response.status() != StatusCode::PARTIAL_CONTENT => {
                partial.restart().map_err(DownloadError::Store)?;
                return Ok(response);
            }
            // Another part, or none: the partial file is not the beginning of this file.
            Ok(_)
            | Err(HttpError::Status {
                status: StatusCode::RANGE_NOT_SATISFIABLE,
                ..
            }) => {}
            Err(error) => return Err(error.into()),
        }
        partial.restart().map_err(DownloadError::Store)?;
        Ok(context.http.get_from(address, 0)?)
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
    let start = || -> Option<u64> {
        let range = response.headers().get(header::CONTENT_RANGE)?;
        let range = range.to_str().ok()?.strip_prefix("bytes ")?;
        range.split('-').next()?.parse().ok()
    };
    response.status() == StatusCode::PARTIAL_CONTENT && start() == Some(offset)
}
