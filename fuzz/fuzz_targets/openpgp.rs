//! Any keyring, signature file and archive, one after the other. Two bytes each before them hold
//! the lengths of the keyring and of the signature file.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some(([k0, k1, s0, s1], rest)) = data.split_first_chunk() else {
        return;
    };
    let split = |bytes: &[u8], length| bytes.len().min(u16::from_be_bytes(length).into());
    let (keyring, rest) = rest.split_at(split(rest, [*k0, *k1]));
    let (signatures, archive) = rest.split_at(split(rest, [*s0, *s1]));
    if pybuild::is_signed(keyring, signatures, archive) {
        let changed = [archive, b"."].concat();
        assert!(!pybuild::is_signed(keyring, signatures, &changed));
    }
});
