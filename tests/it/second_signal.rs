//! A signal, and a second one, in the middle of changes: the process ends with the exit code that a shell
//! reports for them, its children end, and the next run completes or undoes the change.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::crash::INTERRUPT_POINTS;
use crate::crash_fixture::{CrashFixture, Kind, NEW_PIP, OLD_PIP};
use crate::fixture::Fixture;
use crate::interrupt::{ended, hanging_below, is_running, wait_until};
use crate::mini_cpython::{Fault, MiniCpython, VERSION};
use crate::outcome::Outcome;

/// A run that is held up where a test wants it.
struct HeldRun<'a> {
    fixture: &'a Fixture,
    child: Child,
    folder: PathBuf,
}

impl<'a> HeldRun<'a> {
    /// Starts the program, to be held up at these points.
    fn start(fixture: &'a Fixture, arguments: &[OsString], points: &[&str]) -> Self {
        Self::of(fixture, fixture.context.command(arguments), points)
    }

    /// The same of a command that leads to the program.
    fn of(fixture: &'a Fixture, mut command: Command, points: &[&str]) -> Self {
        let folder = fixture.context.path("held");
        drop(fs_err::remove_dir_all(&folder));
        fs_err::create_dir(&folder).unwrap();
        command
            .env("PYBUILD_HOLD_AT", points.join(","))
            .env("PYBUILD_HOLD_IN", &folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        Self {
            fixture,
            child: command.spawn().unwrap(),
            folder,
        }
    }

    #[track_caller]
    fn wait_for(&self, point: &str) {
        wait_until(point, || self.folder.join(point).exists());
    }

    /// Sends the signal, and waits until it has been taken.
    fn signal(&self, signal: Signal) {
        let process = Pid::from_child(&self.child);
        // One that has ended is there as long as nobody has asked how.
        kill_process(process, signal).unwrap();
        let path = format!("/proc/{}/status", process.as_raw_nonzero());
        wait_until("the signal's arrival", || {
            let status = fs_err::read_to_string(&path).unwrap();
            status
                .lines()
                .filter_map(|line| line.strip_prefix("ShdPnd:"))
                .all(|pending| pending.trim().bytes().all(|digit| digit == b'0'))
        });
    }

    fn has_ended(&self) -> bool {
        !is_running(Pid::from_child(&self.child))
    }

    /// Sends it again and again until the process has ended; two that come together are one.
    fn signal_until_ended(self, signal: Signal) -> Outcome {
        wait_until("the end", || {
            kill_process(Pid::from_child(&self.child), signal).unwrap();
            self.has_ended()
        });
        ended(self.fixture, self.child)
    }

    /// Lets it go on.
    fn release(self) -> Outcome {
        for entry in fs_err::read_dir(&self.folder).unwrap() {
            fs_err::remove_file(entry.unwrap().path()).unwrap();
        }
        ended(self.fixture, self.child)
    }
}

#[test]
fn a_signal_that_was_ignored_from_the_beginning_stays_ignored() {
    let fixture = Fixture::new();
    let program = fixture.context.command(fixture.arguments(&[]));
    let mut command = Command::new("sh");
    command
        .args(["-c", "trap '' HUP; exec \"$0\" \"$@\""])
        .arg(program.get_program())
        .args(program.get_args())
        .env_clear()
        .envs(
            program
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .current_dir(program.get_current_dir().unwrap());
    let run = HeldRun::of(&fixture, command, &["stage.seeded"]);
    run.wait_for("stage.seeded");
    run.signal(Signal::HUP);
    run.release().success();
}

/// Runs until `point`, and sends two signals: the first one is never got done with.
#[track_caller]
fn end_twice(fixture: &Fixture, arguments: &[OsString], point: &str) {
    let run = HeldRun::start(fixture, arguments, &[point, "interrupt.begun"]);
    run.wait_for(point);
    run.signal(Signal::INT);
    assert!(!run.has_ended(), "{point}");
    run.signal_until_ended(Signal::INT).exits(130);
    nothing_runs(fixture);
}

#[track_caller]
fn nothing_runs(fixture: &Fixture) {
    wait_until("the end of all that was started", || {
        hanging_below(&fixture.context.path("cache")) == 0
    });
}

/// Those during which a first signal waits, and where a build that is ended there for good is made
/// the new state by the next run.
const UNINTERRUPTED: [(&str, bool); 5] = [
    ("transaction.written", false),
    ("transaction.journal", false),
    ("transaction.removed", false),
    ("transaction.placed:9", false),
    ("transaction.committed", true),
];

#[test]
fn a_first_signal_waits_for_the_end_of_a_commit_and_a_second_one_does_not() {
    for kind in [Kind::Own, Kind::Shared] {
        let crash = CrashFixture::new(kind);
        for (point, is_new) in UNINTERRUPTED {
            let what = format!("{kind:?} {point}");
            crash.reset();
            end_twice(&crash.fixture, &crash.arguments(NEW_PIP), point);
            // The request of before finds that all is in order, or builds it again.
            let expected = if is_new { NEW_PIP } else { OLD_PIP };
            let outcome = crash.build(expected, None).success();
            outcome.says(["nothing to do"]);
            assert_eq!(crash.whole(&what).as_deref(), Some(expected));
            crash.build(NEW_PIP, None).success();
            assert_eq!(crash.whole(&what).as_deref(), Some(NEW_PIP));
            crash.build(OLD_PIP, None).success();
            assert_eq!(crash.whole(&what).as_deref(), Some(OLD_PIP));
            crash.no_leftovers(&what);
        }
        for (signal, point) in [
            (Signal::INT, "transaction.placed:9"),
            (Signal::TERM, "transaction.kept"),
        ] {
            crash.reset();
            let points = [point, "interrupt.begun"];
            let run = HeldRun::start(&crash.fixture, &crash.arguments(NEW_PIP), &points);
            run.wait_for(point);
            run.signal(signal);
            assert!(!run.has_ended());
            fs_err::remove_file(run.folder.join(point)).unwrap();
            run.wait_for("interrupt.begun");
            // All is done, and it is the signal's turn to end the process.
            wait_until("the end of the build", || {
                crash.fixture.context.snapshot("cache/build").len() < 2
            });
            std::thread::sleep(std::time::Duration::from_millis(100));
            assert!(!run.has_ended());
            run.release().exits(128 + signal.as_raw());
            assert_eq!(crash.whole(point).as_deref(), Some(NEW_PIP));
            crash.no_leftovers(point);
        }
    }
}

#[test]
fn two_signals_during_a_rollback_leave_it_to_the_next_run() {
    let crash = CrashFixture::new(Kind::Shared);
    for point in ["rollback.change:5", "rollback.done", "tidy.old"] {
        crash.reset();
        assert_eq!(crash.build(NEW_PIP, Some("transaction.applied")).code, None);
        end_twice(&crash.fixture, &crash.arguments(OLD_PIP), point);
        crash.build(OLD_PIP, None).success().says(["nothing to do"]);
        assert_eq!(crash.whole(point).as_deref(), Some(OLD_PIP));
        // The other way of a run that is ended there: the first signal alone.
        crash.reset();
        assert_eq!(crash.build(NEW_PIP, Some("transaction.applied")).code, None);
        let run = HeldRun::start(&crash.fixture, &crash.arguments(OLD_PIP), &[point]);
        run.wait_for(point);
        run.signal_until_ended(Signal::TERM).exits(143);
        crash.build(NEW_PIP, None).success();
        assert_eq!(crash.whole(point).as_deref(), Some(NEW_PIP));
        crash.no_leftovers(point);
    }
}

#[test]
fn two_signals_during_an_uninstallation_leave_it_complete_or_absent() {
    for (kind, point) in [
        (Kind::Own, "transaction.begun"),
        (Kind::Own, "transaction.removed"),
        (Kind::Own, "transaction.committed"),
        (Kind::Own, "tidy.gone"),
        (Kind::Shared, "transaction.removed"),
        (Kind::Shared, "tidy.old:2"),
    ] {
        let what = format!("{kind:?} {point}");
        let crash = CrashFixture::new(kind);
        let arguments = ["uninstall".into(), crash.prefix().into_os_string()];
        end_twice(&crash.fixture, &arguments, point);
        let again = crash.fixture.context.run(&arguments);
        assert!(matches!(again.code, Some(0 | 3)), "{what}: {again}");
        assert_eq!(crash.whole(&what), None);
        assert_eq!(crash.prefix().exists(), kind == Kind::Shared, "{what}");
        crash.no_leftovers(&what);
    }
}

#[test]
fn two_signals_during_a_hotpatch_leave_the_old_state_or_the_new_one() {
    let crash = CrashFixture::new(Kind::Shared);
    let python = crash.prefix().join("bin/python3.99").into_os_string();
    let words = ["--pip", NEW_PIP, "--upgrade-installed"].map(OsString::from);
    let arguments = [&["hotpatch".into(), python][..], &words].concat();
    let undo = [arguments[0].clone(), arguments[1].clone(), "--undo".into()];
    for point in [
        "transaction.begun",
        "transaction.kept",
        "transaction.placed",
        "transaction.committed",
        "transaction.journal",
        "transaction.removed",
        "transaction.applied",
        "tidy.discarded",
    ] {
        crash.reset();
        end_twice(&crash.fixture, &arguments, point);
        crash.fixture.context.run(&arguments).success();
        assert_eq!(crash.fixture.venv_pip(&crash.prefix()), NEW_PIP, "{point}");
        crash.fixture.context.run(&undo).success();
        assert_eq!(crash.whole(point).as_deref(), Some(OLD_PIP));
        crash.no_leftovers(point);
    }
}

#[test]
fn two_signals_during_a_download_or_a_cleanup_do_not_stop_the_next_run() {
    let crash = CrashFixture::new(Kind::Absent);
    for point in [
        "download.begun",
        "download.part",
        "store.renamed",
        "stage.installed",
    ] {
        crash.reset();
        end_twice(&crash.fixture, &crash.arguments(NEW_PIP), point);
        crash.build(NEW_PIP, None).success();
        assert_eq!(crash.whole(point).as_deref(), Some(NEW_PIP));
        crash.no_leftovers(point);
    }
}

/// A fixture whose check of the staged interpreter never comes to an end, and where the id of what hangs
/// is found.
fn with_endless_venv() -> (Fixture, PathBuf, tempfile::TempDir) {
    let folder = tempfile::Builder::new().prefix("venv-").tempdir().unwrap();
    let file = folder.path().join("id");
    let fault = Fault::VenvHangs(file.clone());
    let fixture = Fixture::of(MiniCpython::new(VERSION).with_fault(fault));
    (fixture, file, folder)
}

fn id_in(file: &std::path::Path) -> Pid {
    let read = || {
        let text = fs_err::read_to_string(file).ok()?;
        Pid::from_raw(text.strip_suffix('\n')?.parse().ok()?)
    };
    wait_until("the program that hangs", || read().is_some());
    read().unwrap()
}

#[test]
fn two_signals_while_the_venv_is_checked_end_it_and_leave_the_prefix_alone() {
    let (fixture, file, _folder) = with_endless_venv();
    let run = HeldRun::start(&fixture, &fixture.arguments(&[]), &["interrupt.begun"]);
    let hanging = id_in(&file);
    run.signal(Signal::INT);
    run.wait_for("interrupt.begun");
    assert!(is_running(hanging));
    run.signal_until_ended(Signal::INT).exits(130);
    wait_until("the venv's end", || !is_running(hanging));
    nothing_runs(&fixture);
    assert!(!fixture.prefix().exists());
    nothing_runs(&fixture.builds_without_its_fault());
}

#[test]
fn two_signals_while_packages_are_installed_end_the_package_manager() {
    if !std::path::Path::new("/etc/debian_version").exists() {
        eprintln!("left out: the host has another package manager than apt");
        return;
    }
    let fixture = Fixture::new();
    let context = &fixture.context;
    context.remove_program("make");
    let file = context.path("id");
    // It ignores signals, too.
    let script = format!(
        "#!/bin/sh\ntrap '' INT TERM\necho $$ >{}\nwhile :; do sleep 0.05; done\n",
        file.display()
    );
    context.put_program("apt-get", &script);
    context.put_program(
        "sudo",
        "#!/bin/sh\n[ \"$1\" != -n ] || shift\nexec \"$@\"\n",
    );
    let arguments = fixture.arguments(&["--install-deps"]);
    let run = HeldRun::start(&fixture, &arguments, &["interrupt.begun"]);
    let hanging = id_in(&file);
    run.signal(Signal::TERM);
    run.wait_for("interrupt.begun");
    assert!(is_running(hanging));
    run.signal_until_ended(Signal::TERM).exits(143);
    wait_until("apt-get's end", || !is_running(hanging));
    assert!(!fixture.prefix().exists());
    context.put_program("apt-get", "#!/bin/sh\nexit 100\n");
    fixture.build(&["--install-deps"]).exits(5);
    fixture.assert_nothing_is_left_behind();
}

#[test]
fn a_cleanup_that_is_killed_is_completed_by_the_next_run() {
    for point in INTERRUPT_POINTS {
        let (fixture, file, _folder) = with_endless_venv();
        let mut command = fixture.context.command(fixture.arguments(&[]));
        command.env("PYBUILD_CRASH_AT", point);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let hanging = id_in(&file);
        kill_process(Pid::from_child(&child), Signal::INT).unwrap();
        assert_eq!(child.wait().unwrap().code(), None, "{point} was not passed");
        assert!(!fixture.prefix().exists());
        nothing_runs(&fixture.builds_without_its_fault());
        wait_until("the venv's end", || !is_running(hanging));
    }
}
