//! Any wheel: an accepted one has the project and version of its name, and can be read again.

#![no_main]

use std::fs;
use std::path::Path;

use libfuzzer_sys::fuzz_target;
use pybuild::source::wheel::CheckedWheel;

fuzz_target!(|data: &[u8]| {
    let memory = Path::new("/dev/shm");
    let base = if memory.is_dir() {
        memory.to_owned()
    } else {
        std::env::temp_dir()
    };
    let file = tempfile::Builder::new()
        .prefix("pybuild-fuzz-")
        .suffix(".whl")
        .tempfile_in(base)
        .expect("a file of our own");
    fs::write(file.path(), data).expect("a file of our own");
    if let Ok(wheel) = CheckedWheel::open(file.path(), "pip-24.0-py3-none-any.whl") {
        assert_eq!(wheel.name().project(), "pip");
        let text = wheel
            .text("pip-24.0.dist-info/METADATA")
            .expect("as it was");
        assert!(text.is_some_and(|text| text.contains("24.0")));
    }
});
