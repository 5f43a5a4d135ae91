//! Finds the files of an installation that contain its prefix.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use memchr::memmem::Finder;
use serde::{Deserialize, Serialize};
use walkdir::WalkDir;

use super::byte_code;
use super::error::NotMovable;
use crate::install::bytecode::source_of;
use crate::parallel::in_parallel;

/// The files that contain the prefix, relative to it, sorted. All byte-code files contain it, too.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Inventory {
    /// Files in which the prefix is replaced.
    pub(super) texts: Vec<PathBuf>,
    /// Python files, whose byte code depends on more than the prefix in them.
    pub(super) sources: Vec<PathBuf>,
    /// ELF files and static libraries.
    pub(super) binaries: Vec<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Other,
    Text,
    Source,
    Binary,
}

impl Inventory {
    /// Reads all files of the installation at `root` for `prefix`.
    pub(super) fn of(root: &Path, prefix: &str) -> Result<Self, NotMovable> {
        let files = files(root)?;
        let finder = Finder::new(prefix);
        let kinds = in_parallel(&files, |file| kind(root, file, &finder));
        let kinds: Vec<Kind> = kinds.into_iter().collect::<Result<_, _>>()?;
        let of_kind = |kind| {
            let pairs = files
                .iter()
                .zip(&kinds)
                .filter(|(_, found)| **found == kind);
            pairs.map(|(file, _)| file.clone()).collect::<Vec<_>>()
        };
        let inventory = Self {
            texts: of_kind(Kind::Text),
            sources: of_kind(Kind::Source),
            binaries: of_kind(Kind::Binary),
        };
        // Moves each to its own place, to see that it can be moved.
        in_parallel(&inventory.byte_code(root)?, |(file, source)| {
            let content = fs_err::read(root.join(file))?;
            let name = Path::new(prefix).join(source);
            let name = name.to_str().unwrap_or_default();
            match byte_code::renamed(&content, prefix, name, name) {
                Ok(_) => Ok(()),
                Err(byte_code::OtherText) => Err(NotMovable::UnknownFile(file.clone())),
            }
        })
        .into_iter()
        .collect::<Result<(), _>>()?;
        Ok(inventory)
    }

    /// The byte-code files with their sources, except those of [`Self::sources`].
    pub(super) fn byte_code(&self, root: &Path) -> io::Result<Vec<(PathBuf, PathBuf)>> {
        let mut pairs = Vec::new();
        for file in files(root)? {
            if let Some(source) = source_of(&file)
                && !self.sources.contains(&source)
            {
                pairs.push((file, source));
            }
        }
        Ok(pairs)
    }
}

/// All entries of the tree that are no folders, relative to it, sorted.
fn files(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in WalkDir::new(root).sort_by_file_name() {
        let entry = entry?;
        if !entry.file_type().is_dir() {
            files.extend(entry.path().strip_prefix(root).map(Path::to_owned));
        }
    }
    Ok(files)
}

fn kind(root: &Path, file: &Path, finder: &Finder<'_>) -> Result<Kind, NotMovable> {
    let path = root.join(file);
    if path.is_symlink() {
        let target = fs_err::read_link(path)?;
        return match finder.find(target.as_os_str().as_encoded_bytes()) {
            Some(_) => Err(NotMovable::UnknownFile(file.to_owned())),
            None => Ok(Kind::Other),
        };
    }
    if source_of(file).is_some() || !contains(&path, finder)? {
        return Ok(Kind::Other);
    }
    let mut head = Vec::new();
    fs_err::File::open(&path)?
        .take(4096)
        .read_to_end(&mut head)?;
    let is_source = file.extension().is_some_and(|extension| extension == "py");
    Ok(if head.contains(&0) {
        Kind::Binary
    } else if is_source {
        Kind::Source
    } else {
        Kind::Text
    })
}

/// Whether the file contains the text. Libraries are not read into memory as a whole.
pub(super) fn contains(path: &Path, finder: &Finder<'_>) -> io::Result<bool> {
    let mut file = fs_err::File::open(path)?;
    let mut buffer = vec![0; 1 << 18];
    let overlap = finder.needle().len() - 1;
    let mut filled = 0;
    loop {
        let read = file.read(&mut buffer[filled..])?;
        if read == 0 {
            return Ok(false);
        }
        filled += read;
        if finder.find(&buffer[..filled]).is_some() {
            return Ok(true);
        }
        let keep = overlap.min(filled);
        buffer.copy_within(filled - keep..filled, 0);
        filled = keep;
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::path::{Path, PathBuf};

    use memchr::memmem::Finder;

    use super::{Inventory, contains};

    fn paths(paths: &[&str]) -> Vec<PathBuf> {
        paths.iter().map(PathBuf::from).collect()
    }

    #[test]
    fn files_with_the_prefix_are_sorted_by_kind() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, content: &str| {
            let path = dir.path().join(name);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, content).unwrap();
        };
        write("bin/python3.11", "\x7fELF\0 /opt/p\0");
        write("bin/2to3", "#!/opt/p/bin/python3.11\n");
        write("lib/os.py", "pass\n");
        write("lib/_sysconfigdata.py", "prefix = '/opt/p'\n");
        write(
            "lib/__pycache__/os.cpython-311.pyc",
            "z\x10/opt/p/lib/os.py",
        );
        write("lib/__pycache__/_sysconfigdata.cpython-311.pyc", "/opt/p");
        symlink("python3.11", dir.path().join("bin/python3")).unwrap();
        let inventory = Inventory::of(dir.path(), "/opt/p").unwrap();
        let expected = Inventory {
            texts: paths(&["bin/2to3"]),
            sources: paths(&["lib/_sysconfigdata.py"]),
            binaries: paths(&["bin/python3.11"]),
        };
        assert_eq!(inventory, expected);

        write("lib/__pycache__/os.cpython-311.pyc", "in /opt/p");
        let error = Inventory::of(dir.path(), "/opt/p").unwrap_err();
        assert!(
            error.to_string().starts_with("lib/__pycache__/os."),
            "{error}"
        );
        write("lib/__pycache__/os.cpython-311.pyc", "");
        symlink("/opt/p/bin", dir.path().join("link")).unwrap();
        let error = Inventory::of(dir.path(), "/opt/p").unwrap_err();
        assert!(error.to_string().starts_with("link contains"), "{error}");
    }

    #[test]
    fn a_text_across_two_reads_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        for before in [0, (1 << 18) - 3, 1 << 18, (1 << 19) - 8] {
            fs_err::write(&file, "x".repeat(before) + "/opt/p").unwrap();
            assert!(contains(&file, &Finder::new("/opt/p")).unwrap(), "{before}");
            assert!(!contains(Path::new(&file), &Finder::new("/opt/q")).unwrap());
        }
    }
}
