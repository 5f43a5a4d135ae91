//! Any release archive: compressed if it begins like a compressed file, otherwise a tar archive whose
//! headers get valid checksums, which no fuzzer guesses. Nothing may be written outside the folder.
//! Inside, there may be only files of two modes, folders, and links that stay inside.

#![no_main]

mod outside;

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;

use libfuzzer_sys::fuzz_target;
use outside::{Place, with_checksums};
use pybuild::archive::compression::Compression;
use pybuild::archive::tar::unpack_bytes;

fn assert_is_clean(folder: &Path) {
    for entry in walkdir::WalkDir::new(folder) {
        let entry = entry.expect("a folder of our own");
        let metadata = entry.path().symlink_metadata().expect("what is there");
        let kind = metadata.file_type();
        assert!(!kind.is_fifo() && !kind.is_char_device() && !kind.is_block_device());
        if kind.is_file() {
            assert!(matches!(metadata.mode() & 0o7777, 0o644 | 0o755));
            assert_eq!(metadata.nlink(), 1);
        } else if kind.is_symlink() {
            let target = fs::canonicalize(entry.path());
            let folder = fs::canonicalize(folder).expect("a folder of our own");
            assert!(target.map_or(true, |target| target.starts_with(folder)));
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let place = Place::new();
    let compression = match data {
        [0x1f, 0x8b, ..] => Some(Compression::Gzip),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Compression::Xz),
        _ => None,
    };
    let done = match compression {
        Some(_) => unpack_bytes(data, compression, &place.inside),
        None => unpack_bytes(&with_checksums(data), None, &place.inside),
    };
    place.assert_nothing_outside_changed();
    assert_is_clean(&place.inside);
    if let Err(pybuild::archive::tar::Error::Write(error)) = done {
        panic!("what cannot be written should have been refused: {error}");
    }
});
