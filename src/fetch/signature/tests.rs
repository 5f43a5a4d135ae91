//! What verifying promises, with keys made here: one thing wrong at a time.

mod signer;

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{RevocationCode, SubpacketData};

use super::file::SignatureFile;
use super::{Keyring, SignatureError};
use crate::digest::Sha256;
use crate::plan::verification::{GoodSignature, KeyringFile};
use signer::{At, Key};

const ARCHIVE: &[u8] = b"the bytes of a release";

/// A folder with an archive, and keyrings of the test's own.
struct World {
    dir: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs_err::write(dir.path().join("archive"), ARCHIVE).unwrap();
        Self { dir }
    }

    fn archive(&self) -> PathBuf {
        self.dir.path().join("archive")
    }

    fn keyring(&self, content: &[u8]) -> Result<Keyring, super::Error> {
        let path = self.dir.path().join("keys");
        fs_err::write(&path, content).unwrap();
        let sha256 = Sha256::of(content);
        Keyring::with(&[KeyringFile { path, sha256 }])
    }

    fn verify(&self, keys: &[u8], signature: &[u8]) -> Result<GoodSignature, SignatureError> {
        let keyring = self.keyring(keys).unwrap();
        let file = SignatureFile::read(signature)?;
        keyring.verify(
            &file,
            &self.archive(),
            "3.13.5".parse().unwrap(),
            At(5000).timestamp(),
        )
    }
}

#[track_caller]
fn refused(result: Result<GoodSignature, SignatureError>) -> String {
    let error = result.unwrap_err();
    let hint = error.hint();
    assert!(hint.len() > 20, "{hint}");
    crate::error::chain(&error)
}

#[test]
fn a_good_signature_says_who_made_it_and_when() {
    let (world, key) = (World::new(), Key::new("Alice <a@example.org>"));
    for signature in [
        key.sign(ARCHIVE).armored(),
        key.sign(ARCHIVE).binary(),
        key.sign(ARCHIVE).with(HashAlgorithm::Sha512).binary(),
        format!(
            "\n{}\n \n",
            String::from_utf8(key.sign(ARCHIVE).armored()).unwrap()
        )
        .into_bytes(),
    ] {
        for keys in [key.armored(), key.binary()] {
            let good = world.verify(&keys, &signature).unwrap();
            assert_eq!(good.signer, "Alice <a@example.org>");
            assert_eq!(good.fingerprint.to_string(), key.fingerprint());
            assert_eq!(good.made, At(2000).timestamp());
        }
    }
}

#[test]
fn a_changed_byte_anywhere_is_noticed() {
    let (world, key) = (World::new(), Key::new("Alice"));
    let signature = key.sign(ARCHIVE).binary();
    for position in 0..signature.len() {
        let mut changed = signature.clone();
        // Not the lowest bit: the length of a number is counted in bits, and means bytes.
        changed[position] ^= 0x80;
        let result = world.verify(&key.binary(), &changed);
        // The key ID beside the signature is a hint, and not signed.
        if result.is_ok() {
            assert!(
                key.unhashed_part(&signature).contains(&position),
                "{position}"
            );
        }
    }
    for position in 0..ARCHIVE.len() {
        let mut changed = ARCHIVE.to_vec();
        changed[position] ^= 1;
        fs_err::write(world.archive(), changed).unwrap();
        let said = refused(world.verify(&key.binary(), &signature));
        assert!(said.contains("is another file"), "{said}");
        assert!(said.contains(&key.fingerprint()), "{said}");
    }
}

#[test]
fn a_key_that_nobody_knows_proves_nothing() {
    let (world, key, other) = (World::new(), Key::new("Alice"), Key::new("Mallory"));
    let said = refused(world.verify(&key.binary(), &other.sign(ARCHIVE).armored()));
    assert!(said.contains(&other.fingerprint()), "{said}");
    // Saying that it is Alice's does not help.
    let mut forged = other.sign(ARCHIVE);
    forged.issuer = key.issuer();
    let said = refused(world.verify(&key.binary(), &forged.binary()));
    assert!(said.contains("is another file"), "{said}");
}

#[test]
fn a_release_managers_key_counts_for_its_own_series_only() {
    let (world, key) = (World::new(), Key::new("Alice"));
    let file = SignatureFile::read(&key.sign(ARCHIVE).binary()).unwrap();
    let ask = |series| {
        let keyring = Keyring::for_series(&key.binary(), series);
        let release = "3.13.5".parse().unwrap();
        keyring.verify(&file, &world.archive(), release, At(5000).timestamp())
    };
    ask(&[(3, 12), (3, 13)]).unwrap();
    let said = refused(ask(&[(3, 11), (3, 12)]));
    assert!(
        said.contains("who signs 3.11 and 3.12 and not 3.13.5"),
        "{said}"
    );

    let keyring = Keyring::with(&[]).unwrap();
    let mut signers = Vec::new();
    for key in keyring.keys() {
        let signs: Vec<_> = [
            "2.7.18", "3.5.10", "3.7.17", "3.9.1rc1", "3.11.2", "3.13.5", "3.14.0",
        ]
        .into_iter()
        .filter(|version| key.may_sign(version.parse().unwrap()))
        .collect();
        signers.push(format!(
            "{} {} ({})",
            key.name,
            signs.join(" "),
            key.series()
        ));
    }
    assert_eq!(
        signers,
        [
            "Benjamin Peterson 2.7.18 (2.7)",
            "Larry Hastings 3.5.10 (3.4 and 3.5)",
            "Ned Deily 3.7.17 (3.6 and 3.7)",
            "Łukasz Langa 3.9.1rc1 (3.8 and 3.9)",
            "Pablo Galindo Salgado 3.11.2 (3.10 and 3.11)",
            "Thomas Wouters 3.13.5 (3.12 and 3.13)",
        ]
    );
}

#[test]
fn weak_hashes_are_refused_and_fit_all_the_same() {
    // Keys of the kind that the other tests use cannot sign hashes that are this short.
    let (world, key) = (World::new(), Key::of_old("Alice"));
    for hash in [
        HashAlgorithm::Md5,
        HashAlgorithm::Sha1,
        HashAlgorithm::Ripemd160,
        HashAlgorithm::Sha224,
    ] {
        let signature = key.sign(ARCHIVE).with(hash).binary();
        let error = world.verify(&key.binary(), &signature).unwrap_err();
        assert!(matches!(error, SignatureError::WeakHash { .. }), "{error}");
        assert!(error.is_doubt() && error.to_string().contains(&hash.to_string()));
        fs_err::write(world.archive(), "changed").unwrap();
        let error = world.verify(&key.binary(), &signature).unwrap_err();
        assert!(!error.is_doubt(), "{error}");
        fs_err::write(world.archive(), ARCHIVE).unwrap();
    }
}

#[test]
fn a_key_is_judged_at_the_time_when_it_signed() {
    let world = World::new();
    // Made at 1000, good until 3000; it is 5000.
    let key = Key::new("Alice").expiring_at(At(3000));
    let signed_at = |time| world.verify(&key.binary(), &key.sign(ARCHIVE).at(At(time)).binary());
    signed_at(1000).unwrap();
    signed_at(2999).unwrap();
    let late = signed_at(3000).unwrap_err();
    assert!(late.is_doubt(), "{late}");
    let said = refused(signed_at(3001));
    assert!(said.contains("after the key expired"), "{said}");
    let said = refused(signed_at(999));
    assert!(said.contains("before the key was made"), "{said}");

    // Prolonged since: the newest word of its owner holds.
    let longer = key.clone().expiring_at(At(4000)).said_at(At(1500));
    let signature = key.sign(ARCHIVE).at(At(3500)).binary();
    world.verify(&longer.binary(), &signature).unwrap();
    let mut both = key.armored();
    both.extend(longer.armored());
    world.verify(&both, &signature).unwrap();
}

#[test]
fn a_revoked_key_is_worth_nothing_and_a_retired_one_nothing_more() {
    let world = World::new();
    let at =
        |key: &Key, time| world.verify(&key.binary(), &key.sign(ARCHIVE).at(At(time)).binary());
    for (reason, good_before) in [
        (Some(RevocationCode::KeyCompromised), false),
        (Some(RevocationCode::NoReason), false),
        (None, false),
        (Some(RevocationCode::KeyRetired), true),
        (Some(RevocationCode::KeySuperseded), true),
    ] {
        let key = Key::new("Alice").revoked_at(At(3000), reason);
        assert_eq!(at(&key, 2999).is_ok(), good_before, "{reason:?}");
        let said = refused(at(&key, 3000));
        assert!(said.contains("revoked on 1970-01-01"), "{said}");
    }
    // Somebody else's revocation is none.
    let key = Key::new("Alice");
    let other = Key::new("Mallory").revoked_at(At(1), None);
    at(&key.with_revocations_of(&other), 2000).unwrap();
}

#[test]
fn subkeys_sign_when_both_keys_agree() {
    let world = World::new();
    let key = Key::new("Alice").with_signing_subkey();
    let signature = key.sign(ARCHIVE).by_subkey().binary();
    let good = world.verify(&key.binary(), &signature).unwrap();
    assert_eq!(good.fingerprint.to_string(), key.fingerprint());
    let of_another = key.sign(b"something else").by_subkey().binary();
    let said = refused(world.verify(&key.binary(), &of_another));
    assert!(said.contains("is another file"), "{said}");
    let without = key.clone().without_back_signature();
    let said = refused(world.verify(&without.binary(), &signature));
    assert!(said.contains("not for signing"), "{said}");
    let expired = key.clone().expiring_at(At(1500));
    let said = refused(world.verify(&expired.binary(), &signature));
    assert!(said.contains("after the key expired"), "{said}");
    let revoked = key.revoked_at(At(1200), None);
    refused(world.verify(&revoked.binary(), &signature));
}

#[test]
fn a_subkey_that_somebody_else_put_beside_a_key_signs_nothing() {
    let world = World::new();
    let mallory = Key::new("Mallory").with_signing_subkey();
    for key in [
        Key::new("Alice").with_subkey_forged_by(&mallory),
        // Nor may Alice pass off as hers what Mallory signs.
        Key::new("Alice").claiming_the_subkey_of(&mallory),
    ] {
        let signature = mallory.sign(ARCHIVE).by_subkey().binary();
        let said = refused(world.verify(&key.binary(), &signature));
        assert!(said.contains("not for signing"), "{said}");
    }
}

#[test]
fn a_key_for_certifying_alone_signs_no_files() {
    let world = World::new();
    let key = Key::new("Alice").for_certifying_only();
    for key in [
        key.clone(),
        key.clone().with_a_word_without_flags(),
        key.with_words_forged_by(&Key::new("Mallory")),
        // What a key said beside a name that was taken back since is not said any more.
        Key::new("Alice").with_name_revoked(),
    ] {
        let said = refused(world.verify(&key.binary(), &key.sign(ARCHIVE).binary()));
        assert!(said.contains("not for signing"), "{said}");
    }
}

#[test]
fn a_signature_whose_own_time_is_over_is_refused() {
    let (world, key) = (World::new(), Key::new("Alice"));
    let lasting = |seconds| {
        let data = SubpacketData::SignatureExpirationTime(pgp::types::Duration::from_secs(seconds));
        world.verify(
            &key.binary(),
            &key.sign(ARCHIVE).saying(data, false).binary(),
        )
    };
    lasting(3001).unwrap();
    lasting(0).unwrap();
    assert!(refused(lasting(3000)).contains("expired on"));
}

#[test]
fn a_condition_that_is_not_understood_makes_a_signature_void() {
    let (world, key) = (World::new(), Key::new("Alice"));
    let saying = |critical| {
        let data = SubpacketData::Experimental(101, bytes::Bytes::from_static(b"only on Mondays"));
        world.verify(
            &key.binary(),
            &key.sign(ARCHIVE).saying(data, critical).binary(),
        )
    };
    saying(false).unwrap();
    assert!(refused(saying(true)).contains("does not understand"));
}

#[test]
fn one_good_signature_is_enough_unless_a_known_key_made_a_bad_one() {
    let world = World::new();
    let (alice, bob) = (Key::new("Alice"), Key::new("Bob"));
    let good = alice.sign(ARCHIVE).binary();
    let unknown = bob.sign(ARCHIVE).binary();
    let bad = alice.sign(b"something else").binary();
    for together in [
        [&good[..], &unknown[..]].concat(),
        [&unknown[..], &good[..]].concat(),
    ] {
        world.verify(&alice.binary(), &together).unwrap();
    }
    for together in [
        [&good[..], &bad[..]].concat(),
        [&bad[..], &good[..]].concat(),
    ] {
        let said = refused(world.verify(&alice.binary(), &together));
        assert!(said.contains("is another file"), "{said}");
    }
    refused(world.verify(&alice.binary(), &[&unknown[..], &unknown[..]].concat()));
    refused(world.verify(&alice.binary(), &good.repeat(9)));
}

#[test]
fn what_is_not_a_signature_is_called_so() {
    let (world, key) = (World::new(), Key::new("Alice"));
    let armored = String::from_utf8(key.sign(ARCHIVE).armored()).unwrap();
    let binary = key.sign(ARCHIVE).binary();
    let other_armor = armored.replace("PGP SIGNATURE", "PGP MESSAGE");
    let half = &armored[..armored.len() / 2];
    let in_html = format!("<pre>{armored}</pre>");
    let with_text = format!("{armored}and more");
    let twice = format!("{armored}{armored}");
    let damaged = armored.replacen("\n\n", "\n\n%%%%", 1);
    let cases: [(&[u8], &str); 14] = [
        (b"", "empty"),
        (b"<html>404</html>", "no PGP signature"),
        (b"\xc3\x28 neither", "cannot"),
        (other_armor.as_bytes(), "no PGP signature"),
        (half.as_bytes(), "end is missing"),
        (in_html.as_bytes(), "something else stands beside"),
        (with_text.as_bytes(), "something else stands beside"),
        (twice.as_bytes(), "something else stands beside"),
        (damaged.as_bytes(), "armor"),
        (&binary[..binary.len() - 1], "cannot"),
        (&[&binary[..], b"\x88"].concat(), "cut off"),
        (&[&binary[..], b"trailing junk"].concat(), "cannot"),
        (&key.binary(), "something else than signatures"),
        (&vec![0x88; 1 << 17], "too long"),
    ];
    for (content, why) in cases {
        let said = refused(world.verify(&key.binary(), content));
        let expected = said.contains(why) || (why == "cannot" && said.contains("can be read"));
        assert!(expected, "{why}: {said}");
    }
    // A signature of a text, or of nothing, is none of a file.
    let text = key.sign(ARCHIVE).of_text().binary();
    assert!(refused(world.verify(&key.binary(), &text)).contains("of a file"));
    let undated = key.sign(ARCHIVE).undated().binary();
    assert!(refused(world.verify(&key.binary(), &undated)).contains("when it was made"));
}

#[test]
fn keyrings_that_are_none_are_named() {
    let world = World::new();
    let key = Key::new("Alice").binary();
    for content in [
        &b""[..],
        b"not a key",
        b"\x99\x01",
        &key[..40],
        &Key::new("A").sign(b"").binary(),
    ] {
        let error = world.keyring(content).unwrap_err();
        assert!(error.to_string().contains("keys"), "{error}");
    }
    let changed = KeyringFile {
        path: world.archive(),
        sha256: Sha256::of(b"before"),
    };
    let error = Keyring::with(&[changed]).unwrap_err();
    assert!(error.to_string().contains("changed meanwhile"), "{error}");
}

/// The folder of real releases, where there is one beside the checkout.
fn sources() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/sources");
    folder.is_dir().then_some(folder)
}

#[test]
fn the_signature_of_a_real_release_is_good_though_its_key_has_expired_since() {
    let Some(folder) = sources() else { return };
    let archive = folder.join("Python-3.13.5.tar.xz");
    let signature = fs_err::read(folder.join("Python-3.13.5.tar.xz.asc")).unwrap();
    let file = SignatureFile::read(&signature).unwrap();
    let keyring = Keyring::with(&[]).unwrap();
    let verify = |archive: &Path, version: &str| {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        keyring.verify(&file, archive, version.parse().unwrap(), now)
    };
    let good = verify(&archive, "3.13.5").unwrap();
    assert_eq!(good.to_string(), "signed by Thomas Wouters on 2025-06-11");
    let said = refused(verify(&archive, "3.11.5"));
    assert!(
        said.contains("who signs 3.12 and 3.13 and not 3.11.5"),
        "{said}"
    );
    let said = refused(verify(&folder.join("Python-3.9.2.tar.xz"), "3.13.5"));
    assert!(said.contains("is another file"), "{said}");
}
