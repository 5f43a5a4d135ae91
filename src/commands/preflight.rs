//! What can be known of a build before anything is fetched. A build and `--dry-run` call the same
//! functions.

use std::io;
use std::path::{Path, PathBuf};

use crate::commands::error::Error;
use crate::commands::work_folder;
use crate::compile;
use crate::environment::Environment;
use crate::fetch;
use crate::fs::free_space;
use crate::fs::free_space::{Amount, Need};
use crate::host;
use crate::host::toolchain::ToolchainError;
use crate::install::{self, prefix};
use crate::plan::version::PythonVersion;
use crate::plan::{DigestProof, InstallPrefix, Origin, Source};
use crate::settings::folder_name;
use crate::settings::stdlib;
use crate::settings::{BuildSettings, configure};
use crate::source;
use crate::store::Store;

/// A build whose release, prefix and source are known.
pub struct Preflight<'a> {
    /// The options.
    pub settings: &'a BuildSettings,
    /// The release.
    pub python: PythonVersion,
    /// Where the interpreter goes.
    pub prefix: &'a InstallPrefix,
    /// Where the source may be.
    pub source: &'a Source,
    /// Where inputs are kept.
    pub store: &'a Store,
    /// What pybuild was started with.
    pub environment: &'a Environment,
}

impl Preflight<'_> {
    /// Checks the options, and that the prefix can be one.
    ///
    /// # Errors
    /// [`Error::Usage`] for options that contradict each other or the release, and
    /// [`install::Error::Unusable`].
    pub fn ensure_usable(&self) -> Result<(), Error> {
        let request = &self.settings.request;
        folder_name::ensure_prefix(self.prefix, self.python)?;
        prefix::ensure_usable(self.prefix)?;
        let build = &request.build;
        configure::ensure_consistent(&build.configure_args, build.library, self.prefix)?;
        Ok(stdlib::ensure_modules_exist(&request.modules, self.python)?)
    }

    /// Checks the source, the build folder, foreign files in the prefix, and the room on disk.
    ///
    /// # Errors
    /// What the build would end with later.
    pub fn ensure_ready(&self) -> Result<(), Error> {
        if let Source::Tree { path } = self.source {
            source::ensure_clean_tree(path).map_err(source::Error::from)?;
        }
        fetch::ensure_keys(&self.settings.request.proofs.keyrings)?;
        let folder = work_folder::build_folder(self.settings, self.store);
        self.ensure_build_folder(&folder)?;
        let build = &self.settings.request.build;
        install::ensure_no_foreign_files(
            self.prefix,
            self.python,
            build.library,
            &build.configure_args,
            self.settings.in_the_way,
        )?;
        self.ensure_room(&folder)
    }

    fn ensure_build_folder(&self, folder: &Path) -> Result<(), Error> {
        use rustix::fs::{Access, StatVfsMountFlags, access, statvfs};
        folder_name::ensure_build_folder(folder)?;
        let unusable = |source| Error::Scratch {
            path: folder.to_owned(),
            source,
        };
        let existing = prefix::nearest_existing(folder);
        if !existing.is_dir() {
            return Err(unusable(io::ErrorKind::NotADirectory.into()));
        }
        access(existing, Access::WRITE_OK | Access::EXEC_OK)
            .map_err(|error| unusable(error.into()))?;
        let mount = statvfs(existing).map(|mount| mount.f_flag);
        if mount.is_ok_and(|flags| flags.contains(StatVfsMountFlags::NOEXEC)) {
            let error = ToolchainError::NotExecutable {
                dir: folder.to_owned(),
                noexec: true,
                source: None,
            };
            return Err(host::Error::from(error).into());
        }
        if let Some(user) = &self.settings.build_user {
            user.ensure_reaches(existing, self.environment)
                .map_err(compile::Error::from)?;
        }
        Ok(())
    }

    fn ensure_room(&self, build_folder: &Path) -> Result<(), Error> {
        let archive = self.archive_size();
        let mut needs = vec![Need {
            what: "the build folder",
            folder: build_folder,
            amount: Amount::of_build(archive.unwrap_or_default()),
            option: "--build-dir",
        }];
        // On one file system, the installation is renamed into its prefix.
        if !is_on_same_file_system(build_folder, self.prefix.path()) {
            needs.push(Need {
                what: "the prefix",
                folder: self.prefix.path(),
                amount: Amount::of_installation(archive.unwrap_or_default()),
                option: "--prefix",
            });
        }
        // A store that may not be written is only read.
        let writable = rustix::fs::access(
            prefix::nearest_existing(self.store.root()),
            rustix::fs::Access::WRITE_OK,
        );
        if let (Some(bytes), Ok(())) = (archive, writable)
            && !self.is_stored()
        {
            needs.push(Need {
                what: "the cache folder",
                folder: self.store.root(),
                amount: Amount::of_download(bytes),
                option: "PYBUILD_CACHE_DIR",
            });
        }
        Ok(free_space::ensure(&needs)?)
    }

    /// The size of the archive, or less; `None` when it is not known, and for a tree.
    fn archive_size(&self) -> Option<u64> {
        let Source::Archive { proof, .. } = self.source else {
            return None;
        };
        let size = |path: PathBuf| path.metadata().ok().map(|metadata| metadata.len());
        self.archives_here().find_map(size).or(match proof {
            DigestProof::BuiltInTable | DigestProof::PythonOrg => {
                Some(free_space::SMALLEST_ARCHIVE)
            }
            DigestProof::CommandLine | DigestProof::Signature => None,
        })
    }

    fn is_stored(&self) -> bool {
        let Source::Archive { accepted, .. } = self.source else {
            return false;
        };
        let mut paths = accepted.iter().map(|file| self.store.path_of(file.sha256));
        paths.any(|path| path.exists())
    }

    /// Where an archive may be on this machine.
    fn archives_here(&self) -> impl Iterator<Item = PathBuf> {
        let (accepted, origins) = match self.source {
            Source::Archive {
                accepted, origins, ..
            } => (accepted.as_slice(), origins.as_slice()),
            Source::Tree { .. } => (&[][..], &[][..]),
        };
        origins.iter().flat_map(move |origin| match origin {
            Origin::File(path) => vec![path.clone()],
            Origin::Store => {
                let files = accepted.iter();
                files.map(|file| self.store.path_of(file.sha256)).collect()
            }
            Origin::MirrorFolder(folder) => {
                let files = accepted.iter();
                files.map(|file| folder.join(&file.name)).collect()
            }
            _ => Vec::new(),
        })
    }
}

fn is_on_same_file_system(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let device = |path| {
        let metadata = prefix::nearest_existing(path).metadata();
        metadata.map(|metadata| metadata.dev()).ok()
    };
    device(one) == device(other)
}
