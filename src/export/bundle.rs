//! Bundles: a recipe, its lock and every file that the lock names, in one archive.
//!
//! `recipe/` has the recipe, its lock and the files that the recipe names by relative paths. `files/` has the
//! downloads, named by their SHA-256. The archive is a tar file compressed with zstd; equal content gives equal
//! bytes.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use crate::archive::{files, tree};
use crate::digest::Sha256;
use crate::error::{ExitStatus, Explain};
use crate::fs::disk;
use crate::plan::lock::{InvalidLock, Lock, lock_path};
use crate::store::Store;

const RECIPE: &str = "recipe";
const FILES: &str = "files";

/// Why a bundle cannot be written or used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BundleError {
    #[error("the bundle {} cannot be read", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("the bundle {} cannot be written", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("the bundle {} has no recipe with a lock", path.display())]
    NoRecipe { path: PathBuf },
    #[error("the lock in the bundle {} cannot be used", path.display())]
    Lock { path: PathBuf, source: InvalidLock },
    #[error("the bundle {} has no {name} (sha256 {sha256}), which its lock names", path.display())]
    Incomplete {
        path: PathBuf,
        name: String,
        sha256: Sha256,
    },
    #[error("the file {name} in the bundle {} has the sha256 {found}", path.display())]
    Corrupt {
        path: PathBuf,
        name: String,
        found: Sha256,
    },
    #[error("the bundle {} has another {file} than {}", path.display(), beside.display())]
    OtherRecipe {
        path: PathBuf,
        file: String,
        beside: PathBuf,
    },
    #[error("{} is outside the folder of the recipe, so a bundle cannot have it", path.display())]
    Outside { path: PathBuf },
}

impl Explain for BundleError {
    fn exit_status(&self) -> ExitStatus {
        match self {
            Self::Write { .. } => ExitStatus::Failed,
            Self::OtherRecipe { .. } | Self::Outside { .. } => ExitStatus::Usage,
            _ => ExitStatus::Input,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Write { .. } => "check that its folder exists, is writable and has room",
            Self::Outside { .. } => {
                "copy it beside the recipe, and name it there by a relative path"
            }
            Self::OtherRecipe { .. } => {
                "make the bundle again with `pybuild bundle`, or use the recipe that is in it"
            }
            Self::Read { .. } => "check the path; `pybuild bundle` writes bundles",
            _ => "make the bundle again with `pybuild bundle`",
        };
        disk::hint(self, "name another file with -o").or(Some(hint.to_owned()))
    }
}

/// The content of a new bundle.
#[derive(Debug, Default)]
pub(crate) struct Bundle {
    content: BTreeMap<PathBuf, PathBuf>,
}

impl Bundle {
    /// A bundle of a recipe and its lock.
    pub(crate) fn new(recipe: &Path) -> Self {
        let mut bundle = Self::default();
        for path in [recipe, &lock_path(recipe)] {
            let name = path.file_name().unwrap_or_default();
            bundle
                .content
                .insert(Path::new(RECIPE).join(name), path.to_owned());
        }
        bundle
    }

    /// Adds a file that the recipe in `folder` names.
    pub(crate) fn add_relative(&mut self, folder: &Path, path: &Path) -> Result<(), BundleError> {
        let Ok(inside) = path.strip_prefix(folder) else {
            return Err(BundleError::Outside {
                path: path.to_owned(),
            });
        };
        self.content
            .insert(Path::new(RECIPE).join(inside), path.to_owned());
        Ok(())
    }

    /// Adds a download.
    pub(crate) fn add_download(&mut self, sha256: Sha256, path: &Path) {
        let name = Path::new(FILES).join(sha256.to_string());
        self.content.insert(name, path.to_owned());
    }

    /// Writes the archive, and returns the number of its files.
    pub(crate) fn write(&self, to: &Path) -> Result<usize, BundleError> {
        let write = || -> io::Result<()> {
            let folder = to.parent().unwrap_or(Path::new("/"));
            let mut scratch = tempfile::NamedTempFile::new_in(folder)?;
            tree::pack_content(&self.content, scratch.as_file_mut())?;
            scratch.as_file().sync_all()?;
            rustix::fs::fchmod(
                scratch.as_file(),
                rustix::fs::Mode::from_bits_truncate(0o644),
            )?;
            scratch.persist(to)?;
            Ok(())
        };
        match write() {
            Ok(()) => Ok(self.content.len()),
            Err(source) => Err(BundleError::Write {
                path: to.to_owned(),
                source,
            }),
        }
    }
}

/// Unpacks the bundle at `path` into the empty folder `into`, and adds its downloads to the store. Every file that
/// the lock names must be there. Returns the path of the unpacked recipe. `beside` is the recipe that the user
/// names: if it exists, it must be the same, and its lock too.
pub(crate) fn open(
    path: &Path,
    beside: &Path,
    into: &Path,
    store: &Store,
) -> Result<PathBuf, BundleError> {
    let unreadable = |source| BundleError::Read {
        path: path.to_owned(),
        source,
    };
    let file = fs_err::File::open(path).map_err(unreadable)?;
    files::unpack(file, into).map_err(unreadable)?;
    let name = beside.file_name().unwrap_or_default();
    let recipe = into.join(RECIPE).join(name);
    let Ok(lock) = fs_err::read_to_string(lock_path(&recipe)) else {
        return Err(BundleError::NoRecipe {
            path: path.to_owned(),
        });
    };
    for (own, other) in [
        (recipe.clone(), beside.to_owned()),
        (lock_path(&recipe), lock_path(beside)),
    ] {
        if other.exists() && fs_err::read(&own).ok() != fs_err::read(&other).ok() {
            return Err(BundleError::OtherRecipe {
                path: path.to_owned(),
                file: own.file_name().unwrap_or_default().display().to_string(),
                beside: other,
            });
        }
    }
    let lock = Lock::read(&lock).map_err(|source| BundleError::Lock {
        path: path.to_owned(),
        source,
    })?;
    for (name, sha256) in lock.downloads() {
        let file = into.join(FILES).join(sha256.to_string());
        if !file.exists() {
            return Err(BundleError::Incomplete {
                path: path.to_owned(),
                name,
                sha256,
            });
        }
        let stored = store.copy_in(&file, &[sha256]).map_err(unreadable)?;
        stored.map_err(|found| BundleError::Corrupt {
            path: path.to_owned(),
            name,
            found,
        })?;
    }
    Ok(recipe)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Bundle, BundleError, open};
    use crate::digest::Sha256;
    use crate::store::Store;

    const LOCK: &str = "format = 1\n[[build]]\npython = \"3.11.2\"\n[build.source]\nfile = \"a.tgz\"\n\
                        sha256 = \"@\"\nsize = 7\nbecause = \"x\"\n[build.recipe]\npython = \"3.11\"\n";

    /// A folder with a recipe, its lock and a download; the bundle of it, with or without the download.
    fn bundle(folder: &Path, with_download: bool) -> std::path::PathBuf {
        let recipe = folder.join("base.toml");
        fs_err::write(&recipe, "python = \"3.11\"\n").unwrap();
        let download = folder.join("download");
        fs_err::write(&download, "content").unwrap();
        let sha256 = Sha256::of(b"content");
        let lock = LOCK.replace('@', &sha256.to_string());
        fs_err::write(folder.join("base.toml.lock"), lock).unwrap();
        fs_err::write(folder.join("fix.patch"), "diff").unwrap();
        let mut bundle = Bundle::new(&recipe);
        bundle
            .add_relative(folder, &folder.join("fix.patch"))
            .unwrap();
        if with_download {
            bundle.add_download(sha256, &download);
        }
        let path = folder.join("bundle");
        bundle.write(&path).unwrap();
        path
    }

    fn opened(path: &Path, recipe: &str) -> Result<bool, BundleError> {
        let dir = tempfile::tempdir().unwrap();
        let into = dir.path().join("into");
        fs_err::create_dir(&into).unwrap();
        let store = Store::at(dir.path().join("store"));
        let recipe = open(path, &dir.path().join(recipe), &into, &store)?;
        let found = store.get(Sha256::of(b"content")).unwrap().is_some();
        Ok(found && recipe.exists() && recipe.with_file_name("fix.patch").exists())
    }

    #[test]
    fn a_bundle_has_everything_that_its_lock_names() {
        let dir = tempfile::tempdir().unwrap();
        let path = bundle(dir.path(), true);
        assert!(opened(&path, "base.toml").unwrap());
        let first = fs_err::read(&path).unwrap();
        assert_eq!(first, fs_err::read(bundle(dir.path(), true)).unwrap());
    }

    #[test]
    fn an_incomplete_or_foreign_bundle_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = bundle(dir.path(), false);
        let error = opened(&path, "base.toml").unwrap_err().to_string();
        assert!(error.contains("has no a.tgz (sha256 "), "{error}");
        let path = bundle(dir.path(), true);
        assert!(matches!(
            opened(&path, "other.toml"),
            Err(BundleError::NoRecipe { .. })
        ));
        let content = fs_err::read(&path).unwrap();
        fs_err::write(&path, &content[..content.len() / 2]).unwrap();
        assert!(matches!(
            opened(&path, "base.toml"),
            Err(BundleError::Read { .. })
        ));
        let mut none = Bundle::default();
        assert!(
            none.add_relative(dir.path(), Path::new("/etc/passwd"))
                .is_err()
        );
    }
}
