//! Looks for signatures beside the archive, in the store and at the other origins.

use std::cell::RefCell;
use std::path::Path;

use jiff::Timestamp;

use super::cache::SignatureCache;
use super::error::Error;
use super::event::SignatureEvent;
use super::file::{ENDING, LARGEST, SignatureFile, read_small, signature_beside};
use super::signature_error::SignatureError;
use super::verify::Archive;
use crate::digest::Sha256;
use crate::fetch::attempt::{Attempt, Miss};
use crate::fetch::download::{Download, DownloadError, Wanted};
use crate::fetch::error as fetch;
use crate::fetch::origin::{label, needs_network};
use crate::fetch::search::{Beside, Candidate, ReleaseSearch};
use crate::net::address::Address;
use crate::net::network::Network;
use crate::plan::Origin;
use crate::plan::verification::{GoodSignature, Verify};
use crate::progress::Phase;

/// The bytes of a signature file, not read yet.
struct Statement {
    bytes: Vec<u8>,
    /// The path or the address, for messages.
    from: String,
}

impl Statement {
    fn in_store(bytes: Vec<u8>) -> Self {
        let from = "in the store".to_owned();
        Self { bytes, from }
    }
}

type Outcome<T> = Result<T, fetch::Error>;

impl ReleaseSearch<'_> {
    /// Verifies the candidate's signature, unless `--verify` and a digest make that unnecessary.
    pub(in crate::fetch) fn proven(
        &self,
        candidate: &Candidate,
        name: &str,
    ) -> Outcome<Option<GoodSignature>> {
        let signature = match (&candidate.signature, self.verify) {
            (Some(good), _) => Some(good.clone()),
            (None, Verify::Digest) => None,
            (None, Verify::Any) => self.verify_if_present(candidate)?,
            (None, Verify::Signature) => Some(self.require(candidate, name)?),
        };
        if let Some(good) = &signature {
            self.context.reporter.report(&SignatureEvent::Verified {
                archive: name.to_owned(),
                signature: good.clone(),
            });
        }
        Ok(signature)
    }

    /// The signature that came with the candidate. An address is not asked for one.
    fn present(candidate: &Candidate) -> Outcome<Option<Statement>> {
        match &candidate.beside {
            Beside::File(path) => read_file(path),
            Beside::Packaged(Some(bytes)) => Ok(Some(Statement {
                bytes: bytes.clone(),
                from: format!("in {}", candidate.origin),
            })),
            Beside::Store | Beside::Address(_) | Beside::Packaged(None) => Ok(None),
        }
    }

    /// Verifies a signature that is present, although the digest is right.
    fn verify_if_present(&self, candidate: &Candidate) -> Outcome<Option<GoodSignature>> {
        let Some(statement) = Self::present(candidate)? else {
            return Ok(None);
        };
        match self.judge(&statement, candidate.file.path()) {
            Err(error) if error.is_doubt() => {
                let signature = statement.from;
                let event = SignatureEvent::Doubtful { signature, error };
                self.context.reporter.report(&event);
                Ok(None)
            }
            judged => judged
                .map(Some)
                .map_err(|error| self.bad(&statement, error)),
        }
    }

    /// Looks for a signature everywhere. The first one that is found decides, except that a bad one
    /// in the store is discarded.
    fn require(&self, candidate: &Candidate, name: &str) -> Outcome<GoodSignature> {
        let mut attempts = Vec::new();
        let cache = SignatureCache::new(self.context.store, name);
        let sha256 = candidate.file.sha256();
        let take = |statement| {
            let good = self.verify_file(&statement, candidate.file.path())?;
            self.keep(name, sha256, &statement)?;
            Ok(good)
        };
        if let Some(statement) = Self::present(candidate)? {
            return take(statement);
        }
        if let Beside::Address(address) = &candidate.beside {
            match self.read_address(address) {
                Ok(statement) => return take(statement),
                Err(Miss::NotThere) => {}
                Err(answer) => attempts.push(Attempt {
                    origin: candidate.origin.clone(),
                    answer,
                }),
            }
        }
        if let Some(bytes) = cache.get(sha256, self.context.reporter) {
            match self.judge(&Statement::in_store(bytes), candidate.file.path()) {
                Ok(good) => return Ok(good),
                // The disk or the keys changed after it was kept.
                Err(_) => cache.discard(sha256),
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
        let Some(folder) = folder else {
            for folder in self.folders_of(origin) {
                match self.read_address(&folder.with_segment(&format!("{name}{ENDING}"))) {
                    Err(Miss::NotThere) => {}
                    answer => return Ok(answer),
                }
            }
            return Ok(Err(Miss::NotThere));
        };
        for path in self.paths_in(&folder, name) {
            if let Some(statement) = read_file(&signature_beside(&path))? {
                return Ok(Ok(statement));
            }
        }
        Ok(Err(Miss::NotThere))
    }

    /// Looks in the store for the digest, or, if none is known, for a kept signature.
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
                let kept = cache.get(sha256, self.context.reporter);
                let (Some(bytes), Some(file)) = (kept, self.context.look_up(&[sha256])) else {
                    continue;
                };
                match self.judge(&Statement::in_store(bytes), file.path()) {
                    Ok(good) => return Ok(Some(candidate(file, Some(good)))),
                    Err(_) => cache.discard(sha256),
                }
            }
        }
        Ok(None)
    }

    /// Takes a local file by its signature, as no digest of it is known.
    pub(in crate::fetch) fn take_signed(&self, path: &Path) -> Outcome<Result<Candidate, Miss>> {
        let beside = signature_beside(path);
        let Some(statement) = read_file(&beside)? else {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            return Ok(Err(Miss::NoSignature { name: name.into() }));
        };
        let store = self.context.store;
        let copy = || -> std::io::Result<_> {
            let mut builder = tempfile::Builder::new();
            let mut copy = builder.prefix("copy-").tempfile_in(store.partial_dir()?)?;
            std::io::copy(&mut fs_err::File::open(path)?, &mut copy)?;
            Ok(copy.into_temp_path())
        };
        let copy = copy().map_err(|error| self.store(error))?;
        let good = self.verify_file(&statement, &copy)?;
        let adopt = || store.adopt(&copy, Sha256::of_file(&copy)?);
        let file = adopt().map_err(|error| self.store(error))?;
        // The store renamed it, so there is nothing to delete.
        let _ = copy.keep();
        self.keep(&self.name_of(&file, None), file.sha256(), &statement)?;
        Ok(Ok(Candidate {
            file,
            origin: path.display().to_string(),
            beside: Beside::File(beside),
            signature: Some(good),
        }))
    }

    /// Downloads an archive of which no digest is known, if there is a signature of it.
    pub(in crate::fetch) fn download_signed(
        &self,
        address: &Address,
        origin: String,
        phase: &mut dyn Phase,
    ) -> Outcome<Result<Candidate, Miss>> {
        let beside = address.with_suffix(ENDING);
        let statement = match self.read_address(&beside) {
            Ok(statement) => statement,
            Err(Miss::NotThere) => {
                let name = address.to_string();
                return Ok(Err(Miss::NoSignature { name }));
            }
            Err(answer) => return Ok(Err(answer)),
        };
        // No archive is downloaded for a file that is not a signature.
        SignatureFile::read(&statement.bytes)
            .map_err(|error| self.bad(&statement, error.into()))?;
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
        let good = self.verify_file(&statement, file.path())?;
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
        let mut archive = Archive::read(archive, self.version, Timestamp::now())?;
        self.keyring.verify(&file, &mut archive)
    }

    /// Verifies an archive whose signature has to be good.
    fn verify_file(&self, statement: &Statement, archive: &Path) -> Outcome<GoodSignature> {
        let judged = self.judge(statement, archive);
        judged.map_err(|error| self.bad(statement, error))
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
        let cache = SignatureCache::new(self.context.store, name);
        let kept = cache.keep(sha256, &statement.bytes);
        kept.map_err(|error| self.store(error))
    }

    fn store(&self, error: std::io::Error) -> fetch::Error {
        self.context.store_error(error)
    }

    /// Requests a signature; [`Miss::NotThere`] if the server answers that it does not exist.
    fn read_address(&self, address: &Address) -> Result<Statement, Miss> {
        let context = self.context;
        let (retries, reporter) = (context.retries, context.reporter);
        let read = context
            .http
            .read(address, "*/*", LARGEST + 1, retries, reporter);
        match read {
            Ok((_, bytes)) => Ok(Statement {
                bytes,
                from: address.to_string(),
            }),
            Err(error) if error.is_absence() => Err(Miss::NotThere),
            Err(error) => Err(error.into()),
        }
    }
}

fn read_file(path: &Path) -> Outcome<Option<Statement>> {
    let unreadable = |source| Error::Unreadable {
        path: path.to_owned(),
        source,
    };
    let statement = |bytes| Statement {
        bytes,
        from: path.display().to_string(),
    };
    Ok(read_small(path).map_err(unreadable)?.map(statement))
}
