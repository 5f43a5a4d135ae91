//! Checks of a build that need no download. A build and `--dry-run` run the same checks.

use std::io;
use std::path::{Path, PathBuf};

use crate::commands::error::Error;
use crate::commands::work_folder;
use crate::environment::Environment;
use crate::fetch;
use crate::fs::free_space::{self, Amount, Need};
use crate::host;
use crate::host::toolchain::ToolchainError;
use crate::install::{self, prefix};
use crate::plan::version::PythonVersion;
use crate::plan::{DigestProof, InstallPrefix, Origin, ReleaseFile, Source};
use crate::settings::{BuildSettings, configure, folder_name, stdlib};
use crate::source;
use crate::store::Store;

/// A build whose release, prefix and source are known.
pub(super) struct Preflight<'a> {
    pub(super) settings: &'a BuildSettings,
    pub(super) python: PythonVersion,
    pub(super) prefix: &'a InstallPrefix,
    pub(super) source: &'a Source,
    pub(super) store: &'a Store,
    pub(super) environment: &'a Environment,
}

impl Preflight<'_> {
    /// Checks the options against each other and the release, and whether the prefix can be used.
    pub(super) fn ensure_usable(&self) -> Result<(), Error> {
        let request = &self.settings.request;
        folder_name::ensure_prefix(self.prefix, self.python)?;
        prefix::ensure_usable(self.prefix)?;
        let build = &request.build;
        configure::ensure_consistent(&build.configure_args, build.library, self.prefix)?;
        Ok(stdlib::ensure_modules_exist(&request.modules, self.python)?)
    }

    /// Checks the source, the build folder and the free space, for a build that leaves its prefix alone.
    pub(super) fn ensure_buildable(&self) -> Result<(), Error> {
        let folder = self.checked_build_folder()?;
        self.ensure_room(&folder)
    }

    /// Checks the source, the build folder, foreign files in the prefix, and the free space.
    pub(super) fn ensure_ready(&self) -> Result<(), Error> {
        let request = &self.settings.request;
        let folder = self.checked_build_folder()?;
        install::ensure_no_foreign_files(
            self.prefix,
            self.python,
            request.build.library,
            &request.build.configure_args,
            self.settings.in_the_way,
        )?;
        self.ensure_room(&folder)
    }

    fn checked_build_folder(&self) -> Result<PathBuf, Error> {
        let request = &self.settings.request;
        if let Source::Tree { path } = self.source {
            source::ensure_clean_tree(path)?;
        }
        fetch::ensure_keys(&request.proofs.keyrings)?;
        let folder = work_folder::build_folder(self.settings, self.store);
        self.ensure_build_folder(&folder)?;
        Ok(folder)
    }

    fn ensure_build_folder(&self, folder: &Path) -> Result<(), Error> {
        use rustix::fs::{Access, StatVfsMountFlags, access, statvfs};
        folder_name::ensure_build_folder(folder)?;
        let unusable = work_folder::unusable(folder);
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
            user.ensure_reaches(existing, self.environment)?;
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
        // On the same file system, a rename moves the installation to its prefix.
        if !is_on_same_file_system(build_folder, self.prefix.path()) {
            needs.push(Need {
                what: "the prefix",
                folder: self.prefix.path(),
                amount: Amount::of_installation(archive.unwrap_or_default()),
                option: "--prefix",
            });
        }
        // A read-only store gets no download.
        let existing = prefix::nearest_existing(self.store.root());
        let is_writable = rustix::fs::access(existing, rustix::fs::Access::WRITE_OK).is_ok();
        if let Some(bytes) = archive
            && is_writable
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

    /// The size of the archive, or a lower limit; `None` for an unknown release and for a tree.
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

    /// The accepted files of the archive, and its origins.
    fn archive(&self) -> (&[ReleaseFile], &[Origin]) {
        match self.source {
            Source::Archive {
                accepted, origins, ..
            } => (accepted, origins),
            Source::Tree { .. } => (&[], &[]),
        }
    }

    /// Whether the source is on this machine, so that no download is expected.
    pub(super) fn has_source_here(&self) -> bool {
        matches!(self.source, Source::Tree { .. }) || self.archives_here().any(|path| path.exists())
    }

    fn is_stored(&self) -> bool {
        let mut files = self.archive().0.iter();
        files.any(|file| self.store.path_of(file.sha256).exists())
    }

    /// The paths on this machine at which the archive may be.
    fn archives_here(&self) -> impl Iterator<Item = PathBuf> {
        let (accepted, origins) = self.archive();
        origins.iter().flat_map(move |origin| {
            let files = accepted.iter();
            match origin {
                Origin::File(path) => vec![path.clone()],
                Origin::Store => files.map(|file| self.store.path_of(file.sha256)).collect(),
                Origin::MirrorFolder(folder) => files.map(|file| folder.join(&file.name)).collect(),
                _ => Vec::new(),
            }
        })
    }
}

fn is_on_same_file_system(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let device = |path| {
        let existing = prefix::nearest_existing(path).metadata().ok()?;
        Some(existing.dev())
    };
    device(one) == device(other)
}
