//! Judges signatures: whose they are, whether that key counts here, and whether they fit the file.

use std::path::Path;

use jiff::Timestamp;
use pgp::composed::SignedPublicSubKey;
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{Signature, SignatureType, SubpacketType};
use pgp::types::KeyDetails;

use super::error::{SignatureError, Signer};
use super::file::SignatureFile;
use super::keyring::{Keyring, TrustedKey};
use crate::fetch::signature::key_validity::{Fault, KeyValidity};
use crate::plan::verification::GoodSignature;
use crate::plan::version::PythonVersion;

/// A signature, and the key that says it made it.
struct Claim<'a> {
    signature: &'a Signature,
    made: pgp::types::Timestamp,
    key: &'a TrustedKey,
    part: Part<'a>,
}

/// Which of a key's parts signs.
#[derive(Clone, Copy)]
enum Part<'a> {
    Primary,
    Subkey(&'a SignedPublicSubKey),
}

impl Keyring {
    /// Verifies that one of these signatures makes `archive` that release, as of `now`. The archive
    /// is read in pieces, once for each signature. One good signature is enough, but one by a key
    /// of the keyring that is bad stops.
    pub(in crate::fetch) fn verify(
        &self,
        signatures: &SignatureFile,
        archive: &Path,
        release: PythonVersion,
        now: Timestamp,
    ) -> Result<GoodSignature, SignatureError> {
        let mut good = None;
        let mut unknown = None;
        for signature in signatures.signatures() {
            match self.judge(signature, archive, release, now) {
                Ok(found) => good = good.or(Some(found)),
                Err(error @ SignatureError::UnknownKey { .. }) => unknown = unknown.or(Some(error)),
                Err(error) => return Err(error),
            }
        }
        good.ok_or_else(|| {
            unknown.unwrap_or(SignatureError::NotASignature("it holds no signature"))
        })
    }

    fn judge(
        &self,
        signature: &Signature,
        archive: &Path,
        release: PythonVersion,
        now: Timestamp,
    ) -> Result<GoodSignature, SignatureError> {
        if signature.typ() != Some(SignatureType::Binary) {
            return Err(SignatureError::NotOfAFile);
        }
        let made = signature.created().ok_or(SignatureError::Undated)?;
        let mut first_error = None;
        for (key, part) in self.keys().flat_map(|key| parts(key, signature)) {
            let claim = Claim {
                signature,
                made,
                key,
                part,
            };
            match claim.judge(archive, release, now) {
                Ok(good) => return Ok(good),
                // A keyring may hold a newer copy of the same key.
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
        Err(first_error.unwrap_or_else(|| SignatureError::UnknownKey {
            issuer: issuer(signature),
        }))
    }
}

/// The parts of `key` that the signature says it is made by.
fn parts<'a>(
    key: &'a TrustedKey,
    signature: &Signature,
) -> impl Iterator<Item = (&'a TrustedKey, Part<'a>)> {
    let primary = is_issuer(signature, &key.key.primary_key).then_some(Part::Primary);
    let subkeys: Vec<_> = key
        .key
        .public_subkeys
        .iter()
        .filter(|subkey| is_issuer(signature, &subkey.key))
        .map(Part::Subkey)
        .collect();
    primary
        .into_iter()
        .chain(subkeys)
        .map(move |part| (key, part))
}

fn is_issuer(signature: &Signature, key: &impl KeyDetails) -> bool {
    let fingerprints = signature.issuer_fingerprint();
    if fingerprints.is_empty() {
        return signature.issuer_key_id().contains(&&key.legacy_key_id());
    }
    fingerprints.contains(&&key.fingerprint())
}

fn issuer(signature: &Signature) -> String {
    let fingerprint = signature.issuer_fingerprint();
    let fingerprint = fingerprint.first().map(|it| format!("{it:X}"));
    let key_id = || {
        let key_ids = signature.issuer_key_id();
        key_ids.first().map(|it| hex::encode_upper(it.as_ref()))
    };
    fingerprint
        .or_else(key_id)
        .unwrap_or_else(|| "that it does not name".to_owned())
}

impl Claim<'_> {
    /// First whether the signature fits the file at all: what is wrong with a signature of
    /// something else does not matter.
    fn judge(
        &self,
        archive: &Path,
        release: PythonVersion,
        now: Timestamp,
    ) -> Result<GoodSignature, SignatureError> {
        let strength = strength(self.signature.hash_alg())?;
        self.fits(archive)?;
        self.has_only_what_is_understood()?;
        if !self.key.may_sign(release) {
            return Err(SignatureError::WrongSeries {
                signer: self.signer(),
                series: self.key.series(),
                release,
            });
        }
        self.counted_when_it_was_made()?;
        if let Strength::Weak(hash) = strength {
            return Err(SignatureError::WeakHash {
                signer: self.signer(),
                hash,
            });
        }
        self.holds_at(now)?;
        Ok(GoodSignature {
            signer: self.key.name.clone(),
            fingerprint: self.key.fingerprint(),
            made: time(self.made),
        })
    }

    fn fits(&self, archive: &Path) -> Result<(), SignatureError> {
        let file = fs_err::File::open(archive).map_err(SignatureError::Archive)?;
        let verified = match self.part {
            Part::Primary => self.signature.verify(&self.key.key.primary_key, file),
            Part::Subkey(subkey) => self.signature.verify(&subkey.key, file),
        };
        verified.map_err(|error| match error {
            pgp::errors::Error::IO { source, .. } => SignatureError::Archive(source),
            // How the numbers differ helps nobody.
            _ => SignatureError::Mismatch {
                signer: self.signer(),
                made: time(self.made),
            },
        })
    }

    /// What is critical and not understood makes a signature void (RFC 9580, section 5.2.3.7).
    fn has_only_what_is_understood(&self) -> Result<(), SignatureError> {
        let unknown = self.signature.config().into_iter().any(|config| {
            config.hashed_subpackets().any(|it| {
                it.is_critical
                    && matches!(
                        it.typ(),
                        SubpacketType::Experimental(_)
                            | SubpacketType::Other(_)
                            | SubpacketType::Notation
                    )
            })
        });
        if unknown {
            return Err(SignatureError::NotUnderstood {
                signer: self.signer(),
            });
        }
        Ok(())
    }

    fn counted_when_it_was_made(&self) -> Result<(), SignatureError> {
        let primary = KeyValidity::of(&self.key.key).ok_or(Fault::NotForSigning);
        let counted = match self.part {
            Part::Primary => primary.and_then(|it| it.signs_at(self.made)),
            Part::Subkey(subkey) => {
                primary
                    .and_then(|it| it.is_good_at(self.made))
                    .and_then(|()| {
                        let validity = KeyValidity::of_subkey(&self.key.key, subkey);
                        validity.ok_or(Fault::NotForSigning)?.signs_at(self.made)
                    })
            }
        };
        let (signer, made) = (self.signer(), time(self.made));
        counted.map_err(|fault| match fault {
            Fault::NotForSigning => SignatureError::NotForSigning { signer },
            Fault::MadeBefore(created) => SignatureError::MadeBefore {
                signer,
                made,
                created: time(created),
            },
            Fault::Expired(expired) => SignatureError::MadeAfter {
                signer,
                made,
                expired: time(expired),
            },
            Fault::Revoked(revoked) => SignatureError::Revoked {
                signer,
                revoked: time(revoked),
            },
        })
    }

    fn holds_at(&self, now: Timestamp) -> Result<(), SignatureError> {
        let seconds = self.signature.signature_expiration_time();
        let seconds = seconds.map_or(0, pgp::types::Duration::as_secs);
        let end = i64::from(self.made.as_secs()) + i64::from(seconds);
        if seconds != 0 && now.as_second() >= end {
            return Err(SignatureError::Expired {
                signer: self.signer(),
                expired: Timestamp::from_second(end).unwrap_or(Timestamp::MAX),
            });
        }
        Ok(())
    }

    fn signer(&self) -> Signer {
        Signer {
            name: self.key.name.clone(),
            fingerprint: self.key.fingerprint(),
        }
    }
}

enum Strength {
    Strong,
    Weak(HashAlgorithm),
}

fn strength(hash: Option<HashAlgorithm>) -> Result<Strength, SignatureError> {
    match hash {
        Some(
            HashAlgorithm::Sha256
            | HashAlgorithm::Sha384
            | HashAlgorithm::Sha512
            | HashAlgorithm::Sha3_256
            | HashAlgorithm::Sha3_512,
        ) => Ok(Strength::Strong),
        Some(
            hash @ (HashAlgorithm::Md5
            | HashAlgorithm::Sha1
            | HashAlgorithm::Ripemd160
            | HashAlgorithm::Sha224),
        ) => Ok(Strength::Weak(hash)),
        _ => Err(SignatureError::UnknownHash),
    }
}

/// OpenPGP's times end in 2106.
fn time(time: pgp::types::Timestamp) -> Timestamp {
    Timestamp::from_second(i64::from(time.as_secs())).unwrap_or_default()
}
