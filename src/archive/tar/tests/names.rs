//! Archives whose entries have names, links and kinds that no release has.

use crate::archive::tar::tests::Hostile;
use crate::archive::tar::tests::drafts::*;

#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn hostile_names() -> Vec<Hostile> {
    let one = |draft: Draft| with([draft]);
    let long_name = |name: &[u8]| with([long(b'L', name), file("P/harmless")]);
    vec![
        (
            "an absolute path",
            one(file("/pybuild-evil")),
            "/pybuild-evil",
            "absolute",
        ),
        (
            "two slashes",
            one(file("//pybuild-evil")),
            "//pybuild-evil",
            "absolute",
        ),
        (
            "a path that leads out",
            one(file("P/../../evil")),
            "P/../../evil",
            "leads out",
        ),
        (
            "a path that begins outside",
            one(file("../evil")),
            "../evil",
            "leads out",
        ),
        (
            "a path that ends outside",
            one(folder("P/..")),
            "P/..",
            "leads out",
        ),
        (
            "a path that comes back",
            one(file("P/Lib/../x")),
            "P/Lib/../x",
            "leads out",
        ),
        (
            "a second folder at the top",
            one(file("Q/x")),
            "Q/x",
            "another folder",
        ),
        (
            "a file beside the folder",
            one(file("x")),
            "x",
            "beside the tree",
        ),
        (
            "a file in place of the folder",
            tar(&[file("P")]),
            "P",
            "beside the tree",
        ),
        (
            "a link in place of the folder",
            tar(&[link("P", "/")]),
            "P",
            "leads out",
        ),
        (
            "a name that is not UTF-8",
            one(file(b"P/\xff\xfe")),
            "P/\u{fffd}\u{fffd}",
            "not UTF-8",
        ),
        ("a backslash", one(file("P/..\\x")), "P/..\\x", "backslash"),
        ("a drive", one(file("C:/x")), "C:/x", "colon"),
        (
            "a line's end",
            one(file("P/a\nerror: b")),
            "P/a\u{fffd}error: b",
            "control character",
        ),
        ("no name", one(file("")), "``", "no name"),
        (
            "a file with a folder's name",
            one(file("P/x/")),
            "P/x/",
            "folder's name",
        ),
        (
            "a long part",
            long_name(&[b"P/", &[b'x'; 256][..]].concat()),
            "P/xxx",
            "deeper",
        ),
        (
            "a long path",
            long_name("P/y".repeat(500).as_bytes()),
            "P/yP/y",
            "longer name",
        ),
        (
            "a deep path",
            long_name("P/".repeat(70).as_bytes()),
            "P/P/P",
            "deeper",
        ),
        (
            "the same file twice",
            with([file("P/x"), file("P/x")]),
            "P/x",
            "twice",
        ),
        (
            "the same file with a dot",
            with([file("P/x"), file("./P/./x")]),
            "./P/./x",
            "twice",
        ),
        (
            "the same file with slashes",
            with([file("P/x"), file("P///x")]),
            "P///x",
            "twice",
        ),
        (
            "the same folder twice",
            with([folder("P/d/"), folder("P/d")]),
            "P/d",
            "twice",
        ),
        (
            "a folder in place of a file",
            with([file("P/x"), folder("P/x/")]),
            "P/x/",
            "twice",
        ),
        (
            "a file in place of a folder",
            with([folder("P/d"), file("P/d")]),
            "P/d",
            "twice",
        ),
        (
            "a file in place of a folder that files are in",
            one(file("P/Lib")),
            "P/Lib",
            "place of a folder",
        ),
        (
            "a file below a file",
            one(file("P/configure/x")),
            "P/configure/x",
            "below a file",
        ),
    ]
}

#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn hostile_links_and_kinds() -> Vec<Hostile> {
    let one = |draft: Draft| with([draft]);
    let of_kind = |kind: u8| one(entry(kind, "P/x", b""));
    let with_mode = |mode: &'static [u8]| one(changed(file("P/x"), |draft| draft.mode = mode));
    let hard = |target: &str| one(changed(link("P/h", target), |draft| draft.kind = b'1'));
    vec![
        (
            "an absolute link",
            one(link("P/l", "/etc")),
            "P/l",
            "leads out",
        ),
        (
            "a link that leads out",
            one(link("P/Lib/l", "../../evil")),
            "P/Lib/l",
            "leads out",
        ),
        (
            "a link that leads to the folder's folder",
            one(link("P/l", "..")),
            "P/l",
            "leads out",
        ),
        (
            "a link that leads out by way of another",
            with([link("P/Lib/up", ".."), link("P/Lib/l", "up/../../evil")]),
            "P/Lib/l",
            "leads out",
        ),
        (
            "a link to nowhere",
            one(link("P/l", "")),
            "P/l",
            "leads out",
        ),
        (
            "a link that is not UTF-8",
            one(link("P/l", b"\xff")),
            "P/l",
            "leads out",
        ),
        (
            "a long link that leads out",
            with([long(b'K', b"../evil"), link("P/l", "Lib")]),
            "P/l",
            "leads out",
        ),
        (
            "a long link that is cut",
            with([long(b'K', b"Lib\0/.."), link("P/l", "Lib")]),
            "P/l",
            "leads out",
        ),
        (
            "a long link to nowhere",
            with([long(b'K', b""), link("P/l", "Lib")]),
            "P/l",
            "leads out",
        ),
        (
            "a long link with an end in it",
            with([long(b'K', b"Lib\0/os.py"), link("P/l", "Lib")]),
            "P/l",
            "leads out",
        ),
        (
            "a recorded link that leads out",
            with([pax(b'x', &record("linkpath", "/")), link("P/l", "Lib")]),
            "P/l",
            "leads out",
        ),
        (
            "a file through a link",
            with([link("P/l", "Lib"), file("P/l/x")]),
            "P/l/x",
            "through a link",
        ),
        (
            "a folder through a link",
            with([link("P/l", "Lib"), folder("P/l/x/y")]),
            "P/l/x/y",
            "through a link",
        ),
        (
            "a file in place of a link",
            with([link("P/l", "Lib/x"), file("P/l")]),
            "P/l",
            "twice",
        ),
        (
            "a folder in place of a link",
            with([link("P/l", "Lib"), folder("P/l")]),
            "P/l",
            "twice",
        ),
        (
            "a link in place of a folder",
            with([link("P/Lib", "a")]),
            "P/Lib",
            "place of a folder",
        ),
        ("a hard link", hard("P/configure"), "P/h", "hard link"),
        (
            "a hard link that leads out",
            hard("/etc/passwd"),
            "P/h",
            "hard link",
        ),
        ("a character device", of_kind(b'3'), "P/x", "device"),
        ("a block device", of_kind(b'4'), "P/x", "device"),
        ("a fifo", of_kind(b'6'), "P/x", "pipe"),
        ("a volume's name", of_kind(b'V'), "P/x", "neither a file"),
        ("a part of a file", of_kind(b'M'), "P/x", "neither a file"),
        (
            "a kind that nobody knows",
            of_kind(b'Z'),
            "P/x",
            "neither a file",
        ),
        ("setuid", with_mode(b"0004755\0"), "P/x", "setuid"),
        ("setgid", with_mode(b"0002755\0"), "P/x", "setuid"),
        ("sticky", with_mode(b"0001755\0"), "P/x", "setuid"),
        (
            "a mode that is no number",
            with_mode(b"rwxr-xr\0"),
            "P/x",
            "cannot be unpacked",
        ),
        (
            "a folder with content",
            one(entry(b'5', "P/d", b"x")),
            "P/d",
            "has content",
        ),
        (
            "a link with content",
            one(changed(entry(b'2', "P/l", b"x"), |l| {
                l.link = b"Lib".to_vec();
            })),
            "P/l",
            "has content",
        ),
    ]
}
