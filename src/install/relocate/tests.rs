//! Moves a real installation, and compares it with a build for the other prefix.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use super::candidate::Candidate;
use super::commands::Commands;
use super::error::NotMovable;
use crate::install::bytecode::source_of;
use crate::plan::InstallPrefix;
use crate::process::Command;

struct Unconfined;

impl Commands for Unconfined {
    fn give(&self, _folder: &Path) -> Result<(), NotMovable> {
        Ok(())
    }

    fn take_back(&self, _folder: &Path) -> Result<(), NotMovable> {
        Ok(())
    }

    fn run(
        &self,
        program: &Path,
        folder: &Path,
        complete: &dyn Fn(Command) -> Command,
    ) -> Result<(), NotMovable> {
        let command = Command::new(program, folder).with_variable("PATH", "/usr/bin:/bin");
        let answer = complete(command).read()?;
        assert!(answer.status.success(), "{program:?}: {}", answer.stderr);
        Ok(())
    }
}

/// The mode and the content of every file, without the times that differ from build to build: the time of
/// the source file in byte code, and the time of the compile in the interpreter (`Modules/getbuildinfo.c`).
fn content(root: &Path) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
    let entries = WalkDir::new(root).into_iter().map(Result::unwrap);
    let read = |path: &Path| {
        if path.is_symlink() {
            return fs_err::read_link(path)
                .unwrap()
                .into_os_string()
                .into_encoded_bytes();
        }
        let mut content = if path.is_dir() {
            vec![]
        } else {
            fs_err::read(path).unwrap()
        };
        if source_of(path).is_some() && content.len() > 16 {
            // From 3.7 on, flags are before it (PEP 552).
            let time = if content[4..8] == [0; 4] { 8 } else { 4 };
            content[time..time + 4].fill(0);
        }
        if content.starts_with(b"\x7fELF") || content.starts_with(b"!<arch>") {
            hide_times(&mut content);
        }
        content
    };
    entries
        .map(|entry| {
            let path = entry.path();
            let mode = path.symlink_metadata().unwrap().permissions().mode();
            let name = path.strip_prefix(root).unwrap().to_owned();
            (name, (mode, read(path)))
        })
        .collect()
}

/// Overwrites texts of the form `12:34:56`.
fn hide_times(content: &mut [u8]) {
    let is_time = |text: &[u8]| {
        let places = text[..8].iter().enumerate();
        text[8] == 0
            && places.clone().all(|(place, byte)| {
                if place % 3 == 2 {
                    *byte == b':'
                } else {
                    byte.is_ascii_digit()
                }
            })
    };
    for at in 0..content.len().saturating_sub(8) {
        if content[at + 2] == b':' && is_time(&content[at..at + 9]) {
            content[at..at + 8].fill(0);
        }
    }
}

/// `PYBUILD_MOVED` has a build tree, the installation from it, its prefix, the installation from a build in
/// the same folder for another prefix, that prefix, and arguments of `make`; separated by `|`.
#[test]
#[ignore = "needs two builds of CPython"]
fn a_moved_installation_equals_a_build_for_its_prefix() {
    let given = std::env::var("PYBUILD_MOVED").unwrap();
    let given: Vec<&str> = given.split('|').collect();
    let [tree, root, from, built, to, make_arguments @ ..] = &given[..] else {
        panic!("{given:?}")
    };
    let [from, to] = [from, to].map(|prefix| InstallPrefix::new(prefix.into()));
    let dir = tempfile::tempdir().unwrap();
    let scratch = |name: &str| {
        let path = dir.path().join(name);
        fs_err::create_dir(&path).unwrap();
        path
    };
    let seconds = |what: &str, started: std::time::Instant| {
        eprintln!("{what}: {:.2} s", started.elapsed().as_secs_f64());
    };
    let moved = dir.path().join("moved");
    let copied = std::process::Command::new("cp")
        .arg("-a")
        .args([Path::new(root), &moved])
        .status();
    assert!(copied.unwrap().success());

    let started = std::time::Instant::now();
    let dry_run = Command::new("make", tree)
        .with_variable("PATH", "/usr/bin:/bin")
        .with_arguments(["--dry-run", "--what-if=Modules/getpath.c"])
        .with_arguments(make_arguments)
        .with_argument("python");
    let dry_run = dry_run.read().unwrap().stdout;
    let candidate =
        Candidate::from_tree(&from, Path::new(tree), &dry_run, &scratch("a"), &Unconfined).unwrap();
    seconds("candidate", started);
    let started = std::time::Instant::now();
    let kit = candidate
        .examine(&moved, &scratch("b"), &Unconfined)
        .unwrap();
    seconds("kit", started);
    let started = std::time::Instant::now();
    kit.move_installation(&moved, &to, &scratch("c"), &Unconfined)
        .unwrap();
    seconds("move", started);

    let (moved, built) = (content(&moved), content(Path::new(built)));
    let names = |files: &BTreeMap<PathBuf, _>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&moved), names(&built));
    let differ: Vec<_> = moved
        .keys()
        .filter(|name| moved[*name] != built[*name])
        .collect();
    assert!(differ.is_empty(), "of {} files: {differ:#?}", moved.len());
    eprintln!("{} files are equal", moved.len());
}
