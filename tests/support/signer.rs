//! The OpenPGP signer of the unit and integration tests: keys and signatures, each with one fault.
//!
//! It stands on the `pgp` crate, so it shares no code with the verifier.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{LazyLock, Mutex, PoisonError};

use jiff::Timestamp;
use pgp::composed::{
    ArmorOptions, DetachedSignature, EncryptionCaps, KeyType, SecretKeyParamsBuilder,
    SignedPublicKey, SignedSecretKey, SubkeyParamsBuilder,
};
use pgp::crypto::ecc_curve::ECCCurve;
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{
    KeyFlags, PublicSubkey, RevocationCode, Signature, SignatureConfig, SignatureType, Subpacket,
    SubpacketData,
};
use pgp::ser::Serialize as _;
use pgp::types::{Duration, Fingerprint, KeyDetails as _, Password, Tag};

/// Seconds since 1970. Keys of [`Key::new`] are created at 1000 and sign at 2000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct At(pub u32);

impl At {
    pub fn timestamp(self) -> Timestamp {
        Timestamp::from_second(self.0.into()).unwrap()
    }

    fn of_pgp(self) -> pgp::types::Timestamp {
        pgp::types::Timestamp::from_secs(self.0)
    }
}

/// The time when the test process began.
static NOW: LazyLock<At> = LazyLock::new(|| {
    At(Timestamp::now()
        .as_second()
        .try_into()
        .expect("a time before 2106"))
});

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Algorithm 22, as gpg makes them.
    Ed25519,
    /// Algorithm 27, of RFC 9580.
    NewEd25519,
    /// 2048 bits. The release managers have keys of this kind.
    Rsa,
    P256,
    P384,
    P521,
}

impl Kind {
    fn key_type(self) -> KeyType {
        match self {
            Self::Ed25519 => KeyType::Ed25519Legacy,
            Self::NewEd25519 => KeyType::Ed25519,
            Self::Rsa => KeyType::Rsa(2048),
            Self::P256 => KeyType::ECDSA(ECCCurve::P256),
            Self::P384 => KeyType::ECDSA(ECCCurve::P384),
            Self::P521 => KeyType::ECDSA(ECCCurve::P521),
        }
    }

    /// ECDSA signs no digest that is shorter than the key.
    fn hash(self) -> HashAlgorithm {
        match self {
            Self::P384 => HashAlgorithm::Sha384,
            Self::P521 => HashAlgorithm::Sha512,
            _ => HashAlgorithm::Sha256,
        }
    }
}

/// A key with its secret.
#[derive(Clone)]
pub struct Key {
    secret: SignedSecretKey,
    pub public: SignedPublicKey,
    kind: Kind,
    created: At,
}

fn for_signing() -> SubpacketData {
    let mut flags = KeyFlags::default();
    flags.set_sign(true);
    SubpacketData::KeyFlags(flags)
}

/// Generates a key, or returns the one that this process generated before.
fn generated(name: &str, kind: Kind, created: At, with_subkey: bool) -> SignedSecretKey {
    type Generated = BTreeMap<(String, Kind, At, bool), SignedSecretKey>;
    static GENERATED: Mutex<Generated> = Mutex::new(BTreeMap::new());

    let generate = || {
        let mut builder = SecretKeyParamsBuilder::default();
        builder
            .key_type(kind.key_type())
            .can_certify(true)
            .can_sign(true)
            .can_encrypt(EncryptionCaps::None)
            .created_at(created.of_pgp())
            .primary_user_id(name.to_owned());
        if with_subkey {
            let mut subkey = SubkeyParamsBuilder::default();
            subkey
                .key_type(kind.key_type())
                .can_sign(true)
                .created_at(created.of_pgp());
            builder.subkey(subkey.build().unwrap());
        }
        builder
            .build()
            .unwrap()
            .generate(rand::thread_rng())
            .unwrap()
    };
    let mut keys = GENERATED.lock().unwrap_or_else(PoisonError::into_inner);
    let key = keys.entry((name.to_owned(), kind, created, with_subkey));
    key.or_insert_with(generate).clone()
}

impl Key {
    /// An Ed25519 key. The same name gives the same key.
    pub fn new(name: &str) -> Self {
        Self::of_kind(name, Kind::Ed25519)
    }

    pub fn of_kind(name: &str, kind: Kind) -> Self {
        Self::made(name, kind, At(1000), false)
    }

    /// A key that was created an hour ago.
    pub fn recent(name: &str) -> Self {
        Self::made(name, Kind::Ed25519, At(NOW.0 - 3600), false)
    }

    fn made(name: &str, kind: Kind, created: At, with_subkey: bool) -> Self {
        let secret = generated(name, kind, created, with_subkey);
        let public = SignedPublicKey::from(secret.clone());
        Self {
            secret,
            public,
            kind,
            created,
        }
        .self_signed(created, None, true)
    }

    /// A key of the same name and kind that has a subkey.
    pub fn with_signing_subkey(self) -> Self {
        let name = self.public.details.users[0].id.as_str().unwrap();
        Self::made(name, self.kind, self.created, true)
    }

    fn self_signed(mut self, at: At, expiry: Option<At>, signs: bool) -> Self {
        let mut flags = KeyFlags::default();
        flags.set_certify(true);
        flags.set_sign(signs);
        let mut data = vec![SubpacketData::KeyFlags(flags)];
        data.extend(expiry.map(|expiry| {
            SubpacketData::KeyExpirationTime(Duration::from_secs(expiry.0 - self.created.0))
        }));
        let signature = self.certify(&self, SignatureType::CertPositive, at, data);
        self.public.details.users[0].signatures = vec![signature];
        self
    }

    /// A signature of the user ID of `other`.
    fn certify(
        &self,
        other: &Self,
        kind: SignatureType,
        at: At,
        data: Vec<SubpacketData>,
    ) -> Signature {
        let config = other.config(kind, at, data);
        let (secret, key) = (&self.secret.primary_key, &other.public.primary_key);
        let user = &other.public.details.users[0].id;
        config
            .sign_certification(secret, key, &Password::empty(), Tag::UserId, user)
            .unwrap()
    }

    pub fn expiring_at(self, expiry: At) -> Self {
        let created = self.created;
        self.self_signed(created, Some(expiry), true)
    }

    /// A key that expired half an hour ago, if it is a recent one.
    pub fn expired(self) -> Self {
        self.expiring_at(At(NOW.0 - 1800))
    }

    /// The same key with its self-signature made at that time.
    pub fn self_signed_at(self, at: At) -> Self {
        let signature = &self.public.details.users[0].signatures[0];
        let lifetime = signature.key_expiration_time();
        let expiry = lifetime.map(|it| At(it.as_secs() + self.created.0));
        self.self_signed(at, expiry, true)
    }

    pub fn for_certification_only(self) -> Self {
        let created = self.created;
        self.self_signed(created, None, false)
    }

    /// A key whose self-signature has these octets as its key flags.
    pub fn with_key_flags(mut self, octets: &[u8]) -> Self {
        let flags = SubpacketData::KeyFlags(KeyFlags::try_from_reader(octets).unwrap());
        let kind = SignatureType::CertPositive;
        let signature = self.certify(&self, kind, self.created, vec![flags]);
        self.public.details.users[0].signatures = vec![signature];
        self
    }

    pub fn revoked_at(mut self, at: At, reason: Option<RevocationCode>) -> Self {
        let data = reason.map(|code| SubpacketData::RevocationReason(code, bytes::Bytes::new()));
        let config = self.config(SignatureType::KeyRevocation, at, data.into_iter().collect());
        let (secret, key) = (&self.secret.primary_key, &self.public.primary_key);
        let signature = config.sign_key(secret, &Password::empty(), key).unwrap();
        self.public.details.revocation_signatures = vec![signature];
        self
    }

    pub fn with_revocations_of(&self, other: &Self) -> Self {
        let mut key = self.clone();
        let revocations = other.public.details.revocation_signatures.clone();
        key.public.details.revocation_signatures = revocations;
        key
    }

    pub fn with_subkey_revoked_at(mut self, at: At) -> Self {
        let config = self.config(SignatureType::SubkeyRevocation, at, Vec::new());
        let (secret, key) = (&self.secret.primary_key, &self.public.primary_key);
        let subkey = &self.public.public_subkeys[0].key;
        let signature = config
            .sign_subkey_binding(secret, key, &Password::empty(), subkey)
            .unwrap();
        self.public.public_subkeys[0].signatures.push(signature);
        self
    }

    pub fn without_primary_key_binding(mut self) -> Self {
        let subkey = &self.public.public_subkeys[0].key;
        let signature = self.binding(&self, subkey, None);
        self.public.public_subkeys[0].signatures = vec![signature];
        self
    }

    /// This key's signature that binds the subkey to the other key, with the subkey's own binding.
    fn binding(&self, other: &Self, subkey: &PublicSubkey, back: Option<Signature>) -> Signature {
        let back = back.map(|it| SubpacketData::EmbeddedSignature(Box::new(it)));
        let data = std::iter::once(for_signing()).chain(back).collect();
        let (secret, key) = (&self.secret.primary_key, &other.public.primary_key);
        self.config(SignatureType::SubkeyBinding, self.created, data)
            .sign_subkey_binding(secret, key, &Password::empty(), subkey)
            .unwrap()
    }

    /// This key with another's subkey. The other one does everything that is possible without this
    /// key's secret: the subkey accepts this key, and the other's primary key signs the binding.
    pub fn with_subkey_forged_by(&self, other: &Self) -> Self {
        let mut key = self.clone();
        let mut subkey = other.public.public_subkeys[0].clone();
        let back = other
            .config(SignatureType::KeyBinding, self.created, Vec::new())
            .sign_primary_key_binding(
                &other.secret.secret_subkeys[0].key,
                &subkey.key,
                &Password::empty(),
                &self.public.primary_key,
            )
            .unwrap();
        subkey.signatures = vec![other.binding(self, &subkey.key, Some(back))];
        key.public.public_subkeys = vec![subkey];
        key
    }

    /// This key bound to another's subkey, which accepted its owner's key only.
    pub fn claiming_the_subkey_of(mut self, other: &Self) -> Self {
        let mut subkey = other.public.public_subkeys[0].clone();
        let back = subkey.signatures[0].embedded_signature().unwrap().clone();
        subkey.signatures = vec![self.binding(&self, &subkey.key, Some(back))];
        self.public.public_subkeys = vec![subkey];
        self
    }

    /// This key with a newer self-signature that has no key flags.
    pub fn with_self_signature_without_flags(mut self) -> Self {
        let newer = self.certify(&self, SignatureType::CertPositive, At(1800), Vec::new());
        self.public.details.users[0].signatures.push(newer);
        self
    }

    pub fn with_user_id_revoked(mut self) -> Self {
        let revocation = self.certify(&self, SignatureType::CertRevocation, At(1800), Vec::new());
        self.public.details.users[0].signatures.push(revocation);
        self
    }

    /// This key with signatures by another key that make it a signing key.
    pub fn with_self_signatures_forged_by(mut self, other: &Self) -> Self {
        let data = vec![for_signing()];
        let (secret, key) = (&other.secret.primary_key, &self.public.primary_key);
        let of_key = self
            .config(SignatureType::Key, At(1800), data.clone())
            .sign_key(secret, &Password::empty(), key)
            .unwrap();
        let of_user = other.certify(&self, SignatureType::CertPositive, At(1800), data);
        self.public.details.direct_signatures = vec![of_key];
        self.public.details.users[0].signatures.push(of_user);
        self
    }

    /// This key with its purpose in a direct-key signature, as newer keys have it.
    pub fn with_direct_key_signature(mut self) -> Self {
        let (secret, key) = (&self.secret.primary_key, &self.public.primary_key);
        let signature = self
            .config(SignatureType::Key, At(1500), vec![for_signing()])
            .sign_key(secret, &Password::empty(), key)
            .unwrap();
        self.public.details.direct_signatures = vec![signature];
        self
    }

    fn config(&self, kind: SignatureType, at: At, data: Vec<SubpacketData>) -> SignatureConfig {
        let key = &self.secret.primary_key;
        let mut config = SignatureConfig::v4(kind, key.algorithm(), self.kind.hash());
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

    pub fn fingerprint(&self) -> String {
        format!("{:X}", self.public.fingerprint())
    }

    pub fn issuer(&self) -> Fingerprint {
        self.public.fingerprint()
    }

    pub fn binary(&self) -> Vec<u8> {
        self.public.to_bytes().unwrap()
    }

    pub fn armored(&self) -> Vec<u8> {
        self.public
            .to_armored_bytes(ArmorOptions::default())
            .unwrap()
    }

    /// A good signature of `content`, made 1000 seconds after the key.
    pub fn sign<'a>(&'a self, content: &'a [u8]) -> SignatureBuilder<'a> {
        SignatureBuilder {
            key: self,
            content,
            at: Some(At(self.created.0 + 1000)),
            hash: self.kind.hash(),
            kind: SignatureType::Binary,
            issuer: self.public.fingerprint(),
            by_subkey: false,
            more: Vec::new(),
        }
    }

    /// The bytes of a signature by [`Key::sign`] that it does not protect: the unhashed subpacket.
    pub fn unhashed_part(&self, signature: &[u8]) -> Range<usize> {
        let id = self.public.legacy_key_id();
        let start = signature
            .windows(8)
            .rposition(|part| part == id.as_ref())
            .unwrap();
        start - 4..start + 8
    }
}

pub struct SignatureBuilder<'a> {
    key: &'a Key,
    content: &'a [u8],
    at: Option<At>,
    hash: HashAlgorithm,
    kind: SignatureType,
    pub issuer: Fingerprint,
    by_subkey: bool,
    more: Vec<Subpacket>,
}

impl SignatureBuilder<'_> {
    pub fn at(mut self, at: At) -> Self {
        self.at = Some(at);
        self
    }

    pub fn now(self) -> Self {
        self.at(*NOW)
    }

    pub fn undated(mut self) -> Self {
        self.at = None;
        self
    }

    pub fn hashed_with(mut self, hash: HashAlgorithm) -> Self {
        self.hash = hash;
        self
    }

    pub fn of_text(mut self) -> Self {
        self.kind = SignatureType::Text;
        self
    }

    pub fn by_subkey(mut self) -> Self {
        self.by_subkey = true;
        self.issuer = self.key.public.public_subkeys[0].key.fingerprint();
        self
    }

    pub fn with_subpacket(mut self, data: SubpacketData, critical: bool) -> Self {
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

    pub fn binary(self) -> Vec<u8> {
        DetachedSignature::new(self.signature()).to_bytes().unwrap()
    }

    pub fn armored(self) -> Vec<u8> {
        DetachedSignature::new(self.signature())
            .to_armored_bytes(ArmorOptions::default())
            .unwrap()
    }
}
