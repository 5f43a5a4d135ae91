//! Where signatures are looked for: beside the archive, in the store, at the other origins.

use std::cell::RefCell;
use std::path::Path;

use jiff::Timestamp;

use super::beside::{ENDING, read_small, signature_beside};
use super::file::{LARGEST, SignatureFile};
use super::{Error, SignatureError};
use crate::digest::Sha256;
use crate::fetch::attempt::{Attempt, Miss};
use crate::fetch::download::{Download, DownloadError, Wanted};
use crate::fetch::error as fetch;
use crate::fetch::origin::{label, needs_network};
use crate::fetch::search::{Beside, Candidate, ReleaseSearch};
use crate::fetch::signature::cache::SignatureCache;
use crate::net::address::Address;
use crate::net::error::HttpError;
use crate::net::network::Network;
use crate::plan::Origin;
use crate::plan::verification::{GoodSignature, Verify};
use crate::progress::Phase;

/// Bytes that should be a signature, and where they are from.
struct Statement {
    bytes: Vec<u8>,
    from: String,
}

type Outcome<T> = Result<T, fetch::Error>;

impl ReleaseSearch<'_> {
    /// Whose signature proves the candidate; `None` where a digest is enough.
    pub(in crate::fetch) fn proven(
        &self,
        candidate: &Candidate,
        name: &str,
    ) -> Outcome<Option<GoodSignature>> {
        let signature = match (&candidate.signature, self.verify) {
            (Some(good), _) => Some(good.clone()),
            (None, Verify::Digest) => None,
            (None, Verify::Any) => self.look_beside(candidate)?,
            (None, Verify::Signature) => Some(self.demand(candidate, name)?),
        };
        if let Some(good) = &signature {
            self.context.reporter.detail(&format!("{name} is {good}"));
        }
        Ok(signature)
    }

    /// The digest is right: a signature that is at hand is looked at all the same, and nobody is
    /// asked for one.
    fn look_beside(&self, candidate: &Candidate) -> Outcome<Option<GoodSignature>> {
        let statement = match &candidate.beside {
            Beside::File(path) => read_file(path)?,
            Beside::Packaged(Some(bytes)) => Some(Statement {
                bytes: bytes.clone(),
                from: format!("in {}", candidate.origin),
            }),
            Beside::Store | Beside::Address(_) | Beside::Packaged(None) => None,
        };
        let Some(statement) = statement else {
            return Ok(None);
        };
        match self.judge(&statement, candidate.file.path()) {
            Ok(good) => Ok(Some(good)),
            Err(error) if error.is_doubt() => {
                self.context.reporter.warn(&format!(
                    "the signature {} proves nothing, and the digest decides: {error}",
                    statement.from
                ));
                Ok(None)
            }
            Err(error) => Err(self.bad(&statement, error)),
        }
    }

    /// The first signature that is found decides.
    fn demand(&self, candidate: &Candidate, name: &str) -> Outcome<GoodSignature> {
        let mut attempts = Vec::new();
        let cache = SignatureCache::new(self.context.store, name);
        let sha256 = candidate.file.sha256();
        let take = |statement: Statement| {
            let good = self
                .judge(&statement, candidate.file.path())
                .map_err(|error| self.bad(&statement, error))?;
            self.keep(name, sha256, &statement)?;
            Ok(good)
        };
        match &candidate.beside {
            Beside::File(path) => {
                if let Some(statement) = read_file(path)? {
                    return take(statement);
                }
            }
            Beside::Packaged(Some(bytes)) => {
                return take(Statement {
                    bytes: bytes.clone(),
                    from: format!("in {}", candidate.origin),
                });
            }
            Beside::Address(address) => match self.read_address(address) {
                Ok(Some(statement)) => return take(statement),
                Ok(None) => {}
                Err(error) => attempts.push(Attempt {
                    origin: candidate.origin.clone(),
                    answer: error.into(),
                }),
            },
            Beside::Store | Beside::Packaged(None) => {}
        }
        let kept = cache.of(sha256, self.context.reporter);
        if let Some(bytes) = kept {
            let from = "in the store".to_owned();
            match self.judge(&Statement { bytes, from }, candidate.file.path()) {
                Ok(good) => return Ok(good),
                // It was good once; the disk or the keys have changed.
                Err(_) => cache.forget(sha256),
            }
        }
        for origin in self.origins {
            match self.ask_for_signature(origin, name)? {
                Ok(statement) => return take(statement),
                Err(answer) => attempts.push(Attempt::new(origin, answer)),
            }
        }
        let name = format!("{name}{ENDING}");
        Err(Error::Missing { name, attempts }.into())
    }

    fn ask_for_signature(&self, origin: &Origin, name: &str) -> Outcome<Result<Statement, Miss>> {
        if self.context.network == Network::Offline && needs_network(origin) {
            return Ok(Err(Miss::Offline));
        }
        let folder = match origin {
            Origin::MirrorFolder(folder) => Some(folder.clone()),
            Origin::MirrorUrl(base) => base.to_file_path(),
            _ => None,
        };
        for path in folder.iter().flat_map(|folder| self.paths_in(folder, name)) {
            if let Some(statement) = read_file(&signature_beside(&path))? {
                return Ok(Ok(statement));
            }
        }
        if folder.is_none() {
            for folder in self.folders_of(origin) {
                let address = folder.with_segment(&format!("{name}{ENDING}"));
                match self.read_address(&address) {
                    Ok(Some(statement)) => return Ok(Ok(statement)),
                    Ok(None) => {}
                    Err(error) => return Ok(Err(error.into())),
                }
            }
        }
        Ok(Err(Miss::NotThere))
    }

    /// What the store has: by digest, or, where none is known, by a signature that it kept.
    pub(in crate::fetch) fn ask_store(&self) -> Outcome<Option<Candidate>> {
        let candidate = |file, signature| Candidate {
            file,
            origin: label(&Origin::Store),
            beside: Beside::Store,
            signature,
        };
        if !self.accepted.is_empty() {
            let file = self.context.look_up(&self.digests());
            return Ok(file.map(|file| candidate(file, None)));
        }
        for name in self.names() {
            let cache = SignatureCache::new(self.context.store, &name);
            for sha256 in cache.digests().map_err(|error| self.store(error))? {
                let kept = cache.of(sha256, self.context.reporter);
                let (Some(bytes), Some(file)) = (kept, self.context.look_up(&[sha256])) else {
                    continue;
                };
                let from = "in the store".to_owned();
                match self.judge(&Statement { bytes, from }, file.path()) {
                    Ok(good) => return Ok(Some(candidate(file, Some(good)))),
                    Err(_) => cache.forget(sha256),
                }
            }
        }
        Ok(None)
    }

    /// A file on this machine of which no digest is known.
    pub(in crate::fetch) fn take_signed(&self, path: &Path) -> Outcome<Result<Candidate, Miss>> {
        let beside = signature_beside(path);
        let Some(statement) = read_file(&beside)? else {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            return Ok(Err(Miss::NoSignature {
                name: name.into_owned(),
            }));
        };
        let store = self.context.store;
        let copy = || -> std::io::Result<_> {
            let mut copy = tempfile::Builder::new()
                .prefix("copy-")
                .tempfile_in(store.partial_dir()?)?;
            std::io::copy(&mut fs_err::File::open(path)?, &mut copy)?;
            Ok(copy.into_temp_path())
        };
        let copy = copy().map_err(|error| self.store(error))?;
        let good = self
            .judge(&statement, &copy)
            .map_err(|error| self.bad(&statement, error))?;
        let adopt = || store.adopt(&copy, Sha256::of_file(&copy)?);
        let file = adopt().map_err(|error| self.store(error))?;
        // It has been renamed away: there is nothing left to delete under the scratch name.
        let _ = copy.keep();
        self.keep(&self.name_of(&file, None), file.sha256(), &statement)?;
        Ok(Ok(Candidate {
            file,
            origin: path.display().to_string(),
            beside: Beside::File(beside),
            signature: Some(good),
        }))
    }

    /// What an address has of which no digest is known: first the signature, then, where there is
    /// one, the archive.
    pub(in crate::fetch) fn download_signed(
        &self,
        address: &Address,
        origin: String,
        phase: &mut dyn Phase,
    ) -> Outcome<Result<Candidate, Miss>> {
        let beside = address.with_suffix(ENDING);
        let statement = match self.read_address(&beside) {
            Ok(Some(statement)) => statement,
            Ok(None) => {
                return Ok(Err(Miss::NoSignature {
                    name: address.to_string(),
                }));
            }
            Err(error) => return Ok(Err(error.into())),
        };
        // What cannot be a signature is not worth a download.
        SignatureFile::read(&statement.bytes).map_err(|error| self.bad(&statement, error))?;
        let fault = RefCell::new(None);
        let accepts = |path: &Path| {
            let judged = self.judge(&statement, path);
            judged.map_err(|error| fault.replace(Some(error))).is_ok()
        };
        let download = Download {
            address,
            wanted: Wanted::Signed(&accepts),
            expected: None,
        };
        let file = match (download.run(self.context, phase), fault.take()) {
            (Ok(file), _) => file,
            (Err(DownloadError::Store(source)), _) => return Err(self.store(source)),
            (Err(DownloadError::NotSigned { .. }), Some(fault)) => {
                return Err(self.bad(&statement, fault));
            }
            (Err(error), _) => return Ok(Err(error.into())),
        };
        let good = self
            .judge(&statement, file.path())
            .map_err(|error| self.bad(&statement, error))?;
        self.keep(&self.name_of(&file, None), file.sha256(), &statement)?;
        Ok(Ok(Candidate {
            file,
            origin,
            beside: Beside::Address(beside),
            signature: Some(good),
        }))
    }

    fn judge(
        &self,
        statement: &Statement,
        archive: &Path,
    ) -> Result<GoodSignature, SignatureError> {
        let file = SignatureFile::read(&statement.bytes)?;
        self.keyring
            .verify(&file, archive, self.version, Timestamp::now())
    }

    fn bad(&self, statement: &Statement, error: SignatureError) -> fetch::Error {
        let bad = Error::Bad {
            signature: statement.from.clone(),
            release: self.version,
            source: Box::new(error),
        };
        bad.into()
    }

    fn keep(&self, name: &str, sha256: Sha256, statement: &Statement) -> Outcome<()> {
        SignatureCache::new(self.context.store, name)
            .keep(sha256, &statement.bytes)
            .map_err(|error| self.store(error))
    }

    fn store(&self, error: std::io::Error) -> fetch::Error {
        self.context.store_error(error)
    }

    /// `None` where somebody says that there is no such file.
    fn read_address(&self, address: &Address) -> Result<Option<Statement>, HttpError> {
        let context = self.context;
        let (retries, reporter) = (context.retries, context.reporter);
        let read = context
            .http
            .read(address, "*/*", LARGEST + 1, retries, reporter);
        match read {
            Ok((_, bytes)) => Ok(Some(Statement {
                bytes,
                from: address.to_string(),
            })),
            Err(error) if error.is_absence() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn read_file(path: &Path) -> Outcome<Option<Statement>> {
    let bytes = read_small(path).map_err(|source| Error::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    Ok(bytes.map(|bytes| Statement {
        bytes,
        from: path.display().to_string(),
    }))
}
