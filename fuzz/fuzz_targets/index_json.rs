//! Any answer of a package index in JSON (PEP 691): no wheel of another project, and none of this machine's
//! files, however the page asks for it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pybuild::resolve::index::read_answer;

fuzz_target!(|data: &[u8]| {
    let address = "https://index.example/simple/pip/";
    let address = address.parse().expect("an address");
    if let Ok(page) = read_answer(data, "application/vnd.pypi.simple.v1+json", "pip", &address) {
        for wheel in &page.wheels {
            assert_eq!(wheel.name.project(), "pip");
            assert!(wheel.address.to_file_path().is_none());
        }
        assert!(page.wheels.is_sorted());
    }
});
