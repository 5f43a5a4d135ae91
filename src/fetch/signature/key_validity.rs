//! The purpose of a key and the time in which it is valid.
//!
//! Only the key's own signatures count, and only those that verify. A self-signature may be made
//! with SHA-1, as those of the older release managers are: the key is trusted for its fingerprint,
//! and a self-signature only adds a purpose and an expiration.

use super::openpgp::{Certificate, PublicKey, Signature, Signed, kind};
use super::signature_error::Fault;

/// Times are in seconds since 1970.
#[derive(Debug, Clone)]
pub(super) struct KeyValidity {
    created: u32,
    expires: Option<u32>,
    revoked: Vec<Revocation>,
    signs: bool,
}

#[derive(Debug, Clone, Copy)]
struct Revocation {
    made: u32,
    /// A stolen key may have made any of its signatures.
    for_all_time: bool,
}

impl KeyValidity {
    /// A primary key's validity; `None` if it has no valid self-signature.
    pub(super) fn of(key: &Certificate) -> Option<Self> {
        let certifications = key.users.iter().flat_map(|user| {
            let is_revocation = |kind| kind == kind::CERTIFICATION_REVOCATION;
            let is_revoked = key.of_user(user, is_revocation).next().is_some();
            key.of_user(user, move |kind| {
                !is_revoked && kind::CERTIFICATION.contains(&kind)
            })
        });
        // A user ID may have a newer self-signature that names no purpose.
        let newest = key
            .of_primary(kind::DIRECT_KEY)
            .chain(certifications)
            .max_by_key(|it| (it.key_flags().is_some(), it.created()))?;
        let created = key.primary.subject.created;
        Some(Self {
            created,
            expires: expiration(created, newest),
            revoked: revocations(key.of_primary(kind::KEY_REVOCATION)),
            signs: newest.key_flags().is_none() || is_for_signing(newest),
        })
    }

    /// A subkey's validity; `None` if the primary key does not bind it.
    pub(super) fn of_subkey(key: &Certificate, subkey: &Signed<PublicKey>) -> Option<Self> {
        let bindings = key.of_subkey(subkey, kind::SUBKEY_BINDING);
        let newest = bindings.max_by_key(|it| it.created())?;
        let created = subkey.subject.created;
        Some(Self {
            created,
            expires: expiration(created, newest),
            revoked: revocations(key.of_subkey(subkey, kind::SUBKEY_REVOCATION)),
            signs: is_for_signing(newest) && key.is_accepted_by(&subkey.subject, newest),
        })
    }

    /// Fails if a signature of a file that the key made at that time does not count.
    pub(super) fn ensure_signs_at(&self, time: u32) -> Result<(), Fault> {
        if !self.signs {
            return Err(Fault::NotForSigning);
        }
        self.ensure_valid_at(time)
    }

    /// Fails if the key was not valid at that time, whatever its purpose.
    pub(super) fn ensure_valid_at(&self, time: u32) -> Result<(), Fault> {
        let mut revoked = self.revoked.iter();
        if let Some(revocation) = revoked.find(|it| it.for_all_time || time >= it.made) {
            return Err(Fault::KeyRevoked(revocation.made));
        }
        if time < self.created {
            return Err(Fault::BeforeKey(self.created));
        }
        match self.expires {
            Some(expires) if time >= expires => Err(Fault::KeyExpired(expires)),
            _ => Ok(()),
        }
    }
}

fn revocations<'a>(signatures: impl Iterator<Item = &'a Signature>) -> Vec<Revocation> {
    let revocation = |signature: &Signature| {
        // The key was superseded or retired (RFC 9580, section 5.2.3.31).
        let is_harmless = matches!(signature.revocation_reason(), Some(1 | 3));
        Some(Revocation {
            made: signature.created()?,
            for_all_time: !is_harmless,
        })
    };
    signatures.filter_map(revocation).collect()
}

fn is_for_signing(signature: &Signature) -> bool {
    let flags = signature.key_flags().unwrap_or_default();
    flags.first().is_some_and(|it| it & 0x02 != 0)
}

fn expiration(created: u32, signature: &Signature) -> Option<u32> {
    Some(created.saturating_add(signature.key_lifetime()?))
}
