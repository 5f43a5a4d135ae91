//! The packages of the host that own its shared libraries.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::host::build_environment::BuildEnvironment;
use crate::process::Command;

/// A package of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OwningPackage {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) architecture: String,
}

/// Folders of shared libraries; the first is followed by the target of the compiler.
const FOLDERS: [&str; 6] = [
    "/usr/lib",
    "/lib",
    "/usr/lib64",
    "/lib64",
    "/usr/lib",
    "/usr/local/lib",
];

/// The packages of shared libraries, by the libraries' names. Only dpkg is asked: the libraries of other systems
/// have no package here.
pub(crate) fn packages_of(
    sonames: &BTreeSet<&str>,
    machine: &str,
    environment: &BuildEnvironment,
) -> BTreeMap<String, OwningPackage> {
    let mut found = BTreeMap::new();
    let path = environment.variable("PATH").unwrap_or_default();
    let mut programs = std::env::split_paths(path).map(|folder| folder.join("dpkg-query"));
    let Some(dpkg) = programs.find(|program| program.is_file()) else {
        return found;
    };
    let query = |arguments: Vec<String>| {
        let command = Command::new(&dpkg, Path::new("/")).with_arguments(arguments);
        command
            .read()
            .map(|answer| answer.stdout)
            .unwrap_or_default()
    };
    let paths: Vec<(&str, PathBuf)> = sonames
        .iter()
        .flat_map(|soname| {
            paths(soname, machine)
                .into_iter()
                .map(move |path| (*soname, path))
        })
        .collect();
    let search = std::iter::once("--search".to_owned());
    let owners = query(
        search
            .chain(paths.iter().map(|(_, path)| path.display().to_string()))
            .collect(),
    );
    let mut names = BTreeMap::new();
    for line in owners.lines() {
        // `zlib1g:amd64: /lib/x86_64-linux-gnu/libz.so.1`
        if let Some((package, path)) = line.split_once(": ")
            && let Some((soname, _)) = paths.iter().find(|(_, known)| known == Path::new(path))
        {
            names.entry(*soname).or_insert_with(|| package.to_owned());
        }
    }
    let format = "--showformat=${binary:Package}\t${Package}\t${Version}\t${Architecture}\n";
    let mut show = vec!["--show".to_owned(), format.to_owned()];
    show.extend(names.values().cloned());
    if names.is_empty() {
        return found;
    }
    for line in query(show).lines() {
        let [listed, name, version, architecture] = line.split('\t').collect::<Vec<_>>()[..] else {
            continue;
        };
        for (soname, package) in &names {
            if package == listed || package == name {
                let package = OwningPackage {
                    name: name.to_owned(),
                    version: version.to_owned(),
                    architecture: architecture.to_owned(),
                };
                found.insert((*soname).to_owned(), package);
            }
        }
    }
    found
}

/// The existing paths of a library. Packages list `/lib` also where it is a link to `/usr/lib`.
fn paths(soname: &str, machine: &str) -> Vec<PathBuf> {
    let folders = FOLDERS.iter().map(PathBuf::from);
    let folders = folders.flat_map(|folder| [folder.join(machine), folder]);
    let mut found: Vec<PathBuf> = Vec::new();
    for path in folders.map(|folder| folder.join(soname)) {
        if path.exists() && !found.contains(&path) {
            found.push(path);
        }
    }
    found
}
