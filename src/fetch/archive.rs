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

/// Why an origin gave no file.
enum Failed {
    /// The next origin is asked.
    Missed(Vec<Miss>),
    Stopped(Error),
}

impl From<Miss> for Failed {
    fn from(miss: Miss) -> Self {
        Self::Missed(vec![miss])
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Stopped(error)
    }
}

type Found = Result<Candidate, Failed>;

impl ReleaseSearch<'_> {
    /// Asks the origins in their order.
    pub(super) fn run(&self) -> Result<VerifiedArchive, Error> {
        let mut attempts = Vec::new();
        for origin in self.origins {
            match self.ask(origin) {
                Ok(candidate) => return self.verified(candidate),
                Err(Failed::Stopped(error)) => return Err(error),
                Err(Failed::Missed(answers)) => {
                    for answer in answers {
                        let attempt = Attempt::new(origin, answer);
                        self.context.reporter.report(&Event::Missed(&attempt));
                        attempts.push(attempt);
                    }
                }
            }
        }
        Err(Error::NoOrigin {
            version: self.version.to_string(),
            attempts,
            network: self.context.network,
        })
    }

    fn ask(&self, origin: &Origin) -> Found {
        if self.context.network == Network::Offline && needs_network(origin) {
            return Err(Miss::Offline.into());
        }
        let unit = match origin {
            Origin::HostPackages => Unit::Steps,
            _ => Unit::Bytes,
        };
        let mut phase = self.context.reporter.begin(PHASE, unit, None);
        phase.set_current(&label(origin));
        let candidate = match origin {
            Origin::File(path) => self.ask_file(path),
            Origin::Store => self.ask_store()?.ok_or(Miss::NotThere.into()),
            Origin::MirrorFolder(folder) => self.ask_folder(origin, folder),
            Origin::Url(address) => match address.to_file_path() {
                Some(path) => self.ask_file(&path),
                None => self.ask_source_address(origin, address, phase.as_mut()),
            },
            Origin::MirrorUrl(base) => match base.to_file_path() {
                Some(folder) => self.ask_folder(origin, &folder),
                None => self.ask_addresses(origin, phase.as_mut()),
            },
            Origin::PythonOrg(_) => self.ask_addresses(origin, phase.as_mut()),
            Origin::HostPackages => self.ask_host_packages(origin, phase.as_mut()),
        }?;
        let name = self.name_of(&candidate.file, None);
        phase.finish(&format!("{name} from {}", candidate.origin));
        Ok(candidate)
    }

    /// `--source FILE`: no other file is accepted.
    fn ask_file(&self, path: &Path) -> Found {
        ensure_readable(path).map_err(|source| Error::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        if self.accepted.is_empty() {
            return Ok(self.take_signed(path)??);
        }
        let known = self.take_known(path)?;
        known.map_err(|found| self.wrong_source(path.display().to_string(), found))
    }

    /// `--source URL`: another file is an error; an address that cannot be reached is not, because
    /// another origin has the same file.
    fn ask_source_address(
        &self,
        origin: &Origin,
        address: &Address,
        phase: &mut dyn Phase,
    ) -> Found {
        if self.accepted.is_empty() {
            return Ok(self.download_signed(address, label(origin), phase)??);
        }
        let known = self.download_known(address, None, origin, phase)?;
        known.map_err(|error| match error {
            DownloadError::WrongDigest { address, found, .. } => {
                self.wrong_source(address.to_string(), found)
            }
            error => Miss::from(error).into(),
        })
    }

    fn ask_folder(&self, origin: &Origin, folder: &Path) -> Found {
        let mut answers = Vec::new();
        for name in self.names() {
            for path in self.paths_in(folder, &name) {
                let taken = match ensure_readable(&path) {
                    Err(error) if is_absence(&error) => continue,
                    Err(error) => Err(Miss::Unreadable(error)),
                    Ok(()) if self.accepted.is_empty() => self.take_signed(&path)?,
                    Ok(()) => self.take_known(&path)?.map_err(|found| Miss::WrongDigest {
                        name: name.clone(),
                        found,
                        accepted: self.digests(),
                    }),
                };
                match taken {
                    Ok(candidate) => {
                        return Ok(Candidate {
                            origin: label(origin),
                            ..candidate
                        });
                    }
                    Err(answer) => answers.push(answer),
                }
            }
        }
        if answers.is_empty() {
            answers.push(Miss::NotThere);
        }
        Err(Failed::Missed(answers))
    }

    /// Asks each folder for each archive. Only an address that does not have the file leads to the
    /// next one: a host that cannot be reached or has another file is not asked again.
    fn ask_addresses(&self, origin: &Origin, phase: &mut dyn Phase) -> Found {
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
                    Ok(candidate) => return Ok(candidate),
                    Err(answer) => answer,
                };
                let is_absence = answer.is_absence();
                answers.push(answer);
                if !is_absence {
                    return Err(Failed::Missed(answers));
                }
            }
        }
        Err(Failed::Missed(answers))
    }

    fn ask_host_packages(&self, origin: &Origin, phase: &mut dyn Phase) -> Found {
        if self.accepted.is_empty() {
            return Err(Miss::NoDigest.into());
        }
        let search = PackageSearch {
            version: self.version,
            accepted: &self.digests(),
            context: self.context,
        };
        match search.run(phase) {
            Ok(packaged) => Ok(Candidate {
                origin: format!("{} ({})", label(origin), packaged.package),
                beside: Beside::Packaged(packaged.signature),
                file: packaged.archive,
                signature: None,
            }),
            Err(host_packages::Error::Store(source)) => {
                Err(self.context.store_error(source).into())
            }
            Err(error) => Err(Miss::from(error).into()),
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

    fn wrong_source(&self, source_given: String, found: Sha256) -> Failed {
        Failed::Stopped(Error::WrongSource {
            source_given,
            version: self.version.to_string(),
            found,
            accepted: self.digests(),
        })
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
