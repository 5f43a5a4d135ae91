//! Archives made byte by byte, valid and invalid.

mod drafts;
mod headers;
mod names;

use std::path::Path;
use std::time::SystemTime;

use crate::archive::compression::Compression;
use crate::archive::tar::Error;
use crate::archive::tar::stream::Plain;
use crate::archive::tar::unpack_bytes;
use crate::archive::tar::unpacker::Unpacker;
use drafts::*;
use headers::*;
use names::*;

/// The fault, the archive, the entry that must be named, and a part of the message.
type Hostile = (&'static str, Vec<u8>, &'static str, &'static str);

#[test]
fn a_tree_is_unpacked_with_two_modes_and_no_time_in_the_future() {
    let place = Place::new();
    let mut drafts = good();
    drafts.insert(0, pax(b'g', &record("comment", "a commit")));
    drafts.extend([
        long(b'L', format!("P/{}", "n".repeat(150)).as_bytes()),
        file("P/short"),
        pax(
            b'x',
            &[record("path", "P/Lib/pax"), record("mtime", "3.5")].concat(),
        ),
        file("P/other"),
        long(b'K', format!("{}/../configure", "./".repeat(60)).as_bytes()),
        link("P/Lib/long", "short"),
        changed(folder("P/setgid"), |draft| draft.mode = b"0002777\0"),
        changed(file("P/far"), |draft| draft.time = vec![0xff; 12]),
    ]);
    let newest = place.unpack(&gzip(&tar(&drafts)), Some(Compression::Gzip));
    assert!(newest.unwrap() <= SystemTime::now());
    let found = snapshot(&place.0.path().join("tree"));
    let at = |name: &str| found[name].as_str();
    assert_eq!(at("configure"), "100755 text\n");
    assert_eq!(at("Lib/os.py"), "100644 text\n");
    assert_eq!(at("Lib/a/b/l"), "120777 -> ../../os.py");
    assert_eq!(at(&"n".repeat(150)), "100644 text\n");
    assert_eq!(at("Lib/pax"), "100644 text\n");
    assert!(at("Lib/long").ends_with("/../configure"));
    assert!(
        found
            .values()
            .filter(|what| what.ends_with("folder"))
            .all(|what| what.starts_with("40755"))
    );
    assert_eq!(found.len(), 11, "{found:?}");
    let other = Place::new();
    let in_2100 = changed(file("P/far"), |draft| {
        draft.time = b"36441453400\0".to_vec();
    });
    let newest = other.unpack(&xz(&with([in_2100])), Some(Compression::Xz));
    assert!(newest.unwrap() <= SystemTime::now());
}

#[test]
fn hostile_entries_are_refused_by_name_and_leave_nothing_outside() {
    let mut count = 0;
    let tables = [
        hostile_names(),
        hostile_links_and_kinds(),
        hostile_headers(),
        hostile_ends(),
    ];
    for (what, content, entry, why) in tables.into_iter().flatten() {
        let place = Place::new();
        let before = place.outside();
        let said = place
            .unpack(&content, None)
            .expect_err(&format!("{what} is taken"));
        assert!(
            entry.split('|').any(|entry| said.contains(entry)),
            "{what}: {said}"
        );
        assert!(
            why.split('|').any(|why| said.contains(why)),
            "{what}: {said}"
        );
        assert_eq!(place.outside(), before, "{what}");
        assert!(!Path::new("/pybuild-evil").exists(), "{what}");

        // Files that are not needed are checked just as strictly.
        let tree = place.0.path().join("nothing");
        let mut unpacker = Unpacker::new(Path::new("archive"), |_| false, &tree);
        let refused = unpacker.read(&mut &content[..], content.len() as u64, None);
        assert_eq!(
            refused.map_err(|error| said_of(&error)),
            Err(said),
            "{what}"
        );
        assert_eq!(snapshot(&tree).len(), 0, "{what}");
        count += 1;
    }
    assert_eq!(count, 104);
}

#[test]
fn compressed_data_must_be_one_complete_stream() {
    let tar = with([file("P/last")]);
    let (gz, xz) = (gzip(&tar), xz(&tar));
    // A block's header (The .xz File Format, 3.1): one filter, LZMA2, with a dictionary of 512 MiB.
    let mut hungry = xz.clone();
    assert_eq!(&hungry[12..16], [2, 0, 0x21, 1]);
    hungry[16] = 34;
    let mut sum = flate2::Crc::new();
    sum.update(&hungry[12..20]);
    hungry[20..24].copy_from_slice(&sum.sum().to_le_bytes());
    let flipped = |content: &[u8], from_the_end: usize| {
        let mut content = content.to_vec();
        let at = content.len() - from_the_end;
        content[at] ^= 1;
        content
    };
    let cases = [
        (
            "a second member of gzip",
            [&gz[..], &gz].concat(),
            "data follows",
        ),
        (
            "an empty second member of gzip",
            [&gz[..], &gzip(b"")].concat(),
            "data follows",
        ),
        ("junk behind gzip", [&gz[..], b"x"].concat(), "data follows"),
        (
            "zeros behind gzip",
            [&gz[..], &[0; 512]].concat(),
            "data follows",
        ),
        ("gzip that is cut", gz[..gz.len() - 9].to_vec(), ""),
        ("gzip without its checksum", gz[..gz.len() - 8].to_vec(), ""),
        ("gzip without its size", gz[..gz.len() - 4].to_vec(), ""),
        ("gzip with another checksum", flipped(&gz, 8), "corrupt"),
        ("gzip with another size", flipped(&gz, 4), "corrupt"),
        ("gzip with a changed byte", flipped(&gz, 60), ""),
        (
            "a second stream of xz",
            [&xz[..], &xz].concat(),
            "data follows",
        ),
        ("junk behind xz", [&xz[..], b"x"].concat(), "data follows"),
        (
            "padding behind xz",
            [&xz[..], &[0; 4]].concat(),
            "data follows",
        ),
        (
            "xz that is cut",
            xz[..xz.len() - 1].to_vec(),
            "premature eof",
        ),
        (
            "xz without its index",
            xz[..xz.len() - 24].to_vec(),
            "premature eof",
        ),
        ("xz with a changed byte", flipped(&xz, 60), "data error"),
        ("xz with another checksum", flipped(&xz, 40), ""),
        ("xz that needs much memory", hungry, "memory"),
    ];
    assert_eq!(cases.len(), 18);
    for (what, content, why) in cases {
        let is_gzip = content.starts_with(&[0x1f, 0x8b]);
        let compression = if is_gzip {
            Compression::Gzip
        } else {
            Compression::Xz
        };
        let said = Place::new().unpack(&content, Some(compression));
        let said = said.expect_err(&format!("{what} is taken"));
        assert!(
            said.contains("cannot be unpacked") && said.contains(why),
            "{what}: {said}"
        );
    }
}

#[test]
fn a_bomb_is_refused_before_it_fills_the_disk() {
    let zeros = vec![0; 50 << 20];
    let bomb = |drafts: &[Draft], end: usize| gzip(&[open_tar(drafts), vec![0; end]].concat());
    for (what, content, entry) in [
        (
            "two files of which each is small enough",
            bomb(
                &[entry(b'0', "P/a", &zeros), entry(b'0', "P/b", &zeros)],
                1024,
            ),
            "P/b",
        ),
        (
            "zeros behind the end",
            bomb(&[file("P/a")], 100 << 20),
            "P/a",
        ),
    ] {
        let place = Place::new();
        let said = place.unpack(&content, Some(Compression::Gzip));
        let said = said.expect_err(what);
        assert!(
            said.contains("of its packed size") && said.contains(entry),
            "{said}"
        );
        let unpacked = snapshot(&place.0.path().join("tree"));
        assert!(unpacked.len() < 2, "{unpacked:?}");
    }
    let many: Vec<Draft> = (0..=50_000)
        .map(|number| folder(&format!("P/{number}")))
        .collect();
    let deep = "/x".repeat(60);
    let few: Vec<Draft> = (0..=999)
        .map(|number| folder(&format!("P/{number}{}", &deep[..90])))
        .collect();
    let deep: Vec<Draft> = few
        .into_iter()
        .flat_map(|draft| {
            [
                long(b'L', &[&draft.name[..], deep.as_bytes()].concat()[..118]),
                draft,
            ]
        })
        .collect();
    for drafts in [many, deep] {
        let content = tar(&drafts);
        let place = Place::new();
        let mut unpacker = Unpacker::new(Path::new("archive"), |_| false, place.0.path());
        let said = unpacker.read(&mut &content[..], content.len() as u64, None);
        let said = said_of(&said.unwrap_err());
        assert!(said.contains("one entry more than any release"), "{said}");
    }
}

#[test]
fn no_archive_may_unpack_to_more_than_a_gibibyte() {
    let most = |size| Plain::new(&mut std::io::empty(), size, None).unwrap().most;
    assert_eq!(most(u64::MAX), 1 << 30);
    assert!(most(1 << 20) < 1 << 30);
}

#[test]
fn nothing_is_written_through_a_link_that_is_in_the_tree_already() {
    let place = Place::new();
    let tree = place.0.path().join("tree");
    let elsewhere = place.0.path().join("elsewhere");
    let before = |name: &str, target: &Path| {
        drop(std::fs::remove_dir_all(&tree));
        std::fs::create_dir_all(&tree).unwrap();
        std::os::unix::fs::symlink(target, tree.join(name)).unwrap();
        unpack_bytes(&with([]), None, &tree).unwrap_err()
    };
    std::fs::create_dir(&elsewhere).unwrap();
    let error = before("Lib", &elsewhere);
    assert!(said_of(&error).contains("goes through a link"), "{error}");
    assert_eq!(snapshot(&elsewhere).len(), 0);
    for target in ["../evil", "../new"] {
        let error = before("configure", Path::new(target));
        assert!(matches!(error, Error::Write(_)), "{error}");
    }
    let outside = place.outside();
    assert!(outside["evil"].ends_with("as it was"), "{outside:?}");
    assert!(!outside.contains_key("new"), "{outside:?}");
}

#[test]
fn every_cut_is_refused() {
    let whole = with([pax(b'x', &record("path", "P/a")), file("P/last")]);
    for end in (0..whole.len()).step_by(128) {
        let said = Place::new().unpack(&whole[..end], None);
        assert!(said.is_err(), "cut at {end}");
    }
}
