//! The `pgp` crate as an independent peer: both readers find the same facts in the same bytes.

use pgp::composed::{Deserializable as _, DetachedSignature, SignedPublicKey};
use pgp::packet::{RevocationCode, Signature as PeerSignature, SubpacketData};
use pgp::ser::Serialize as _;
use pgp::types::{Duration, KeyDetails as _, Tag};

use super::super::file::SignatureFile;
use super::super::managers::RELEASE_MANAGERS;
use super::super::openpgp::{Certificate, Signature};
use super::ARCHIVE;
use super::signer::{At, Key, Kind};

/// A signature as a reader finds it.
#[derive(Debug, PartialEq)]
struct Facts {
    kind: u8,
    created: Option<u32>,
    lifetime: Option<u32>,
    key_lifetime: Option<u32>,
    flags: Option<Vec<u8>>,
    revocation_reason: Option<u8>,
    issuer_key_ids: Vec<Vec<u8>>,
    issuer_fingerprints: Vec<Vec<u8>>,
    is_valid: bool,
    is_accepted_by_subkey: bool,
}

/// A certificate as a reader finds it, and whose key made the signature of the archive.
#[derive(Debug, PartialEq)]
struct CertificateFacts {
    /// The fingerprint, the creation time, and whether the key signed the archive.
    keys: Vec<(Vec<u8>, u32, bool)>,
    of_primary: Vec<Facts>,
    users: Vec<(Vec<u8>, Vec<Facts>)>,
    subkeys: Vec<Vec<Facts>>,
}

fn facts_of_peer(signature: &PeerSignature, is_valid: bool) -> Facts {
    let hashed = signature.config().unwrap().hashed_subpackets();
    let flags = hashed.into_iter().find_map(|it| match &it.data {
        SubpacketData::KeyFlags(flags) => Some(flags.to_bytes().unwrap()),
        _ => None,
    });
    let fingerprint = |it: &&pgp::types::Fingerprint| it.as_bytes().to_vec();
    Facts {
        kind: signature.typ().unwrap().into(),
        created: signature.created().map(pgp::types::Timestamp::as_secs),
        lifetime: signature.signature_expiration_time().map(Duration::as_secs),
        key_lifetime: signature.key_expiration_time().map(Duration::as_secs),
        flags,
        revocation_reason: signature.revocation_reason_code().map(|&code| code.into()),
        issuer_key_ids: signature
            .issuer_key_id()
            .iter()
            .map(|it| it.as_ref().to_vec())
            .collect(),
        issuer_fingerprints: signature
            .issuer_fingerprint()
            .iter()
            .map(fingerprint)
            .collect(),
        is_valid,
        is_accepted_by_subkey: false,
    }
}

fn by_peer(keys: &[u8], signature: &[u8]) -> CertificateFacts {
    let key = SignedPublicKey::from_bytes(keys).unwrap();
    let signature = DetachedSignature::from_bytes(signature).unwrap().signature;
    let primary = &key.primary_key;
    let mut facts = CertificateFacts {
        keys: vec![(
            primary.fingerprint().as_bytes().to_vec(),
            primary.created_at().as_secs(),
            signature.verify(primary, ARCHIVE).is_ok(),
        )],
        of_primary: Vec::new(),
        users: Vec::new(),
        subkeys: Vec::new(),
    };
    let details = &key.details;
    for it in details
        .revocation_signatures
        .iter()
        .chain(&details.direct_signatures)
    {
        facts
            .of_primary
            .push(facts_of_peer(it, it.verify_key(primary).is_ok()));
    }
    for user in &details.users {
        let signatures = user.signatures.iter().map(|it| {
            let valid = it
                .verify_certification(primary, Tag::UserId, &user.id)
                .is_ok();
            facts_of_peer(it, valid)
        });
        facts
            .users
            .push((user.id.id().to_vec(), signatures.collect()));
    }
    for subkey in &key.public_subkeys {
        facts.keys.push((
            subkey.key.fingerprint().as_bytes().to_vec(),
            subkey.key.created_at().as_secs(),
            signature.verify(&subkey.key, ARCHIVE).is_ok(),
        ));
        let signatures = subkey.signatures.iter().map(|it| Facts {
            is_accepted_by_subkey: it.embedded_signature().is_some_and(|back| {
                back.verify_primary_key_binding(&subkey.key, primary)
                    .is_ok()
            }),
            ..facts_of_peer(it, it.verify_subkey_binding(primary, &subkey.key).is_ok())
        });
        facts.subkeys.push(signatures.collect());
    }
    facts
}

fn facts_of_ours<'a>(
    signature: &'a Signature,
    mut valid: impl Iterator<Item = &'a Signature>,
) -> Facts {
    let fingerprints = signature.issuer_fingerprints.iter();
    Facts {
        kind: signature.kind,
        created: signature.created,
        lifetime: signature.lifetime,
        key_lifetime: signature.key_lifetime,
        flags: signature.key_flags.clone(),
        revocation_reason: signature.revocation_reason,
        issuer_key_ids: signature.issuer_key_ids.clone(),
        issuer_fingerprints: fingerprints.map(|it| it[1..].to_vec()).collect(),
        is_valid: valid.any(|it| std::ptr::eq(it, signature)),
        is_accepted_by_subkey: false,
    }
}

fn by_us(keys: &[u8], signature: &[u8]) -> CertificateFacts {
    let certificates = Certificate::read_all(keys).unwrap();
    let [key] = certificates.as_slice() else {
        panic!("{} keys", certificates.len());
    };
    let signature = SignatureFile::read(signature).unwrap().0.remove(0);
    let signed = |key| signature.verify(key, &mut ARCHIVE.to_vec()).is_ok();
    let all_keys = std::iter::once(&key.primary).chain(&key.subkeys);
    CertificateFacts {
        keys: all_keys
            .map(|it| {
                (
                    it.subject.fingerprint.to_vec(),
                    it.subject.created,
                    signed(&it.subject),
                )
            })
            .collect(),
        of_primary: key
            .primary
            .signatures
            .iter()
            .map(|it| facts_of_ours(it, key.valid(&key.primary, |_| true)))
            .collect(),
        users: key
            .users
            .iter()
            .map(|user| {
                let signatures = user.signatures.iter();
                let facts = signatures.map(|it| facts_of_ours(it, key.valid(user, |_| true)));
                (user.subject.clone(), facts.collect())
            })
            .collect(),
        subkeys: key
            .subkeys
            .iter()
            .map(|subkey| {
                let signatures = subkey.signatures.iter().map(|it| Facts {
                    is_accepted_by_subkey: key.is_accepted_by(&subkey.subject, it),
                    ..facts_of_ours(it, key.valid(subkey, |_| true))
                });
                signatures.collect()
            })
            .collect(),
    }
}

#[track_caller]
fn assert_same(keys: &[u8], signature: &[u8]) {
    assert_eq!(by_us(keys, signature), by_peer(keys, signature));
}

/// Keys with every flag, expiration and revocation, and with every forgery.
fn variants(kind: Kind) -> Vec<Key> {
    let key = || Key::of_kind("Alice", kind);
    let mallory = Key::of_kind("Mallory", kind).with_signing_subkey();
    let with_subkey = key().with_signing_subkey();
    let mut keys = vec![
        key(),
        key().expiring_at(At(3000)),
        key().expiring_at(At(4000)).self_signed_at(At(1500)),
        key().for_certification_only(),
        key().with_key_flags(&[]),
        key().with_key_flags(&[0]),
        key().with_key_flags(&[0x2f, 0x04, 0x01]),
        key().with_self_signature_without_flags(),
        key().with_direct_key_signature(),
        key().with_user_id_revoked(),
        key().with_self_signatures_forged_by(&mallory),
        key().with_revocations_of(&mallory.clone().revoked_at(At(1), None)),
        key().with_subkey_forged_by(&mallory),
        key().claiming_the_subkey_of(&mallory),
        with_subkey.clone().without_primary_key_binding(),
        with_subkey.clone().with_subkey_revoked_at(At(1500)),
        with_subkey.clone().revoked_at(At(1500), None),
        with_subkey,
    ];
    for reason in [
        RevocationCode::NoReason,
        RevocationCode::KeySuperseded,
        RevocationCode::KeyCompromised,
        RevocationCode::KeyRetired,
    ] {
        keys.push(key().revoked_at(At(3000), Some(reason)));
    }
    keys
}

#[test]
fn generated_keys_have_the_same_facts() {
    for kind in [Kind::Ed25519, Kind::Rsa] {
        let signature = Key::of_kind("Alice", kind).sign(ARCHIVE).binary();
        for key in variants(kind) {
            assert_same(&key.binary(), &signature);
        }
    }
}

#[test]
fn generated_signatures_have_the_same_facts() {
    for kind in [
        Kind::Ed25519,
        Kind::NewEd25519,
        Kind::Rsa,
        Kind::P256,
        Kind::P384,
    ] {
        let key = Key::of_kind("Alice", kind).with_signing_subkey();
        let lifetime = SubpacketData::SignatureExpirationTime(Duration::from_secs(3000));
        for signature in [
            key.sign(ARCHIVE),
            key.sign(ARCHIVE).by_subkey(),
            key.sign(ARCHIVE).with_subpacket(lifetime, false),
            key.sign(ARCHIVE).undated(),
            key.sign(b"another file"),
        ] {
            assert_same(&key.binary(), &signature.binary());
        }
    }
}

#[test]
fn rsa_signatures_have_the_same_facts_with_every_supported_hash() {
    use pgp::crypto::hash::HashAlgorithm::{Sha1, Sha256, Sha384, Sha512};
    let key = Key::of_kind("Alice", Kind::Rsa);
    for hash in [Sha1, Sha256, Sha384, Sha512] {
        for content in [ARCHIVE, b"another file"] {
            assert_same(&key.binary(), &key.sign(content).hashed_with(hash).binary());
        }
    }
}

#[test]
fn the_release_managers_keys_have_the_same_facts() {
    let signature = Key::new("Alice").sign(ARCHIVE).binary();
    for manager in &RELEASE_MANAGERS {
        let (key, _) = SignedPublicKey::from_string(manager.key).unwrap();
        key.verify_bindings().unwrap();
        assert_same(&key.to_bytes().unwrap(), &signature);
    }
}
