//! The order of syncs and renames, by the system calls of a run. It decides the state of a prefix after a
//! loss of power.

use std::ffi::OsString;
use std::process::Command;

use crate::crash_fixture::{CrashFixture, Kind, NEW_PIP};

/// A system call that succeeded: its name, and the paths in it (of an open file, with `-y`).
#[derive(Debug)]
struct Call {
    name: String,
    text: String,
}

impl Call {
    fn is(&self, names: &[&str], part: &str) -> bool {
        names.contains(&self.name.as_str()) && self.text.contains(part)
    }
}

const RENAMES: [&str; 3] = ["rename", "renameat", "renameat2"];
const SYNCS: [&str; 2] = ["fsync", "fdatasync"];
const REMOVALS: [&str; 3] = ["unlink", "unlinkat", "rmdir"];

/// The calls of one run of the program, without those of its children; `None` where processes cannot be
/// traced.
fn calls(crash: &CrashFixture, arguments: &[OsString]) -> Option<Vec<Call>> {
    let program = std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join("strace"))
        .find(|path| path.is_file());
    let log = crash.fixture.context.path("calls");
    let traced = |command: &mut Command| {
        let all =
            "trace=rename,renameat,renameat2,fsync,fdatasync,syncfs,sync,unlink,unlinkat,rmdir";
        command.args(["-f", "-y", "-s", "4096", "-e", all, "-o"]);
        command.arg(&log).arg("--");
    };
    let Some(program) = program else {
        eprintln!("left out: there is no strace on this host");
        return None;
    };
    let mut probe = Command::new(&program);
    traced(&mut probe);
    if !probe
        .arg("true")
        .status()
        .is_ok_and(|status| status.success())
    {
        eprintln!("left out: strace may not trace processes here");
        return None;
    }
    let run = crash.fixture.context.command(arguments);
    let mut command = Command::new(&program);
    crash.fixture.context.isolate(&mut command);
    traced(&mut command);
    command.arg(run.get_program()).args(run.get_args());
    crash.fixture.context.outcome(&mut command).success();
    let text = fs_err::read_to_string(&log).unwrap();
    fs_err::remove_file(&log).unwrap();
    // `PID NAME(…) = 0`; what was resumed belongs to another process's call between its two halves.
    let calls = text.lines().filter_map(|line| {
        let (_, call) = line.split_once(' ')?;
        let call = call.trim_start();
        let call = call.strip_prefix("<... ").unwrap_or(call);
        let name: String = call
            .chars()
            .take_while(char::is_ascii_alphanumeric)
            .collect();
        let failed = call.contains(" = -1 ");
        (!name.is_empty() && !failed).then(|| Call {
            name,
            text: call.to_owned(),
        })
    });
    Some(calls.collect())
}

/// The index of the first matching call.
#[track_caller]
fn first(calls: &[Call], what: &str, fits: impl Fn(&Call) -> bool) -> usize {
    calls
        .iter()
        .position(fits)
        .unwrap_or_else(|| panic!("no {what} among {calls:#?}"))
}

#[track_caller]
fn last(calls: &[Call], what: &str, fits: impl Fn(&Call) -> bool) -> usize {
    calls
        .iter()
        .rposition(fits)
        .unwrap_or_else(|| panic!("no {what} among {calls:#?}"))
}

/// Asserts what the journal's module promises of its order.
#[track_caller]
fn assert_order_of_a_transaction(calls: &[Call], prefix: &str) {
    let folder = format!("{prefix}/.pybuild-transaction");
    let journal = first(calls, "journal", |call| {
        call.is(&RENAMES, "journal.scratch\"")
    });
    let commit = first(calls, "commit", |call| {
        call.is(&RENAMES, "/committed.json\"")
    });
    // Renames of the prefix's own files: aside, and into place.
    let moves = |call: &Call| {
        call.is(&RENAMES, &format!("{folder}/new/")) && !call.text.contains("destdir")
            || call.is(&RENAMES, &format!("{folder}/old/"))
    };
    let first_move = first(calls, "rename in the prefix", moves);
    let last_move = last(calls, "rename in the prefix", moves);
    let folder_synced = |from: usize, to: usize| {
        let synced = format!("<{folder}>");
        calls[from..to].iter().any(|call| call.is(&SYNCS, &synced))
    };
    let all_synced = |from: usize, to: usize| {
        calls[from..to]
            .iter()
            .any(|call| call.is(&["syncfs"], prefix))
    };
    let brought = calls[..journal]
        .iter()
        .rposition(|call| call.is(&RENAMES, "destdir"));
    assert!(
        all_synced(brought.unwrap_or(0), journal),
        "before the journal: {calls:#?}"
    );
    assert!(journal < first_move, "{calls:#?}");
    assert!(
        folder_synced(journal, first_move),
        "the journal's name: {calls:#?}"
    );
    assert!(last_move < commit, "{calls:#?}");
    assert!(
        all_synced(last_move, commit),
        "before the commit: {calls:#?}"
    );
    let removed = first(&calls[first_move..], "removal of what was", |call| {
        call.is(&REMOVALS, &folder) || call.is(&REMOVALS, "\"old\"")
    }) + first_move;
    assert!(commit < removed, "{calls:#?}");
    assert!(
        folder_synced(commit, removed),
        "the commit's name: {calls:#?}"
    );
}

#[test]
fn a_transaction_syncs_in_the_documented_order() {
    let crash = CrashFixture::new(Kind::Shared);
    let prefix = crash.prefix().display().to_string();
    let Some(of_commit) = calls(&crash, &crash.arguments(NEW_PIP)) else {
        return;
    };
    assert_order_of_a_transaction(&of_commit, &prefix);
    let arguments = ["uninstall".into(), crash.prefix().into_os_string()];
    let of_uninstall = calls(&crash, &arguments).unwrap();
    assert_order_of_a_transaction(&of_uninstall, &prefix);
}

#[test]
fn a_new_prefix_and_files_of_the_store_are_synced_before_they_get_their_names() {
    let crash = CrashFixture::new(Kind::Absent);
    let prefix = crash.prefix().display().to_string();
    let Some(calls) = calls(&crash, &crash.arguments(NEW_PIP)) else {
        return;
    };
    let parent = crash.prefix().parent().unwrap().display().to_string();
    let renamed = first(&calls, "rename to the prefix", |call| {
        call.is(&RENAMES, &format!("\"{prefix}\""))
    });
    let synced = calls[..renamed]
        .iter()
        .rposition(|call| call.is(&["syncfs"], "destdir"));
    assert!(synced.is_some(), "{calls:#?}");
    let parent_synced = |call: &Call| call.is(&SYNCS, &format!("<{parent}>"));
    assert!(calls[renamed..].iter().any(parent_synced), "{calls:#?}");

    // Each file of the store: the source and the wheel.
    let mut stored = 0;
    for (at, call) in calls.iter().enumerate() {
        if !call.is(&RENAMES, "/sha256/") {
            continue;
        }
        stored += 1;
        let from = call.text.split('"').nth(1).unwrap();
        let synced = |call: &Call| call.is(&SYNCS, &format!("<{from}>"));
        assert!(calls[..at].iter().any(synced), "{from}: {calls:#?}");
    }
    assert_eq!(stored, 2, "{calls:#?}");
}
