//! Kills at any moment of a run: the next run leaves the prefix in the old or the new state, and foreign
//! files stay as they are.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::crash_fixture::{CrashFixture, KINDS, Kind, NEW_PIP, OLD_PIP};
use crate::fixture::Fixture;

/// The failpoints of a build. A number asks for a later passing.
const BUILD_POINTS: [&str; 10] = [
    "download.begun",
    "download.part",
    "store.copied",
    "store.synced",
    "store.renamed",
    "unpack.done",
    "log.created",
    "stage.installed",
    "stage.seeded",
    "commit.record-files",
];

/// Those of a commit by one rename.
const RENAME_POINTS: [&str; 3] = ["replace.synced", "replace.renamed", "commit.done"];

/// Those of a commit by a transaction. [`crate::kills`] has every passing of them.
const JOURNAL_POINTS: [&str; 17] = [
    "transaction.begun",
    "transaction.staged",
    "transaction.staged:9",
    "transaction.kept",
    "transaction.kept:5",
    "transaction.written",
    "transaction.journal",
    "transaction.folders",
    "transaction.removed",
    "transaction.placed",
    "transaction.placed:9",
    "transaction.applied",
    "transaction.committed",
    "tidy.folders",
    // It is passed when a transaction is opened, too.
    "tidy.old:2",
    "tidy.discarded",
    "commit.done",
];

/// Those of a roll-back.
const ROLLBACK_POINTS: [&str; 3] = ["rollback.change", "rollback.change:5", "rollback.done"];

/// The one of an uninstallation that removes the prefix itself.
const LAST_POINTS: [&str; 1] = ["tidy.gone"];

/// Those of a release that is a file on this host.
const COPIED_POINTS: [&str; 3] = ["store.copied", "store.synced", "store.renamed"];

/// Those of a commit from another file system: where the prefix is absent, and where it is not.
const ELSEWHERE_POINTS: [(Kind, &str); 6] = [
    (Kind::Absent, "replace.synced"),
    (Kind::Absent, "replace.copied"),
    (Kind::Absent, "commit.done"),
    (Kind::Shared, "transaction.staged:9"),
    (Kind::Shared, "transaction.journal"),
    (Kind::Shared, "transaction.placed:9"),
];

/// Those of the cleanup after a signal; see [`crate::second_signal`].
pub const INTERRUPT_POINTS: [&str; 2] = ["interrupt.begun", "interrupt.ended"];

/// Runs `work` for each of `all`, with a thread and a crash for each kind of prefix.
fn for_each<T: Sync>(all: &[(Kind, T)], work: impl Fn(&CrashFixture, Kind, &T) + Sync) {
    std::thread::scope(|scope| {
        for kind in KINDS {
            let mut own = all.iter().filter(move |(of, _)| *of == kind).peekable();
            let work = &work;
            scope.spawn(move || {
                if own.peek().is_none() {
                    return;
                }
                let crash = CrashFixture::new(kind);
                for (_, one) in own {
                    crash.reset();
                    work(&crash, kind, one);
                }
            });
        }
    });
}

#[test]
fn a_build_that_is_killed_at_any_failpoint_is_completed_by_the_next_run() {
    let mut all: Vec<(Kind, &str)> = Vec::new();
    for kind in KINDS {
        let commit: &[&str] = match kind {
            Kind::Absent => &RENAME_POINTS,
            _ => &JOURNAL_POINTS,
        };
        all.extend(
            BUILD_POINTS
                .iter()
                .chain(commit)
                .map(|point| (kind, *point)),
        );
    }
    // Nothing of the usual release comes from a copied file.
    all.retain(|(_, point)| *point != "store.copied");
    assert_eq!(all.len(), 9 + 3 + 2 * (9 + 17));
    for_each(&all, |crash, kind, point| {
        let what = format!("{kind:?} {point}");
        let outcome = crash.build(NEW_PIP, Some(point));
        assert_eq!(outcome.code, None, "{what} was not passed: {outcome}");
        // The same request, and with it the new state.
        let outcome = crash.build(NEW_PIP, None).success();
        assert_eq!(crash.whole(&what).as_deref(), Some(NEW_PIP), "{outcome}");
        crash.no_leftovers(&what);
        let changing = [
            "transaction.journal",
            "transaction.placed",
            "transaction.committed",
        ];
        if changing.contains(point) {
            outcome.says(["recovered", "an interrupted pybuild run"]);
        }
    });
}

#[test]
fn a_commit_that_is_killed_leaves_the_old_state_or_the_new_one() {
    let all = JOURNAL_POINTS.map(|point| (Kind::Shared, point));
    for_each(&all, |crash, _, point| {
        assert_eq!(crash.build(NEW_PIP, Some(point)).code, None, "{point}");
        // A dry run changes nothing, and reports the pending change.
        let arguments = crash.arguments(OLD_PIP);
        let before = crash.fixture.context.snapshot("prefix");
        let look = [arguments.as_slice(), &["--dry-run".into()]].concat();
        let looked = crash.fixture.context.run(look).success();
        assert_eq!(crash.fixture.context.snapshot("prefix"), before, "{point}");
        let pending = crash.prefix().join(".pybuild-transaction").exists();
        assert_eq!(
            looked.stderr.contains("the next command recovers it"),
            pending,
            "{looked}"
        );
        // Any other command about the prefix recovers it.
        let prefix = crash.prefix().into_os_string();
        let other = ["uninstall".into(), "3.0".into(), "--prefix".into(), prefix];
        crash.fixture.context.run(other).exits(3);
        let pip = crash.whole(point);
        let new_from = JOURNAL_POINTS
            .iter()
            .position(|it| *it == "transaction.committed");
        let at = JOURNAL_POINTS.iter().position(|it| it == point);
        let expected = if at < new_from { OLD_PIP } else { NEW_PIP };
        assert_eq!(pip.as_deref(), Some(expected), "{point}");
        assert!(!crash.prefix().join(".pybuild-transaction").exists());
    });
}

#[test]
fn a_command_about_something_else_recovers_every_prefix() {
    // Kills before the first change, between two changes, and before the cleanup.
    let points = [
        "pending.noted",
        "transaction.begun",
        "transaction.placed",
        "transaction.committed",
    ];
    for_each(
        &points.map(|point| (Kind::Shared, point)),
        |crash, _, point| {
            let context = &crash.fixture.context;
            let elsewhere = ["uninstall", "3.0", "--prefix", "nowhere"];
            assert_eq!(crash.build(NEW_PIP, Some(point)).code, None, "{point}");
            // The cache is shared with another host, which has a prefix of that name too.
            let notes = context.snapshot("cache/changes").into_keys();
            let name = notes.last().unwrap();
            let ours = context.path("cache/changes").join(&name);
            let text = fs_err::read_to_string(&ours).unwrap();
            let theirs = text.replacen("\"host\":\"", "\"host\":\"not-", 1);
            assert_ne!(text, theirs);
            fs_err::write(&ours, &theirs).unwrap();
            let before = context.snapshot("prefix");
            context.run(elsewhere).exits(3).never_says("recovered");
            assert_eq!(context.snapshot("prefix"), before, "{point}");
            assert!(ours.exists());
            fs_err::write(&ours, &text).unwrap();

            let outcome = context.run(elsewhere).exits(3);
            let changed = ["transaction.placed", "transaction.committed"].contains(point);
            assert_eq!(outcome.stderr.contains("recovered"), changed, "{outcome}");
            let pip = if point == &"transaction.committed" {
                NEW_PIP
            } else {
                OLD_PIP
            };
            assert_eq!(crash.whole(point).as_deref(), Some(pip), "{outcome}");
            crash.no_leftovers_at_prefix(point);
            assert!(!ours.exists());
        },
    );
}

#[test]
fn a_prefix_that_cannot_be_recovered_is_reported_and_other_work_goes_on() {
    let crash = CrashFixture::new(Kind::Shared);
    let context = &crash.fixture.context;
    assert_eq!(
        crash.build(NEW_PIP, Some("transaction.placed:9")).code,
        None
    );
    let journal = crash.prefix().join(".pybuild-transaction/journal.json");
    let aside = context.path("journal");
    fs_err::rename(&journal, &aside).unwrap();
    fs_err::create_dir(&journal).unwrap();
    for _ in 0..2 {
        let outcome = crash
            .fixture
            .build(&["--prefix", "other", "--force"])
            .success();
        outcome.says(["cannot recover", "journal.json"]);
    }
    fs_err::remove_dir(&journal).unwrap();
    fs_err::rename(&aside, &journal).unwrap();
    let outcome = crash
        .fixture
        .build(&["--prefix", "other", "--force"])
        .success();
    outcome.says(["an interrupted pybuild run was rolled back"]);
    assert_eq!(crash.whole("").as_deref(), Some(OLD_PIP));
}

#[test]
fn hotpatch_recovers_an_interrupted_build_first() {
    for_each(
        &[(Kind::Shared, "transaction.applied")],
        |crash, _, point| {
            // By then half of the interpreter is in the transaction's folder.
            assert_eq!(crash.build(NEW_PIP, Some(point)).code, None);
            let python = crash.prefix().join("bin/python3.99").into_os_string();
            let arguments = ["hotpatch".into(), python, "--pip".into(), NEW_PIP.into()];
            let outcome = crash.fixture.context.run(arguments).success();
            outcome.says([
                "an interrupted pybuild run was rolled back",
                "pip 23.3.2 → 24.0",
            ]);
            assert_eq!(crash.fixture.pip(&crash.prefix()), OLD_PIP);
            assert_eq!(crash.fixture.venv_pip(&crash.prefix()), NEW_PIP);
        },
    );
}

#[test]
fn a_roll_back_that_is_killed_is_completed_by_the_next_run() {
    for_each(
        &ROLLBACK_POINTS.map(|point| (Kind::Shared, point)),
        |crash, _, point| {
            assert_eq!(crash.build(NEW_PIP, Some("transaction.applied")).code, None);
            assert_eq!(crash.build(OLD_PIP, Some(point)).code, None, "{point}");
            crash.build(OLD_PIP, None).success().says(["nothing to do"]);
            assert_eq!(crash.whole(point).as_deref(), Some(OLD_PIP));
        },
    );
}

#[test]
fn an_uninstallation_that_is_killed_is_completed_by_the_next_run() {
    let mut all: Vec<(Kind, &str)> = Vec::new();
    for kind in [Kind::Own, Kind::Shared] {
        let points = JOURNAL_POINTS.iter().filter(|point| {
            let adds = ["staged", "kept", "placed"];
            !adds.iter().any(|adds| point.contains(adds)) && **point != "commit.done"
        });
        all.extend(points.map(|point| (kind, *point)));
    }
    // The prefix itself is removed by a rename.
    all.retain(|(kind, point)| {
        !(*kind == Kind::Own && ["tidy.old:2", "tidy.discarded"].contains(point))
    });
    all.extend(LAST_POINTS.map(|point| (Kind::Own, point)));
    for_each(&all, |crash, kind, point| {
        let what = format!("{kind:?} {point}");
        let outcome = crash.uninstall(Some(point));
        assert_eq!(outcome.code, None, "{what} was not passed: {outcome}");
        let outcome = crash.uninstall(None);
        // The prefix was renamed already, so there is nothing to uninstall.
        let code = if *point == "tidy.gone" || *point == "tidy.discarded" {
            3
        } else {
            0
        };
        assert_eq!(outcome.code, Some(code), "{what}: {outcome}");
        assert_eq!(crash.whole(&what), None);
        assert_eq!(crash.prefix().exists(), kind == Kind::Shared, "{what}");
        crash.no_leftovers(&what);
    });
}

/// Every name of a point in the sources.
fn points_in_the_sources() -> std::collections::BTreeSet<String> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut names = std::collections::BTreeSet::new();
    for entry in walkdir::WalkDir::new(sources) {
        let entry = entry.unwrap();
        if entry.path().extension().is_none_or(|ending| ending != "rs") {
            continue;
        }
        let text = fs_err::read_to_string(entry.path()).unwrap();
        for call in text.split("crash_point(").skip(1) {
            // The definition has no name.
            if let Some(name) = call.trim_start().strip_prefix('"') {
                names.insert(name.split('"').next().unwrap_or_default().to_owned());
            }
        }
    }
    names
}

#[test]
fn every_failpoint_in_the_sources_has_a_kill() {
    let lists: [&[&str]; 7] = [
        &BUILD_POINTS,
        &RENAME_POINTS,
        &JOURNAL_POINTS,
        &ROLLBACK_POINTS,
        &LAST_POINTS,
        &COPIED_POINTS,
        &INTERRUPT_POINTS,
    ];
    let elsewhere = ELSEWHERE_POINTS.into_iter().map(|(_, point)| point);
    let killed: std::collections::BTreeSet<String> = lists
        .concat()
        .iter()
        .copied()
        .chain(elsewhere)
        .chain(crate::kills::POINTS)
        .chain(crate::kept::POINTS)
        .map(|point| point.split(':').next().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(points_in_the_sources(), killed);
}

#[test]
fn a_copy_into_the_store_that_is_killed_is_completed_by_the_next_run() {
    let all = COPIED_POINTS.map(|point| (Kind::Absent, point));
    for_each(&all, |crash, _, point| {
        let prefix = crash.prefix().display().to_string();
        let arguments = crash.fixture.arguments(&["--prefix", &prefix]);
        let outcome = crash
            .fixture
            .context
            .outcome(&mut crash.command(&arguments, Some(point)));
        assert_eq!(outcome.code, None, "{point} was not passed: {outcome}");
        crash.fixture.context.run(&arguments).success();
        assert!(crash.whole(point).is_some());
        crash.no_leftovers(point);
    });
}

/// A new folder on another file system than this one's, where programs can be run.
fn folder_elsewhere(than: &Path) -> Option<tempfile::TempDir> {
    let device = than.metadata().unwrap().dev();
    let candidates = ["/dev/shm", "/run", "/var/tmp", "/tmp"].map(Path::new);
    let mut found = candidates.iter().filter_map(|folder| {
        let other = folder.metadata().is_ok_and(|found| found.dev() != device);
        let folder = tempfile::tempdir_in(other.then_some(folder)?).ok()?;
        let program = folder.path().join("program");
        fs_err::copy("/bin/true", &program).ok()?;
        let runs = std::process::Command::new(&program).status();
        runs.is_ok_and(|status| status.success()).then_some(folder)
    });
    let folder = found.next()?;
    fs_err::remove_file(folder.path().join("program")).unwrap();
    Some(folder)
}

#[test]
fn a_commit_from_another_file_system_that_is_killed_is_completed_by_the_next_run() {
    let world = Fixture::new();
    if folder_elsewhere(&world.context.path("")).is_none() {
        eprintln!("left out: there is no other file system here on which programs can be run");
        return;
    }
    for (kind, point) in ELSEWHERE_POINTS {
        let mut crash = CrashFixture::new(kind);
        let elsewhere = folder_elsewhere(&crash.fixture.context.path("")).unwrap();
        let context = &mut crash.fixture.context;
        context.set("PYBUILD_BUILD_DIR", elsewhere.path());
        let outcome = crash.build(NEW_PIP, Some(point));
        assert_eq!(outcome.code, None, "{point} was not passed: {outcome}");
        crash.build(NEW_PIP, None).success();
        assert_eq!(crash.whole(point).as_deref(), Some(NEW_PIP));
        crash.no_leftovers(point);
        let left = fs_err::read_dir(elsewhere.path()).unwrap().count();
        assert_eq!(left, 0, "{point}");
    }
}

#[test]
fn after_a_hundred_kills_at_random_moments_the_prefix_is_old_or_new() {
    let kills = AtomicU32::new(0);
    let all: Vec<(Kind, u64)> = (0..102).map(|n| (KINDS[n % 3], n as u64)).collect();
    for_each(&all, |crash, kind, number| {
        // Spread over a whole run (which takes longer where others run too), the same each time.
        let share = (number * 2_654_435_761 % 1000) * 1_300;
        let mut command = crash.command(&crash.arguments(NEW_PIP), None);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        std::thread::sleep(Duration::from_micros(share));
        if child.try_wait().unwrap().is_none() {
            let _ = kill_process(Pid::from_child(&child), Signal::KILL);
            kills.fetch_add(1, Ordering::SeqCst);
        }
        child.wait().unwrap();
        let what = format!("{kind:?} after {share} µs");
        crash.build(NEW_PIP, None).success();
        assert_eq!(crash.whole(&what).as_deref(), Some(NEW_PIP));
        crash.no_leftovers(&what);
    });
    let kills = kills.into_inner();
    assert!(kills > 30, "only {kills} of {} runs were killed", all.len());
    eprintln!("{kills} runs killed");
}
