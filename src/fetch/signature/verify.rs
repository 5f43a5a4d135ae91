//! Verifies signatures of an archive with trusted keys.

use std::io::Read as _;
use std::path::Path;

use jiff::Timestamp;

use super::file::SignatureFile;
use super::key_validity::ensure_signs;
use super::keyring::{Keyring, TrustedKey};
use super::openpgp::{Malformed, PublicKey, SHA1, Signature, Signed, Unverified, hash_name, kind};
use super::signature_error::{Fault, LARGEST_ARCHIVE, SignatureError, time};
use crate::plan::verification::GoodSignature;
use crate::plan::version::PythonVersion;

/// An archive, and the release that it should be.
pub(super) struct Archive {
    content: Vec<u8>,
    release: PythonVersion,
    now: Timestamp,
}

impl Archive {
    pub(super) fn read(
        path: &Path,
        release: PythonVersion,
        now: Timestamp,
    ) -> Result<Self, SignatureError> {
        let mut content = Vec::new();
        fs_err::File::open(path)
            .and_then(|file| file.take(LARGEST_ARCHIVE + 1).read_to_end(&mut content))
            .map_err(SignatureError::Archive)?;
        if content.len() as u64 > LARGEST_ARCHIVE {
            return Err(SignatureError::TooLarge);
        }
        Ok(Self {
            content,
            release,
            now,
        })
    }
}

impl Keyring {
    /// Verifies that one of these signatures is of the archive. One good signature is enough, but a
    /// bad one by a key of the keyring is an error.
    pub(super) fn verify(
        &self,
        signatures: &SignatureFile,
        archive: &mut Archive,
    ) -> Result<GoodSignature, SignatureError> {
        let (mut good, mut unknown) = (None, None);
        for signature in &signatures.0 {
            match self.verify_one(signature, archive) {
                Ok(found) => _ = good.get_or_insert(found),
                Err(error @ SignatureError::UnknownKey { .. }) => {
                    unknown.get_or_insert(error);
                }
                Err(error) => return Err(error),
            }
        }
        good.ok_or_else(|| unknown.unwrap_or_else(|| Malformed("it is empty").into()))
    }

    fn verify_one(
        &self,
        signature: &Signature,
        archive: &mut Archive,
    ) -> Result<GoodSignature, SignatureError> {
        if signature.kind != kind::BINARY {
            return Err(SignatureError::NotOfAFile);
        }
        let made = signature.created.ok_or(SignatureError::Undated)?;
        let claims = self.0.iter().flat_map(|key| {
            let subkeys = key.key.subkeys.iter().map(Some);
            std::iter::once(None)
                .chain(subkeys)
                .map(move |subkey| Claim {
                    signature,
                    made,
                    key,
                    subkey,
                })
        });
        let mut first_error = None;
        for claim in claims.filter(Claim::is_named) {
            match claim.verify(archive) {
                Ok(good) => return Ok(good),
                // A keyring may hold a newer copy of the same key.
                Err(error) => _ = first_error.get_or_insert(error),
            }
        }
        Err(first_error.unwrap_or_else(|| SignatureError::UnknownKey {
            issuer: named_issuer(signature),
        }))
    }
}

/// A signature, and a primary key or subkey that may have made it.
struct Claim<'a> {
    signature: &'a Signature,
    made: u32,
    key: &'a TrustedKey,
    subkey: Option<&'a Signed<PublicKey>>,
}

impl Claim<'_> {
    fn issuer(&self) -> &PublicKey {
        &self.subkey.unwrap_or(&self.key.key.primary).subject
    }

    /// Whether the signature names the key as its issuer. A fingerprint counts more than a key ID.
    fn is_named(&self) -> bool {
        let fingerprints = &self.signature.issuer_fingerprints;
        if fingerprints.is_empty() {
            let mut key_ids = self.signature.issuer_key_ids.iter();
            return key_ids.any(|it| it == self.issuer().key_id());
        }
        // The key version comes first (RFC 9580, section 5.2.3.35).
        let fingerprint = [&[4], self.issuer().fingerprint.as_slice()].concat();
        fingerprints.contains(&fingerprint)
    }

    fn verify(&self, archive: &mut Archive) -> Result<GoodSignature, SignatureError> {
        let fingerprint = self.key.fingerprint();
        // No other fault matters if the signature is of another file.
        let checked = match self.signature.verify(self.issuer(), &mut archive.content) {
            Ok(()) => self.check(archive),
            Err(Unverified::Mismatch) => Err(Fault::OtherFile),
            Err(Unverified::Unsupported(what)) => return Err(SignatureError::Unsupported(what)),
        };
        checked.map_err(|fault| SignatureError::Faulty {
            signer: format!("{} ({fingerprint})", self.key.name),
            made: self.made,
            fault,
        })?;
        Ok(GoodSignature {
            signer: self.key.name.clone(),
            fingerprint,
            made: time(self.made),
        })
    }

    /// Checks a signature that is of the archive.
    fn check(&self, archive: &Archive) -> Result<(), Fault> {
        if self.signature.has_unknown_condition {
            return Err(Fault::UnknownCondition);
        }
        let release = archive.release;
        if !self.key.may_sign(release) {
            let series = self.key.series();
            return Err(Fault::WrongSeries { series, release });
        }
        ensure_signs(&self.key.key, self.subkey, self.made)?;
        if self.signature.hash == SHA1 {
            return Err(Fault::WeakHash(hash_name(SHA1)));
        }
        let lifetime = self.signature.lifetime.filter(|&it| it != 0);
        match lifetime.map(|it| self.made.saturating_add(it)) {
            Some(end) if archive.now >= time(end) => Err(Fault::Expired(end)),
            _ => Ok(()),
        }
    }
}

/// The issuer that the signature names, for a message.
fn named_issuer(signature: &Signature) -> String {
    let fingerprint = signature
        .issuer_fingerprints
        .first()
        .and_then(|it| it.get(1..));
    let key_id = || signature.issuer_key_ids.first().map(Vec::as_slice);
    match fingerprint.or_else(key_id) {
        Some(issuer) => format!("the key {}", hex::encode_upper(issuer)),
        None => "a key that it does not name".to_owned(),
    }
}

/// Whether a key in `keyring` made a good signature of `content`. For the fuzz targets.
#[must_use]
pub fn is_signed(keyring: &[u8], signatures: &[u8], content: &[u8]) -> bool {
    let (keyring, signatures) = (Keyring::of_bytes(keyring), SignatureFile::read(signatures));
    let (Some(keyring), Ok(signatures)) = (keyring, signatures) else {
        return false;
    };
    let mut archive = Archive {
        content: content.to_vec(),
        release: PythonVersion::new(3, 13, 5),
        now: Timestamp::UNIX_EPOCH,
    };
    keyring.verify(&signatures, &mut archive).is_ok()
}
