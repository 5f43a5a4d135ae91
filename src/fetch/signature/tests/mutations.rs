//! Changed bytes in keys and signatures.

use super::super::Keyring;
use super::signer::{Key, Kind};
use super::{ARCHIVE, Fixture, refusal};

/// Calls `check` with every copy of `bytes` that differs in one bit.
fn with_each_bit_flipped(bytes: &[u8], mut check: impl FnMut(usize, u8, &[u8])) {
    for position in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.to_vec();
            changed[position] ^= 1 << bit;
            check(position, bit, &changed);
        }
    }
}

/// Whether a flip of this bit may leave a signature good: the length of a number is in bits, and
/// only its octets count.
fn may_be_in_a_length_of_bits(bit: u8) -> bool {
    bit < 3
}

#[test]
fn a_changed_bit_of_a_signature_is_noticed() {
    let fixture = Fixture::new();
    for kind in [Kind::Ed25519, Kind::NewEd25519, Kind::P256] {
        let key = Key::of_kind("Alice", kind);
        let signature = key.sign(ARCHIVE).binary();
        let unhashed = key.unhashed_part(&signature);
        let keyring = Keyring::of_bytes(&key.binary()).unwrap();
        with_each_bit_flipped(&signature, |position, bit, changed| {
            let result = fixture.verify_with(&keyring, changed);
            // The key ID is a hint, and not signed.
            let is_harmless = unhashed.contains(&position)
                || (position > unhashed.end + 2 && may_be_in_a_length_of_bits(bit));
            assert!(
                result.is_err() || is_harmless,
                "{kind:?}: bit {bit} of {position}"
            );
        });
    }
}

#[test]
fn a_changed_bit_of_a_key_is_noticed() {
    let fixture = Fixture::new();
    for kind in [Kind::Ed25519, Kind::NewEd25519, Kind::P256] {
        let key = Key::of_kind("Alice", kind);
        let signature = key.sign(ARCHIVE).binary();
        let binary = key.binary();
        with_each_bit_flipped(&binary, |position, bit, changed| {
            let Some(keyring) = Keyring::of_bytes(changed) else {
                return;
            };
            let result = fixture.verify_with(&keyring, &signature);
            // Only the numbers of the self-signature come after the first 100 bytes.
            let is_harmless = position > 100 && may_be_in_a_length_of_bits(bit);
            assert!(
                result.is_err() || is_harmless,
                "{kind:?}: bit {bit} of {position}"
            );
        });
    }
}

#[test]
fn a_changed_byte_of_the_archive_is_noticed() {
    let fixture = Fixture::new();
    for kind in [
        Kind::Ed25519,
        Kind::NewEd25519,
        Kind::Rsa,
        Kind::P256,
        Kind::P384,
    ] {
        let key = Key::of_kind("Alice", kind);
        let signature = key.sign(ARCHIVE).binary();
        fs_err::write(fixture.archive(), ARCHIVE).unwrap();
        fixture.verify(&key.binary(), &signature).unwrap();
        for position in 0..ARCHIVE.len() {
            let mut changed = ARCHIVE.to_vec();
            changed[position] ^= 1;
            fs_err::write(fixture.archive(), changed).unwrap();
            let text = refusal(fixture.verify(&key.binary(), &signature));
            assert!(text.contains("for another file"), "{text}");
            assert!(text.contains(&key.fingerprint()), "{text}");
        }
    }
}

#[test]
fn a_cut_off_key_or_signature_is_refused() {
    let (fixture, key) = (Fixture::new(), Key::new("Alice").with_signing_subkey());
    let (binary, signature) = (key.binary(), key.sign(ARCHIVE).by_subkey().binary());
    fixture.verify(&binary, &signature).unwrap();
    for length in 0..signature.len() {
        refusal(fixture.verify(&binary, &signature[..length]));
    }
    for length in 0..binary.len() {
        if let Some(keyring) = Keyring::of_bytes(&binary[..length]) {
            refusal(fixture.verify_with(&keyring, &signature));
        }
    }
}
