//! The real CPython that [`crate::real`] builds, hotpatched with wheels from PyPI and restored. The other
//! tests hotpatch the miniature; here pip, venv and ensurepip are real.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::hotpatch::{assert_unchanged, state};
use crate::real::{pybuild, said};

/// Older and newer than the pins of the release (22.3.1 and 65.5.0), and not the newest ones, which the
/// build has.
const PINS: [[&str; 2]; 2] = [["21.3.1", "60.10.0"], ["24.0", "69.5.1"]];

/// Hotpatches the interpreter in `dir/prefix` to each pin, with and without its own packages, and undoes
/// it, at last after the user's own pip replaced itself.
pub fn pins_hold_and_undo_restores_every_byte(dir: &Path, python: &Path) {
    let prefix = dir.join("prefix");
    let before = state(&prefix);
    let own_pip = pip_of(dir, python);
    let hotpatch = |more: &[&str]| {
        let mut command = pybuild(dir);
        said(command.arg("hotpatch").arg(python).args(more));
    };
    for (number, [pip, setuptools]) in PINS.into_iter().enumerate() {
        let pins = ["--pip", pip, "--setuptools", setuptools];
        hotpatch(&[&pins[..], &["--no-check"]].concat());
        assert_eq!(venv_of(dir, python), [pip, setuptools]);
        assert_eq!(pip_of(dir, python), own_pip);

        let is_last = number + 1 == PINS.len();
        // Once with the product's own check.
        let proof: &[&str] = if is_last { &[] } else { &["--no-check"] };
        hotpatch(&[&pins[..], &["--upgrade-installed"], proof].concat());
        assert_eq!(venv_of(dir, python), [pip, setuptools]);
        assert_eq!(pip_of(dir, python), pip);
        let pip3 = run(dir, &prefix.join("bin/pip3"), &["--version"]);
        assert!(pip3.starts_with(&format!("pip {pip} from ")), "{pip3}");
        installs_without_an_index(dir, python);
        if !is_last {
            hotpatch(&["--undo"]);
            assert_unchanged(&prefix, &before, &"the first undo");
        }
    }
    // It removes the setuptools and replaces the pip, with a script that was not there.
    run(
        dir,
        python,
        &["-m", "pip", "uninstall", "--yes", "setuptools"],
    );
    run(dir, python, &["-m", "pip", "install", "pip==25.0"]);
    assert!(prefix.join("bin/pip").exists());
    hotpatch(&["--undo"]);
    assert_unchanged(&prefix, &before, &"the undo");
}

/// Kills a hotpatch while it makes its venv; the next command goes on without waiting.
pub fn a_killed_hotpatch_does_not_stop_the_next_command(dir: &Path, python: &Path) {
    let before = state(&dir.join("prefix"));
    let mut command = pybuild(dir);
    command.arg("hotpatch").arg(python).args(["--pip", "24.0"]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut killed = command.spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    // The first runs the program of the venv, the others are its children.
    while running(python) < 2 {
        assert!(Instant::now() < deadline, "no venv was made");
        std::thread::sleep(Duration::from_millis(2));
    }
    kill_process(Pid::from_child(&killed), Signal::KILL).unwrap();
    killed.wait().unwrap();
    let mut undo = pybuild(dir);
    let undone = undo.arg("hotpatch").arg(python).arg("--undo").output();
    let undone = undone.unwrap();
    let errors = String::from_utf8_lossy(&undone.stderr);
    assert!(undone.status.success(), "{errors}");
    assert!(
        errors.contains("an interrupted pybuild run was rolled back"),
        "{errors}"
    );
    assert_unchanged(&dir.join("prefix"), &before, &"the undo");
    while running(python) > 0 {
        assert!(Instant::now() < deadline, "its processes live on");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The number of processes that run this interpreter.
fn running(python: &Path) -> usize {
    let processes = fs_err::read_dir("/proc").unwrap().flatten();
    processes
        .filter(|process| {
            std::fs::read_link(process.path().join("exe")).is_ok_and(|exe| exe == python)
        })
        .count()
}

/// Runs a program that writes no bytecode and has nothing of the environment but a home; gives its
/// standard output, trimmed.
#[track_caller]
fn run(dir: &Path, program: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(program);
    command.env_clear().env("HOME", dir).current_dir(dir);
    command.env("PYTHONDONTWRITEBYTECODE", "1").args(arguments);
    said(&mut command)
}

/// The version of the pip that an interpreter has.
#[track_caller]
fn pip_of(dir: &Path, python: &Path) -> String {
    let said = run(dir, python, &["-m", "pip", "--version"]);
    said.split(' ').nth(1).unwrap_or_default().to_owned()
}

/// The versions of pip and setuptools in a new venv.
#[track_caller]
fn venv_of(dir: &Path, python: &Path) -> [String; 2] {
    let venv = dir.join("hotpatched-venv");
    drop(fs_err::remove_dir_all(&venv));
    run(dir, python, &["-m", "venv", venv.to_str().unwrap()]);
    let inside = venv.join("bin/python");
    let setuptools = "import setuptools; print(setuptools.__version__)";
    [pip_of(dir, &inside), run(dir, &inside, &["-c", setuptools])]
}

/// Lets the interpreter's own pip install a wheel from a folder, and remove it.
#[track_caller]
fn installs_without_an_index(dir: &Path, python: &Path) {
    let wheel = crate::wheels::Wheel::of("mine", "1.0");
    let path = dir.join("mine-1.0-py3-none-any.whl");
    fs_err::write(&path, wheel.bytes()).unwrap();
    let install = ["-m", "pip", "install", "--no-index", "--no-compile"];
    run(
        dir,
        python,
        &[&install[..], &[path.to_str().unwrap()]].concat(),
    );
    run(dir, python, &["-m", "pip", "uninstall", "--yes", "mine"]);
}
