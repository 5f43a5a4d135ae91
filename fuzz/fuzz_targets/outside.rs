//! A folder that a fuzz target may write to, and files around it that must not change.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A folder in memory. Only one folder in it may change.
pub struct Place {
    folder: tempfile::TempDir,
    /// The folder that the target may write to. It does not exist at first.
    pub inside: PathBuf,
    before: BTreeMap<PathBuf, Option<Vec<u8>>>,
}

impl Place {
    pub fn new() -> Self {
        let memory = Path::new("/dev/shm");
        let base = if memory.is_dir() {
            memory.to_owned()
        } else {
            std::env::temp_dir()
        };
        let folder = tempfile::Builder::new()
            .prefix("pybuild-fuzz-")
            .tempdir_in(base)
            .expect("a folder of our own");
        fs::create_dir(folder.path().join("outside")).expect("a folder of our own");
        fs::write(folder.path().join("outside/evil"), "as it was").expect("a file of our own");
        let inside = folder.path().join("inside");
        let before = snapshot(folder.path());
        Self {
            folder,
            inside,
            before,
        }
    }

    /// Panics when anything but `inside` is not as it was.
    pub fn assert_nothing_outside_changed(&self) {
        let mut after = snapshot(self.folder.path());
        after.retain(|name, _| !name.starts_with("inside"));
        assert_eq!(self.before, after, "something outside has changed");
    }
}

/// The content of each file and the target of each link below a folder, without following links.
pub fn snapshot(folder: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    walkdir::WalkDir::new(folder)
        .min_depth(1)
        .into_iter()
        .map(|entry| {
            let entry = entry.expect("a folder of our own");
            let name = entry.path().strip_prefix(folder).expect("what is below it");
            let content = if entry.file_type().is_symlink() {
                let target = fs::read_link(entry.path()).expect("a link");
                Some(target.into_os_string().into_encoded_bytes())
            } else if entry.file_type().is_file() {
                Some(fs::read(entry.path()).expect("a file that can be read"))
            } else {
                None
            };
            (name.to_owned(), content)
        })
        .collect()
}

/// A tar archive whose headers have valid checksums, which no fuzzer guesses.
#[allow(dead_code, reason = "not every target reads archives")]
pub fn with_checksums(data: &[u8]) -> Vec<u8> {
    let mut tar = data.to_vec();
    let mut at = 0;
    while let Some(header) = tar.get_mut(at..at + 512) {
        if header.iter().all(|byte| *byte == 0) {
            break;
        }
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        let size = String::from_utf8_lossy(&header[124..136]).into_owned();
        let size = size.trim_matches(['\0', ' ']);
        let size = usize::from_str_radix(size, 8).unwrap_or(0);
        at = at
            .saturating_add(512)
            .saturating_add(size.div_ceil(512).saturating_mul(512));
    }
    tar
}
