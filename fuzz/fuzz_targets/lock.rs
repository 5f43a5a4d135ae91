//! Any lock file: one that is read is written again with the same content.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Some(written) = pybuild::rewritten_lock(text) {
        assert_eq!(pybuild::rewritten_lock(&written).as_ref(), Some(&written));
    }
});
