//! What a key says of itself, and whether it was good at a given time.
//!
//! Only the key's own signatures count, and only those that verify. A self-signature may be made with
//! SHA-1, as the older release managers' are: the key is trusted for its fingerprint, and they say
//! no more than what it is for and until when.

use pgp::composed::{SignedPublicKey, SignedPublicSubKey};
use pgp::packet::{KeyFlags, RevocationCode, Signature, SignatureType};
use pgp::types::{KeyDetails as _, Tag, Timestamp};

/// Why a key's signature made at some time proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nothing says that it is for signing.
    NotForSigning,
    /// The key did not exist.
    MadeBefore(Timestamp),
    /// The key's time was over.
    Expired(Timestamp),
    /// The key's owner took it back.
    Revoked(Timestamp),
}

/// From when to when a key is good, and what for.
#[derive(Debug, Clone)]
pub(super) struct KeyValidity {
    created: Timestamp,
    expires: Option<Timestamp>,
    revoked: Vec<Revocation>,
    signs: bool,
}

#[derive(Debug, Clone, Copy)]
struct Revocation {
    made: Timestamp,
    /// Nobody can say when a key was stolen: all that it ever signed is in doubt.
    for_all_time: bool,
}

impl KeyValidity {
    /// A primary key's validity; `None` when it has no valid self-signature.
    pub(super) fn of(key: &SignedPublicKey) -> Option<Self> {
        let primary = &key.primary_key;
        let direct = key
            .details
            .direct_signatures
            .iter()
            .filter(|signature| signature.verify_key(primary).is_ok());
        let certifications = key.details.users.iter().flat_map(|user| {
            let valid = |signature: &&Signature| {
                signature
                    .verify_certification(primary, Tag::UserId, &user.id)
                    .is_ok()
            };
            let is_revocation =
                |signature: &&Signature| signature.typ() == Some(SignatureType::CertRevocation);
            let revoked = user
                .signatures
                .iter()
                .filter(is_revocation)
                .any(|it| valid(&it));
            user.signatures
                .iter()
                .filter(move |signature| !revoked && !is_revocation(signature) && valid(signature))
        });
        // The newest that says what the key is for: a user ID may have another word on top.
        let newest = direct
            .chain(certifications)
            .max_by_key(|it| (has_flags(it), it.created()))?;
        let revoked = key.details.revocation_signatures.iter();
        Some(Self {
            created: primary.created_at(),
            expires: expiry(primary.created_at(), newest),
            revoked: revoked
                .filter(|it| it.verify_key(primary).is_ok())
                .filter_map(Revocation::of)
                .collect(),
            signs: newest.key_flags().sign() || !has_flags(newest),
        })
    }

    /// A subkey's validity; `None` when it is not bound to the primary key.
    pub(super) fn of_subkey(key: &SignedPublicKey, subkey: &SignedPublicSubKey) -> Option<Self> {
        let primary = &key.primary_key;
        let valid = |it: &&Signature| it.verify_subkey_binding(primary, &subkey.key).is_ok();
        let of_type = |wanted| {
            let signatures = subkey.signatures.iter();
            signatures.filter(move |it: &&Signature| it.typ() == Some(wanted) && valid(it))
        };
        let newest = of_type(SignatureType::SubkeyBinding).max_by_key(|it| it.created())?;
        // The subkey has to agree, or anybody could call another's subkey their own.
        let agrees = newest
            .embedded_signature()
            .is_some_and(|it| it.verify_primary_key_binding(&subkey.key, primary).is_ok());
        Some(Self {
            created: subkey.key.created_at(),
            expires: expiry(subkey.key.created_at(), newest),
            revoked: of_type(SignatureType::SubkeyRevocation)
                .filter_map(Revocation::of)
                .collect(),
            signs: newest.key_flags().sign() && agrees,
        })
    }

    /// Whether a signature of a file counts that this key made at that time.
    pub(super) fn signs_at(&self, time: Timestamp) -> Result<(), Fault> {
        if !self.signs {
            return Err(Fault::NotForSigning);
        }
        self.is_good_at(time)
    }

    /// Whether the key was good at that time, whatever it is for.
    pub(super) fn is_good_at(&self, time: Timestamp) -> Result<(), Fault> {
        let revoked = |it: &&Revocation| it.for_all_time || time >= it.made;
        if let Some(revocation) = self.revoked.iter().find(revoked) {
            return Err(Fault::Revoked(revocation.made));
        }
        if time < self.created {
            return Err(Fault::MadeBefore(self.created));
        }
        match self.expires {
            Some(expires) if time >= expires => Err(Fault::Expired(expires)),
            _ => Ok(()),
        }
    }
}

impl Revocation {
    fn of(signature: &Signature) -> Option<Self> {
        let reason = signature.revocation_reason_code();
        Some(Self {
            made: signature.created()?,
            for_all_time: !matches!(
                reason,
                Some(RevocationCode::KeySuperseded | RevocationCode::KeyRetired)
            ),
        })
    }
}

fn has_flags(signature: &Signature) -> bool {
    signature.key_flags() != KeyFlags::default()
}

/// No time, and a time of zero, both mean for ever (RFC 9580, section 5.2.3.13).
fn expiry(created: Timestamp, signature: &Signature) -> Option<Timestamp> {
    let seconds = signature.key_expiration_time()?.as_secs();
    (seconds != 0).then(|| Timestamp::from_secs(created.as_secs().saturating_add(seconds)))
}
