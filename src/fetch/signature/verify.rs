//! Verifies signatures of an archive with trusted keys.

use std::io::Read as _;
use std::path::Path;

use jiff::Timestamp;

use super::file::SignatureFile;
use super::key_validity::KeyValidity;
use super::keyring::{Keyring, TrustedKey};
use super::openpgp::{PublicKey, SHA1, Signature, Signed, Unverified, hash_name, kind};
use super::signature_error::{Fault, LARGEST_ARCHIVE, SignatureError, time};
use crate::plan::verification::GoodSignature;
use crate::plan::version::PythonVersion;

/// A signature and a key that it names as its issuer.
struct Claim<'a> {
    signature: &'a Signature,
    made: u32,
    key: &'a TrustedKey,
    issuer: Issuer<'a>,
}

#[derive(Clone, Copy)]
enum Issuer<'a> {
    Primary,
    Subkey(&'a Signed<PublicKey>),
}

impl Keyring {
    /// Verifies that one of these signatures makes `archive` that release, as of `now`. One good
    /// signature is enough, but a bad one by a key of the keyring is an error.
    pub(super) fn verify(
        &self,
        signatures: &SignatureFile,
        archive: &Path,
        release: PythonVersion,
        now: Timestamp,
    ) -> Result<GoodSignature, SignatureError> {
        let mut content = read_archive(archive)?;
        self.verify_content(signatures, &mut content, release, now)
    }

    fn verify_content(
        &self,
        signatures: &SignatureFile,
        content: &mut Vec<u8>,
        release: PythonVersion,
        now: Timestamp,
    ) -> Result<GoodSignature, SignatureError> {
        let mut good = None;
        let mut unknown = None;
        for signature in &signatures.0 {
            match self.verify_one(signature, content, release, now) {
                Ok(found) => good = good.or(Some(found)),
                Err(error @ SignatureError::UnknownKey { .. }) => unknown = unknown.or(Some(error)),
                Err(error) => return Err(error),
            }
        }
        good.ok_or_else(|| {
            unknown.unwrap_or(SignatureError::NotASignature("it holds no signature"))
        })
    }

    fn verify_one(
        &self,
        signature: &Signature,
        content: &mut Vec<u8>,
        release: PythonVersion,
        now: Timestamp,
    ) -> Result<GoodSignature, SignatureError> {
        if signature.kind != kind::BINARY {
            return Err(SignatureError::NotOfAFile);
        }
        let made = signature.created().ok_or(SignatureError::Undated)?;
        let mut first_error = None;
        for (key, issuer) in self.0.iter().flat_map(|key| issuers(key, signature)) {
            let claim = Claim {
                signature,
                made,
                key,
                issuer,
            };
            match claim.verify(content, release, now) {
                Ok(good) => return Ok(good),
                // A keyring may hold a newer copy of the same key.
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
        Err(first_error.unwrap_or_else(|| SignatureError::UnknownKey {
            issuer: named_issuer(signature),
        }))
    }
}

/// Reads an archive of at most [`LARGEST_ARCHIVE`] bytes.
fn read_archive(path: &Path) -> Result<Vec<u8>, SignatureError> {
    let mut content = Vec::new();
    fs_err::File::open(path)
        .and_then(|file| file.take(LARGEST_ARCHIVE + 1).read_to_end(&mut content))
        .map_err(SignatureError::Archive)?;
    if content.len() as u64 > LARGEST_ARCHIVE {
        return Err(SignatureError::TooLarge);
    }
    Ok(content)
}

/// The primary key or the subkeys of `key` that the signature names as its issuer.
fn issuers<'a>(
    key: &'a TrustedKey,
    signature: &Signature,
) -> impl Iterator<Item = (&'a TrustedKey, Issuer<'a>)> {
    let subkeys = key
        .key
        .subkeys
        .iter()
        .map(|it| (&it.subject, Issuer::Subkey(it)));
    std::iter::once((&key.key.primary.subject, Issuer::Primary))
        .chain(subkeys)
        .filter(|(part, _)| names(signature, part))
        .map(|(_, issuer)| (key, issuer))
        .collect::<Vec<_>>()
        .into_iter()
}

/// Whether the signature names `key` as its issuer. A fingerprint counts more than a key ID.
fn names(signature: &Signature, key: &PublicKey) -> bool {
    let mut fingerprints = signature.issuer_fingerprints().peekable();
    if fingerprints.peek().is_none() {
        return signature.issuer_key_ids().any(|it| it == key.key_id());
    }
    // The key version comes first (RFC 9580, section 5.2.3.35).
    fingerprints.any(|it| it.split_first() == Some((&4, &key.fingerprint)))
}

/// The issuer that the signature names, for a message.
fn named_issuer(signature: &Signature) -> String {
    let fingerprint = signature.issuer_fingerprints().map(|it| &it[1..]).next();
    match fingerprint.or_else(|| signature.issuer_key_ids().next()) {
        Some(issuer) => format!("the key {}", hex::encode_upper(issuer)),
        None => "a key that it does not name".to_owned(),
    }
}

impl Claim<'_> {
    /// Checks first whether the signature matches the file: no other error matters if it is for
    /// another file.
    fn verify(
        &self,
        content: &mut Vec<u8>,
        release: PythonVersion,
        now: Timestamp,
    ) -> Result<GoodSignature, SignatureError> {
        let key = match self.issuer {
            Issuer::Primary => &self.key.key.primary.subject,
            Issuer::Subkey(subkey) => &subkey.subject,
        };
        let verified = match self.signature.verify(key, content) {
            Ok(()) => self.check(release, now),
            Err(Unverified::Mismatch) => Err(Fault::OtherFile),
            Err(Unverified::Unsupported(what)) => return Err(SignatureError::Unsupported(what)),
        };
        let fingerprint = self.key.fingerprint();
        match verified {
            Ok(()) => Ok(GoodSignature {
                signer: self.key.name.clone(),
                fingerprint,
                made: time(self.made),
            }),
            Err(fault) => Err(SignatureError::Faulty {
                signer: format!("{} ({fingerprint})", self.key.name),
                made: self.made,
                fault,
            }),
        }
    }

    /// Checks a signature that matches the file.
    fn check(&self, release: PythonVersion, now: Timestamp) -> Result<(), Fault> {
        if self.signature.has_unknown_condition() {
            return Err(Fault::UnknownCondition);
        }
        if !self.key.may_sign(release) {
            let series = self.key.series();
            return Err(Fault::WrongSeries { series, release });
        }
        let primary = KeyValidity::of(&self.key.key).ok_or(Fault::NotForSigning)?;
        match self.issuer {
            Issuer::Primary => primary.ensure_signs_at(self.made)?,
            Issuer::Subkey(subkey) => {
                primary.ensure_valid_at(self.made)?;
                let validity = KeyValidity::of_subkey(&self.key.key, subkey);
                validity
                    .ok_or(Fault::NotForSigning)?
                    .ensure_signs_at(self.made)?;
            }
        }
        if self.signature.hash == SHA1 {
            return Err(Fault::WeakHash(hash_name(SHA1)));
        }
        let lifetime = self.signature.lifetime();
        match lifetime.map(|it| self.made.saturating_add(it)) {
            Some(end) if now >= time(end) => Err(Fault::Expired(end)),
            _ => Ok(()),
        }
    }
}

/// Whether a key in `keyring` made a good signature of `content`. For the fuzz targets.
#[must_use]
pub fn is_signed(keyring: &[u8], signatures: &[u8], content: &[u8]) -> bool {
    let (Some(keyring), Ok(signatures)) =
        (Keyring::of_bytes(keyring), SignatureFile::read(signatures))
    else {
        return false;
    };
    let release = PythonVersion::new(3, 13, 5);
    let now = Timestamp::UNIX_EPOCH;
    keyring
        .verify_content(&signatures, &mut content.to_vec(), release, now)
        .is_ok()
}
