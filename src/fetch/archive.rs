//! CPython's release file: asks one origin after the other until one has it.

use std::error::Error as StdError;
use std::fmt;
use std::io::{self, Read as _};
use std::path::Path;

use super::download::{Download, DownloadError};
use super::http::HttpError;
use super::verified::{Compression, VerifiedArchive};
use super::{Error, FetchContext, Network, PHASE, host_packages};
use crate::address::Address;
use crate::digest::Sha256;
use crate::progress::{Phase, Unit};
use crate::resolve::plan::{Origin, ReleaseFile};
use crate::resolve::version::PythonVersion;
use crate::store::StoredFile;

/// An origin that was asked, and what it answered.
#[derive(Debug)]
pub struct Attempt {
    /// The origin, in words.
    pub origin: String,
    /// Its answer.
    pub answer: Miss,
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // One line each: what happened and its innermost cause. What lies between is how the
        // client is built.
        let answer = self.answer.to_string();
        write!(f, "{}: {answer}", self.origin)?;
        let mut innermost = self.answer.source();
        while let Some(cause) = innermost.and_then(StdError::source) {
            innermost = Some(cause);
        }
        match innermost.map(ToString::to_string) {
            Some(cause) if !answer.contains(&cause) => write!(f, ": {cause}"),
            _ => Ok(()),
        }
    }
}

/// Why an origin did not give the release file.
#[derive(Debug, thiserror::Error)]
pub enum Miss {
    /// Neither archive is there.
    #[error("not there")]
    NotThere,
    /// It would have needed the network.
    #[error("not asked offline")]
    Offline,
    /// A file of a mirror is something else.
    #[error("{name} has the digest {found} instead of {}", super::one_of(accepted))]
    WrongDigest {
        /// The file.
        name: String,
        /// The digest it has.
        found: Sha256,
        /// The digests of which it should have one.
        accepted: Vec<Sha256>,
    },
    /// A file of a mirror cannot be read.
    #[error("it cannot be read")]
    Unreadable(#[source] io::Error),
    /// An address did not give it.
    #[error(transparent)]
    Download(#[from] DownloadError),
    /// The host's package manager did not give it.
    #[error(transparent)]
    HostPackages(#[from] host_packages::Error),
}

/// Looks for one release.
pub(super) struct Search<'a> {
    pub(super) version: PythonVersion,
    pub(super) accepted: &'a [ReleaseFile],
    pub(super) origins: &'a [Origin],
    pub(super) context: &'a FetchContext<'a>,
}

/// What asking one origin came to: the file and where exactly it is from, or all its answers.
type Found = Result<(StoredFile, String), Vec<Attempt>>;

impl Search<'_> {
    /// Asks the origins in their order.
    pub(super) fn run(&self) -> Result<VerifiedArchive, Error> {
        let mut attempts = Vec::new();
        for origin in self.origins {
            match self.ask(origin)? {
                Ok((file, origin)) => return self.verified(file, origin),
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
                .context
                .look_up(&self.digests())?
                .map(|file| (file, label(origin)))
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
                    let release = base.with_segment(&self.version.final_release().to_string());
                    self.ask_addresses(origin, &[base.clone(), release], phase.as_mut())?
                }
            }
            Origin::PythonOrg(base) => {
                let release = ["ftp", "python", &self.version.final_release().to_string()]
                    .iter()
                    .fold(base.clone(), |address, part| address.with_segment(part));
                self.ask_addresses(origin, &[release], phase.as_mut())?
            }
            Origin::HostPackages => {
                let search = host_packages::Search {
                    version: self.version,
                    accepted: &self.digests(),
                    context: self.context,
                };
                match search.run(phase.as_mut()) {
                    Ok((file, package)) => Ok((file, format!("{} ({package})", label(origin)))),
                    Err(host_packages::Error::Store(source)) => {
                        return Err(self.context.store_error(source));
                    }
                    Err(error) => Err(vec![miss(origin, error.into())]),
                }
            }
        };
        if let Ok((file, origin)) = &found {
            phase.finish(&format!("{} from {origin}", self.name_of(file, None)));
        }
        Ok(found)
    }

    /// `--source FILE`: the person means this file, so nothing else will do.
    fn ask_file(&self, path: &Path) -> Result<Found, Error> {
        let unreadable = |source| Error::Unreadable {
            path: path.to_owned(),
            source,
        };
        super::prove_readable(path).map_err(unreadable)?;
        let copied = self
            .context
            .store
            .copy_in(path, &self.digests())
            .map_err(|source| self.context.store_error(source))?;
        match copied {
            Ok(file) => Ok(Ok((file, path.display().to_string()))),
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
        match self.download(address, None, phase) {
            Ok(file) => Ok(Ok((file, label(origin)))),
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
        let of_release = folder.join(self.version.final_release().to_string());
        let mut answers = Vec::new();
        for file in self.accepted {
            for path in [folder.join(&file.name), of_release.join(&file.name)] {
                match super::prove_readable(&path) {
                    Ok(()) => {}
                    Err(error) if is_absence(&error) => continue,
                    Err(error) => {
                        answers.push(miss(origin, Miss::Unreadable(error)));
                        continue;
                    }
                }
                let copied = self
                    .context
                    .store
                    .copy_in(&path, &self.digests())
                    .map_err(|source| self.context.store_error(source))?;
                match copied {
                    Ok(stored) => return Ok(Ok((stored, label(origin)))),
                    Err(found) => answers.push(miss(
                        origin,
                        Miss::WrongDigest {
                            name: file.name.clone(),
                            found,
                            accepted: self.digests(),
                        },
                    )),
                }
            }
        }
        if answers.is_empty() {
            answers.push(miss(origin, Miss::NotThere));
        }
        Ok(Err(answers))
    }

    /// Each archive below each of `folders`. Only an address that has nothing leads to the next
    /// one: what cannot be reached or lies once is not asked again.
    fn ask_addresses(
        &self,
        origin: &Origin,
        folders: &[Address],
        phase: &mut dyn Phase,
    ) -> Result<Found, Error> {
        let mut answers = Vec::new();
        for file in self.accepted {
            for folder in folders {
                let address = folder.with_segment(&file.name);
                let error = match self.download(&address, Some(file.sha256), phase) {
                    Ok(stored) => return Ok(Ok((stored, label(origin)))),
                    Err(DownloadError::Store(source)) => {
                        return Err(self.context.store_error(source));
                    }
                    Err(error) => error,
                };
                let has_nothing = matches!(
                    &error,
                    DownloadError::Http(HttpError::Status { status, .. }) if status.is_client_error()
                );
                answers.push(miss(origin, error.into()));
                if !has_nothing {
                    return Ok(Err(answers));
                }
            }
        }
        Ok(Err(answers))
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
            accepted: &self.digests(),
            expected,
        };
        download.run(self.context, phase)
    }

    fn digests(&self) -> Vec<Sha256> {
        self.accepted.iter().map(|file| file.sha256).collect()
    }

    /// A digest may stand for both archives, when it was given by hand: then the content tells.
    fn name_of(&self, file: &StoredFile, compression: Option<Compression>) -> String {
        let mut named = self
            .accepted
            .iter()
            .filter(|accepted| accepted.sha256 == file.sha256())
            .map(|accepted| &accepted.name);
        let first = named.clone().next();
        let compression = compression.or_else(|| read_compression(file.path()).ok().flatten());
        named
            .find(|name| compression.is_some_and(|compression| compression.fits(name)))
            .or(first)
            .cloned()
            .unwrap_or_default()
    }

    fn verified(&self, file: StoredFile, origin: String) -> Result<VerifiedArchive, Error> {
        let compression =
            read_compression(file.path()).map_err(|source| self.context.store_error(source))?;
        let name = self.name_of(&file, compression);
        match compression {
            Some(compression) => Ok(VerifiedArchive {
                file,
                name,
                compression,
                origin,
            }),
            None => Err(Error::NotCompressed { name, origin }),
        }
    }
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

fn needs_network(origin: &Origin) -> bool {
    match origin {
        Origin::File(_) | Origin::Store | Origin::MirrorFolder(_) => false,
        Origin::Url(address) | Origin::MirrorUrl(address) | Origin::PythonOrg(address) => {
            address.to_file_path().is_none()
        }
        Origin::HostPackages => true,
    }
}

fn miss(origin: &Origin, answer: Miss) -> Attempt {
    Attempt {
        origin: label(origin),
        answer,
    }
}

/// An origin, in words.
fn label(origin: &Origin) -> String {
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
