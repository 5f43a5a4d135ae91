//! The headers and libraries that a compiler finds, as one digest: it changes when a development package
//! is installed, upgraded or removed.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::build_environment::BuildEnvironment;
use super::toolchain::Toolchain;
use crate::digest::{Hasher, Sha256};
use crate::process::Command;

/// Folders that compilers and CPython's `setup.py` search, whatever the compiler prints.
const USUAL: [&str; 5] = [
    "/usr/include",
    "/usr/lib",
    "/usr/local/include",
    "/usr/local/lib",
    "/usr/share/pkgconfig",
];

/// Names of folders below a library folder that count too.
const OF_PKG_CONFIG: &str = "pkgconfig";

/// A digest of the names, sizes and times of the development files. It does not read them.
pub fn fingerprint(
    toolchain: &Toolchain,
    environment: &BuildEnvironment,
    scratch: &Path,
) -> Sha256 {
    let search = Search {
        toolchain,
        environment,
        scratch,
    };
    let mut hasher = Hasher::default();
    // Folders may lie in each other.
    let mut seen = BTreeSet::new();
    for folder in search.headers() {
        add_tree(&folder, &mut seen, &mut hasher);
    }
    for folder in search.libraries() {
        add_folder(&folder, &mut seen, &mut hasher);
    }
    hasher.finish()
}

struct Search<'a> {
    toolchain: &'a Toolchain,
    environment: &'a BuildEnvironment,
    scratch: &'a Path,
}

impl Search<'_> {
    /// The compiler's folders of headers.
    fn headers(&self) -> BTreeSet<PathBuf> {
        let answer = self.ask(&["-E", "-v", "-x", "c", "/dev/null"]);
        let listed = answer.lines().filter(|line| line.starts_with(" /"));
        let folders = listed.map(|line| line.trim().trim_end_matches(" (framework directory)"));
        let usual = USUAL
            .into_iter()
            .filter(|folder| folder.ends_with("include"));
        folders.chain(usual).map(PathBuf::from).collect()
    }

    /// The compiler's folders of libraries, and pkg-config's folders.
    fn libraries(&self) -> BTreeSet<PathBuf> {
        let answer = self.ask(&["-print-search-dirs"]);
        let line = answer
            .lines()
            .find_map(|line| line.strip_prefix("libraries: "));
        let line = line.unwrap_or_default();
        let mut lists = vec![line.trim_start_matches('=').to_owned()];
        for variable in ["LIBRARY_PATH", "PKG_CONFIG_PATH", "PKG_CONFIG_LIBDIR"] {
            lists.extend(self.environment.variable(variable).map(ToOwned::to_owned));
        }
        lists.extend(self.of_pkg_config());
        let named = self.environment.words("LDFLAGS");
        lists.extend(
            named
                .iter()
                .filter_map(|word| Some(word.strip_prefix("-L")?.to_owned())),
        );
        lists.extend(USUAL.map(ToOwned::to_owned));
        lists
            .iter()
            .flat_map(|list| std::env::split_paths(list))
            .collect()
    }

    fn of_pkg_config(&self) -> Option<String> {
        let program = &self.toolchain.pkg_config.as_ref()?.path;
        let question = Command::new(program, self.scratch)
            .with_variables(self.environment.variables())
            .with_arguments(["--variable=pc_path", "pkg-config"]);
        Some(question.read().ok()?.stdout.trim().to_owned())
    }

    /// What the compiler prints, to either stream.
    fn ask(&self, arguments: &[&str]) -> String {
        let words = &self.toolchain.compiler.words;
        let Some((program, own)) = words.split_first() else {
            return String::new();
        };
        let question = Command::new(program, self.scratch)
            .with_arguments(own)
            .with_arguments(self.environment.words("CPPFLAGS"))
            .with_arguments(self.environment.words("CFLAGS"))
            .with_arguments(arguments.iter().copied())
            .with_variables(self.environment.variables());
        match question.read() {
            Ok(answer) => answer.stdout + &answer.stderr,
            Err(_) => String::new(),
        }
    }
}

/// Adds everything below a folder of headers.
fn add_tree(folder: &Path, seen: &mut BTreeSet<PathBuf>, hasher: &mut Hasher) {
    if !seen.insert(folder.to_owned()) {
        return;
    }
    add_entry(folder, hasher);
    for entry in entries(folder) {
        // A link to a folder is not followed: most of them lead to a folder that is listed itself.
        match entry.symlink_metadata() {
            Ok(metadata) if metadata.is_dir() => add_tree(&entry, seen, hasher),
            _ => add_entry(&entry, hasher),
        }
    }
}

/// Adds the files of a folder of libraries, and the folder of pkg-config in it.
fn add_folder(folder: &Path, seen: &mut BTreeSet<PathBuf>, hasher: &mut Hasher) {
    if !seen.insert(folder.to_owned()) {
        return;
    }
    add_entry(folder, hasher);
    for entry in entries(folder) {
        add_entry(&entry, hasher);
        if entry.ends_with(OF_PKG_CONFIG) {
            add_folder(&entry, seen, hasher);
        }
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

fn add_entry(path: &Path, hasher: &mut Hasher) {
    let state = match std::fs::metadata(path) {
        Ok(state) => format!("{} {}.{}", state.size(), state.mtime(), state.mtime_nsec()),
        Err(_) => "absent".to_owned(),
    };
    hasher.update(format!("{}\0{state}\n", path.display()).as_bytes());
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::{add_folder, add_tree};
    use crate::digest::{Hasher, Sha256};

    fn digest(folder: &Path) -> Sha256 {
        let mut hasher = Hasher::default();
        add_tree(&folder.join("include"), &mut BTreeSet::new(), &mut hasher);
        add_folder(&folder.join("lib"), &mut BTreeSet::new(), &mut hasher);
        hasher.finish()
    }

    #[test]
    fn a_new_removed_or_changed_development_file_changes_the_digest() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        for name in ["include/sub", "lib/pkgconfig"] {
            fs_err::create_dir_all(folder.join(name)).unwrap();
        }
        let mut digests = vec![digest(folder)];
        assert_eq!(digest(folder), digests[0]);
        for name in ["include/sub/a.h", "lib/liba.so", "lib/pkgconfig/a.pc"] {
            fs_err::write(folder.join(name), "1").unwrap();
            digests.push(digest(folder));
            fs_err::write(folder.join(name), "12").unwrap();
            digests.push(digest(folder));
        }
        fs_err::remove_file(folder.join("include/sub/a.h")).unwrap();
        digests.push(digest(folder));
        let different: BTreeSet<String> = digests.iter().map(ToString::to_string).collect();
        assert_eq!(different.len(), digests.len());
    }
}
