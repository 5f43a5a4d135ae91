//! Many processes at once: one store, one prefix or many, and locks that do not work.

use std::ffi::OsString;
use std::io::{BufRead, Read as _};
use std::process::Stdio;

use crate::context::snapshot;
use crate::fixture::{Fixture, LATEST_PIP};
use crate::mini_cpython::VERSION;
use crate::outcome::Outcome;
use crate::wheels::Wheel;

const PROCESSES: usize = 8;

fn arguments(fixture: &Fixture, prefix: &str) -> Vec<OsString> {
    let digest = fixture.release.sha256().to_string();
    [
        VERSION, "--sha256", &digest, "--pip", "latest", "--prefix", prefix,
    ]
    .map(OsString::from)
    .to_vec()
}

/// Eight builds at once, each into the prefix that its number gives.
fn at_once(fixture: &Fixture, prefix: impl Fn(usize) -> String) -> Vec<Outcome> {
    let children: Vec<_> = (0..PROCESSES)
        .map(|number| {
            let mut command = fixture.context.command(arguments(fixture, &prefix(number)));
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
            command.spawn().unwrap()
        })
        .collect();
    let outputs = children
        .into_iter()
        .map(std::process::Child::wait_with_output);
    outputs
        .map(|output| Outcome::new(&output.unwrap(), &fixture.context.path("")).success())
        .collect()
}

#[track_caller]
fn each_input_was_fetched_once(fixture: &Fixture) {
    let wheel = Wheel::pip(LATEST_PIP).file_name();
    let fetched = |ending: &str| {
        let requests = fixture.server.requests().into_iter();
        requests
            .filter(|request| request.target.ends_with(ending))
            .count()
    };
    assert_eq!(fetched(&fixture.release.tgz_name()), 1);
    assert_eq!(fetched(&wheel), 1);
}

#[test]
fn eight_builds_into_eight_prefixes_fetch_each_input_once() {
    let fixture = Fixture::online();
    at_once(&fixture, |number| format!("p{number}"));
    each_input_was_fetched_once(&fixture);
    for number in 0..PROCESSES {
        let prefix = fixture.context.path(&format!("work/p{number}"));
        assert_eq!(fixture.pip(&prefix), LATEST_PIP);
    }
    fixture.assert_nothing_is_left_behind();
}

#[test]
fn eight_builds_into_one_prefix_take_turns() {
    let fixture = Fixture::online();
    // Something of others in it, so that every commit goes through the journal.
    fixture.context.write("work/shared/bin/other", "theirs");
    at_once(&fixture, |_| "shared".to_owned());
    each_input_was_fetched_once(&fixture);
    let prefix = fixture.context.path("work/shared");
    assert_eq!(fixture.venv_pip(&prefix), LATEST_PIP);
    let there = snapshot(&prefix);
    assert!(!there.contains_key(".pybuild-transaction"), "{there:?}");
    fixture.context.run(["uninstall", "shared"]).success();
    assert_eq!(
        snapshot(&prefix).into_keys().collect::<Vec<_>>(),
        ["", "bin", "bin/other"]
    );
    fixture.assert_nothing_is_left_behind();
}

#[test]
fn a_waiting_process_names_the_other_one_and_a_killed_process_holds_no_lock() {
    let fixture = Fixture::online();
    let (path, whole) = fixture.stall_archive();
    let start = |prefix: &str| {
        let mut command = fixture.context.command(arguments(&fixture, prefix));
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let mut first = start("a");
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while fixture.server.requests_for(&path).is_empty() {
        assert!(std::time::Instant::now() < deadline);
        std::thread::yield_now();
    }
    let mut second = start("b");
    let mut lines = std::io::BufReader::new(second.stderr.take().unwrap());
    let mut said = said_until(&mut lines, "waiting for");
    let whom = if std::path::Path::new("/proc/locks").exists() {
        format!(
            "waiting for another pybuild (process {}) that fetches http",
            first.id()
        )
    } else {
        "waiting for another pybuild that fetches http".to_owned()
    };
    assert!(said.contains(&whom), "{said}");
    fixture.server.put(&path, whole);
    first.kill().unwrap();
    first.wait().unwrap();
    lines.read_to_string(&mut said).unwrap();
    assert!(second.wait().unwrap().success(), "{said}");
    assert_eq!(fixture.pip(&fixture.context.path("work/b")), LATEST_PIP);
}

/// The output of a process up to the line with this text.
#[track_caller]
fn said_until(lines: &mut impl BufRead, text: &str) -> String {
    let mut said = String::new();
    while !said.contains(text) {
        let read = lines.read_line(&mut said).unwrap();
        assert!(read > 0, "{said}");
    }
    said
}

#[test]
fn changes_of_one_interpreter_wait_for_each_other_and_read_its_state_afterwards() {
    let fixture = Fixture::new();
    let prefix = fixture.context.path("work/p").display().to_string();
    let build = ["--prefix", &prefix, "--pip", "23.3.2", "--force"];
    let hotpatch = |pip| ["hotpatch", &prefix, "--pip", pip, "--no-check"].map(OsString::from);
    let commands = [
        fixture.arguments(&build),
        hotpatch("24.0").to_vec(),
        hotpatch("23.3.2").to_vec(),
        ["uninstall", &prefix].map(OsString::from).to_vec(),
    ];
    // Together, and so that each is alone with the lock's holder too.
    for together in [&commands[..3], &commands[1..3], &commands[3..]] {
        fixture.build(&["--prefix", &prefix]).success();
        let ensurepip = fixture.context.path("work/p/lib/python3.99/ensurepip");
        let lock = std::fs::File::open(&ensurepip).unwrap();
        lock.lock().unwrap();
        let waiting: Vec<_> = together
            .iter()
            .map(|arguments| {
                let mut command = fixture.context.command(arguments);
                command.stdout(Stdio::null()).stderr(Stdio::piped());
                let mut child = command.spawn().unwrap();
                let mut lines = std::io::BufReader::new(child.stderr.take().unwrap());
                let said = said_until(&mut lines, "waiting for");
                let whom = format!("that changes {}", ensurepip.display());
                assert!(said.contains(&whom), "{said}");
                (child, lines)
            })
            .collect();
        drop(lock);
        for (mut child, mut lines) in waiting {
            let mut said = String::new();
            lines.read_to_string(&mut said).unwrap();
            assert!(child.wait().unwrap().success(), "{said}");
        }
        if together.len() == 1 {
            assert!(!fixture.context.path("work/p").exists());
            continue;
        }
        // One pip, whichever came last, and not a mixture.
        let bundled = fs_err::read_dir(ensurepip.join("_bundled")).unwrap();
        assert_eq!(bundled.count(), 1);
        let pip = fixture.venv_pip(&fixture.context.path("work/p"));
        assert!(["23.3.2", "24.0"].contains(&pip.as_str()), "{pip}");
        fixture.context.run(["uninstall", &prefix]).success();
    }
    fixture.assert_nothing_is_left_behind();
}

#[test]
fn several_interpreters_are_locked_in_one_order_and_changed_in_the_given_one() {
    let fixture = Fixture::new();
    let [first, second] = ["work/a", "work/b"].map(|name| {
        let prefix = fixture.context.path(name).display().to_string();
        fixture.build(&["--prefix", &prefix]).success();
        prefix
    });
    let locked = |prefix: &str| {
        let folder = std::path::Path::new(prefix).join("lib/python3.99/ensurepip");
        let folder = std::fs::File::open(folder).unwrap();
        folder.try_lock().is_ok().then_some(folder)
    };
    let lock = locked(&second).unwrap();
    let arguments = ["hotpatch", &second, &first, "--pip", "24.0", "--no-check"];
    let mut command = fixture.context.command(arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = std::io::BufReader::new(child.stderr.take().unwrap());
    said_until(&mut lines, &format!("that changes {second}"));
    // Otherwise another one, which has the first, would wait for the second without end.
    assert!(locked(&first).is_none());
    drop(lock);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let done = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        done,
        format!("{second}/bin/python3.99\n{first}/bin/python3.99\n")
    );
    for prefix in [first, second] {
        assert_eq!(fixture.venv_pip(prefix.as_ref()), "24.0");
    }
}

#[test]
fn locks_that_do_not_work_are_an_error_without_a_wait() {
    // ENOLCK, EIO, EINTR without end, EOPNOTSUPP; the numbers of Linux.
    for fault in ["37", "5", "4", "95"] {
        let mut fixture = Fixture::online();
        fixture.context.set("PYBUILD_LOCK_FAULT", fault);
        let outcome = fixture.context.run(arguments(&fixture, "new"));
        assert!(outcome.code.is_some_and(|code| code > 0), "{outcome}");
        outcome
            .has_one_error_with_a_hint()
            .says(["cannot be locked", "no working locks"]);
        assert!(!fixture.context.path("work/new").exists());

        // And of a prefix, with what a killed pybuild left in it.
        fixture.context.unset("PYBUILD_LOCK_FAULT");
        fixture
            .context
            .write("work/new/.pybuild-transaction/lock", "");
        let before = fixture.context.snapshot("work/new");
        fixture.context.set("PYBUILD_LOCK_FAULT", fault);
        let outcome = fixture.context.run(["uninstall", "new"]).exits(1);
        outcome
            .has_one_error_with_a_hint()
            .says(["lock cannot be locked", "no working locks"]);
        assert_eq!(fixture.context.snapshot("work/new"), before);
    }
}
