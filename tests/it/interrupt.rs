//! Ctrl-C and kills: the leftover files, and the next run.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{
    Pid, Signal, kill_process, kill_process_group, test_kill_process, test_kill_process_group,
};

use crate::fixture::Fixture;
use crate::mini_cpython::{BUNDLED_PIP, Fault, MiniCpython, VERSION};
use crate::outcome::Outcome;

/// Starts the program in a process group of its own, as a shell does.
pub fn start(fixture: &Fixture, arguments: &[std::ffi::OsString]) -> Child {
    let mut command = fixture.context.command(arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command.spawn().unwrap()
}

#[track_caller]
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < deadline, "{what} did not happen");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Sends the signal to the program and all that it started, and waits for their end.
pub fn end(fixture: &Fixture, child: Child, signal: Signal) -> Outcome {
    kill_process_group(Pid::from_child(&child), signal).unwrap();
    ended(fixture, child)
}

/// Waits for the end of the program and all that it started.
pub fn ended(fixture: &Fixture, child: Child) -> Outcome {
    let group = Pid::from_child(&child);
    let sent = Instant::now();
    let output = child.wait_with_output().unwrap();
    assert!(sent.elapsed() < Duration::from_secs(30));
    wait_until("the end of all that was started", || {
        test_kill_process_group(group).is_err()
    });
    Outcome::new(&output, &fixture.context.path(""))
}

fn make_is_reached(fixture: &Fixture) -> bool {
    let files = fixture.context.snapshot("");
    files.keys().any(|name| name.ends_with("Python/six.o"))
}

#[test]
fn ctrl_c_ends_the_build_and_what_it_started() {
    let fixture = Fixture::of(MiniCpython::new(VERSION).with_fault(Fault::MakeHangs));
    let child = start(&fixture, &fixture.arguments(&[]));
    wait_until("make", || make_is_reached(&fixture));
    end(&fixture, child, Signal::INT).exits(130);
    assert!(!fixture.prefix().exists());
    fixture.assert_nothing_is_left_behind();
}

#[test]
fn a_terminated_program_ends_the_processes_that_it_started() {
    let fixture = Fixture::of(MiniCpython::new(VERSION).with_fault(Fault::MakeHangs));
    let child = start(&fixture, &fixture.arguments(&[]));
    wait_until("make", || make_is_reached(&fixture));
    // A service manager signals the program alone.
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    ended(&fixture, child).exits(128 + 15);
    assert!(!fixture.prefix().exists());
    fixture.assert_nothing_is_left_behind();
}

/// A fixture whose make starts jobs that ignore signals; and the folder of their ids.
fn stubborn() -> (Fixture, std::path::PathBuf) {
    let folder = tempfile::Builder::new().prefix("jobs-").tempdir().unwrap();
    let folder = folder.keep();
    let fault = Fault::MakeLeavesOthers(folder.clone());
    (
        Fixture::of(MiniCpython::new(VERSION).with_fault(fault)),
        folder,
    )
}

/// The jobs, once all of them run.
fn jobs(folder: &std::path::Path) -> Vec<Pid> {
    let read = |name: &str| {
        let text = fs_err::read_to_string(folder.join(name)).ok()?;
        Pid::from_raw(text.strip_suffix('\n')?.parse().ok()?)
    };
    let all = || ["orphan", "silent", "plain"].map(read);
    wait_until("make's jobs", || all().iter().all(Option::is_some));
    all().into_iter().flatten().collect()
}

pub fn is_running(job: Pid) -> bool {
    let stat = fs_err::read_to_string(format!("/proc/{}/stat", job.as_raw_nonzero()));
    // Whoever takes care of orphans here may let them lie as zombies.
    stat.map_or(test_kill_process(job).is_ok(), |stat| {
        !stat.contains(") Z ")
    })
}

#[test]
fn jobs_that_ignore_signals_are_killed_with_the_whole_group() {
    for signal in [Signal::INT, Signal::TERM] {
        let (fixture, folder) = stubborn();
        let child = start(&fixture, &fixture.arguments(&[]));
        let jobs = jobs(&folder);
        // The program alone gets the signal; the jobs are in a group of their own.
        kill_process(Pid::from_child(&child), signal).unwrap();
        ended(&fixture, child).exits(128 + signal.as_raw());
        let left: Vec<_> = jobs.iter().filter(|job| is_running(**job)).collect();
        assert!(left.is_empty(), "{left:?}");
        assert!(!fixture.prefix().exists());
        fixture.assert_nothing_is_left_behind();
        fs_err::remove_dir_all(folder).unwrap();
    }
}

#[test]
fn a_second_ctrl_c_ends_at_once_and_takes_the_jobs_along() {
    let (fixture, folder) = stubborn();
    let child = start(&fixture, &fixture.arguments(&[]));
    let jobs = jobs(&folder);
    let program = Pid::from_child(&child);
    let sent = Instant::now();
    kill_process(program, Signal::INT).unwrap();
    // Two signals that are pending at once would be one.
    std::thread::sleep(Duration::from_millis(100));
    kill_process(program, Signal::INT).unwrap();
    ended(&fixture, child).exits(130);
    assert!(
        sent.elapsed() < Duration::from_secs(1),
        "{:?}",
        sent.elapsed()
    );
    wait_until("the jobs' end", || !jobs.iter().any(|job| is_running(*job)));
    assert!(!fixture.prefix().exists());
    fixture.builds_without_its_fault();
    fs_err::remove_dir_all(folder).unwrap();
}

/// The number of processes whose home folder is below this one.
pub fn hanging_below(folder: &std::path::Path) -> usize {
    let home = format!("HOME={}", folder.display());
    let processes = fs_err::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|process| fs_err::read(process.path().join("environ")).ok())
        .filter(|text| String::from_utf8_lossy(text).contains(&home))
        .count()
}

/// Kills the guards of the program's children, as the system may when memory runs out.
fn kill_guards(program: &Child) {
    let parent = format!("PPid:\t{}\n", program.id());
    for process in fs_err::read_dir("/proc").unwrap().flatten() {
        let read = |name: &str| fs_err::read(process.path().join(name)).unwrap_or_default();
        let status = String::from_utf8_lossy(&read("status")).into_owned();
        let command = String::from_utf8_lossy(&read("cmdline")).into_owned();
        if status.contains(&parent) && command.contains("kill -s KILL 0") {
            let id = process.file_name().to_str().unwrap().parse().unwrap();
            kill_process(Pid::from_raw(id).unwrap(), Signal::KILL).unwrap();
        }
    }
}

#[test]
fn all_that_a_program_started_ends_when_it_is_killed() {
    let (fixture, folder) = stubborn();
    let mut child = start(&fixture, &fixture.arguments(&[]));
    let jobs = jobs(&folder);
    child.kill().unwrap();
    child.wait().unwrap();
    // Nobody runs a command after it.
    wait_until("the jobs' end", || !jobs.iter().any(|job| is_running(*job)));
    wait_until("the end of make", || {
        hanging_below(&fixture.context.path("cache/build")) == 0
    });
    fixture.builds_without_its_fault();
    fs_err::remove_dir_all(folder).unwrap();
}

#[test]
fn a_background_process_of_a_command_that_succeeds_goes_on() {
    let fixture = Fixture::of(MiniCpython::new(VERSION));
    let id = fixture.context.path("id");
    // As a compiler's cache server does it.
    let script = format!(
        "#!/bin/sh\nif [ ! -f {0} ]; then sleep 600 >/dev/null 2>&1 & echo $! >{0}; fi\nexec {1} \"$@\"\n",
        id.display(),
        std::env::split_paths(&std::env::var_os("PATH").unwrap())
            .map(|folder| folder.join("make"))
            .find(|make| make.is_file())
            .unwrap()
            .display()
    );
    fixture.context.put_program("make", &script);
    fixture.build(&[]).success();
    let text = fs_err::read_to_string(&id).unwrap();
    let server = Pid::from_raw(text.trim().parse().unwrap()).unwrap();
    assert!(is_running(server));
    kill_process(server, Signal::KILL).unwrap();
}

#[test]
fn a_build_that_was_killed_is_no_obstacle_to_the_next() {
    let fixture = Fixture::of(MiniCpython::new(VERSION).with_fault(Fault::MakeHangs));
    let child = start(&fixture, &fixture.arguments(&[]));
    wait_until("make", || make_is_reached(&fixture));
    kill_guards(&child);
    assert_eq!(end(&fixture, child, Signal::KILL).code, None);
    assert!(!fixture.prefix().exists());
    // Without its guard, a leftover process is ended by the run that sweeps its folder.
    let left = hanging_below(&fixture.context.path("cache/build"));
    assert!(left > 0 || !std::path::Path::new("/proc/self/environ").exists());
    let sound = Fixture {
        release: MiniCpython::new(VERSION),
        ..fixture
    };
    sound.release.write_tgz(&sound.context.path("releases"));
    sound.build(&[]).success();
    assert_eq!(sound.venv_pip(&sound.prefix()), BUNDLED_PIP);
    sound.assert_nothing_is_left_behind();
    assert_eq!(hanging_below(&sound.context.path("cache/build")), 0);
}

#[test]
fn an_interrupted_download_goes_on_where_it_was() {
    let fixture = Fixture::online();
    let (path, whole) = fixture.stall_archive();
    let digest = fixture.release.sha256().to_string();
    let arguments = [VERSION, "--sha256", &digest].map(std::ffi::OsString::from);
    let child = start(&fixture, &arguments);
    wait_until("the first part", || {
        let partial = fixture.context.path("cache/partial");
        let files = walkdir::WalkDir::new(partial).into_iter().flatten();
        files
            .filter_map(|entry| entry.metadata().ok())
            .any(|meta| meta.is_file() && meta.len() == 1000)
    });
    end(&fixture, child, Signal::INT).exits(130);
    fixture.server.put(&path, whole);
    fixture.context.run(&arguments).success();
    let requests = fixture.server.requests_for(&path);
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[1].header("range"), Some("bytes=1000-"));
    assert_eq!(fixture.venv_pip(&fixture.prefix()), BUNDLED_PIP);
}

#[test]
fn a_killed_commit_is_rolled_back_by_the_next_run() {
    let fixture = Fixture::of(MiniCpython::new(VERSION).with_modules(200));
    let prefix = fixture.context.path("shared");
    fixture.context.write("shared/bin/other", "theirs");
    fixture
        .context
        .write("shared/lib/python3.99/site-packages/own.pth", "theirs");
    let asked = prefix.display().to_string();
    let build = |more: &[&str]| fixture.build(&[&["--prefix", &asked, "--pip"], more].concat());
    build(&["23.3.2"]).success();
    let folder = prefix.join(".pybuild-transaction");
    let mut undone = 0;
    for attempt in 0..20 {
        // An attempt that came too late has built another one.
        let before = fixture.context.snapshot("shared");
        let arguments = fixture.arguments(&["--prefix", &asked, "--pip", "latest"]);
        let mut child = start(&fixture, &arguments);
        // Once the journal is there, files are being renamed.
        while !folder.join("journal.json").exists() && child.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        std::thread::sleep(Duration::from_micros(attempt * 150));
        // It may have ended already.
        let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
        child.wait().unwrap();
        let was_open = folder.join("journal.json").exists();
        let outcome = build(&["23.3.2"]).success();
        if was_open {
            undone += 1;
            outcome.says(["nothing to do"]);
            assert_eq!(fixture.context.snapshot("shared"), before);
        }
        assert_eq!(fixture.venv_pip(&prefix), "23.3.2");
        assert!(!folder.exists());
        if undone == 2 {
            break;
        }
    }
    assert!(
        undone > 0,
        "no kill came between the first rename and the last"
    );
    // Only a run that builds removes leftover files of the cache.
    build(&["latest"]).success();
    fixture.assert_nothing_is_left_behind();
}

/// The files in the store's folder of logs.
fn logs(fixture: &Fixture) -> Vec<std::path::PathBuf> {
    let entries = fs_err::read_dir(fixture.context.path("cache/logs"));
    let entries = entries.into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

#[test]
fn starts_that_are_ended_leave_no_empty_logs() {
    for signal in [Signal::TERM, Signal::INT, Signal::KILL] {
        let fixture = Fixture::online();
        let (path, _) = fixture.stall_archive();
        let digest = fixture.release.sha256().to_string();
        let arguments = [VERSION, "--sha256", &digest].map(std::ffi::OsString::from);
        for count in 1..4 {
            let child = start(&fixture, &arguments);
            wait_until("a request", || {
                fixture.server.requests_for(&path).len() == count
            });
            end(&fixture, child, signal);
            assert_eq!(
                logs(&fixture),
                Vec::<std::path::PathBuf>::new(),
                "{signal:?}"
            );
        }
    }
}

#[test]
fn the_log_of_a_build_that_is_ended_is_named() {
    let fixture = Fixture::of(MiniCpython::new(VERSION).with_fault(Fault::MakeHangs));
    let child = start(&fixture, &fixture.arguments(&[]));
    wait_until("make", || make_is_reached(&fixture));
    let outcome = end(&fixture, child, Signal::TERM).exits(128 + 15);
    let [log] = logs(&fixture).try_into().unwrap();
    outcome.says(["log of the commands:", &log.display().to_string()]);
    let text = fs_err::read_to_string(log).unwrap();
    assert!(text.contains("checking for zlib.h... yes"), "{text}");
}

#[test]
fn a_log_without_text_is_removed_by_the_next_run() {
    let mut fixture = Fixture::new();
    fixture.context.set("PYBUILD_CRASH_AT", "log.created");
    assert_eq!(fixture.build(&[]).code, None);
    assert_eq!(logs(&fixture).len(), 1);
    fixture.context.unset("PYBUILD_CRASH_AT");
    fixture.build(&[]).success();
    assert_eq!(logs(&fixture), Vec::<std::path::PathBuf>::new());
}
