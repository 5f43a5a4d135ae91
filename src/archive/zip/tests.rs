//! Zip archives made byte by byte, valid and invalid.

use crate::archive::zip::{Error, Zip};

/// One entry, whose two headers can be made to disagree.
#[derive(Clone)]
struct Draft {
    name: Vec<u8>,
    local_name: Vec<u8>,
    local_flags: Option<u16>,
    packed: Vec<u8>,
    flags: u16,
    method: u16,
    local_method: u16,
    crc: u32,
    size: u32,
    packed_size: u32,
    local_size: u32,
    /// Checksum, packed size and size in the local header, when not as above.
    local_sizes: Option<[u32; 3]>,
    mode: u32,
    extra: Vec<u8>,
    local_extra: Vec<u8>,
    disk: u16,
    /// Bytes before its local header.
    gap: Vec<u8>,
    /// Bytes behind its content.
    sizes: Vec<u8>,
    /// Its offset in the directory, if not the real one.
    header: Option<u32>,
}

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap()
}

fn stored(name: impl AsRef<[u8]>, content: &[u8]) -> Draft {
    Draft {
        name: name.as_ref().to_vec(),
        local_name: name.as_ref().to_vec(),
        local_flags: None,
        packed: content.to_vec(),
        flags: 0,
        method: 0,
        local_method: 0,
        crc: crc(content),
        size: length(content),
        packed_size: length(content),
        local_size: length(content),
        local_sizes: None,
        mode: 0o100_644,
        extra: Vec::new(),
        local_extra: Vec::new(),
        disk: 0,
        gap: Vec::new(),
        sizes: Vec::new(),
        header: None,
    }
}

fn deflated(name: &str, content: &[u8]) -> Draft {
    use std::io::Write as _;
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(content).unwrap();
    let packed = encoder.finish().unwrap();
    Draft {
        method: 8,
        local_method: 8,
        packed_size: length(&packed),
        packed,
        ..stored(name, content)
    }
}

fn changed(mut draft: Draft, change: impl FnOnce(&mut Draft)) -> Draft {
    change(&mut draft);
    draft
}

fn shorts(values: &[u16]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

fn longs(values: &[u32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

/// Local headers and contents, the central directory, and the end.
fn parts(drafts: &[Draft]) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let (mut entries, mut directory) = (Vec::new(), Vec::new());
    let short = |bytes: &[u8]| u16::try_from(bytes.len()).unwrap();
    for draft in drafts {
        entries.extend(&draft.gap);
        let header = draft.header.unwrap_or(length(&entries));
        let said_later = draft.flags & 8 != 0;
        let sizes = if said_later {
            [0; 3]
        } else {
            [draft.crc, draft.packed_size, draft.local_size]
        };
        entries.extend(longs(&[0x0403_4b50]));
        let flags = draft.local_flags.unwrap_or(draft.flags);
        entries.extend(shorts(&[20, flags, draft.local_method, 0, 33]));
        entries.extend(longs(&draft.local_sizes.unwrap_or(sizes)));
        entries.extend(shorts(&[
            short(&draft.local_name),
            short(&draft.local_extra),
        ]));
        for piece in [
            &draft.local_name,
            &draft.local_extra,
            &draft.packed,
            &draft.sizes,
        ] {
            entries.extend(piece);
        }
        directory.extend(longs(&[0x0201_4b50]));
        directory.extend(shorts(&[0x0314, 20, draft.flags, draft.method, 0, 33]));
        directory.extend(longs(&[draft.crc, draft.packed_size, draft.size]));
        directory.extend(shorts(&[
            short(&draft.name),
            short(&draft.extra),
            0,
            draft.disk,
            0,
        ]));
        directory.extend(longs(&[draft.mode << 16, header]));
        directory.extend(&draft.name);
        directory.extend(&draft.extra);
    }
    let count = u16::try_from(drafts.len()).unwrap();
    let end = end(count, length(&directory), length(&entries));
    (entries, directory, end)
}

fn end(count: u16, size: u32, offset: u32) -> Vec<u8> {
    let mut end = longs(&[0x0605_4b50]);
    end.extend(shorts(&[0, 0, count, count]));
    end.extend(longs(&[size, offset]));
    end.extend(shorts(&[0]));
    end
}

fn zip(drafts: &[Draft]) -> Vec<u8> {
    let (entries, directory, end) = parts(drafts);
    [entries, directory, end].concat()
}

/// Reads the whole archive; returns the error.
fn refusal(content: Vec<u8>) -> Option<String> {
    let read = || -> Result<(), Error> {
        let zip = Zip::new(content)?;
        for file in zip.files() {
            zip.read(file)?;
        }
        Ok(())
    };
    read().err().map(|error| error.to_string())
}

const TEXT: &[u8] = b"some text, some text, some text";

fn good() -> Vec<Draft> {
    vec![
        stored("a/x.py", TEXT),
        deflated("a/y.py", TEXT),
        changed(stored("a/", b""), |draft| draft.mode = 0o040_755),
        stored("z.py", b""),
    ]
}

#[test]
fn an_archive_that_all_readers_read_alike_is_accepted() {
    let zip_of = |drafts: &[Draft]| Zip::new(zip(drafts)).unwrap();
    let archive = zip_of(&good());
    assert_eq!(
        archive.files().collect::<Vec<_>>(),
        ["a/x.py", "a/y.py", "z.py"]
    );
    assert_eq!(archive.read("a/x.py").unwrap().unwrap(), TEXT);
    assert_eq!(archive.read("a/y.py").unwrap().unwrap(), TEXT);
    assert_eq!(archive.read("a/w.py").unwrap(), None);
    assert!(!archive.has("a"));
    assert_eq!(Zip::new(end(0, 0, 0)).unwrap().files().count(), 0);
    for with_signature in [true, false] {
        let streamed = changed(deflated("é.py", TEXT), |draft| {
            draft.flags = 1 << 3 | 1 << 11 | 0b10;
            let fields = [0x0807_4b50, draft.crc, draft.packed_size, draft.size];
            draft.sizes = longs(&fields[usize::from(!with_signature)..]);
            draft.extra = shorts(&[0x5455, 1]);
            draft.extra.push(0);
        });
        let archive = zip_of(&[streamed, stored("b", b"")]);
        assert_eq!(archive.read("é.py").unwrap().unwrap(), TEXT);
    }
    // The directory may list them in another order.
    let (mut drafts, sorted) = (good(), good());
    let (entries, _, _) = parts(&sorted);
    let at = |index: usize| length(&parts(&sorted[..index]).0);
    for (index, draft) in drafts.iter_mut().enumerate() {
        draft.header = Some(at(index));
    }
    drafts.reverse();
    let (_, directory, end) = parts(&drafts);
    assert_eq!(refusal([entries, directory, end].concat()), None);
}

/// The fault, the archive, and a part of the message.
#[expect(clippy::too_many_lines, reason = "a table")]
fn hostile() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let with = |change: fn(&mut Draft)| {
        let mut drafts = good();
        drafts[1] = changed(drafts[1].clone(), change);
        zip(&drafts)
    };
    let named = |name: &[u8]| {
        let mut drafts = good();
        drafts.push(changed(stored(name, TEXT), |draft| draft.flags = 1 << 11));
        zip(&drafts)
    };
    let two = |first: &str, second: &str| zip(&[stored(first, TEXT), stored(second, TEXT)]);
    let whole = zip(&good());
    let (entries, directory, tail) = parts(&good());
    let with_end = |count: u16, size: u32, offset: u32| {
        [&entries[..], &directory, &end(count, size, offset)].concat()
    };
    let (size, offset) = (length(&directory), length(&entries));
    let patched = |at: usize, bytes: &[u8]| {
        let mut content = whole.clone();
        let at = content.len() - 22 + at;
        content[at..at + bytes.len()].copy_from_slice(bytes);
        content
    };
    let zeros = vec![0; 40 << 20];
    let bomb = deflated("a/bomb", &zeros[..2 << 20]);
    vec![
        ("no archive", b"not a zip".to_vec(), "does not end where"),
        ("nothing", Vec::new(), "does not end where"),
        (
            "cut short",
            whole[..whole.len() - 1].to_vec(),
            "does not end where",
        ),
        (
            "without its end",
            [&entries[..], &directory].concat(),
            "does not end where",
        ),
        (
            "data behind its end",
            [&whole[..], b"x"].concat(),
            "does not end where",
        ),
        (
            "a script before it",
            [b"#!/bin/sh\n", &whole[..]].concat(),
            "is not at its offset",
        ),
        (
            "another archive before it",
            [&whole[..], &whole].concat(),
            "is not at its offset",
        ),
        (
            "another archive before it that it counts in",
            [
                &whole[..],
                &zip(&[changed(stored("b", b""), |draft| draft.header = Some(0))])[..31],
                &directory,
                &end(4, size, length(&whole) + 31),
            ]
            .concat(),
            "before its central directory|between its last entry",
        ),
        ("a comment", patched(20, &[1, 0]), "comment"),
        (
            "a comment with an end in it",
            [&entries[..], &directory, &tail[..20], &[22, 0], &tail].concat(),
            "is not at its offset",
        ),
        (
            "two central directories",
            [&entries[..], &directory, &directory, &tail].concat(),
            "there may be two",
        ),
        (
            "two central directories and ends",
            [&whole[..], &directory, &end(4, size, length(&whole))].concat(),
            "between its last entry",
        ),
        (
            "a directory that is cut short",
            with_end(4, size - 1, offset + 1),
            "something else than the entries|z.py|has no header",
        ),
        (
            "fewer entries than there are",
            with_end(3, size, offset),
            "more than the entries",
        ),
        (
            "more entries than there are",
            with_end(5, size, offset),
            "something else than the entries",
        ),
        (
            "a directory of some other size",
            with_end(4, size + 1, offset),
            "is not at its offset",
        ),
        (
            "a directory somewhere else",
            with_end(4, size, offset - 1),
            "is not at its offset",
        ),
        (
            "a directory beyond its end",
            with_end(4, u32::MAX - 1, 9),
            "is not at its offset",
        ),
        ("several parts", patched(4, &[1, 0]), "several parts"),
        (
            "several parts of a directory",
            patched(8, &[1, 0]),
            "several parts",
        ),
        ("zip64 in its end", patched(12, &[0xff; 8]), "zip64"),
        ("a count of zip64", patched(8, &[0xff; 4]), "zip64"),
        ("a size of zip64", patched(12, &[0xff; 4]), "zip64"),
        ("a place of zip64", patched(16, &[0xff; 4]), "zip64"),
        (
            "a zip64 end before its end",
            [&entries[..], &directory, b"PK\x06\x07", &[0; 16], &tail].concat(),
            "is not at its offset",
        ),
        (
            "zip64 in the directory",
            with(|draft| draft.extra = shorts(&[1, 0])),
            "zip64",
        ),
        (
            "zip64 in a header",
            with(|draft| draft.local_extra = shorts(&[1, 0])),
            "zip64",
        ),
        (
            "a size that only zip64 has",
            with(|draft| draft.size = u32::MAX),
            "larger than any file",
        ),
        (
            "a second name",
            with(|draft| draft.extra = shorts(&[0x7075, 0])),
            "second name",
        ),
        (
            "a second name in a header",
            with(|draft| draft.local_extra = shorts(&[0x7075, 0])),
            "second name",
        ),
        (
            "an extra field that lies",
            with(|draft| draft.extra = shorts(&[9, 9])),
            "extra field",
        ),
        (
            "half an extra field",
            with(|draft| draft.extra = vec![9]),
            "extra field",
        ),
        ("another part", with(|draft| draft.disk = 1), "another part"),
        (
            "something between entries",
            with(|draft| draft.gap = b"hidden".to_vec()),
            "no entry",
        ),
        (
            "an entry that nothing lists",
            with(|draft| draft.gap = parts(&[stored("h", b"")]).0),
            "no entry",
        ),
        (
            "an entry twice in the directory",
            {
                let mut drafts = good();
                drafts[3].name = b"again".to_vec();
                drafts[3].header = Some(0);
                zip(&drafts)
            },
            "something else in its header",
        ),
        (
            "entries that overlap",
            {
                // Its content holds another whole entry, which is listed as well.
                let inner = parts(&[stored("b", TEXT)]).0;
                let outer = stored("a", &inner);
                let (entries, directory, _) = parts(&[outer]);
                let inner = changed(stored("b", TEXT), |draft| draft.header = Some(31));
                let directory = [directory, parts(&[inner]).1].concat();
                let end = end(2, length(&directory), length(&entries));
                [entries, directory, end].concat()
            },
            "overlaps",
        ),
        (
            "a header that is not there",
            with(|draft| draft.header = Some(7)),
            "no header",
        ),
        (
            "a header beyond the end",
            with(|draft| draft.header = Some(u32::MAX)),
            "no header",
        ),
        (
            "a header of another name",
            with(|draft| draft.local_name = b"a/Y.py".to_vec()),
            "something else in its header",
        ),
        (
            "a header of another method",
            with(|draft| draft.local_method = 0),
            "something else in its header",
        ),
        (
            "a header that is encrypted",
            with(|draft| draft.local_flags = Some(1)),
            "something else in its header",
        ),
        (
            "a header without sizes that does not say where they are",
            with(|draft| draft.local_sizes = Some([0; 3])),
            "something else in its header",
        ),
        (
            "a header of other sizes than those that follow",
            with(|draft| {
                draft.flags = 8;
                draft.sizes = longs(&[draft.crc, draft.packed_size, draft.size]);
                draft.local_sizes = Some([draft.crc, draft.packed_size, 1]);
            }),
            "something else in its header",
        ),
        (
            "a header of another size",
            with(|draft| draft.local_size += 1),
            "something else in its header",
        ),
        (
            "a larger size than it has",
            with(|draft| {
                draft.size += 1;
                draft.local_size += 1;
            }),
            "the size that its header says",
        ),
        (
            "a smaller size than it has",
            with(|draft| {
                draft.size -= 1;
                draft.local_size -= 1;
            }),
            "the size that its header says",
        ),
        (
            "two sizes and not deflated",
            with(|draft| {
                draft.method = 0;
                draft.local_method = 0;
            }),
            "two sizes",
        ),
        (
            "more packed than there is",
            with(|draft| draft.packed_size = 1 << 20),
            "larger than the archive",
        ),
        (
            "data behind what is deflated",
            with(|draft| {
                draft.packed.push(0);
                draft.packed_size += 1;
            }),
            "data behind its end",
        ),
        (
            "broken deflated data",
            with(|draft| draft.packed[0] = 0xff),
            "deflated data is broken",
        ),
        (
            "deflated data that is cut",
            with(|draft| {
                draft.packed.pop();
                draft.packed_size -= 1;
            }),
            "deflated data is broken|the size that its header says",
        ),
        ("another checksum", with(|draft| draft.crc ^= 1), "checksum"),
        (
            "no sizes where they should follow",
            with(|draft| draft.flags = 8),
            "not followed",
        ),
        (
            "wrong sizes that follow",
            with(|draft| {
                draft.flags = 8;
                draft.sizes = longs(&[0x0807_4b50, draft.crc, draft.packed_size, draft.size + 1]);
            }),
            "not followed",
        ),
        ("encrypted", with(|draft| draft.flags = 1), "encrypted"),
        (
            "strongly encrypted",
            with(|draft| draft.flags = 1 << 6),
            "encrypted",
        ),
        (
            "masked headers",
            with(|draft| draft.flags = 1 << 13),
            "encrypted",
        ),
        ("a patch", with(|draft| draft.flags = 1 << 5), "encrypted"),
        (
            "bzip2",
            with(|draft| {
                draft.method = 12;
                draft.local_method = 12;
            }),
            "another method",
        ),
        (
            "AES",
            with(|draft| {
                draft.method = 99;
                draft.local_method = 99;
            }),
            "another method",
        ),
        (
            "a symbolic link",
            with(|draft| draft.mode = 0o120_777),
            "is a link",
        ),
        (
            "a device",
            with(|draft| draft.mode = 0o020_644),
            "is a link",
        ),
        ("a fifo", with(|draft| draft.mode = 0o010_644), "is a link"),
        ("setuid", with(|draft| draft.mode = 0o104_755), "setuid"),
        ("an absolute path", named(b"/etc/evil"), "absolute"),
        ("a path that leads out", named(b"a/../../evil"), "leads out"),
        ("a path that leads nowhere", named(b"a/b/../c"), "leads out"),
        ("a backslash", named(b"a\\..\\evil"), "backslash"),
        ("a drive", named(b"C:/evil"), "colon"),
        (
            "a line's end in a name",
            named(b"a\nb"),
            "control character",
        ),
        (
            "a NUL in a name",
            named(b"a/x.py\0.txt"),
            "control character",
        ),
        ("no name", named(b""), "no name"),
        ("a name of one dot", named(b"a/./b"), "part that is empty"),
        (
            "a name of two slashes",
            named(b"a//b"),
            "part that is empty",
        ),
        (
            "a folder of two slashes",
            named(b"b//"),
            "part that is empty",
        ),
        ("a folder with content", named(b"b/"), "has content"),
        ("a name that is not UTF-8", named(b"a/\xff"), "not UTF-8"),
        (
            "a name that nobody says is UTF-8",
            zip(&[stored("é", b"")]),
            "not marked",
        ),
        ("a long name", named(&[b'x'; 2000]), "longer name"),
        ("a deep name", named("x/".repeat(65).as_bytes()), "deeper"),
        ("the same name twice", two("a/b", "a/b"), "twice"),
        ("the same name in another case", two("a/b", "A/b"), "case"),
        ("a file below a file", two("a", "a/b"), "below a file"),
        (
            "a file in place of a folder",
            two("a/b", "a"),
            "place of a folder",
        ),
        (
            "a file that is a bomb",
            zip(&[bomb]),
            "larger than any file",
        ),
        (
            "a file that is too large",
            zip(&[stored("a", &zeros)]),
            "larger than any file",
        ),
        (
            "files that are too much together",
            zip(&(0..9)
                .map(|number| {
                    changed(stored(format!("{number}"), b""), |draft| {
                        draft.method = 8;
                        draft.local_method = 8;
                        (draft.size, draft.local_size) = (30 << 20, 30 << 20);
                        draft.packed = vec![0; 160 << 10];
                        draft.packed_size = 160 << 10;
                    })
                })
                .collect::<Vec<_>>()),
            "makes the archive larger",
        ),
        (
            "too many entries",
            zip(&(0..10_001)
                .map(|number| stored(format!("{number}"), b""))
                .collect::<Vec<_>>()),
            "one entry more than any",
        ),
        (
            "too large a file",
            vec![0; (64 << 20) + 1],
            "larger than any wheel",
        ),
    ]
}

#[test]
fn an_archive_that_readers_read_differently_is_refused_with_the_name_of_the_entry() {
    let hostile = hostile();
    for (what, content, why) in &hostile {
        let said = refusal(content.clone()).unwrap_or_else(|| panic!("{what} is taken"));
        assert!(
            why.split('|').any(|why| said.contains(why)),
            "{what}: {said}"
        );
    }
    assert_eq!(hostile.len(), 90);
}

#[test]
fn every_cut_and_every_changed_byte_is_refused_or_harmless() {
    let whole = zip(&good());
    for end in 0..whole.len() {
        assert!(refusal(whole[..end].to_vec()).is_some(), "cut at {end}");
    }
    // Times, versions and attributes are not compared, because no reader uses them.
    for at in 0..whole.len() {
        let mut content = whole.clone();
        content[at] ^= 0x55;
        drop(refusal(content));
    }
}
