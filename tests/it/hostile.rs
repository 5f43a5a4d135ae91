//! Archives and wheels that were made to do harm, through the real program: refused with the entry's
//! name, and nothing written but what is cleaned up. The readers' own tests have the whole tables.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};

use pybuild::digest::Sha256;

use crate::fixture::{Fixture, LATEST_PIP};
use crate::mini_cpython::{MiniCpython, VERSION};
use crate::outcome::Outcome;
use crate::server::Answer;
use crate::wheels::Wheel;

/// One more entry for a release, however wrong it is.
fn entry(kind: u8, name: &str, change: impl FnOnce(&mut tar::Header)) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(tar::EntryType::new(kind));
    header.set_mode(0o644);
    header.set_size(0);
    header.set_mtime(1);
    change(&mut header);
    header.set_cksum();
    header.as_bytes().to_vec()
}

fn link(name: &str, target: &str) -> Vec<u8> {
    entry(b'2', name, |header| {
        header.as_old_mut().linkname[..target.len()].copy_from_slice(target.as_bytes());
    })
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(content).unwrap();
    packer.finish().unwrap()
}

/// The usual release, with this between its last entry and its end.
fn release_with(entries: &[Vec<u8>], end: &[u8]) -> Vec<u8> {
    let mut tar = Vec::new();
    let packed = MiniCpython::new(VERSION).tgz();
    flate2::read::GzDecoder::new(&packed[..])
        .read_to_end(&mut tar)
        .unwrap();
    assert!(tar.ends_with(&[0; 1024]));
    tar.truncate(tar.len() - 1024);
    gzip(&[&tar[..], &entries.concat(), end].concat())
}

/// Everything that is not the cache's or the program's own.
fn world(fixture: &Fixture) -> BTreeMap<String, String> {
    let mut world = fixture.context.snapshot(".");
    world.retain(|name, _| !name.starts_with("cache") && !name.starts_with("releases"));
    world
}

#[track_caller]
fn assert_refused(
    fixture: &Fixture,
    before: &BTreeMap<String, String>,
    outcome: Outcome,
    says: &[&str],
) {
    outcome
        .exits(4)
        .has_one_error_with_a_hint()
        .says(says.iter().copied());
    assert_eq!(&world(fixture), before, "{says:?}");
    assert!(!fixture.prefix().exists());
    assert!(!std::path::Path::new("/pybuild-test-evil").exists());
    fixture.assert_nothing_is_left_behind();
}

#[test]
fn a_release_that_holds_what_none_holds_is_refused_with_the_entrys_name() {
    const END: [u8; 1024] = [0; 1024];
    let top = format!("Python-{VERSION}");
    let below = |name: &str| format!("{top}/{name}");
    let plain = |name: &str| entry(b'0', name, |_| ());
    let of_kind = |kind: u8| entry(kind, &below("special"), |_| ());
    let sized = |size: u64| entry(b'0', &below("sized"), |header| header.set_size(size));
    let cases = [
        (
            vec![plain("/pybuild-test-evil")],
            &END[..],
            "`/pybuild-test-evil` has an absolute path",
        ),
        (
            vec![plain(&below("../../evil"))],
            &END[..],
            "/../../evil` leads out",
        ),
        (
            vec![plain("other/file")],
            &END[..],
            "`other/file` stands in another folder",
        ),
        (
            vec![link(&below("l"), "/etc")],
            &END[..],
            "/l` is a link that leads out",
        ),
        (
            vec![link(&below("Lib/l"), "../../../work")],
            &END[..],
            "Lib/l` is a link that leads out",
        ),
        (
            vec![link(&below("l"), "Lib"), plain(&below("l/x"))],
            &END[..],
            "/l/x` goes through a link",
        ),
        (vec![of_kind(b'1')], &END[..], "/special` is a hard link"),
        (vec![of_kind(b'3')], &END[..], "/special` is a device"),
        (
            vec![of_kind(b'6')],
            &END[..],
            "/special` is a device or a pipe",
        ),
        (
            vec![entry(b'0', &below("s"), |header| header.set_mode(0o4755))],
            &END[..],
            "/s` has a setuid",
        ),
        (
            vec![plain(&below("Lib/os.py"))],
            &END[..],
            "Lib/os.py` stands in it twice",
        ),
        (
            vec![plain(&below("./Lib//os.py"))],
            &END[..],
            "./Lib//os.py` stands in it twice",
        ),
        (vec![sized(1 << 30)], &END[..], "/sized` makes it larger"),
        (vec![sized(4096)], &END[..], "/sized` on"),
        (vec![], &[], "cannot be unpacked"),
        (
            vec![],
            &[&END[..], b"more"].concat().leak()[..],
            "cannot be unpacked",
        ),
    ];
    for (entries, end, says) in cases {
        let fixture = Fixture::new();
        let content = release_with(&entries, end);
        let path = fixture.context.write("releases/hostile.tgz", &content);
        let path = path.display().to_string();
        let digest = Sha256::of(&content).to_string();
        let before = world(&fixture);
        for command in [&[][..], &["patch"]] {
            let mut arguments = command.to_vec();
            arguments.extend([
                VERSION, "--source", &path, "--sha256", &digest, "--pip", "24.0",
            ]);
            let outcome = fixture.context.run(&arguments);
            assert_refused(&fixture, &before, outcome, &[says]);
        }
    }
}

#[test]
fn a_release_with_something_behind_its_end_is_refused() {
    let whole = MiniCpython::new(VERSION);
    for content in [
        [whole.tgz(), whole.tgz()].concat(),
        [whole.tgz(), b"junk".to_vec()].concat(),
        [whole.txz(), whole.txz()].concat(),
        [whole.txz(), vec![0; 4]].concat(),
    ] {
        let fixture = Fixture::new();
        let path = fixture.context.write("releases/hostile", &content);
        let digest = Sha256::of(&content).to_string();
        let before = world(&fixture);
        let path = path.display().to_string();
        let arguments = [
            VERSION, "--source", &path, "--sha256", &digest, "--pip", "24.0",
        ];
        let outcome = fixture.context.run(arguments);
        assert_refused(&fixture, &before, outcome, &["data follows the end"]);
    }
}

/// A wheel whose zip archive is right, and that holds another text than its RECORD says.
fn recorded_wrongly(wheel: &[u8]) -> Vec<u8> {
    const TEXT: &[u8] = b"from pip._internal import main\n\nmain()\n";
    let crc = |text: &[u8]| {
        let mut crc = flate2::Crc::new();
        crc.update(text);
        crc.sum().to_le_bytes()
    };
    let other = TEXT.to_ascii_uppercase();
    let mut content = wheel.to_vec();
    for (from, to) in [(TEXT, &other[..]), (&crc(TEXT), &crc(&other))] {
        while let Some(at) = content.windows(from.len()).position(|part| part == from) {
            content[at..at + to.len()].copy_from_slice(to);
        }
    }
    content
}

/// Wheels that are not what they seem, and what must be said of them.
fn hostile_wheels() -> Vec<(Vec<u8>, &'static str)> {
    let good = Wheel::pip(LATEST_PIP).bytes();
    let replaced = |from: &[u8], to: &[u8], all: bool| {
        let mut content = good.clone();
        let mut found = 0;
        while let Some(at) = content.windows(from.len()).position(|part| part == from) {
            content[at..at + to.len()].copy_from_slice(to);
            found += 1;
            if !all {
                break;
            }
        }
        assert!(found > 0);
        content
    };
    vec![
        (
            good[..good.len() - 1].to_vec(),
            "does not end where a zip archive ends",
        ),
        (
            [&good[..], b"more"].concat(),
            "does not end where a zip archive ends",
        ),
        (
            [b"#!/bin/sh\n", &good[..]].concat(),
            "central directory does not stand where it says",
        ),
        (
            [&good[..], &good].concat(),
            "central directory does not stand where it says",
        ),
        (
            replaced(b"pip/__main__", b"../__main__.", true),
            "`../__main__..py` leads out",
        ),
        (
            replaced(b"pip/__main__", b"/ip/__main__", true),
            "`/ip/__main__.py` has an absolute path",
        ),
        (
            replaced(b"pip/__main__", b"pip\\__main__", true),
            "has a name with a backslash",
        ),
        (
            replaced(b"pip/__main__", b"pip/__init__", true),
            "`pip/__init__.py` stands in it twice",
        ),
        (
            replaced(b"pip/__main__", b"pip/__MAIN__", false),
            "is something else in its header",
        ),
        (
            replaced(b"import main", b"import evil", false),
            "`pip/__main__.py` does not have the checksum",
        ),
        (recorded_wrongly(&good), "`pip/__main__.py` has the sha256"),
        (
            replaced(b"info/RECORD", b"info/RECORE", true),
            "it has no `pip-24.0.dist-info/RECORD`",
        ),
    ]
}

#[test]
fn a_wheel_that_is_not_what_it_seems_is_refused_from_a_file_and_from_the_index() {
    for (content, says) in hostile_wheels() {
        let fixture = Fixture::new();
        let wheel = Wheel::pip(LATEST_PIP);
        let path = fixture
            .context
            .write(&format!("work/{}", wheel.file_name()), &content);
        let before = world(&fixture);
        let outcome = fixture.build(&["--pip", &path.display().to_string()]);
        assert_refused(&fixture, &before, outcome, &[says, &wheel.file_name()]);

        // An index that serves it lists its digest.
        let served = format!("/files/{}", wheel.file_name());
        let page = serde_json::json!({
            "meta": { "api-version": "1.1" },
            "files": [{
                "filename": wheel.file_name(),
                "url": served,
                "hashes": { "sha256": Sha256::of(&content).to_string() },
            }],
        });
        let page = Answer::text("application/vnd.pypi.simple.v1+json", page.to_string());
        fixture.server.put("/simple/pip/", page);
        fixture.server.put(&served, Answer::bytes(content));
        let outcome = fixture.build(&["--pip", LATEST_PIP]);
        assert_refused(&fixture, &before, outcome, &[says]);
    }
}
