//! Somebody who signs a mirror of their own.

use std::time::{Duration, SystemTime};

use pgp::composed::{
    ArmorOptions, DetachedSignature, EncryptionCaps, KeyType, SecretKeyParamsBuilder,
    SignedPublicKey, SignedSecretKey,
};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{KeyFlags, SignatureConfig, SignatureType, Subpacket, SubpacketData};
use pgp::types::{KeyDetails as _, Password, Tag, Timestamp};

/// A key with its secret.
pub struct Signer {
    secret: SignedSecretKey,
    public: SignedPublicKey,
}

impl Signer {
    /// A new key, made an hour ago.
    pub fn new() -> Self {
        let hour_ago = SystemTime::now() - Duration::from_secs(3600);
        let secret = SecretKeyParamsBuilder::default()
            .key_type(KeyType::Ed25519Legacy)
            .can_certify(true)
            .can_sign(true)
            .can_encrypt(EncryptionCaps::None)
            .created_at(Timestamp::try_from(hour_ago).expect("a time that OpenPGP knows"))
            .primary_user_id("Mirror <mirror@example.org>".into())
            .build()
            .expect("parameters that fit together")
            .generate(rand::thread_rng())
            .expect("a new key");
        let public = SignedPublicKey::from(secret.clone());
        Self { secret, public }
    }

    /// The key says of itself that it is over since half an hour.
    pub fn expired(mut self) -> Self {
        let key = &self.secret.primary_key;
        let mut flags = KeyFlags::default();
        flags.set_sign(true);
        let mut config = SignatureConfig::v4(
            SignatureType::CertPositive,
            key.algorithm(),
            HashAlgorithm::Sha256,
        );
        config.hashed_subpackets = [
            SubpacketData::SignatureCreationTime(self.public.created_at()),
            SubpacketData::IssuerFingerprint(self.public.fingerprint()),
            SubpacketData::KeyFlags(flags),
            SubpacketData::KeyExpirationTime(pgp::types::Duration::from_secs(1800)),
        ]
        .map(|data| Subpacket::regular(data).expect("a small subpacket"))
        .to_vec();
        let user = &mut self.public.details.users[0];
        let signature = config
            .sign_certification(
                key,
                &self.public.primary_key,
                &Password::empty(),
                Tag::UserId,
                &user.id,
            )
            .expect("a self-signature");
        user.signatures = vec![signature];
        self
    }

    /// The fingerprint, in capitals.
    pub fn fingerprint(&self) -> String {
        format!("{:X}", self.public.fingerprint())
    }

    /// The public key, armored.
    pub fn key(&self) -> Vec<u8> {
        self.public
            .to_armored_bytes(ArmorOptions::default())
            .expect("memory")
    }

    /// A signature of `content`, armored, made now.
    pub fn sign(&self, content: &[u8]) -> Vec<u8> {
        DetachedSignature::sign_binary_data(
            rand::thread_rng(),
            &self.secret.primary_key,
            &Password::empty(),
            HashAlgorithm::Sha256,
            content,
        )
        .and_then(|signature| signature.to_armored_bytes(ArmorOptions::default()))
        .expect("a signature")
    }
}
