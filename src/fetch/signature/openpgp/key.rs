//! Public keys of version 4 (RFC 9580, section 5.5).

use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use ring::signature::RsaPublicKeyComponents;

use super::packet::{Malformed, Reader};

#[derive(Debug, Clone)]
pub(crate) struct PublicKey {
    /// In seconds since 1970.
    pub(crate) created: u32,
    pub(crate) fingerprint: [u8; 20],
    /// The bytes that fingerprints and signatures hash (sections 5.5.4 and 5.2.4).
    pub(super) hashed: Vec<u8>,
    pub(super) algorithm: u8,
    pub(super) material: Material,
}

/// The numbers of a key, if its algorithm is supported.
#[derive(Debug, Clone)]
pub(super) enum Material {
    Rsa(RsaPublicKeyComponents<Vec<u8>>),
    Point(Curve, Vec<u8>),
    Unsupported(String),
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Curve {
    Ed25519,
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
        let sha1 = digest(&SHA1_FOR_LEGACY_USE_ONLY, &hashed);
        let created = reader.u32()?;
        let algorithm = reader.byte()?;
        Ok(Some(Self {
            created,
            fingerprint: Reader(sha1.as_ref()).array()?,
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
        let unsupported = match algorithm {
            1 | 3 => {
                let (n, e) = (reader.mpi()?.to_vec(), reader.mpi()?.to_vec());
                let zeros = n.first().map_or(0, |first| first.leading_zeros() as usize);
                match n.len() * 8 - zeros {
                    // 2048 to 8192 bits: ring counts whole octets.
                    2041..=8192 => return Ok(Self::Rsa(RsaPublicKeyComponents { n, e })),
                    bits => return Ok(Self::Unsupported(format!("RSA with {bits} bits"))),
                }
            }
            19 | 22 => {
                let length = reader.byte()?;
                let curve = reader.take(length.into())?;
                let point = reader.mpi()?;
                // Object identifiers of section 9.2; 0x40 marks a native point (section 5.5.5.5).
                let (curve, point) = match (algorithm, curve, point) {
                    (22, b"\x2b\x06\x01\x04\x01\xda\x47\x0f\x01", [0x40, point @ ..]) => {
                        (Curve::Ed25519, point)
                    }
                    (19, b"\x2a\x86\x48\xce\x3d\x03\x01\x07", point) => (Curve::P256, point),
                    (19, b"\x2b\x81\x04\x00\x22", point) => (Curve::P384, point),
                    (19, ..) => return Ok(Self::Unsupported("ECDSA with this curve".to_owned())),
                    _ => return Ok(Self::Unsupported("EdDSA with this curve".to_owned())),
                };
                return Ok(Self::Point(curve, point.to_vec()));
            }
            27 => return Ok(Self::Point(Curve::Ed25519, reader.take(32)?.to_vec())),
            16 | 20 => "Elgamal",
            17 => "DSA",
            18 => "ECDH",
            28 => "Ed448",
            number => return Ok(Self::Unsupported(format!("the algorithm number {number}"))),
        };
        Ok(Self::Unsupported(unsupported.to_owned()))
    }
}
