//! Decides whether a key may sign files, and whether it was valid when it signed one.
//!
//! Only the key's own signatures count, and only those that verify. A self-signature may be made
//! with SHA-1, as those of the older release managers are: the key is trusted for its fingerprint,
//! and a self-signature only adds a purpose and an expiration.

use super::openpgp::{Certificate, PublicKey, Signature, Signed, kind};
use super::signature_error::Fault;

/// Fails if a signature of a file does not count that the primary key, or that subkey, made at
/// `time`. Times are in seconds since 1970.
pub(super) fn ensure_signs(
    key: &Certificate,
    subkey: Option<&Signed<PublicKey>>,
    time: u32,
) -> Result<(), Fault> {
    let newest = newest_self_signature(key).ok_or(Fault::NotForSigning)?;
    if subkey.is_none() && newest.key_flags.is_some() && !is_for_signing(newest) {
        return Err(Fault::NotForSigning);
    }
    let revocations = key.valid(&key.primary, |it| it == kind::KEY_REVOCATION);
    ensure_valid(&key.primary.subject, newest, revocations, time)?;
    let Some(subkey) = subkey else {
        return Ok(());
    };
    let bindings = key.valid(subkey, |it| it == kind::SUBKEY_BINDING);
    let newest = bindings
        .max_by_key(|it| it.created)
        .ok_or(Fault::NotForSigning)?;
    if !is_for_signing(newest) || !key.is_accepted_by(&subkey.subject, newest) {
        return Err(Fault::NotForSigning);
    }
    let revocations = key.valid(subkey, |it| it == kind::SUBKEY_REVOCATION);
    ensure_valid(&subkey.subject, newest, revocations, time)
}

/// The newest self-signature that names a purpose, if any does: a user ID may have a newer one that
/// names none.
pub(super) fn newest_self_signature(key: &Certificate) -> Option<&Signature> {
    let certifications = key.users.iter().flat_map(|user| {
        let mut revocations = key.valid(user, |it| it == kind::CERTIFICATION_REVOCATION);
        let is_revoked = revocations.next().is_some();
        key.valid(user, move |it| {
            !is_revoked && kind::CERTIFICATION.contains(&it)
        })
    });
    key.valid(&key.primary, |it| it == kind::DIRECT_KEY)
        .chain(certifications)
        .max_by_key(|it| (it.key_flags.is_some(), it.created))
}

fn ensure_valid<'a>(
    key: &PublicKey,
    newest: &Signature,
    revocations: impl Iterator<Item = &'a Signature>,
    time: u32,
) -> Result<(), Fault> {
    for revocation in revocations {
        // A superseded or retired key (RFC 9580, section 5.2.3.31) was valid before. Any signature
        // of a stolen key may be forged.
        let was_valid_before = matches!(revocation.revocation_reason, Some(1 | 3));
        if let Some(made) = revocation.created
            && (!was_valid_before || time >= made)
        {
            return Err(Fault::KeyRevoked(made));
        }
    }
    if time < key.created {
        return Err(Fault::BeforeKey(key.created));
    }
    let lifetime = newest.key_lifetime.filter(|&it| it != 0);
    match lifetime.map(|it| key.created.saturating_add(it)) {
        Some(expires) if time >= expires => Err(Fault::KeyExpired(expires)),
        _ => Ok(()),
    }
}

fn is_for_signing(signature: &Signature) -> bool {
    let flags = signature.key_flags.as_ref().and_then(|it| it.first());
    flags.is_some_and(|it| it & 0x02 != 0)
}
