//! Verifies a signature with a public key (RFC 9580, section 5.2.4).

use ring::digest::{self, SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA384, SHA512, digest};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519,
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RsaParameters, UnparsedPublicKey,
    VerificationAlgorithm,
};

use super::key::{Curve, Material, PublicKey};
use super::packet::{Malformed, Reader};
use super::signature::Signature;

/// The reason why a signature does not verify.
#[derive(Debug)]
pub(crate) enum Unverified {
    /// The key did not sign these bytes.
    Mismatch,
    /// The named algorithm is not supported.
    Unsupported(String),
}

impl From<Malformed> for Unverified {
    fn from(_: Malformed) -> Self {
        Self::Mismatch
    }
}

// Hash algorithms (section 9.5). Collisions of SHA-1 are known.
pub(crate) const SHA1: u8 = 2;
const SHA2_256: u8 = 8;
const SHA2_384: u8 = 9;
const SHA2_512: u8 = 10;

pub(crate) fn hash_name(number: u8) -> String {
    let name = match number {
        1 => "MD5",
        SHA1 => "SHA-1",
        3 => "RIPEMD-160",
        SHA2_256 => "SHA-256",
        SHA2_384 => "SHA-384",
        SHA2_512 => "SHA-512",
        11 => "SHA-224",
        12 => "SHA3-256",
        14 => "SHA3-512",
        _ => return format!("the hash algorithm number {number}"),
    };
    name.to_owned()
}

impl Signature {
    /// Verifies that `key` signed `data`. `data` is the same afterwards.
    pub(crate) fn verify(&self, key: &PublicKey, data: &mut Vec<u8>) -> Result<(), Unverified> {
        let length = data.len();
        data.extend(&self.trailer);
        let verified = self.verify_message(key, data);
        data.truncate(length);
        verified
    }

    fn verify_message(&self, key: &PublicKey, message: &[u8]) -> Result<(), Unverified> {
        let (hash, rsa): (&digest::Algorithm, &RsaParameters) = match self.hash {
            SHA1 => (
                &SHA1_FOR_LEGACY_USE_ONLY,
                &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
            ),
            SHA2_256 => (&SHA256, &RSA_PKCS1_2048_8192_SHA256),
            SHA2_384 => (&SHA384, &RSA_PKCS1_2048_8192_SHA384),
            SHA2_512 => (&SHA512, &RSA_PKCS1_2048_8192_SHA512),
            number => return Err(Unverified::Unsupported(hash_name(number))),
        };
        // 3 is RSA for signatures alone, and nothing else differs (section 9.1).
        let same = |algorithm| if algorithm == 3 { 1 } else { algorithm };
        let digest = digest(hash, message);
        let digest = digest.as_ref();
        if same(self.algorithm) != same(key.algorithm) || !digest.starts_with(&self.start_of_digest)
        {
            return Err(Unverified::Mismatch);
        }
        let mut numbers = Reader(&self.numbers);
        let verified = match &key.material {
            Material::Rsa(key) => key.verify(rsa, message, &padded(&mut numbers, key.n.len())?),
            // Ed25519 signs the digest, which has at least 256 bits (section 5.2.3.3).
            Material::Point(Curve::Ed25519, _) if digest.len() < 32 => {
                return Err(Unverified::Mismatch);
            }
            Material::Point(curve, point) => {
                let (algorithm, size, signed): (&dyn VerificationAlgorithm, _, _) =
                    match (curve, self.hash) {
                        (Curve::Ed25519, _) => (&ED25519, 32, digest),
                        (Curve::P256, SHA2_256) => (&ECDSA_P256_SHA256_FIXED, 32, message),
                        (Curve::P384, SHA2_384) => (&ECDSA_P384_SHA384_FIXED, 48, message),
                        (curve, hash) => {
                            let name = format!("ECDSA with {curve:?} and {}", hash_name(hash));
                            return Err(Unverified::Unsupported(name));
                        }
                    };
                let bytes = match key.algorithm {
                    27 => numbers.take(2 * size)?.to_vec(),
                    _ => [padded(&mut numbers, size)?, padded(&mut numbers, size)?].concat(),
                };
                UnparsedPublicKey::new(algorithm, point).verify(signed, &bytes)
            }
            Material::Unsupported(algorithm) => {
                return Err(Unverified::Unsupported(format!("a key of {algorithm}")));
            }
        };
        if verified.is_err() || !numbers.0.is_empty() {
            return Err(Unverified::Mismatch);
        }
        Ok(())
    }
}

/// The next number with leading zeros up to `length` octets.
fn padded(numbers: &mut Reader<'_>, length: usize) -> Result<Vec<u8>, Unverified> {
    let number = numbers.mpi()?;
    let zeros = length.checked_sub(number.len());
    Ok([&vec![0; zeros.ok_or(Unverified::Mismatch)?], number].concat())
}
