//! Finds a release among the host's source packages.

use std::io;
use std::path::{Path, PathBuf};

use crate::digest::Sha256;
use crate::fetch::context::FetchContext;
use crate::fetch::event::Event;
use crate::fetch::host_packages::apt::PrivateApt;
use crate::fetch::host_packages::error::Error;
use crate::fetch::host_packages::source_package::{SourcePackage, debian_version};
use crate::fetch::signature::{ENDING, read_small, signature_beside};
use crate::fs::lock::LockFile;
use crate::plan::version::PythonVersion;
use crate::progress::Phase;
use crate::store::StoredFile;

/// A search for a release.
pub(in crate::fetch) struct PackageSearch<'a> {
    pub(in crate::fetch) version: PythonVersion,
    pub(in crate::fetch) accepted: &'a [Sha256],
    pub(in crate::fetch) context: &'a FetchContext<'a>,
}

/// The release in a source package.
pub(in crate::fetch) struct Packaged {
    pub(in crate::fetch) archive: StoredFile,
    /// Newer packages have it beside the archive.
    pub(in crate::fetch) signature: Option<Vec<u8>>,
    /// The package with its version.
    pub(in crate::fetch) package: String,
}

/// The bar's position after the lists are updated, and half its length.
const UPDATED: u64 = 100;

impl PackageSearch<'_> {
    pub(in crate::fetch) fn run(&self, phase: &mut dyn Phase) -> Result<Packaged, Error> {
        let context = self.context;
        let apt_get = context.environment.find_program("apt-get");
        let (Some(apt_get), Some(runner)) = (apt_get, context.runner) else {
            return Err(Error::NoApt);
        };
        let _lock = self.lock()?;
        // The process that had the lock before may have fetched the release.
        for digest in self.accepted {
            if let Ok(Some(archive)) = context.store.get(*digest) {
                return Ok(Packaged {
                    archive,
                    signature: None,
                    package: "fetched by another pybuild".to_owned(),
                });
            }
        }
        let apt = PrivateApt::new(apt_get, context.store, context.environment, runner)?;
        phase.set_total(2 * UPDATED);
        phase.set_current("apt-get update");
        // Each list of a silent host costs a whole time-out, so there are no retries here. The
        // archive comes from a host that has answered, and gets one.
        let arguments = ["update", "-o", "Acquire::Retries=0"];
        let mut complaints = apt.run(arguments, |percent| phase.set_position(percent))?;
        phase.set_position(UPDATED);

        let package = format!("python{}", self.version.short());
        let packages = apt.source_packages(&package)?;
        if packages.is_empty() {
            return Err(Error::NotPackaged {
                package,
                complaints,
            });
        }
        let mut tried = Vec::new();
        for candidate in packages.iter().filter(|it| self.may_hold(it)) {
            let wanted = format!("{package}={}", candidate.version);
            phase.set_current(&format!("apt-get source {wanted}"));
            let arguments = ["source", "--only-source", "--download-only", &wanted];
            let new = apt.run(arguments, |percent| phase.set_position(UPDATED + percent))?;
            let version = format!("{package} {}", candidate.version);
            if let Some(packaged) = self.take_archive(&apt.downloads(), &version)? {
                return Ok(packaged);
            }
            for complaint in &new {
                context.reporter.report(&Event::AptComplaint(complaint));
            }
            complaints.extend(new);
            tried.push(wanted);
        }
        if tried.is_empty() {
            let mut versions: Vec<String> = packages.into_iter().map(|it| it.version).collect();
            versions.dedup();
            return Err(Error::OtherArchives { package, versions });
        }
        Err(Error::NotDownloaded { tried, complaints })
    }

    /// One process at a time asks for a release.
    fn lock(&self) -> Result<LockFile, Error> {
        let folder = self.context.store.folder("locks").map_err(Error::Store)?;
        let name = format!("host-packages-{}", self.version);
        let what = format!("fetches the source package of CPython {}", self.version);
        LockFile::take(folder.join(name), &what, self.context.reporter).map_err(Error::Store)
    }

    /// Decides by the digest of a package's archive, or, where the index has none, by its version.
    fn may_hold(&self, package: &SourcePackage) -> bool {
        if package.digests.is_empty() {
            return package.upstream_version() == debian_version(self.version);
        }
        let mut digests = package.digests.iter();
        digests.any(|digest| self.accepted.contains(digest))
    }

    fn take_archive(&self, downloads: &Path, package: &str) -> Result<Option<Packaged>, Error> {
        let entries = fs_err::read_dir(downloads).map_err(Error::Store)?;
        let paths = entries.map(|entry| Ok(entry?.path()));
        let mut paths: Vec<PathBuf> = paths.collect::<io::Result<_>>().map_err(Error::Store)?;
        paths.sort();
        for path in paths {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if !name.contains(".orig.tar.") || name.ends_with(ENDING) {
                continue;
            }
            let copied = self.context.store.copy_in(&path, self.accepted);
            match copied.map_err(Error::Store)? {
                Ok(archive) => {
                    return Ok(Some(Packaged {
                        archive,
                        signature: read_small(&signature_beside(&path)).map_err(Error::Store)?,
                        package: package.to_owned(),
                    }));
                }
                Err(found) => {
                    let name = &name;
                    let event = Event::OtherArchive { name, found };
                    self.context.reporter.report(&event);
                }
            }
        }
        Ok(None)
    }
}
