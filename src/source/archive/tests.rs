//! Archives made byte by byte, right and wrong.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::SystemTime;

use super::{Plain, Unpacked, unpack_bytes};
use crate::fetch::Compression;
use crate::source::UnpackError;

/// One entry; its header's fields can be anything.
struct Draft {
    name: Vec<u8>,
    kind: u8,
    mode: &'static [u8],
    size: Vec<u8>,
    time: Vec<u8>,
    link: Vec<u8>,
    content: Vec<u8>,
    checksum: Option<&'static [u8]>,
}

fn entry(kind: u8, name: impl AsRef<[u8]>, content: &[u8]) -> Draft {
    Draft {
        name: name.as_ref().to_vec(),
        kind,
        mode: b"0000644\0",
        size: format!("{:011o}\0", content.len()).into_bytes(),
        time: b"00000000001\0".to_vec(),
        link: Vec::new(),
        content: content.to_vec(),
        checksum: None,
    }
}

fn file(name: impl AsRef<[u8]>) -> Draft {
    entry(b'0', name, b"text\n")
}

fn folder(name: &str) -> Draft {
    entry(b'5', name, b"")
}

fn link(name: &str, target: impl AsRef<[u8]>) -> Draft {
    let mut draft = entry(b'2', name, b"");
    draft.link = target.as_ref().to_vec();
    draft
}

/// GNU's long name for the next entry.
fn long(kind: u8, name: &[u8]) -> Draft {
    entry(kind, "././@LongLink", &[name, b"\0"].concat())
}

/// Records for the next entry, or for all.
fn pax(kind: u8, records: &[u8]) -> Draft {
    entry(kind, "pax", records)
}

fn record(key: &str, value: &str) -> Vec<u8> {
    let length = key.len() + value.len() + 3;
    let length = length + if length + 2 > 99 { 3 } else { 2 };
    format!("{length} {key}={value}\n").into_bytes()
}

fn changed(mut draft: Draft, change: impl FnOnce(&mut Draft)) -> Draft {
    change(&mut draft);
    draft
}

impl Draft {
    fn bytes(&self) -> Vec<u8> {
        let mut header = [0; 512];
        let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &self.name);
        put(100, self.mode);
        put(108, b"0000000\x000000000\0");
        put(124, &self.size);
        put(136, &self.time);
        put(148, b"        ");
        put(156, &[self.kind]);
        put(157, &self.link);
        put(257, b"ustar\x0000");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        let sum = format!("{sum:06o}\0 ");
        header[148..156].copy_from_slice(self.checksum.unwrap_or(sum.as_bytes()));
        let mut bytes = [&header[..], &self.content].concat();
        bytes.resize(bytes.len().next_multiple_of(512), 0);
        bytes
    }
}

fn open_tar(drafts: &[Draft]) -> Vec<u8> {
    drafts.iter().flat_map(Draft::bytes).collect()
}

fn tar(drafts: &[Draft]) -> Vec<u8> {
    [open_tar(drafts), vec![0; 1024]].concat()
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packer.write_all(content).unwrap();
    packer.finish().unwrap()
}

fn xz(content: &[u8]) -> Vec<u8> {
    let mut packer = liblzma::write::XzEncoder::new(Vec::new(), 0);
    packer.write_all(content).unwrap();
    packer.finish().unwrap()
}

fn good() -> Vec<Draft> {
    vec![
        folder("P/"),
        changed(file("P/configure"), |draft| draft.mode = b"0000775\0"),
        file("./P//Lib/os.py"),
        folder("P/Lib/a/b/"),
        link("P/Lib/a/b/l", "../../os.py"),
    ]
}

fn with(more: impl IntoIterator<Item = Draft>) -> Vec<u8> {
    let mut drafts = good();
    drafts.extend(more);
    tar(&drafts)
}

/// Everything below a folder, by name: modes, contents, targets.
fn snapshot(folder: &Path) -> BTreeMap<String, String> {
    walkdir::WalkDir::new(folder)
        .min_depth(1)
        .into_iter()
        .map(|entry| {
            let entry = entry.unwrap();
            let mode = entry.metadata().unwrap().permissions().mode();
            let content = match entry.file_type() {
                kind if kind.is_file() => std::fs::read_to_string(entry.path()).unwrap(),
                kind if kind.is_symlink() => {
                    let target = std::fs::read_link(entry.path()).unwrap();
                    format!("-> {}", target.display())
                }
                _ => "folder".to_owned(),
            };
            let name = entry.path().strip_prefix(folder).unwrap();
            (name.display().to_string(), format!("{mode:o} {content}"))
        })
        .collect()
}

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        std::fs::write(place.0.path().join("evil"), "as it was").unwrap();
        place
    }

    fn unpack(
        &self,
        content: &[u8],
        compression: Option<Compression>,
    ) -> Result<SystemTime, String> {
        unpack_bytes(content, compression, &self.0.path().join("tree"))
            .map_err(|error| said_of(&error))
    }

    /// Everything outside the tree.
    fn outside(&self) -> BTreeMap<String, String> {
        let mut all = snapshot(self.0.path());
        all.retain(|name, _| !Path::new(name).starts_with("tree"));
        all
    }
}

fn said_of(error: &UnpackError) -> String {
    assert!(!matches!(error, UnpackError::Write(_)), "{error:?}");
    match std::error::Error::source(&error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

#[test]
fn a_tree_is_unpacked_with_two_modes_and_no_time_to_come() {
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

/// A name for what is wrong, the archive, the entry that must be named, and what must be said of it.
type Hostile = (&'static str, Vec<u8>, &'static str, &'static str);

#[expect(clippy::too_many_lines, reason = "a table")]
fn hostile_names() -> Vec<Hostile> {
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
fn hostile_links_and_kinds() -> Vec<Hostile> {
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

#[expect(clippy::too_many_lines, reason = "a table")]
fn hostile_headers() -> Vec<Hostile> {
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

fn hostile_ends() -> Vec<Hostile> {
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

#[test]
fn what_no_release_holds_is_refused_with_the_entrys_name_and_leaves_nothing_outside() {
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

        // What is not needed is looked at just as strictly.
        let tree = place.0.path().join("nothing");
        let mut unpacked = Unpacked::new(Path::new("archive"), |_| false, &tree);
        let refused = unpacked.read(&content[..], content.len() as u64, None);
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
fn what_is_compressed_must_be_one_stream_that_is_whole() {
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
        let mut unpacked = Unpacked::new(Path::new("archive"), |_| false, place.0.path());
        let said = unpacked.read(&content[..], content.len() as u64, None);
        let said = said_of(&said.unwrap_err());
        assert!(said.contains("one more than any release"), "{said}");
    }
}

#[test]
fn no_archive_is_so_large_that_it_may_unpack_to_more_than_a_gibibyte() {
    let most = |size| Plain::new(std::io::empty(), size, None).unwrap().most();
    assert_eq!(most(u64::MAX), 1 << 30);
    assert!(most(1 << 20) < 1 << 30);
}

#[test]
fn a_link_that_stands_in_the_tree_already_is_not_written_through() {
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
        assert!(matches!(error, UnpackError::Write(_)), "{error}");
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
