//! Finds CPython's release file: asks one origin after the other until one has it.

use std::io;
use std::path::Path;

use crate::digest::Sha256;
use crate::fetch::attempt::{Attempt, Miss};
use crate::fetch::context::{PHASE, ensure_readable};
use crate::fetch::download::{Download, DownloadError, Wanted};
use crate::fetch::error::Error;
use crate::fetch::event::Event;
use crate::fetch::host_packages::{self, PackageSearch};
use crate::fetch::origin::{label, needs_network};
use crate::fetch::search::{Beside, Candidate, ReleaseSearch, compression_of};
use crate::fetch::signature::{ENDING, signature_beside};
use crate::fetch::verified::VerifiedArchive;
use crate::net::address::Address;
use crate::net::network::Network;
use crate::plan::Origin;
use crate::plan::verification::Proof;
use crate::progress::{Phase, Unit};

/// The file that an origin gave, or all its answers.
type Found = Result<Candidate, Vec<Attempt>>;

impl ReleaseSearch<'_> {
    /// Asks the origins in their order.
    pub(super) fn run(&self) -> Result<VerifiedArchive, Error> {
        let mut attempts = Vec::new();
        for origin in self.origins {
            match self.ask(origin)? {
                Ok(candidate) => return self.verified(candidate),
                Err(answers) => {
                    for answer in &answers {
                        self.context.reporter.report(&Event::Missed(answer));
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
            return Ok(Err(vec![Attempt::new(origin, Miss::Offline)]));
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
                .ok_or_else(|| vec![Attempt::new(origin, Miss::NotThere)]),
            Origin::MirrorFolder(folder) => self.ask_folder(origin, folder)?,
            Origin::Url(address) => match address.to_file_path() {
                Some(path) => self.ask_file(&path)?,
                None => self.ask_source_address(origin, address, phase.as_mut())?,
            },
            Origin::MirrorUrl(base) => match base.to_file_path() {
                Some(folder) => self.ask_folder(origin, &folder)?,
                None => self.ask_addresses(origin, phase.as_mut())?,
            },
            Origin::PythonOrg(_) => self.ask_addresses(origin, phase.as_mut())?,
            Origin::HostPackages => self.ask_host_packages(origin, phase.as_mut())?,
        };
        if let Ok(candidate) = &found {
            let name = self.name_of(&candidate.file, None);
            phase.finish(&format!("{name} from {}", candidate.origin));
        }
        Ok(found)
    }

    /// `--source FILE`: no other file is accepted.
    fn ask_file(&self, path: &Path) -> Result<Found, Error> {
        ensure_readable(path).map_err(|source| Error::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        if self.accepted.is_empty() {
            let origin = Origin::File(path.to_owned());
            let signed = self.take_signed(path)?;
            return Ok(signed.map_err(|answer| vec![Attempt::new(&origin, answer)]));
        }
        match self.take_known(path)? {
            Ok(candidate) => Ok(Ok(candidate)),
            Err(found) => Err(self.wrong_source(path.display().to_string(), found)),
        }
    }

    /// `--source URL`: another file is an error; an address that cannot be reached is not, because
    /// another origin has the same file.
    fn ask_source_address(
        &self,
        origin: &Origin,
        address: &Address,
        phase: &mut dyn Phase,
    ) -> Result<Found, Error> {
        if self.accepted.is_empty() {
            let signed = self.download_signed(address, label(origin), phase)?;
            return Ok(signed.map_err(|answer| vec![Attempt::new(origin, answer)]));
        }
        match self.download_known(address, None, origin, phase)? {
            Ok(candidate) => Ok(Ok(candidate)),
            Err(DownloadError::WrongDigest { address, found, .. }) => {
                Err(self.wrong_source(address.to_string(), found))
            }
            Err(error) => Ok(Err(vec![Attempt::new(origin, error)])),
        }
    }

    fn ask_folder(&self, origin: &Origin, folder: &Path) -> Result<Found, Error> {
        let mut answers = Vec::new();
        for name in self.names() {
            for path in self.paths_in(folder, &name) {
                match ensure_readable(&path) {
                    Ok(()) => {}
                    Err(error) if is_absence(&error) => continue,
                    Err(error) => {
                        answers.push(Attempt::new(origin, Miss::Unreadable(error)));
                        continue;
                    }
                }
                let taken = if self.accepted.is_empty() {
                    self.take_signed(&path)?
                } else {
                    self.take_known(&path)?.map_err(|found| Miss::WrongDigest {
                        name: name.clone(),
                        found,
                        accepted: self.digests(),
                    })
                };
                match taken {
                    Ok(candidate) => {
                        return Ok(Ok(Candidate {
                            origin: label(origin),
                            ..candidate
                        }));
                    }
                    Err(answer) => answers.push(Attempt::new(origin, answer)),
                }
            }
        }
        if answers.is_empty() {
            answers.push(Attempt::new(origin, Miss::NotThere));
        }
        Ok(Err(answers))
    }

    /// Asks each folder for each archive. Only an address that does not have the file leads to the
    /// next one: a host that cannot be reached or has another file is not asked again.
    fn ask_addresses(&self, origin: &Origin, phase: &mut dyn Phase) -> Result<Found, Error> {
        let mut answers = Vec::new();
        for name in self.names() {
            let expected = self.accepted.iter().find(|file| file.name == name);
            for folder in self.folders_of(origin) {
                let address = folder.with_segment(&name);
                let found = match expected {
                    Some(file) => self
                        .download_known(&address, Some(file.sha256), origin, phase)?
                        .map_err(Miss::from),
                    None => self.download_signed(&address, label(origin), phase)?,
                };
                let answer = match found {
                    Ok(candidate) => return Ok(Ok(candidate)),
                    Err(answer) => answer,
                };
                let is_absence = answer.is_absence();
                answers.push(Attempt::new(origin, answer));
                if !is_absence {
                    return Ok(Err(answers));
                }
            }
        }
        Ok(Err(answers))
    }

    fn ask_host_packages(&self, origin: &Origin, phase: &mut dyn Phase) -> Result<Found, Error> {
        if self.accepted.is_empty() {
            return Ok(Err(vec![Attempt::new(origin, Miss::NoDigest)]));
        }
        let search = PackageSearch {
            version: self.version,
            accepted: &self.digests(),
            context: self.context,
        };
        match search.run(phase) {
            Ok(packaged) => Ok(Ok(Candidate {
                origin: format!("{} ({})", label(origin), packaged.package),
                beside: Beside::Packaged(packaged.signature),
                file: packaged.archive,
                signature: None,
            })),
            Err(host_packages::Error::Store(source)) => Err(self.context.store_error(source)),
            Err(error) => Ok(Err(vec![Attempt::new(origin, error)])),
        }
    }

    /// Copies a file with a known digest into the store; the inner error is its other digest.
    fn take_known(&self, path: &Path) -> Result<Result<Candidate, Sha256>, Error> {
        let copied = self.context.store.copy_in(path, &self.digests());
        let copied = copied.map_err(|source| self.context.store_error(source))?;
        Ok(copied.map(|file| Candidate {
            file,
            origin: path.display().to_string(),
            beside: Beside::File(signature_beside(path)),
            signature: None,
        }))
    }

    fn download_known(
        &self,
        address: &Address,
        expected: Option<Sha256>,
        origin: &Origin,
        phase: &mut dyn Phase,
    ) -> Result<Result<Candidate, DownloadError>, Error> {
        let download = Download {
            address,
            wanted: Wanted::Digests(&self.digests()),
            expected,
        };
        match download.run(self.context, phase) {
            Ok(file) => Ok(Ok(Candidate {
                file,
                origin: label(origin),
                beside: Beside::Address(address.with_suffix(ENDING)),
                signature: None,
            })),
            Err(DownloadError::Store(source)) => Err(self.context.store_error(source)),
            Err(error) => Ok(Err(error)),
        }
    }

    fn wrong_source(&self, source_given: String, found: Sha256) -> Error {
        Error::WrongSource {
            source_given,
            version: self.version.to_string(),
            found,
            accepted: self.digests(),
        }
    }

    fn verified(&self, candidate: Candidate) -> Result<VerifiedArchive, Error> {
        let compression = compression_of(candidate.file.path())
            .map_err(|source| self.context.store_error(source))?;
        let name = self.name_of(&candidate.file, compression);
        let Some(compression) = compression else {
            return Err(Error::NotCompressed {
                name,
                origin: candidate.origin,
            });
        };
        let digest = (!self.accepted.is_empty()).then_some(Proof::Digest { by: self.proof });
        let signature = self.proven(&candidate, &name)?.map(Proof::OpenPgp);
        Ok(VerifiedArchive {
            proofs: digest.into_iter().chain(signature).collect(),
            file: candidate.file,
            name,
            compression,
            origin: candidate.origin,
        })
    }
}

fn is_absence(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}
