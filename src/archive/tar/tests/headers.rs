//! Archives whose headers and ends are not those of a release.

use crate::archive::tar::tests::Hostile;
use crate::archive::tar::tests::drafts::*;

#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn hostile_headers() -> Vec<Hostile> {
    let ahead = |drafts: Vec<Draft>| with(drafts.into_iter().chain([file("P/harmless")]));
    let records = |text: &[u8]| ahead(vec![pax(b'x', text)]);
    let sized = |size: &[u8]| with([changed(file("P/x"), |draft| draft.size = size.to_vec())]);
    let size_of = |size: u64| format!("{size:011o}\0").into_bytes();
    let summed =
        |sum: &'static [u8]| with([changed(file("P/x"), |draft| draft.checksum = Some(sum))]);
    let path = record("path", "P/a");
    vec![
        (
            "a long name that leads out",
            ahead(vec![long(b'L', b"P/../../evil")]),
            "P/../../evil",
            "leads out",
        ),
        (
            "a recorded name that leads out",
            records(&record("path", "/pybuild-evil")),
            "/pybuild-evil",
            "absolute",
        ),
        (
            "a long name with an end in it",
            ahead(vec![long(b'L', b"P/a\0/../../evil")]),
            "P/a",
            "control character",
        ),
        (
            "two long names",
            ahead(vec![long(b'L', b"P/a"), long(b'L', b"P/b")]),
            "P/a",
            "twice",
        ),
        (
            "a long name and a recorded one",
            ahead(vec![long(b'L', b"P/a"), pax(b'x', &path)]),
            "P/a",
            "twice",
        ),
        (
            "a name recorded twice",
            records(&[&path[..], &path].concat()),
            "pax",
            "twice",
        ),
        (
            "a record that says it is longer",
            records(b"99 path=P/a\n"),
            "pax",
            "not as long",
        ),
        (
            "a record that says it is shorter",
            records(b"8 path=P/a\n"),
            "pax",
            "not as long",
        ),
        (
            "a record of no length",
            records(b"0 path=P/a\n"),
            "pax",
            "not as long",
        ),
        (
            "a record of a negative length",
            records(b"-9 path=P/a\n"),
            "pax",
            "not as long",
        ),
        (
            "a record of a length with a sign",
            records(b"+13 path=P/a\n"),
            "pax",
            "not as long",
        ),
        (
            "a record without its line's end",
            records(b"12 path=P/ab"),
            "pax",
            "not as long",
        ),
        (
            "a record of a huge length",
            records(b"99999999999999999999 path=P/a\n"),
            "pax",
            "not as long",
        ),
        (
            "a record without a value",
            records(b"9 path\x00P\n"),
            "pax",
            "not as long",
        ),
        (
            "a record behind an empty line",
            records(&[b"\n", &path[..]].concat()),
            "pax",
            "not as long",
        ),
        (
            "a record of another size",
            records(&record("size", "4096")),
            "P/harmless",
            "size that it cannot",
        ),
        (
            "a record of no size",
            records(&record("size", "-1")),
            "pax",
            "not as long",
        ),
        (
            "records of a sparse file",
            records(&record("GNU.sparse.name", "P/a")),
            "pax",
            "sparse",
        ),
        (
            "a name for all",
            ahead(vec![pax(b'g', &path)]),
            "pax",
            "all files",
        ),
        (
            "a size for all",
            ahead(vec![pax(b'g', &record("size", "5"))]),
            "pax",
            "all files",
        ),
        (
            "a name for nothing",
            with([long(b'L', b"P/a")]),
            "P/a|@LongLink",
            "does not follow",
        ),
        (
            "records for nothing",
            with([pax(b'x', &path)]),
            "pax",
            "does not follow",
        ),
        (
            "a name that is too long to be one",
            ahead(vec![long(b'L', &[b'x'; 1 << 17])]),
            "@LongLink",
            "larger than any name",
        ),
        (
            "records that are too long",
            records(&vec![b'x'; 1 << 17]),
            "pax",
            "larger than any name",
        ),
        (
            "a sparse file",
            with([entry(b'S', "P/x", b"")]),
            "P/x",
            "sparse",
        ),
        (
            "a negative size",
            sized(&[0xff; 12]),
            "P/x|P/Lib/a/b/l",
            "size|larger",
        ),
        (
            "a size that is too large for a number",
            sized(&[0x80, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5]),
            "P/x",
            "size that it cannot",
        ),
        (
            "a size in binary",
            sized(&[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5]),
            "P/x",
            "size that it cannot",
        ),
        (
            "a size below nothing",
            sized(b"-0000000001\0"),
            "P/x|P/Lib/a/b/l",
            "not a number|cannot be unpacked",
        ),
        (
            "a size that is no number",
            sized(b"many bytes.\0"),
            "P/x|P/Lib/a/b/l",
            "not a number|cannot be unpacked",
        ),
        (
            "a size larger than all",
            sized(b"77777777777\0"),
            "P/x",
            "larger than any release",
        ),
        (
            "a size larger than the archive",
            sized(&size_of(60 << 20)),
            "P/x",
            "EOF",
        ),
        (
            "a size larger than any file's",
            {
                // There has to be as much in the archive as lets it unpack to that much.
                let mut content = sized(&size_of((128 << 20) + 1));
                content.resize(3 << 20, 1);
                content
            },
            "P/x",
            "larger than any file",
        ),
        (
            "a size smaller than it has",
            sized(&size_of(0)),
            "P/x",
            "cksum",
        ),
        (
            "a wrong checksum",
            summed(b"000001\0 "),
            "P/Lib/a/b/l",
            "checksum",
        ),
        (
            "a checksum that is no number",
            summed(b"abcdef\0 "),
            "P/x|P/Lib/a/b/l",
            "cannot be unpacked",
        ),
    ]
}

pub(super) fn hostile_ends() -> Vec<Hostile> {
    let whole = with([file("P/last")]);
    let open = open_tar(&[folder("P/"), file("P/last")]);
    let cut = |by: usize| whole[..whole.len() - by].to_vec();
    let after = |more: &[u8]| [&whole[..], more].concat();
    vec![
        ("nothing", Vec::new(), "", "without the two blocks"),
        (
            "cut in a header",
            cut(1024 + 512 + 100),
            "P/Lib/a/b/l",
            "cannot be unpacked",
        ),
        ("cut before a content", cut(1024 + 512), "P/last", "EOF"),
        ("cut in a content", cut(1024 + 510), "P/last", "EOF"),
        ("cut behind a content", cut(1024 + 500), "P/last", "EOF"),
        (
            "cut before its end",
            open.clone(),
            "P/last",
            "without the two blocks",
        ),
        (
            "cut in its end",
            [&open[..], &[0; 512]].concat(),
            "P/last",
            "without the two blocks",
        ),
        (
            "cut in a block of its end",
            [&open[..], &[0; 700]].concat(),
            "P/last",
            "without the two blocks",
        ),
        ("data behind its end", after(b"x"), "P/last", "data follows"),
        (
            "another archive behind its end",
            after(&whole),
            "P/last",
            "data follows",
        ),
        (
            "an entry between the blocks of its end",
            [&open[..], &[0; 512], &tar(&[file("P/x")])].concat(),
            "P/last",
            "data follows",
        ),
    ]
}
