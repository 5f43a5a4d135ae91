//! Verification with generated keys: every test has one fault.

mod gnupg;
mod mutations;
mod peer;
#[path = "../../../tests/support/signer.rs"]
#[expect(dead_code, reason = "the integration tests use the rest")]
mod signer;

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{RevocationCode, SubpacketData};

use super::Keyring;
use super::file::SignatureFile;
use super::signature_error::{LARGEST_ARCHIVE, SignatureError};
use super::verify::Archive;
use crate::digest::Sha256;
use crate::plan::verification::{GoodSignature, KeyringFile};
use signer::{At, Key, Kind};

const ARCHIVE: &[u8] = b"the bytes of a release";

/// A folder with an archive and a keyring.
struct Fixture {
    dir: tempfile::TempDir,
}

impl Fixture {
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
        self.verify_with(&self.keyring(keys).unwrap(), signature)
    }

    fn verify_with(
        &self,
        keyring: &Keyring,
        signature: &[u8],
    ) -> Result<GoodSignature, SignatureError> {
        let file = SignatureFile::read(signature)?;
        let (release, now) = ("3.13.5".parse().unwrap(), At(5000).timestamp());
        keyring.verify(&file, &mut Archive::read(&self.archive(), release, now)?)
    }
}

#[track_caller]
fn refusal(result: Result<GoodSignature, SignatureError>) -> String {
    let error = result.unwrap_err();
    let hint = error.hint();
    assert!(hint.len() > 20, "{hint}");
    crate::error::chain(&error)
}

#[test]
fn a_good_signature_has_its_signer_and_time() {
    let (fixture, key) = (Fixture::new(), Key::new("Alice <a@example.org>"));
    for signature in [
        key.sign(ARCHIVE).armored(),
        key.sign(ARCHIVE).binary(),
        key.sign(ARCHIVE)
            .hashed_with(HashAlgorithm::Sha512)
            .binary(),
        format!(
            "\n{}\n \n",
            String::from_utf8(key.sign(ARCHIVE).armored()).unwrap()
        )
        .into_bytes(),
    ] {
        for keys in [key.armored(), key.binary()] {
            let good = fixture.verify(&keys, &signature).unwrap();
            assert_eq!(good.signer, "Alice <a@example.org>");
            assert_eq!(good.fingerprint.to_string(), key.fingerprint());
            assert_eq!(good.made, At(2000).timestamp());
        }
    }
}

#[test]
fn signatures_of_unknown_keys_are_refused() {
    let (fixture, key, other) = (Fixture::new(), Key::new("Alice"), Key::new("Mallory"));
    let said = refusal(fixture.verify(&key.binary(), &other.sign(ARCHIVE).armored()));
    assert!(said.contains(&other.fingerprint()), "{said}");
    // Mallory names Alice as the issuer.
    let mut forged = other.sign(ARCHIVE);
    forged.issuer = key.issuer();
    let said = refusal(fixture.verify(&key.binary(), &forged.binary()));
    assert!(said.contains("for another file"), "{said}");
}

#[test]
fn a_release_managers_key_counts_for_its_own_series_only() {
    let (fixture, key) = (Fixture::new(), Key::new("Alice"));
    let file = SignatureFile::read(&key.sign(ARCHIVE).binary()).unwrap();
    let ask = |series| {
        let keyring = Keyring::for_series(&key.binary(), series);
        let release = "3.13.5".parse().unwrap();
        let archive = Archive::read(&fixture.archive(), release, At(5000).timestamp());
        keyring.verify(&file, &mut archive.unwrap())
    };
    ask(&[(3, 12), (3, 13)]).unwrap();
    let said = refusal(ask(&[(3, 11), (3, 12)]));
    assert!(
        said.contains("with a key for 3.11 and 3.12, not for 3.13.5"),
        "{said}"
    );

    let keyring = Keyring::with(&[]).unwrap();
    let mut signers = Vec::new();
    for key in &keyring.0 {
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
fn a_sha1_signature_is_doubtful_only_if_it_matches_the_file() {
    // Ed25519 keys do not sign digests that are this short.
    let (fixture, key) = (Fixture::new(), Key::of_kind("Alice", Kind::Rsa));
    let signature = key.sign(ARCHIVE).hashed_with(HashAlgorithm::Sha1).binary();
    let error = fixture.verify(&key.binary(), &signature).unwrap_err();
    assert!(error.is_doubt(), "{error}");
    assert!(
        error
            .to_string()
            .contains("with SHA-1, which can be forged"),
        "{error}"
    );
    fs_err::write(fixture.archive(), "changed").unwrap();
    let error = fixture.verify(&key.binary(), &signature).unwrap_err();
    assert!(!error.is_doubt(), "{error}");
}

#[test]
fn algorithms_that_are_not_supported_are_named() {
    let (fixture, key) = (Fixture::new(), Key::of_kind("Alice", Kind::Rsa));
    for (hash, name) in [
        (HashAlgorithm::Md5, "MD5"),
        (HashAlgorithm::Ripemd160, "RIPEMD-160"),
        (HashAlgorithm::Sha224, "SHA-224"),
        (HashAlgorithm::Sha3_256, "SHA3-256"),
        (HashAlgorithm::Sha3_512, "SHA3-512"),
    ] {
        let signature = key.sign(ARCHIVE).hashed_with(hash).binary();
        let error = fixture.verify(&key.binary(), &signature).unwrap_err();
        assert!(
            !error.is_doubt() && error.hint().contains("--verify digest"),
            "{error}"
        );
        let text = error.to_string();
        assert!(
            text.contains(&format!("with {name}, which pybuild does not support")),
            "{text}"
        );
    }
    let key = Key::of_kind("Alice", Kind::P521);
    for (keys, signature, name) in [
        (gnupg::RSA_1024.0, gnupg::RSA_1024.1, "RSA with 1024 bits"),
        (gnupg::DSA_1024.0, gnupg::DSA_1024.1, "DSA"),
        (
            &key.armored(),
            &key.sign(ARCHIVE).armored(),
            "ECDSA with this curve",
        ),
    ] {
        let text = refusal(fixture.verify(keys, signature));
        assert!(
            text.contains(&format!("with a key of {name}, which pybuild")),
            "{text}"
        );
    }
}

#[test]
fn signatures_by_gnupg_are_good() {
    let fixture = Fixture::new();
    for (keys, signature) in gnupg::SUPPORTED {
        let good = fixture.verify(keys, signature).unwrap();
        assert!(good.signer.starts_with("Test "), "{}", good.signer);
        assert_eq!(
            good.to_string(),
            format!("signed by {} on 2026-11-26", good.signer)
        );
        fs_err::write(fixture.archive(), "changed").unwrap();
        let text = refusal(fixture.verify(keys, signature));
        assert!(text.contains("for another file"), "{text}");
        fs_err::write(fixture.archive(), ARCHIVE).unwrap();
    }
}

#[test]
fn an_archive_that_is_too_large_for_the_memory_is_refused() {
    let (fixture, key) = (Fixture::new(), Key::new("Alice"));
    let archive = fs_err::File::create(fixture.archive()).unwrap();
    archive.file().set_len(LARGEST_ARCHIVE + 1).unwrap();
    let text = refusal(fixture.verify(&key.binary(), &key.sign(ARCHIVE).binary()));
    assert!(text.contains("more than 256 MiB"), "{text}");
}

#[test]
fn the_validity_of_a_key_is_checked_for_the_time_of_the_signature() {
    let fixture = Fixture::new();
    // Made at 1000, good until 3000; it is 5000.
    let key = Key::new("Alice").expiring_at(At(3000));
    let signed_at = |time| fixture.verify(&key.binary(), &key.sign(ARCHIVE).at(At(time)).binary());
    signed_at(1000).unwrap();
    signed_at(2999).unwrap();
    let late = signed_at(3000).unwrap_err();
    assert!(late.is_doubt(), "{late}");
    let said = refusal(signed_at(3001));
    assert!(said.contains("after the key expired"), "{said}");
    let said = refusal(signed_at(999));
    assert!(said.contains("before the key was created"), "{said}");

    // A newer self-signature extends it.
    let longer = key.clone().expiring_at(At(4000)).self_signed_at(At(1500));
    let signature = key.sign(ARCHIVE).at(At(3500)).binary();
    fixture.verify(&longer.binary(), &signature).unwrap();
    let mut both = key.armored();
    both.extend(longer.armored());
    fixture.verify(&both, &signature).unwrap();
}

#[test]
fn a_compromised_key_is_never_valid_and_a_retired_one_is_until_its_revocation() {
    let fixture = Fixture::new();
    let at =
        |key: &Key, time| fixture.verify(&key.binary(), &key.sign(ARCHIVE).at(At(time)).binary());
    for (reason, good_before) in [
        (Some(RevocationCode::KeyCompromised), false),
        (Some(RevocationCode::NoReason), false),
        (None, false),
        (Some(RevocationCode::KeyRetired), true),
        (Some(RevocationCode::KeySuperseded), true),
    ] {
        let key = Key::new("Alice").revoked_at(At(3000), reason);
        assert_eq!(at(&key, 2999).is_ok(), good_before, "{reason:?}");
        let said = refusal(at(&key, 3000));
        assert!(said.contains("revoked on 1970-01-01"), "{said}");
    }
    // A revocation by another key does not count.
    let key = Key::new("Alice");
    let other = Key::new("Mallory").revoked_at(At(1), None);
    at(&key.with_revocations_of(&other), 2000).unwrap();
}

#[test]
fn subkeys_sign_when_both_keys_agree() {
    let fixture = Fixture::new();
    let key = Key::new("Alice").with_signing_subkey();
    let signature = key.sign(ARCHIVE).by_subkey().binary();
    let good = fixture.verify(&key.binary(), &signature).unwrap();
    assert_eq!(good.fingerprint.to_string(), key.fingerprint());
    let of_another = key.sign(b"something else").by_subkey().binary();
    let said = refusal(fixture.verify(&key.binary(), &of_another));
    assert!(said.contains("for another file"), "{said}");
    let without = key.clone().without_primary_key_binding();
    let said = refusal(fixture.verify(&without.binary(), &signature));
    assert!(said.contains("not for signing"), "{said}");
    let expired = key.clone().expiring_at(At(1500));
    let said = refusal(fixture.verify(&expired.binary(), &signature));
    assert!(said.contains("after the key expired"), "{said}");
    let revoked = key.revoked_at(At(1200), None);
    refusal(fixture.verify(&revoked.binary(), &signature));
}

#[test]
fn a_subkey_that_only_one_of_the_two_keys_accepts_is_not_for_signing() {
    let fixture = Fixture::new();
    let mallory = Key::new("Mallory").with_signing_subkey();
    for key in [
        Key::new("Alice").with_subkey_forged_by(&mallory),
        // Nor may Alice present signatures of Mallory as hers.
        Key::new("Alice").claiming_the_subkey_of(&mallory),
    ] {
        let signature = mallory.sign(ARCHIVE).by_subkey().binary();
        let said = refusal(fixture.verify(&key.binary(), &signature));
        assert!(said.contains("not for signing"), "{said}");
    }
}

#[test]
fn a_key_for_certification_only_signs_no_files() {
    let fixture = Fixture::new();
    let key = Key::new("Alice").for_certification_only();
    for key in [
        key.clone(),
        key.clone().with_self_signature_without_flags(),
        key.with_self_signatures_forged_by(&Key::new("Mallory")),
        // The self-signature of a revoked user ID does not count.
        Key::new("Alice").with_user_id_revoked(),
        // Key flags without any use are key flags.
        Key::new("Alice").with_key_flags(&[0]),
        Key::new("Alice").with_key_flags(&[]),
    ] {
        let said = refusal(fixture.verify(&key.binary(), &key.sign(ARCHIVE).binary()));
        assert!(said.contains("not for signing"), "{said}");
    }
}

#[test]
fn an_expired_signature_is_refused() {
    let (fixture, key) = (Fixture::new(), Key::new("Alice"));
    let lasting = |seconds| {
        let data = SubpacketData::SignatureExpirationTime(pgp::types::Duration::from_secs(seconds));
        fixture.verify(
            &key.binary(),
            &key.sign(ARCHIVE).with_subpacket(data, false).binary(),
        )
    };
    lasting(3001).unwrap();
    lasting(0).unwrap();
    assert!(refusal(lasting(3000)).contains("expired on"));
}

#[test]
fn an_unknown_critical_condition_makes_a_signature_invalid() {
    let (fixture, key) = (Fixture::new(), Key::new("Alice"));
    let saying = |critical| {
        let data = SubpacketData::Experimental(101, bytes::Bytes::from_static(b"only on Mondays"));
        fixture.verify(
            &key.binary(),
            &key.sign(ARCHIVE).with_subpacket(data, critical).binary(),
        )
    };
    saying(false).unwrap();
    assert!(refusal(saying(true)).contains("does not understand"));
}

#[test]
fn one_good_signature_is_enough_unless_a_known_key_made_a_bad_one() {
    let fixture = Fixture::new();
    let (alice, bob) = (Key::new("Alice"), Key::new("Bob"));
    let good = alice.sign(ARCHIVE).binary();
    let unknown = bob.sign(ARCHIVE).binary();
    let bad = alice.sign(b"something else").binary();
    for together in [
        [&good[..], &unknown[..]].concat(),
        [&unknown[..], &good[..]].concat(),
    ] {
        fixture.verify(&alice.binary(), &together).unwrap();
    }
    for together in [
        [&good[..], &bad[..]].concat(),
        [&bad[..], &good[..]].concat(),
    ] {
        let said = refusal(fixture.verify(&alice.binary(), &together));
        assert!(said.contains("for another file"), "{said}");
    }
    refusal(fixture.verify(&alice.binary(), &[&unknown[..], &unknown[..]].concat()));
    refusal(fixture.verify(&alice.binary(), &good.repeat(9)));
}

#[test]
fn files_that_are_not_signatures_are_refused() {
    let (fixture, key) = (Fixture::new(), Key::new("Alice"));
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
        (b"<html>404</html>", "contains no PGP signature"),
        (b"\xc3\x28 neither", "cut off"),
        (other_armor.as_bytes(), "no PGP signature"),
        (half.as_bytes(), "end of its armor is missing"),
        (in_html.as_bytes(), "contains other text beside"),
        (with_text.as_bytes(), "contains other text beside"),
        (twice.as_bytes(), "contains other text beside"),
        (damaged.as_bytes(), "armor"),
        (&binary[..binary.len() - 1], "cut off"),
        (&[&binary[..], b"\x88"].concat(), "cut off"),
        (
            &[&binary[..], b"trailing junk"].concat(),
            "other bytes between",
        ),
        (&key.binary(), "packets that are not signatures"),
        (&vec![0x88; 1 << 17], "too long"),
    ];
    for (content, why) in cases {
        let said = refusal(fixture.verify(&key.binary(), content));
        assert!(said.contains(why), "{why}: {said}");
    }
    // A signature of a text is not one of a file.
    let text = key.sign(ARCHIVE).of_text().binary();
    assert!(refusal(fixture.verify(&key.binary(), &text)).contains("of a file"));
    let undated = key.sign(ARCHIVE).undated().binary();
    assert!(refusal(fixture.verify(&key.binary(), &undated)).contains("no creation time"));
}

#[test]
fn files_that_are_not_keyrings_are_named() {
    let fixture = Fixture::new();
    let key = Key::new("Alice").binary();
    for content in [
        &b""[..],
        b"not a key",
        b"\x99\x01",
        &key[..40],
        &Key::new("A").sign(b"").binary(),
    ] {
        let error = fixture.keyring(content).unwrap_err();
        assert!(error.to_string().contains("keys"), "{error}");
    }
    let changed = KeyringFile {
        path: fixture.archive(),
        sha256: Sha256::of(b"before"),
    };
    let error = Keyring::with(&[changed]).unwrap_err();
    assert!(
        error.to_string().contains("changed during the run"),
        "{error}"
    );
}

/// The folder of real releases, if it exists beside the checkout.
fn sources() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/sources");
    folder.is_dir().then_some(folder)
}

#[test]
fn the_signature_of_a_real_release_is_good_although_its_key_expired_later() {
    let Some(folder) = sources() else { return };
    let archive = folder.join("Python-3.13.5.tar.xz");
    let signature = fs_err::read(folder.join("Python-3.13.5.tar.xz.asc")).unwrap();
    let file = SignatureFile::read(&signature).unwrap();
    let keyring = Keyring::with(&[]).unwrap();
    let verify = |archive: &Path, version: &str| {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let archive = Archive::read(archive, version.parse().unwrap(), now);
        keyring.verify(&file, &mut archive.unwrap())
    };
    let good = verify(&archive, "3.13.5").unwrap();
    assert_eq!(good.to_string(), "signed by Thomas Wouters on 2025-06-11");
    let said = refusal(verify(&archive, "3.11.5"));
    assert!(
        said.contains("with a key for 3.12 and 3.13, not for 3.11.5"),
        "{said}"
    );
    let said = refusal(verify(&folder.join("Python-3.9.2.tar.xz"), "3.13.5"));
    assert!(said.contains("for another file"), "{said}");
}
