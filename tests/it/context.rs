//! The isolated environment of one test: home, cache, current directory and programs.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::outcome::Outcome;
use crate::server::REFUSING;

/// The programs that a build of a miniature may call. No package manager is among them.
const PROGRAMS: &[&str] = &[
    "ar", "as", "awk", "basename", "bash", "cat", "chmod", "cmp", "cp", "cut", "date", "diff",
    "dirname", "echo", "env", "expr", "false", "find", "grep", "head", "id", "install", "ld", "ln",
    "ls", "make", "mkdir", "mktemp", "mv", "nm", "printf", "pwd", "ranlib", "readlink", "rm",
    "rmdir", "sed", "seq", "setpriv", "sh", "sleep", "sort", "strip", "tail", "tar", "tee", "test",
    "touch", "tr", "true", "uname", "uniq", "unshare", "wc", "which", "xargs",
];

/// A replacement for the C compiler that is fast and has every header and library except those that a
/// file beside it names, so that tests do not depend on the host's packages.
const COMPILER: &str = r#"#!/bin/sh
case "$*" in
*--version*) echo 'cc (mini) 12.0'; exit 0 ;;
*-dumpversion*) echo 12.0; exit 0 ;;
*-dumpmachine*) echo x86_64-linux-gnu; exit 0 ;;
*-print-prog-name=*) echo ld; exit 0 ;;
esac
out=a.out compile_only=no read_stdin=no sources=''
while [ $# -gt 0 ]; do
    case $1 in
    -o) out=$2; shift ;;
    -c | -E | -S | -fsyntax-only) compile_only=yes ;;
    -x) shift ;;
    -) read_stdin=yes ;;
    -*) ;;
    *) sources="$sources $1" ;;
    esac
    shift
done
here=${0%/*}
text=$(if [ $read_stdin = yes ]; then cat; fi; for source in $sources; do [ -f "$source" ] && cat "$source"; done)
if [ -f "$here/missing-headers" ]; then
    while read -r header; do
        case "$text" in
        *"<$header>"*)
            echo "conftest.c:1:10: fatal error: $header: No such file or directory" >&2
            exit 1 ;;
        esac
    done <"$here/missing-headers"
fi
# The program prints the versions of its compiler and C library.
printf '#!/bin/sh\necho gcc 12.0\necho glibc 2.36\nexit 0\n' >"$out" || exit 1
[ $compile_only = yes ] || chmod 755 "$out"
"#;

/// The environment of one test. Its folder is removed with it.
pub struct Context {
    dir: tempfile::TempDir,
    variables: BTreeMap<OsString, OsString>,
}

impl Context {
    /// No origin can be reached, and no package manager exists.
    pub fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("pybuild-it-").tempdir();
        let dir = dir.expect("a temporary folder");
        let mut context = Self {
            dir,
            variables: BTreeMap::new(),
        };
        for folder in ["home", "work", "bin", "tmp"] {
            fs_err::create_dir(context.path(folder)).expect("a new folder");
        }
        context.link_programs();
        let own = |name: &str| context.path(name).into_os_string();
        let variables = [
            ("PATH", own("bin")),
            ("HOME", own("home")),
            ("TMPDIR", own("tmp")),
            ("PYBUILD_CACHE_DIR", own("cache")),
            ("PYBUILD_PYTHON_ORG", REFUSING.into()),
            ("PIP_INDEX_URL", format!("{REFUSING}/simple/").into()),
        ];
        context.variables = variables.map(|(name, value)| (name.into(), value)).into();
        context
    }

    fn link_programs(&self) {
        let bin = self.path("bin");
        let path = std::env::var_os("PATH").unwrap_or_default();
        for program in PROGRAMS {
            let mut found = std::env::split_paths(&path).map(|dir| dir.join(program));
            if let Some(target) = found.find(|target| target.is_file()) {
                symlink(target, bin.join(program)).expect("a new link");
            }
        }
        for compiler in ["cc", "gcc", "c++", "g++"] {
            self.put_program(compiler, COMPILER);
        }
    }

    /// A path in the test's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The default prefix of a version.
    pub fn default_prefix(&self, version: &str) -> PathBuf {
        self.path("home/.local/share/pybuild/versions")
            .join(version)
    }

    /// Sets a variable for every run.
    pub fn set(&mut self, name: &str, value: impl AsRef<OsStr>) {
        self.variables.insert(name.into(), value.as_ref().into());
    }

    pub fn unset(&mut self, name: &str) {
        self.variables.remove(OsStr::new(name));
    }

    /// Writes a shell script into the folder in `PATH`; replaces a program of the same name.
    pub fn put_program(&self, name: &str, script: &str) {
        let path = self.path("bin").join(name);
        drop(fs_err::remove_file(&path));
        fs_err::write(&path, script).expect("a script of the test's own");
        fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o755))
            .expect("a script of the test's own");
    }

    pub fn remove_program(&self, name: &str) {
        fs_err::remove_file(self.path("bin").join(name)).expect("a program that was there");
    }

    /// Removes these headers from the compiler.
    pub fn lack_headers(&self, headers: &[&str]) {
        let text = headers.join("\n") + "\n";
        fs_err::write(self.path("bin/missing-headers"), text).expect("a file of the test's own");
    }

    /// Writes a file into the test's folder.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        let parent = path.parent().expect("a path in the test's folder");
        fs_err::create_dir_all(parent).expect("a folder of the test's own");
        fs_err::write(&path, content).expect("a file of the test's own");
        path
    }

    /// The program with these arguments, to be run in the test's current directory.
    pub fn command(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pybuild"));
        self.isolate(&mut command).args(arguments);
        command
    }

    /// Gives any command the test's environment and current directory.
    pub fn isolate<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env_clear()
            .envs(&self.variables)
            .current_dir(self.path("work"))
            .stdin(Stdio::null())
    }

    /// Runs the program to its end.
    pub fn run(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Outcome {
        self.outcome(&mut self.command(arguments))
    }

    /// Runs any command to its end.
    pub fn outcome(&self, command: &mut Command) -> Outcome {
        let output = command.output().expect("a program that can be started");
        Outcome::new(&output, self.dir.path())
    }

    /// Every file, link and folder below `name` with its content.
    pub fn snapshot(&self, name: &str) -> BTreeMap<String, String> {
        snapshot(&self.path(name))
    }

    /// The files below the test's folder that contain `needle`.
    pub fn files_with(&self, needle: &str) -> Vec<PathBuf> {
        let mut found: Vec<PathBuf> = walkdir::WalkDir::new(self.dir.path())
            .into_iter()
            .filter_map(Result::ok)
            .filter(|entry| entry.file_type().is_file())
            .map(walkdir::DirEntry::into_path)
            .filter(|path| {
                let content = fs_err::read(path).unwrap_or_default();
                content
                    .windows(needle.len())
                    .any(|part| part == needle.as_bytes())
            })
            .collect();
        found.sort();
        found
    }
}

/// Every entry below `folder` with its content, without following links. Empty if there is no folder.
pub fn snapshot(folder: &Path) -> BTreeMap<String, String> {
    walkdir::WalkDir::new(folder)
        .into_iter()
        .filter_map(Result::ok)
        .map(|entry| {
            let name = entry.path().strip_prefix(folder).unwrap_or(entry.path());
            let kind = entry.file_type();
            let content = if kind.is_symlink() {
                format!(
                    "-> {}",
                    fs_err::read_link(entry.path())
                        .unwrap_or_default()
                        .display()
                )
            } else if kind.is_dir() {
                "folder".into()
            } else if !kind.is_file() {
                // Reading a named pipe would wait for a writer.
                "special".into()
            } else {
                let content = fs_err::read(entry.path()).unwrap_or_default();
                pybuild::digest::Sha256::of(&content).to_string()
            };
            (name.display().to_string(), content)
        })
        .collect()
}
