//! A disk of a few pages: the program is run in a mount namespace of its own (`mount_namespaces(7)`), where a
//! small `tmpfs(5)` lies on one folder of the test's world. Nobody else sees it, and it is gone with the
//! program.

use std::ffi::OsStr;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output};

use crate::context::Context;
use crate::outcome::Outcome;

/// Mounts, puts on the disk what was in the folder, takes the room away, runs the program, keeps what is on
/// the disk then, gives room, and runs the program again. The programs of the host are called past the
/// test's own `PATH`.
const SCRIPT: &str = r#"
at=$1 out=$2 leaves=$3 mode=$4
shift 4
host() { PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"; }
run() {
    name=$1
    shift
    "$@" >"$out/$name.stdout" 2>"$out/$name.stderr"
    echo $? >"$out/$name.code"
    host mkdir "$out/$name.disk" && host cp -a "$at/." "$out/$name.disk" || exit 99
}
set -e
host mkdir "$out/seed"
host cp -a "$at/." "$out/seed"
host mount -t tmpfs -o size=256m,mode=755 tmpfs "$at"
host cp -a "$out/seed/." "$at"
used=$(host df -k "$at" | host awk 'NR == 2 { print $3 }')
case $mode in
full) host mount -o "remount,size=$((used + leaves))k" "$at" ;;
read-only) host mount -o remount,ro "$at" ;;
esac
set +e
run first "$@"
host mount -o remount,rw,size=256m "$at" || exit 99
run again "$@"
"#;

/// What is wrong with the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// It has room for so many KiB more than what is on it.
    Full(u32),
    /// It is mounted read-only.
    ReadOnly,
}

/// What came of two runs of one command.
pub struct Ran {
    /// The first, in trouble.
    pub first: Outcome,
    /// The second, without.
    pub again: Outcome,
    out: tempfile::TempDir,
}

impl Ran {
    /// What was on the disk when the first run had ended.
    pub fn disk(&self) -> PathBuf {
        self.out.path().join("first.disk")
    }

    /// What was on it when the second had.
    pub fn disk_again(&self) -> PathBuf {
        self.out.path().join("again.disk")
    }
}

/// Whether this host lets a test mount something; where it does not, says that the test is left out.
pub fn can_be_mounted() -> bool {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let mut crash = unshare();
    crash.args(["sh", "-c", "mount -t tmpfs -o size=64k tmpfs \"$1\"", "sh"]);
    let output = crash.arg(dir.path()).output();
    let why = match output {
        Ok(output) if output.status.success() => return true,
        Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
        Err(error) => error.to_string(),
    };
    eprintln!("left out, as this host lets no test mount a tmpfs: {why}");
    false
}

/// The start of a command with mounts of its own.
pub fn unshare() -> Command {
    let mut command = Command::new("unshare");
    command.arg("--mount");
    if !rustix::process::geteuid().is_root() {
        command.arg("--map-root-user");
    }
    command
}

/// Runs the program with these arguments twice, with the folder `at` on a disk of its own: first in
/// trouble, then out of it. What is in the folder is on the disk too; the folder itself does not change.
pub fn run(context: &Context, at: &Path, trouble: Trouble, arguments: &[impl AsRef<OsStr>]) -> Ran {
    fs_err::create_dir_all(at).expect("a folder of the test's own");
    let out = tempfile::tempdir().expect("a temporary folder");
    let (leaves, mode) = match trouble {
        Trouble::Full(leaves) => (leaves, "full"),
        Trouble::ReadOnly => (0, "read-only"),
    };
    let mut command = unshare();
    // Found before the environment is emptied.
    let found = which("unshare");
    let words: Vec<_> = command.get_args().map(OsStr::to_owned).collect();
    command = Command::new(found);
    command.args(words);
    context
        .isolate(&mut command)
        .args(["/bin/sh", "-c", SCRIPT, "sh"])
        .args([at, out.path()])
        .args([&leaves.to_string(), mode])
        .arg(env!("CARGO_BIN_EXE_pybuild"))
        .args(arguments);
    let script = command.output().expect("unshare, which was there before");
    assert!(script.status.success(), "{script:?}");
    let outcome = |name: &str| {
        let read = |what: &str| fs_err::read(out.path().join(format!("{name}.{what}"))).unwrap();
        let code = String::from_utf8(read("code")).unwrap();
        let code: i32 = code.trim().parse().unwrap();
        let output = Output {
            status: ExitStatus::from_raw(code << 8),
            stdout: read("stdout"),
            stderr: read("stderr"),
        };
        Outcome::new(&output, &context.path(""))
    };
    Ran {
        first: outcome("first"),
        again: outcome("again"),
        out,
    }
}

/// The path of a program of this host.
pub fn which(program: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
        .unwrap_or_else(|| program.into())
}
