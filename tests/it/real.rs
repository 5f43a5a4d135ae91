//! One real CPython, built once from the default origins. Only this test needs the network, unless a folder
//! of releases is beside the checkout.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The release that is built.
const VERSION: &str = "3.11.2";

/// The folder of releases beside the checkout.
fn mirror() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/sources");
    folder.is_dir().then_some(folder)
}

/// Runs a command, which must succeed, and returns its trimmed standard output.
#[track_caller]
pub fn said(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}\n{text}\n{errors}");
    text
}

/// pybuild with the caller's environment, but its own home and prefix. The cache is in `target/`, so
/// that the tests download a release only once.
pub fn pybuild(dir: &Path) -> Command {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache");
    let mut command = Command::new(env!("CARGO_BIN_EXE_pybuild"));
    command
        .current_dir(dir)
        .env("HOME", dir)
        .env("PYBUILD_CACHE_DIR", cache);
    command
}

/// The command that builds the release.
fn build(dir: &Path) -> Command {
    let mut command = pybuild(dir);
    command
        .args([
            VERSION,
            "--pip",
            "latest",
            "--setuptools",
            "latest",
            "--prefix",
        ])
        .arg(dir.join("prefix"));
    if let Some(mirror) = mirror() {
        command.arg("--mirror").arg(mirror);
    }
    command
}

/// The highest peak memory of pybuild, without its children, in bytes.
const MOST_MEMORY: u64 = 64 << 20;

/// Runs a command, which must succeed within [`MOST_MEMORY`], and returns its trimmed standard output.
#[track_caller]
fn said_in_little_memory(command: &mut Command, dir: &Path) -> String {
    let (out, err) = (dir.join("stdout"), dir.join("stderr"));
    command
        .stdout(fs_err::File::create(&out).unwrap().into_file())
        .stderr(fs_err::File::create(&err).unwrap().into_file());
    let mut child = command.spawn().unwrap();
    let status_file = PathBuf::from(format!("/proc/{}/status", child.id()));
    let mut most = 0;
    let status = loop {
        // The last value is the peak, as it only grows. A system without /proc gives none.
        most = peak_memory(&status_file).unwrap_or(most);
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    };
    let text = |path| fs_err::read_to_string(path).unwrap();
    assert!(status.success(), "{}{}", text(&out), text(&err));
    assert!(most <= MOST_MEMORY, "{most} bytes");
    text(&out).trim().to_owned()
}

/// `VmHWM` of `/proc/PID/status` (proc(5)), in bytes.
fn peak_memory(status_file: &Path) -> Option<u64> {
    let status = std::fs::read_to_string(status_file).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kibibytes << 10)
}

#[test]
fn a_real_cpython_gives_every_venv_the_pip_that_was_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let prefix = dir.path().join("prefix");
    let python = prefix.join("bin/python3.11");
    let result = said_in_little_memory(&mut build(dir.path()), dir.path());
    assert_eq!(result, python.display().to_string());
    let run = |arguments: &[&str]| {
        let mut command = Command::new(&python);
        command
            .env_clear()
            .env("HOME", dir.path())
            .current_dir(dir.path());
        said(command.args(arguments))
    };
    assert_eq!(run(&["-V"]), format!("Python {VERSION}"));
    let pip = run(&["-c", "import ensurepip; print(ensurepip.version())"]);
    let bundled: pep440_rs::Version = pip.parse().unwrap();
    assert!(
        bundled > "25".parse().unwrap(),
        "{bundled} is not the newest"
    );

    // The environment is empty, so only the built files decide the venv's pip.
    run(&["-m", "venv", "venv"]);
    let venv = dir.path().join("venv");
    let said_by_pip = said(Command::new(venv.join("bin/pip")).env_clear().arg("-V"));
    let expected = format!("pip {pip} from {}", venv.display());
    assert!(said_by_pip.starts_with(&expected), "{said_by_pip}");
    assert!(run(&["-m", "pip", "-V"]).starts_with(&format!("pip {pip} from ")));
    run(&["-c", "import ssl, zlib, ctypes, venv, setuptools"]);
    assert!(run(&["-m", "pip", "check"]).contains("No broken requirements"));

    each_script_runs(&prefix);
    compiled_modules_are_those_of_compileall(dir.path(), &prefix);
    no_file_has_debug_information(&prefix);
    let flags = run(&[
        "-c",
        "import sysconfig; print(sysconfig.get_config_var('CFLAGS'))",
    ]);
    let flags: Vec<&str> = flags.split(' ').collect();
    assert!(!flags.contains(&"-g"), "{flags:?}");
    for flag in ["-O3", "-fwrapv", "-DNDEBUG"] {
        assert!(flags.contains(&flag), "{flags:?}");
    }
    settings_of_distutils_are_ignored(dir.path());

    // The pinned wheels have replaced the released ones.
    let wheels: Vec<String> = fs_err::read_dir(prefix.join("lib/python3.11/ensurepip/_bundled"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "whl"))
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(wheels.len(), 2, "{wheels:?}");
    assert!(
        wheels.contains(&format!("pip-{pip}-py3-none-any.whl")),
        "{wheels:?}"
    );

    // The second run finds the record.
    let started = std::time::Instant::now();
    said(&mut build(dir.path()));
    assert!(started.elapsed() < std::time::Duration::from_secs(5));

    a_running_interpreter_is_not_changed(dir.path(), &python);
    crate::real_hotpatch::pins_hold_and_undo_restores_every_byte(dir.path(), &python);
    crate::real_hotpatch::a_killed_hotpatch_does_not_stop_the_next_command(dir.path(), &python);
    said(pybuild(dir.path()).arg("uninstall").arg(&prefix));
    // The bytecode files that the venv and the imports above made are removed, too.
    assert!(!prefix.exists());
}

/// No program, extension module or static library has a debug section.
fn no_file_has_debug_information(prefix: &Path) {
    let mut binaries = 0;
    for entry in walkdir::WalkDir::new(prefix) {
        let entry = entry.unwrap();
        if !entry.file_type().is_file() {
            continue;
        }
        let content = fs_err::read(entry.path()).unwrap();
        if content.starts_with(b"\x7fELF") || content.starts_with(b"!<arch>\n") {
            let sections = said(Command::new("readelf").arg("-SW").arg(entry.path()));
            assert!(!sections.contains(" .debug_"), "{}", entry.path().display());
            binaries += 1;
        }
    }
    assert!(binaries > 50, "{binaries}");
}

/// Every script in `bin` runs, and the scripts of pip have the digests of its `RECORD`.
fn each_script_runs(prefix: &Path) {
    let bin = prefix.join("bin");
    let mut names: Vec<String> = fs_err::read_dir(&bin)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| fs_err::read(bin.join(name)).unwrap().starts_with(b"#!"))
        .collect();
    names.sort();
    for name in &names {
        let arguments: &[&str] = match name.split(['3', '-']).next() {
            Some("pip") => &["--version"],
            Some("2to") => &["--list-fixes"],
            Some("pydoc") => &["sys"],
            Some("python") => &["--prefix"],
            // It needs tkinter, which the host may lack.
            Some("idle") => continue,
            _ => panic!("{name}"),
        };
        let mut command = Command::new(bin.join(name));
        let said = said(
            command
                .env_clear()
                .env("PATH", "/usr/bin:/bin")
                .args(arguments),
        );
        assert!(!said.is_empty(), "{name}");
    }
    assert!(names.contains(&"pip3".to_owned()), "{names:?}");
    let recorded = "
import base64, hashlib, importlib.metadata
files = [file for file in importlib.metadata.files('pip') if file.parent.name == 'bin']
for file in files:
    digest = hashlib.sha256(file.read_binary()).digest()
    assert base64.urlsafe_b64encode(digest).rstrip(b'=').decode() == file.hash.value, file
print(len(files))
";
    let mut python = Command::new(bin.join("python3.11"));
    let scripts: u8 = said(python.env_clear().args(["-c", recorded]))
        .parse()
        .unwrap();
    assert!(scripts >= 2, "{scripts}");
}

/// The compiled modules have the bytes that compileall writes, so they name the sources in the prefix. Those
/// of pip are in its `RECORD`. `tests/long/compiled-modules` compares all of an installation.
fn compiled_modules_are_those_of_compileall(dir: &Path, prefix: &Path) {
    let stdlib = prefix.join("lib/python3.11");
    let python = || {
        let mut command = Command::new(prefix.join("bin/python3.11"));
        command.env_clear().current_dir(dir);
        command
    };
    let compare = "
import filecmp, glob, os, sys
copy, folder = sys.argv[1:]
names = glob.glob('**/*.pyc', root_dir=copy, recursive=True)
assert len(names) > 30, names
for name in names:
    assert filecmp.cmp(os.path.join(copy, name), os.path.join(folder, name), shallow=False), name
assert sorted(names) == sorted(glob.glob('**/*.pyc', root_dir=folder, recursive=True))
";
    for (name, levels) in [("email", "012"), ("site-packages/pip", "0")] {
        let (folder, copy) = (stdlib.join(name), dir.join("copy"));
        said(Command::new("cp").arg("-a").arg(&folder).arg(&copy));
        said(
            Command::new("find")
                .arg(&copy)
                .args(["-name", "*.pyc", "-delete"]),
        );
        let mut compileall = python();
        compileall.args(["-m", "compileall", "-q", "-f"]);
        for level in levels.chars() {
            compileall.arg("-o").arg(level.to_string());
        }
        said(compileall.arg("-d").arg(&folder).arg(&copy));
        said(python().args(["-c", compare]).args([&copy, &folder]));
        fs_err::remove_dir_all(copy).unwrap();
    }
    let recorded = "
import importlib.metadata
files = [file for file in importlib.metadata.files('pip') if file.suffix == '.pyc']
assert len(files) > 300 and all(file.locate().exists() for file in files), files
";
    said(python().args(["-c", recorded]));
}

/// The check of a hotpatch ignores the folders in `distutils.cfg`, which pip 20.3.4 would use.
fn settings_of_distutils_are_ignored(dir: &Path) {
    let prefix = dir.join("prefix");
    let elsewhere = dir.join("elsewhere");
    let settings = prefix.join("lib/python3.11/distutils/distutils.cfg");
    let text = format!("[install]\ninstall_scripts={}\n", elsewhere.display());
    fs_err::write(&settings, text).unwrap();
    said(
        pybuild(dir)
            .arg("hotpatch")
            .arg(&prefix)
            .args(["--pip", "20.3.4"]),
    );
    assert!(!elsewhere.exists());
    said(pybuild(dir).args(["hotpatch", "--undo"]).arg(&prefix));
    fs_err::remove_file(settings).unwrap();
}

/// pybuild neither hotpatches nor uninstalls an interpreter that a process runs in a venv.
fn a_running_interpreter_is_not_changed(dir: &Path, python: &Path) {
    let mut running = Command::new(dir.join("venv/bin/python"))
        .args(["-c", "print('here', flush=True); input()"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    let mut lines = BufReader::new(running.stdout.take().unwrap());
    lines.read_line(&mut said).unwrap();
    assert_eq!(said, "here\n");
    let prefix = dir.join("prefix");
    let refused = [
        vec!["uninstall", prefix.to_str().unwrap()],
        vec!["hotpatch", python.to_str().unwrap(), "--pip", "24.0"],
    ];
    for arguments in refused {
        let output = pybuild(dir).args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        let process = format!("python3.11 is running: process {}", running.id());
        assert!(said.contains(&process), "{said}");
        assert!(said.contains("--even-if-running"), "{said}");
    }
    running.kill().unwrap();
    running.wait().unwrap();
}
