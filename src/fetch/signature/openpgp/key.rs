//! Public keys of version 4 (RFC 9580, section 5.5).

use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

use super::packet::{Malformed, Reader};

// Object identifiers of curves (section 9.2).
const ED25519_LEGACY: &[u8] = b"\x2b\x06\x01\x04\x01\xda\x47\x0f\x01";
const P256: &[u8] = b"\x2a\x86\x48\xce\x3d\x03\x01\x07";
const P384: &[u8] = b"\x2b\x81\x04\x00\x22";

#[derive(Debug, Clone)]
pub(crate) struct PublicKey {
    pub(crate) created: u32,
    pub(crate) fingerprint: [u8; 20],
    /// The bytes that fingerprints and signatures hash (sections 5.5.4 and 5.2.4).
    pub(crate) hashed: Vec<u8>,
    pub(super) algorithm: u8,
    pub(super) material: Material,
}

/// The numbers of a key, if its algorithm is supported.
#[derive(Debug, Clone)]
pub(super) enum Material {
    Rsa { modulus: Vec<u8>, exponent: Vec<u8> },
    Ed25519(Vec<u8>),
    Ecdsa(Curve, Vec<u8>),
    Unsupported(String),
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Curve {
    P256,
    P384,
}

impl PublicKey {
    /// Reads a packet's body; `None` if its version is not supported.
    pub(super) fn read(body: &[u8]) -> Result<Option<Self>, Malformed> {
        let mut reader = Reader(body);
        if reader.byte()? != 4 {
            return Ok(None);
        }
        let length = u16::try_from(body.len()).map_err(|_| Malformed("a key is too large"))?;
        let hashed = [&[0x99], length.to_be_bytes().as_slice(), body].concat();
        let mut fingerprint = [0; 20];
        fingerprint.copy_from_slice(digest(&SHA1_FOR_LEGACY_USE_ONLY, &hashed).as_ref());
        let created = reader.u32()?;
        let algorithm = reader.byte()?;
        Ok(Some(Self {
            created,
            fingerprint,
            hashed,
            algorithm,
            material: Material::read(algorithm, &mut reader)?,
        }))
    }

    /// The last eight octets of the fingerprint (section 5.5.4.2).
    pub(crate) fn key_id(&self) -> &[u8] {
        &self.fingerprint[12..]
    }
}

impl Material {
    fn read(algorithm: u8, reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let unsupported = |name: &str| Ok(Self::Unsupported(name.to_owned()));
        match algorithm {
            1 | 3 => {
                let (modulus, exponent) = (reader.mpi()?, reader.mpi()?);
                let bits = match modulus.first() {
                    Some(first) => modulus.len() * 8 - first.leading_zeros() as usize,
                    None => 0,
                };
                // ring takes whole octets; see its `signature` module.
                if !(2041..=8192).contains(&bits) {
                    return unsupported(&format!("RSA with {bits} bits"));
                }
                Ok(Self::Rsa {
                    modulus: modulus.to_vec(),
                    exponent: exponent.to_vec(),
                })
            }
            19 | 22 => {
                let length = reader.byte()?.into();
                let curve = reader.take(length)?;
                let point = reader.mpi()?.to_vec();
                match (algorithm, curve, point.first()) {
                    // A prefix of 0x40 marks a point in its native form (section 5.5.5.5).
                    (22, ED25519_LEGACY, Some(0x40)) => Ok(Self::Ed25519(point[1..].to_vec())),
                    (19, P256, _) => Ok(Self::Ecdsa(Curve::P256, point)),
                    (19, P384, _) => Ok(Self::Ecdsa(Curve::P384, point)),
                    (19, ..) => unsupported("ECDSA with an unknown curve"),
                    _ => unsupported("EdDSA with an unknown curve"),
                }
            }
            27 => Ok(Self::Ed25519(reader.array::<32>()?.to_vec())),
            16 | 20 => unsupported("Elgamal"),
            17 => unsupported("DSA"),
            18 => unsupported("ECDH"),
            28 => unsupported("Ed448"),
            number => unsupported(&format!("the unknown algorithm {number}")),
        }
    }
}
