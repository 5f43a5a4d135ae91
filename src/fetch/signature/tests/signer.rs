//! Keys and signatures made for tests, with one thing wrong in each.

use std::ops::Range;

use jiff::Timestamp;
use pgp::composed::{
    ArmorOptions, DetachedSignature, EncryptionCaps, KeyType, SecretKeyParamsBuilder,
    SignedPublicKey, SignedSecretKey, SubkeyParamsBuilder,
};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{
    KeyFlags, PublicSubkey, RevocationCode, Signature, SignatureConfig, SignatureType, Subpacket,
    SubpacketData,
};
use pgp::ser::Serialize as _;
use pgp::types::{Duration, Fingerprint, KeyDetails as _, Password, Tag};

/// Seconds since 1970. Keys are made at 1000 and sign at 2000.
#[derive(Clone, Copy)]
pub(super) struct At(pub(super) u32);

impl At {
    pub(super) fn timestamp(self) -> Timestamp {
        Timestamp::from_second(self.0.into()).unwrap()
    }

    fn of_pgp(self) -> pgp::types::Timestamp {
        pgp::types::Timestamp::from_secs(self.0)
    }
}

const CREATED: At = At(1000);

/// A key with its secret.
#[derive(Clone)]
pub(super) struct Key {
    secret: SignedSecretKey,
    public: SignedPublicKey,
}

/// What says that a key is for signing.
fn for_signing() -> SubpacketData {
    let mut flags = KeyFlags::default();
    flags.set_sign(true);
    SubpacketData::KeyFlags(flags)
}

impl Key {
    pub(super) fn new(name: &str) -> Self {
        Self::made(name, KeyType::Ed25519Legacy, false)
    }

    /// A key as release managers have them.
    pub(super) fn of_old(name: &str) -> Self {
        Self::made(name, KeyType::Rsa(2048), false)
    }

    fn made(name: &str, kind: KeyType, with_subkey: bool) -> Self {
        let mut builder = SecretKeyParamsBuilder::default();
        builder
            .key_type(kind)
            .can_certify(true)
            .can_sign(true)
            .can_encrypt(EncryptionCaps::None)
            .created_at(CREATED.of_pgp())
            .primary_user_id(name.to_owned());
        if with_subkey {
            let subkey = SubkeyParamsBuilder::default()
                .key_type(KeyType::Ed25519Legacy)
                .can_sign(true)
                .created_at(CREATED.of_pgp())
                .build()
                .unwrap();
            builder.subkey(subkey);
        }
        let secret = builder
            .build()
            .unwrap()
            .generate(rand::thread_rng())
            .unwrap();
        let public = SignedPublicKey::from(secret.clone());
        Self { secret, public }.saying_of_itself(CREATED, None, true)
    }

    pub(super) fn with_signing_subkey(self) -> Self {
        let name = self.public.details.users[0].id.as_str().unwrap().to_owned();
        Self::made(&name, KeyType::Ed25519Legacy, true)
    }

    fn saying_of_itself(mut self, at: At, expiry: Option<At>, signs: bool) -> Self {
        let mut flags = KeyFlags::default();
        flags.set_certify(true);
        flags.set_sign(signs);
        let mut data = vec![SubpacketData::KeyFlags(flags)];
        data.extend(expiry.map(|expiry| {
            SubpacketData::KeyExpirationTime(Duration::from_secs(expiry.0 - CREATED.0))
        }));
        let config = self.config(SignatureType::CertPositive, at, data);
        let user = &self.public.details.users[0];
        let signature = config
            .sign_certification(
                &self.secret.primary_key,
                &self.public.primary_key,
                &Password::empty(),
                Tag::UserId,
                &user.id,
            )
            .unwrap();
        self.public.details.users[0].signatures = vec![signature];
        self
    }

    pub(super) fn expiring_at(self, expiry: At) -> Self {
        self.saying_of_itself(CREATED, Some(expiry), true)
    }

    /// Its word about itself, said anew at that time.
    pub(super) fn said_at(self, at: At) -> Self {
        let word = &self.public.details.users[0].signatures[0];
        let expiry = word
            .key_expiration_time()
            .map(|it| At(it.as_secs() + CREATED.0));
        self.saying_of_itself(at, expiry, true)
    }

    pub(super) fn for_certifying_only(self) -> Self {
        self.saying_of_itself(CREATED, None, false)
    }

    pub(super) fn revoked_at(mut self, at: At, reason: Option<RevocationCode>) -> Self {
        let data = reason.map(|code| SubpacketData::RevocationReason(code, bytes::Bytes::new()));
        let config = self.config(SignatureType::KeyRevocation, at, data.into_iter().collect());
        let signature = config
            .sign_key(
                &self.secret.primary_key,
                &Password::empty(),
                &self.public.primary_key,
            )
            .unwrap();
        self.public.details.revocation_signatures = vec![signature];
        self
    }

    pub(super) fn with_revocations_of(&self, other: &Self) -> Self {
        let mut key = self.clone();
        let revocations = &other.public.details.revocation_signatures;
        key.public
            .details
            .revocation_signatures
            .clone_from(revocations);
        key
    }

    pub(super) fn without_back_signature(mut self) -> Self {
        let subkey = &self.public.public_subkeys[0].key;
        let signature = self.binding(&self, subkey, None);
        self.public.public_subkeys[0].signatures = vec![signature];
        self
    }

    /// This key's word that the other one's primary key has the subkey for signing, and the subkey's word
    /// that it agrees.
    fn binding(
        &self,
        other: &Self,
        subkey: &PublicSubkey,
        agreement: Option<Signature>,
    ) -> Signature {
        let agreement = agreement.map(|word| SubpacketData::EmbeddedSignature(Box::new(word)));
        let data = std::iter::once(for_signing()).chain(agreement).collect();
        self.config(SignatureType::SubkeyBinding, CREATED, data)
            .sign_subkey_binding(
                &self.secret.primary_key,
                &other.public.primary_key,
                &Password::empty(),
                subkey,
            )
            .unwrap()
    }

    /// With another's subkey as if it were its own. The other one does all that can be done without
    /// this key's secret: the subkey agrees, and the other's primary key says that this one binds it.
    pub(super) fn with_subkey_forged_by(&self, other: &Self) -> Self {
        let mut key = self.clone();
        let subkey = &other.secret.secret_subkeys[0].key;
        let agreement = other
            .config(SignatureType::KeyBinding, CREATED, Vec::new())
            .sign_primary_key_binding(
                subkey,
                &other.public.public_subkeys[0].key,
                &Password::empty(),
                &self.public.primary_key,
            )
            .unwrap();
        let mut subkey = other.public.public_subkeys[0].clone();
        let binding = other.binding(self, &subkey.key, Some(agreement));
        subkey.signatures = vec![binding];
        key.public.public_subkeys = vec![subkey];
        key
    }

    /// With a newer word about itself on top that does not say what the key is for.
    pub(super) fn with_a_word_without_flags(mut self) -> Self {
        let older = self.public.details.users[0].signatures.clone();
        let config = self.config(SignatureType::CertPositive, At(1800), Vec::new());
        let newer = config
            .sign_certification(
                &self.secret.primary_key,
                &self.public.primary_key,
                &Password::empty(),
                Tag::UserId,
                &self.public.details.users[0].id,
            )
            .unwrap();
        self.public.details.users[0].signatures = [older, vec![newer]].concat();
        self
    }

    /// With its only name, and the word that stands with it, taken back.
    pub(super) fn with_name_revoked(mut self) -> Self {
        let user = &self.public.details.users[0];
        let revocation = self
            .config(SignatureType::CertRevocation, At(1800), Vec::new())
            .sign_certification(
                &self.secret.primary_key,
                &self.public.primary_key,
                &Password::empty(),
                Tag::UserId,
                &user.id,
            )
            .unwrap();
        self.public.details.users[0].signatures.push(revocation);
        self
    }

    /// With words about this key that somebody else signed: that it is for signing.
    pub(super) fn with_words_forged_by(mut self, other: &Self) -> Self {
        let data = vec![for_signing()];
        let (secret, password) = (&other.secret.primary_key, Password::empty());
        let key = &self.public.primary_key;
        let word = self
            .config(SignatureType::Key, At(1800), data.clone())
            .sign_key(secret, &password, key)
            .unwrap();
        let user = &self.public.details.users[0];
        let of_user = self
            .config(SignatureType::CertPositive, At(1800), data)
            .sign_certification(secret, key, &password, Tag::UserId, &user.id)
            .unwrap();
        self.public.details.direct_signatures = vec![word];
        self.public.details.users[0].signatures.push(of_user);
        self
    }

    /// With another's subkey bound to it, which has agreed to its owner's key and not to this one.
    pub(super) fn claiming_the_subkey_of(mut self, other: &Self) -> Self {
        let mut subkey = other.public.public_subkeys[0].clone();
        let agreement = subkey.signatures[0].embedded_signature().unwrap().clone();
        let binding = self.binding(&self, &subkey.key, Some(agreement));
        subkey.signatures = vec![binding];
        self.public.public_subkeys = vec![subkey];
        self
    }

    fn config(&self, kind: SignatureType, at: At, data: Vec<SubpacketData>) -> SignatureConfig {
        let key = &self.secret.primary_key;
        let mut config = SignatureConfig::v4(kind, key.algorithm(), HashAlgorithm::Sha256);
        let common = [
            SubpacketData::SignatureCreationTime(at.of_pgp()),
            SubpacketData::IssuerFingerprint(self.public.fingerprint()),
        ];
        config.hashed_subpackets = common
            .into_iter()
            .chain(data)
            .map(|data| Subpacket::regular(data).unwrap())
            .collect();
        config
    }

    pub(super) fn fingerprint(&self) -> String {
        format!("{:X}", self.public.fingerprint())
    }

    pub(super) fn issuer(&self) -> Fingerprint {
        self.public.fingerprint()
    }

    pub(super) fn binary(&self) -> Vec<u8> {
        self.public.to_bytes().unwrap()
    }

    pub(super) fn armored(&self) -> Vec<u8> {
        self.public
            .to_armored_bytes(ArmorOptions::default())
            .unwrap()
    }

    /// A signature of `content` that is all right.
    pub(super) fn sign<'a>(&'a self, content: &'a [u8]) -> Draft<'a> {
        Draft {
            key: self,
            content,
            at: Some(At(2000)),
            hash: HashAlgorithm::Sha256,
            kind: SignatureType::Binary,
            issuer: self.public.fingerprint(),
            by_subkey: false,
            more: Vec::new(),
        }
    }

    /// The bytes of a signature by [`Key::sign`] that are not signed themselves.
    pub(super) fn unhashed_part(&self, signature: &[u8]) -> Range<usize> {
        let id = self.public.legacy_key_id();
        let start = signature
            .windows(8)
            .rposition(|part| part == id.as_ref())
            .unwrap();
        start - 4..start + 8
    }
}

/// A signature to be made.
pub(super) struct Draft<'a> {
    key: &'a Key,
    content: &'a [u8],
    at: Option<At>,
    hash: HashAlgorithm,
    kind: SignatureType,
    /// Who it says made it.
    pub(super) issuer: Fingerprint,
    by_subkey: bool,
    more: Vec<Subpacket>,
}

impl Draft<'_> {
    pub(super) fn at(mut self, at: At) -> Self {
        self.at = Some(at);
        self
    }

    pub(super) fn undated(mut self) -> Self {
        self.at = None;
        self
    }

    pub(super) fn with(mut self, hash: HashAlgorithm) -> Self {
        self.hash = hash;
        self
    }

    pub(super) fn of_text(mut self) -> Self {
        self.kind = SignatureType::Text;
        self
    }

    pub(super) fn by_subkey(mut self) -> Self {
        self.by_subkey = true;
        self.issuer = self.key.public.public_subkeys[0].key.fingerprint();
        self
    }

    pub(super) fn saying(mut self, data: SubpacketData, critical: bool) -> Self {
        self.more.push(if critical {
            Subpacket::critical(data).unwrap()
        } else {
            Subpacket::regular(data).unwrap()
        });
        self
    }

    fn signature(self) -> Signature {
        let secret = &self.key.secret;
        let algorithm = secret.primary_key.algorithm();
        let mut config = SignatureConfig::v4(self.kind, algorithm, self.hash);
        let data = self
            .at
            .map(|at| SubpacketData::SignatureCreationTime(at.of_pgp()));
        config.hashed_subpackets = data
            .into_iter()
            .chain([SubpacketData::IssuerFingerprint(self.issuer)])
            .map(|data| Subpacket::regular(data).unwrap())
            .chain(self.more)
            .collect();
        let id = SubpacketData::IssuerKeyId(self.key.public.legacy_key_id());
        config.unhashed_subpackets = vec![Subpacket::regular(id).unwrap()];
        let password = Password::empty();
        if self.by_subkey {
            let subkey = &secret.secret_subkeys[0].key;
            config.sign(subkey, &password, self.content).unwrap()
        } else {
            config
                .sign(&secret.primary_key, &password, self.content)
                .unwrap()
        }
    }

    pub(super) fn binary(self) -> Vec<u8> {
        DetachedSignature::new(self.signature()).to_bytes().unwrap()
    }

    pub(super) fn armored(self) -> Vec<u8> {
        DetachedSignature::new(self.signature())
            .to_armored_bytes(ArmorOptions::default())
            .unwrap()
    }
}
