//! CPython's release file: asks one origin after the other until one has it.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::attempt::{Attempt, Miss};
use super::download::{Download, DownloadError, Wanted};
use super::signature::{Beside, ENDING, Keyring, signature_beside};
use super::verified::VerifiedArchive;
use super::{Error, FetchContext, PHASE, host_packages};
use crate::archive::compression::Compression;
use crate::digest::Sha256;
use crate::net::address::Address;
use crate::net::http::HttpError;
use crate::net::network::Network;
use crate::plan::verification::{GoodSignature, Proof, Verify};
use crate::plan::version::PythonVersion;
use crate::plan::{DigestProof, Origin, ReleaseFile};
use crate::progress::{Phase, Unit};
use crate::resolve::python_org::archive_names;
use crate::store::StoredFile;

/// Looks for one release.
pub(super) struct Search<'a> {
    pub(super) version: PythonVersion,
    /// None where no digest is known: then a signature decides.
    pub(super) accepted: &'a [ReleaseFile],
    pub(super) proof: DigestProof,
    pub(super) origins: &'a [Origin],
    pub(super) verify: Verify,
    pub(super) keyring: &'a Keyring,
    pub(super) context: &'a FetchContext<'a>,
}

/// A file that an origin gave.
pub(super) struct Candidate {
    pub(super) file: StoredFile,
    /// Where exactly it is from.
    pub(super) origin: String,
    /// Where its signature would be.
    pub(super) beside: Beside,
    /// The signature that it was taken for.
    pub(super) signature: Option<GoodSignature>,
}

impl Candidate {
    fn at_address(file: StoredFile, origin: &Origin, address: &Address) -> Self {
        Self {
            file,
            origin: label(origin),
            beside: Beside::Address(address.with_suffix(ENDING)),
            signature: None,
        }
    }

    fn at_path(file: StoredFile, path: &Path) -> Self {
        Self {
            file,
            origin: path.display().to_string(),
            beside: Beside::File(signature_beside(path)),
            signature: None,
        }
    }
}

/// What asking one origin came to: a file, or all its answers.
pub(super) type Found = Result<Candidate, Vec<Attempt>>;

impl Search<'_> {
    /// Asks the origins in their order.
    pub(super) fn run(&self) -> Result<VerifiedArchive, Error> {
        let mut attempts = Vec::new();
        for origin in self.origins {
            match self.ask(origin)? {
                Ok(candidate) => return self.verified(candidate),
                Err(answers) => {
                    for answer in &answers {
                        self.context.reporter.detail(&answer.to_string());
                    }
                    attempts.extend(answers);
                }
            }
        }
        Err(Error::NoOrigin {
            version: self.version.to_string(),
            attempts,
            network: self.context.network,
        })
    }

    fn ask(&self, origin: &Origin) -> Result<Found, Error> {
        if self.context.network == Network::Offline && needs_network(origin) {
            return Ok(Err(vec![miss(origin, Miss::Offline)]));
        }
        let unit = match origin {
            Origin::HostPackages => Unit::Steps,
            _ => Unit::Bytes,
        };
        let mut phase = self.context.reporter.begin(PHASE, unit, None);
        phase.set_current(&label(origin));
        let found = match origin {
            Origin::File(path) => self.ask_file(path)?,
            Origin::Store => self
                .ask_store()?
                .ok_or_else(|| vec![miss(origin, Miss::NotThere)]),
            Origin::MirrorFolder(folder) => self.ask_folder(origin, folder)?,
            Origin::Url(address) => match address.to_file_path() {
                Some(path) => self.ask_file(&path)?,
                None => self.ask_source_address(origin, address, phase.as_mut())?,
            },
            Origin::MirrorUrl(base) => {
                if let Some(folder) = base.to_file_path() {
                    self.ask_folder(origin, &folder)?
                } else {
                    self.ask_addresses(origin, phase.as_mut())?
                }
            }
            Origin::PythonOrg(_) => self.ask_addresses(origin, phase.as_mut())?,
            Origin::HostPackages if self.accepted.is_empty() => {
                Err(vec![miss(origin, Miss::NoDigest)])
            }
            Origin::HostPackages => {
                let search = host_packages::Search {
                    version: self.version,
                    accepted: &self.digests(),
                    context: self.context,
                };
                match search.run(phase.as_mut()) {
                    Ok(packaged) => Ok(Candidate {
                        origin: format!("{} ({})", label(origin), packaged.package),
                        beside: Beside::Packaged(packaged.signature),
                        file: packaged.archive,
                        signature: None,
                    }),
                    Err(host_packages::Error::Store(source)) => {
                        return Err(self.context.store_error(source));
                    }
                    Err(error) => Err(vec![miss(origin, error.into())]),
                }
            }
        };
        if let Ok(candidate) = &found {
            let name = self.name_of(&candidate.file, None);
            phase.finish(&format!("{name} from {}", candidate.origin));
        }
        Ok(found)
    }

    /// `--source FILE`: the person means this file, so nothing else will do.
    fn ask_file(&self, path: &Path) -> Result<Found, Error> {
        let unreadable = |source| Error::Unreadable {
            path: path.to_owned(),
            source,
        };
        super::ensure_readable(path).map_err(unreadable)?;
        if self.accepted.is_empty() {
            let origin = Origin::File(path.to_owned());
            return Ok(self
                .take_signed(path)?
                .map_err(|answer| vec![miss(&origin, answer)]));
        }
        let copied = self
            .context
            .store
            .copy_in(path, &self.digests())
            .map_err(|source| self.context.store_error(source))?;
        match copied {
            Ok(file) => Ok(Ok(Candidate::at_path(file, path))),
            Err(found) => Err(Error::WrongSource {
                source_given: path.display().to_string(),
                version: self.version.to_string(),
                found,
                accepted: self.digests(),
            }),
        }
    }

    /// `--source URL`: where it answers, its answer is final; where it cannot be reached, another
    /// origin has the same bytes.
    fn ask_source_address(
        &self,
        origin: &Origin,
        address: &Address,
        phase: &mut dyn Phase,
    ) -> Result<Found, Error> {
        if self.accepted.is_empty() {
            let signed = self.download_signed(address, label(origin), phase)?;
            return Ok(signed.map_err(|answer| vec![miss(origin, answer)]));
        }
        match self.download(address, None, phase) {
            Ok(file) => Ok(Ok(Candidate::at_address(file, origin, address))),
            Err(DownloadError::Store(source)) => Err(self.context.store_error(source)),
            Err(DownloadError::WrongDigest {
                address,
                found,
                accepted,
            }) => Err(Error::WrongSource {
                source_given: address.to_string(),
                version: self.version.to_string(),
                found,
                accepted,
            }),
            Err(error) => Ok(Err(vec![miss(origin, error.into())])),
        }
    }

    fn ask_folder(&self, origin: &Origin, folder: &Path) -> Result<Found, Error> {
        let mut answers = Vec::new();
        for name in self.names() {
            for path in self.paths_in(folder, &name) {
                match super::ensure_readable(&path) {
                    Ok(()) => {}
                    Err(error) if is_absence(&error) => continue,
                    Err(error) => {
                        answers.push(miss(origin, Miss::Unreadable(error)));
                        continue;
                    }
                }
                let taken = if self.accepted.is_empty() {
                    self.take_signed(&path)?
                } else {
                    self.take_known(&name, &path)?
                };
                match taken {
                    Ok(candidate) => {
                        return Ok(Ok(Candidate {
                            origin: label(origin),
                            ..candidate
                        }));
                    }
                    Err(answer) => answers.push(miss(origin, answer)),
                }
            }
        }
        if answers.is_empty() {
            answers.push(miss(origin, Miss::NotThere));
        }
        Ok(Err(answers))
    }

    /// A file of a mirror of which the digest is known.
    fn take_known(&self, name: &str, path: &Path) -> Result<Result<Candidate, Miss>, Error> {
        let copied = self.context.store.copy_in(path, &self.digests());
        let copied = copied.map_err(|source| self.context.store_error(source))?;
        Ok(match copied {
            Ok(file) => Ok(Candidate::at_path(file, path)),
            Err(found) => Err(Miss::WrongDigest {
                name: name.to_owned(),
                found,
                accepted: self.digests(),
            }),
        })
    }

    /// Where a mirror's folder may have a file.
    pub(super) fn paths_in(&self, folder: &Path, name: &str) -> [PathBuf; 2] {
        let of_release = folder.join(self.version.final_release().to_string());
        [folder.join(name), of_release.join(name)]
    }

    /// Where an origin that is an address may have files.
    pub(super) fn folders_of(&self, origin: &Origin) -> Vec<Address> {
        let release = self.version.final_release().to_string();
        match origin {
            Origin::MirrorUrl(base) => vec![base.clone(), base.with_segment(&release)],
            Origin::PythonOrg(base) => {
                let parts = ["ftp", "python", &release];
                let folder = parts
                    .iter()
                    .fold(base.clone(), |address, part| address.with_segment(part));
                vec![folder]
            }
            _ => Vec::new(),
        }
    }

    /// The names that the release's archives may have.
    pub(super) fn names(&self) -> Vec<String> {
        if self.accepted.is_empty() {
            return archive_names(self.version).to_vec();
        }
        self.accepted.iter().map(|file| file.name.clone()).collect()
    }

    /// Each archive below each of `folders`. Only an address that has nothing leads to the next
    /// one: what cannot be reached or lies once is not asked again.
    fn ask_addresses(&self, origin: &Origin, phase: &mut dyn Phase) -> Result<Found, Error> {
        let mut answers = Vec::new();
        let expected = |name: &str| {
            let mut named = self.accepted.iter().filter(|file| file.name == name);
            named.next().map(|file| file.sha256)
        };
        for name in self.names() {
            for folder in self.folders_of(origin) {
                let address = folder.with_segment(&name);
                let found = match expected(&name) {
                    Some(digest) => self.download_known(&address, digest, origin, phase)?,
                    None => self.download_signed(&address, label(origin), phase)?,
                };
                let answer = match found {
                    Ok(candidate) => return Ok(Ok(candidate)),
                    Err(answer) => answer,
                };
                let has_nothing = match &answer {
                    Miss::NoSignature { .. } => true,
                    Miss::Download(DownloadError::Http(error)) => is_absent(error),
                    _ => false,
                };
                answers.push(miss(origin, answer));
                if !has_nothing {
                    return Ok(Err(answers));
                }
            }
        }
        Ok(Err(answers))
    }

    fn download_known(
        &self,
        address: &Address,
        expected: Sha256,
        origin: &Origin,
        phase: &mut dyn Phase,
    ) -> Result<Result<Candidate, Miss>, Error> {
        match self.download(address, Some(expected), phase) {
            Ok(file) => Ok(Ok(Candidate::at_address(file, origin, address))),
            Err(DownloadError::Store(source)) => Err(self.context.store_error(source)),
            Err(error) => Ok(Err(error.into())),
        }
    }

    fn download(
        &self,
        address: &Address,
        expected: Option<Sha256>,
        phase: &mut dyn Phase,
    ) -> Result<StoredFile, DownloadError> {
        self.context.reporter.detail(&format!("asking {address}"));
        let download = Download {
            address,
            wanted: Wanted::Digests(&self.digests()),
            expected,
        };
        download.run(self.context.downloads(), phase)
    }

    pub(super) fn digests(&self) -> Vec<Sha256> {
        self.accepted.iter().map(|file| file.sha256).collect()
    }

    /// A digest may stand for both archives, when it was given by hand: then the content tells.
    pub(super) fn name_of(&self, file: &StoredFile, compression: Option<Compression>) -> String {
        let named: Vec<String> = if self.accepted.is_empty() {
            self.names()
        } else {
            self.accepted
                .iter()
                .filter(|accepted| accepted.sha256 == file.sha256())
                .map(|accepted| accepted.name.clone())
                .collect()
        };
        let compression = compression.or_else(|| read_compression(file.path()).ok().flatten());
        let fits = |name: &&String| compression.is_some_and(|it| it.fits(name));
        named
            .iter()
            .find(fits)
            .or(named.first())
            .cloned()
            .unwrap_or_default()
    }

    fn verified(&self, candidate: Candidate) -> Result<VerifiedArchive, Error> {
        let compression = read_compression(candidate.file.path())
            .map_err(|source| self.context.store_error(source))?;
        let name = self.name_of(&candidate.file, compression);
        let Some(compression) = compression else {
            return Err(Error::NotCompressed {
                name,
                origin: candidate.origin,
            });
        };
        let digest = (!self.accepted.is_empty()).then_some(Proof::Digest { by: self.proof });
        let signature = self.proven(&candidate, &name)?;
        Ok(VerifiedArchive {
            proofs: digest
                .into_iter()
                .chain(signature.map(Proof::OpenPgp))
                .collect(),
            file: candidate.file,
            name,
            compression,
            origin: candidate.origin,
        })
    }
}

/// Whether somebody who was reached says that there is no such file.
pub(super) fn is_absent(error: &HttpError) -> bool {
    matches!(error, HttpError::Status { status, .. } if status.is_client_error())
}

fn read_compression(path: &Path) -> io::Result<Option<Compression>> {
    let mut beginning = Vec::new();
    fs_err::File::open(path)?
        .take(8)
        .read_to_end(&mut beginning)?;
    Ok(Compression::of(&beginning))
}

fn is_absence(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

pub(super) fn needs_network(origin: &Origin) -> bool {
    match origin {
        Origin::File(_) | Origin::Store | Origin::MirrorFolder(_) => false,
        Origin::Url(address) | Origin::MirrorUrl(address) | Origin::PythonOrg(address) => {
            address.to_file_path().is_none()
        }
        Origin::HostPackages => true,
    }
}

pub(super) fn miss(origin: &Origin, answer: Miss) -> Attempt {
    Attempt {
        origin: label(origin),
        answer,
    }
}

/// An origin, in words.
pub(super) fn label(origin: &Origin) -> String {
    match origin {
        Origin::File(path) | Origin::MirrorFolder(path) => path.display().to_string(),
        Origin::Url(address) | Origin::MirrorUrl(address) => address.to_string(),
        Origin::Store => "the store".to_owned(),
        Origin::PythonOrg(base) => host_of(base),
        Origin::HostPackages => "the host's source packages".to_owned(),
    }
}

/// The host of an address, as people call it.
pub(super) fn host_of(address: &Address) -> String {
    let (host, _) = address.authority();
    host.map_or_else(
        || address.to_string(),
        |host| host.strip_prefix("www.").unwrap_or(host).to_owned(),
    )
}
