//! Any bundle, without its compression: nothing may be written outside the folder, and inside there may be only
//! files and folders.

#![no_main]

mod outside;

use libfuzzer_sys::fuzz_target;
use outside::{Place, with_checksums};
use pybuild::archive::files::unpack_tar;

fuzz_target!(|data: &[u8]| {
    let place = Place::new();
    let _ = unpack_tar(&*with_checksums(data), &place.inside);
    place.assert_nothing_outside_changed();
    for entry in walkdir::WalkDir::new(&place.inside) {
        // Without an entry, there is no folder.
        let Ok(entry) = entry else { continue };
        let kind = entry.file_type();
        assert!(kind.is_file() || kind.is_dir());
    }
});
