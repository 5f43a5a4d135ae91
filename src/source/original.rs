//! The release's own `ensurepip`, set aside before the pin changes it. A kept compile gets it back, because
//! it is for every pin.

use std::io;
use std::path::{Path, PathBuf};

use crate::digest::{Hasher, Sha256};
use crate::fs::durable::keep;
use crate::fs::list::files_below;

/// The parts of the standard library that a pin changes, relative to its folder.
pub(crate) const PINNED_PARTS: [&str; 2] = ["ensurepip", "venv/__init__.py"];

/// Copies of the files that a pin changes.
#[derive(Debug)]
pub(crate) struct OriginalEnsurepip {
    /// Its files have the paths that they have in the standard library.
    folder: PathBuf,
    /// The digest of the pinned files.
    pinned: Sha256,
}

impl OriginalEnsurepip {
    /// Links the parts of `library` into the new folder `into`. A pin replaces files and changes none in
    /// place, so the links keep the original content.
    pub(super) fn set_aside(library: &Path, into: &Path) -> io::Result<()> {
        for part in PINNED_PARTS {
            for file in files_below(&library.join(part)) {
                let to = into.join(file.strip_prefix(library).unwrap_or(&file));
                fs_err::create_dir_all(to.parent().unwrap_or(into))?;
                keep(&file, &to)?;
            }
        }
        Ok(())
    }

    /// The files in `folder` for a library that is pinned now and has no other patch yet.
    pub(super) fn new(folder: PathBuf, library: &Path) -> io::Result<Self> {
        let pinned = digest(library)?;
        Ok(Self { folder, pinned })
    }

    /// Whether these parts of `library` have no change but the pin.
    pub(crate) fn is_only_change_of(&self, library: &Path) -> io::Result<bool> {
        Ok(digest(library)? == self.pinned)
    }

    /// The original files: their paths in the standard library, and their present paths.
    pub(crate) fn files(&self) -> impl Iterator<Item = (PathBuf, PathBuf)> {
        files_below(&self.folder).into_iter().map(|path| {
            let below = path.strip_prefix(&self.folder).unwrap_or(&path);
            (below.to_owned(), path)
        })
    }
}

/// The digest of names and contents, without compiled files.
fn digest(library: &Path) -> io::Result<Sha256> {
    let mut hasher = Hasher::default();
    for part in PINNED_PARTS {
        for file in files_below(&library.join(part)) {
            let compiled = file.extension().is_some_and(|e| e == "pyc" || e == "pyo");
            if !compiled {
                let name = file.strip_prefix(library).unwrap_or(&file);
                hasher.update(name.as_os_str().as_encoded_bytes());
                hasher.update(Sha256::of_file(&file)?.as_bytes());
            }
        }
    }
    Ok(hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::OriginalEnsurepip;

    #[test]
    fn a_patch_of_a_pinned_file_is_seen_and_one_of_another_file_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let library = dir.path().join("Lib");
        let aside = dir.path().join("aside");
        let init = library.join("ensurepip/__init__.py");
        fs_err::create_dir_all(library.join("ensurepip/_bundled")).unwrap();
        fs_err::create_dir_all(library.join("venv")).unwrap();
        fs_err::write(&init, "original").unwrap();
        fs_err::write(library.join("venv/__init__.py"), "venv").unwrap();
        OriginalEnsurepip::set_aside(&library, &aside).unwrap();
        crate::fs::durable::replace_file(&init, b"pinned").unwrap();
        let original = OriginalEnsurepip::new(aside, &library).unwrap();
        fs_err::write(library.join("os.py"), "patched").unwrap();
        assert!(original.is_only_change_of(&library).unwrap());
        let files: Vec<_> = original.files().collect();
        assert_eq!(files.len(), 2);
        assert_eq!(fs_err::read_to_string(&files[0].1).unwrap(), "original");
        fs_err::write(&init, "patched too").unwrap();
        assert!(!original.is_only_change_of(&library).unwrap());
    }
}
