//! Finds foreign files that the commit would refuse before anything is fetched. Not all names are known
//! then, so the commit looks again.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use super::error::Error;
use super::record;
use crate::plan::version::PythonVersion;
use crate::plan::{InstallPrefix, Library};
use crate::transaction;

/// The treatment of foreign files that have the names of pybuild's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FilesInTheWay {
    /// Stop before anything is changed.
    Stop,
    /// `--overwrite`: replace them.
    Replace,
}

/// The files that every installation of the release has, below the prefix.
fn files(python: PythonVersion, library: Library) -> Vec<PathBuf> {
    let short = python.short();
    let (major, _) = python.series();
    let lib = format!("lib/python{short}");
    let mut files = vec![
        format!("bin/python{short}"),
        format!("bin/python{major}"),
        format!("bin/python{short}-config"),
        format!("bin/python{major}-config"),
        format!("bin/pip{short}"),
        format!("bin/pip{major}"),
        format!("{lib}/os.py"),
        format!("{lib}/site.py"),
        format!("{lib}/ensurepip/__init__.py"),
        format!("{lib}/encodings/__init__.py"),
        format!("{lib}/json/__init__.py"),
        format!("include/python{short}/Python.h"),
        format!("include/python{short}/patchlevel.h"),
    ];
    if python.series() >= (3, 0) {
        files.push(format!("bin/pydoc{major}"));
        files.push(format!("{lib}/venv/__init__.py"));
    } else {
        files.extend(["bin/python", "bin/pydoc"].map(str::to_owned));
    }
    if library == Library::Shared && cfg!(target_os = "linux") {
        files.push(format!("lib/libpython{short}.so"));
    }
    files.push(format!("{lib}/site-packages/pip/__init__.py"));
    let record = record::folder(python).join(record::RECORD);
    files
        .into_iter()
        .map(PathBuf::from)
        .chain([record])
        .collect()
}

/// A file of most installations, which an option of `configure` leaves out.
fn static_library(python: PythonVersion) -> PathBuf {
    format!("lib/libpython{}.a", python.short()).into()
}

/// Refuses a prefix in which a foreign file is at the path of a file of the installation, a folder is at
/// the path of a file, or a file at the path of a folder.
pub fn ensure_none(
    prefix: &InstallPrefix,
    python: PythonVersion,
    library: Library,
    configure_args: &[String],
    in_the_way: FilesInTheWay,
) -> Result<(), Error> {
    let prefix = prefix.path();
    let unreadable = |source| Error::of_records(prefix, source);
    let mut files = files(python, library);
    let without_static = |argument: &String| argument == "--without-static-libpython";
    if library == Library::Static && !configure_args.iter().any(without_static) {
        files.push(static_library(python));
    }
    let mut blocked = BTreeSet::new();
    let mut present = Vec::new();
    let mut folders = BTreeSet::new();
    for file in files {
        match prefix.join(&file).symlink_metadata() {
            Ok(metadata) if metadata.is_dir() => drop(blocked.insert(prefix.join(&file))),
            // The files of a pip are replaced as a whole, foreign ones too.
            Ok(_)
                if file
                    .components()
                    .any(|part| part.as_os_str() == "site-packages") => {}
            Ok(_) => present.push(file.clone()),
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
                let mut above = file.ancestors().skip(1).map(|folder| prefix.join(folder));
                blocked.extend(above.find(|folder| folder.exists() && !folder.is_dir()));
            }
            Err(_) => {}
        }
        let above = file.ancestors().skip(1).map(|folder| prefix.join(folder));
        folders.extend(above.filter(|folder| folder.is_dir()));
    }
    if in_the_way == FilesInTheWay::Stop && !present.is_empty() {
        let ours = record::manifests(prefix).map_err(unreadable)?;
        let is_foreign = |file: &PathBuf| {
            let record = file.starts_with(record::records());
            !record && !ours.iter().any(|(_, manifest)| manifest.contains(file))
        };
        let foreign = present.into_iter().filter(is_foreign);
        blocked.extend(foreign.map(|file| prefix.join(file)));
    }
    if !blocked.is_empty() {
        let paths = blocked.into_iter().collect();
        return Err(transaction::Error::InTheWay { paths }.into());
    }
    for folder in folders {
        ensure_writable(&folder).map_err(transaction::Error::prefix(&folder))?;
    }
    Ok(())
}

fn ensure_writable(folder: &Path) -> io::Result<()> {
    use rustix::fs::Access;
    Ok(rustix::fs::access(
        folder,
        Access::WRITE_OK | Access::EXEC_OK,
    )?)
}

#[cfg(test)]
mod tests {
    use super::{FilesInTheWay, InstallPrefix, Library, ensure_none, transaction};

    /// The paths in the way of 3.11.2 in a prefix that has these files and, with a slash, folders.
    fn in_the_way(entries: &[&str], in_the_way: FilesInTheWay) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        for entry in entries {
            let path = dir.path().join(entry);
            if entry.ends_with('/') {
                fs_err::create_dir_all(path).unwrap();
            } else {
                fs_err::create_dir_all(path.parent().unwrap()).unwrap();
                fs_err::write(path, "foreign").unwrap();
            }
        }
        let prefix = InstallPrefix::new(dir.path().to_owned());
        let python = "3.11.2".parse().unwrap();
        match ensure_none(&prefix, python, Library::Static, &[], in_the_way) {
            Ok(()) => Vec::new(),
            Err(super::Error::Transaction(transaction::Error::InTheWay { paths })) => paths
                .iter()
                .map(|path| path.strip_prefix(dir.path()).unwrap())
                .map(|path| path.display().to_string())
                .collect(),
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn foreign_files_are_found_unless_they_may_be_replaced() {
        for file in [
            "bin/python3.11",
            "bin/python3",
            "bin/pip3.11",
            "bin/pip3",
            "bin/python3-config",
            "bin/pydoc3",
            "lib/python3.11/os.py",
            "lib/libpython3.11.a",
            "include/python3.11/Python.h",
        ] {
            assert_eq!(in_the_way(&[file], FilesInTheWay::Stop), [file]);
            assert!(in_the_way(&[file], FilesInTheWay::Replace).is_empty());
        }
    }

    #[test]
    fn files_that_do_not_conflict_stay_unmentioned() {
        let others = [
            "bin/python3.12",
            "bin/python",
            "bin/pip",
            "bin/pip3.12",
            "lib/python3.12/os.py",
            "lib/python3.11/site-packages/pip/__init__.py",
            "share/pybuild/notes.txt",
            "lib/libpython3.12.a",
        ];
        assert!(in_the_way(&others, FilesInTheWay::Stop).is_empty());
    }

    #[test]
    fn a_folder_at_a_files_path_and_a_file_at_a_folders_path_are_always_found() {
        for mode in [FilesInTheWay::Stop, FilesInTheWay::Replace] {
            for (entry, named) in [
                ("bin/python3.11/", "bin/python3.11"),
                ("lib/python3.11/os.py/", "lib/python3.11/os.py"),
                ("bin", "bin"),
                ("lib/python3.11", "lib/python3.11"),
                ("share", "share"),
                ("share/pybuild", "share/pybuild"),
                ("include/python3.11", "include/python3.11"),
                (
                    "lib/python3.11/site-packages",
                    "lib/python3.11/site-packages",
                ),
            ] {
                assert_eq!(in_the_way(&[entry], mode), [named], "{mode:?}");
            }
        }
    }
}
