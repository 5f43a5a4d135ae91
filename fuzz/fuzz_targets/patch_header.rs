//! Reads any patch file with a header: its diff is the unchanged end of the file.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pybuild::plan::compat::{Header, HostFacts};

fuzz_target!(|data: &[u8]| {
    let Ok((header, diff)) = Header::split(data) else {
        return;
    };
    assert!(Header::is_in(data));
    assert!(data.ends_with(diff));
    for version in ["2.7.18", "3.7.1", "3.15.0rc2"] {
        let version = version.parse().expect("a version");
        let because = header.applies(version, &HostFacts::default());
        assert!(because.is_none() || header.range_of(version).is_some());
    }
});
