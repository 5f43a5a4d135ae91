//! Signature packets (RFC 9580, section 5.2).

use super::packet::{Malformed, Reader};

/// Signature types (section 5.2.1).
pub(crate) mod kind {
    use std::ops::RangeInclusive;

    pub(crate) const BINARY: u8 = 0x00;
    pub(crate) const CERTIFICATION: RangeInclusive<u8> = 0x10..=0x13;
    pub(crate) const SUBKEY_BINDING: u8 = 0x18;
    pub(crate) const PRIMARY_KEY_BINDING: u8 = 0x19;
    pub(crate) const DIRECT_KEY: u8 = 0x1f;
    pub(crate) const KEY_REVOCATION: u8 = 0x20;
    pub(crate) const SUBKEY_REVOCATION: u8 = 0x28;
    pub(crate) const CERTIFICATION_REVOCATION: u8 = 0x30;
}

// Subpacket types (section 5.2.3.7).
const CREATED: u8 = 2;
const EXPIRES: u8 = 3;
const KEY_EXPIRES: u8 = 9;
const ISSUER_KEY_ID: u8 = 16;
const KEY_FLAGS: u8 = 27;
const REVOCATION_REASON: u8 = 29;
const EMBEDDED_SIGNATURE: u8 = 32;
const ISSUER_FINGERPRINT: u8 = 33;

#[derive(Debug, Clone)]
struct Subpacket {
    kind: u8,
    is_critical: bool,
    is_hashed: bool,
    body: Vec<u8>,
}

#[derive(Debug, Clone)]
pub(crate) struct Signature {
    pub(crate) version: u8,
    pub(crate) kind: u8,
    pub(super) algorithm: u8,
    pub(crate) hash: u8,
    subpackets: Vec<Subpacket>,
    /// The bytes that are hashed after the signed data (section 5.2.4).
    pub(super) trailer: Vec<u8>,
    pub(super) start_of_digest: [u8; 2],
    /// The numbers that the algorithm made, not decoded yet.
    pub(super) numbers: Vec<u8>,
}

impl Signature {
    /// Reads a packet's body; `None` if its version is not supported.
    pub(crate) fn read(body: &[u8]) -> Result<Option<Self>, Malformed> {
        let mut reader = Reader(body);
        let version = reader.byte()?;
        let mut subpackets = Vec::new();
        let (kind, algorithm, hash, trailer);
        match version {
            2 | 3 => {
                if reader.byte()? != 5 {
                    return Err(Malformed("a signature hashes fields of an unknown length"));
                }
                trailer = reader.take(5)?.to_vec();
                kind = trailer[0];
                for (kind, body) in [(CREATED, &trailer[1..]), (ISSUER_KEY_ID, reader.take(8)?)] {
                    subpackets.push(Subpacket {
                        kind,
                        is_critical: false,
                        is_hashed: true,
                        body: body.to_vec(),
                    });
                }
                [algorithm, hash] = reader.array()?;
            }
            4 => {
                [kind, algorithm, hash] = reader.array()?;
                let length = reader.u16()?;
                read_subpackets(reader.take(length)?, true, &mut subpackets)?;
                let hashed = &body[..6 + length];
                let size = u32::try_from(hashed.len())
                    .unwrap_or(u32::MAX)
                    .to_be_bytes();
                trailer = [hashed, &[4, 0xff], &size].concat();
                let length = reader.u16()?;
                read_subpackets(reader.take(length)?, false, &mut subpackets)?;
            }
            _ => return Ok(None),
        }
        Ok(Some(Self {
            version,
            kind,
            algorithm,
            hash,
            subpackets,
            trailer,
            start_of_digest: reader.array()?,
            numbers: reader.0.to_vec(),
        }))
    }

    /// The creation time in seconds since 1970.
    pub(crate) fn created(&self) -> Option<u32> {
        self.seconds(CREATED)
    }

    /// The seconds from the creation to the expiration. Zero means that there is no expiration, as
    /// absence does (section 5.2.3.18).
    pub(crate) fn lifetime(&self) -> Option<u32> {
        self.seconds(EXPIRES).filter(|&it| it != 0)
    }

    /// The seconds from the creation of the key to its expiration (section 5.2.3.13).
    pub(crate) fn key_lifetime(&self) -> Option<u32> {
        self.seconds(KEY_EXPIRES).filter(|&it| it != 0)
    }

    /// The uses of the key (section 5.2.3.29).
    pub(crate) fn key_flags(&self) -> Option<&[u8]> {
        self.hashed(KEY_FLAGS)
    }

    /// The code of section 5.2.3.31.
    pub(crate) fn revocation_reason(&self) -> Option<u8> {
        self.hashed(REVOCATION_REASON)?.first().copied()
    }

    /// The signature by a subkey inside its binding signature. It need not be hashed, as it proves
    /// itself (section 5.2.3.34).
    pub(crate) fn embedded(&self) -> Option<Self> {
        let all = || {
            self.subpackets
                .iter()
                .filter(|it| it.kind == EMBEDDED_SIGNATURE)
        };
        let found = all().find(|it| it.is_hashed).or_else(|| all().next())?;
        Self::read(&found.body).ok().flatten()
    }

    /// The fingerprints of the issuer, each after its key version. They are hints: whether they are
    /// hashed does not matter.
    pub(crate) fn issuer_fingerprints(&self) -> impl Iterator<Item = &[u8]> {
        self.bodies(ISSUER_FINGERPRINT)
    }

    pub(crate) fn issuer_key_ids(&self) -> impl Iterator<Item = &[u8]> {
        self.bodies(ISSUER_KEY_ID)
    }

    /// Whether a critical subpacket is unknown or a notation (section 5.2.3.7).
    pub(crate) fn has_unknown_condition(&self) -> bool {
        let is_known = |kind| matches!(kind, 2..=7 | 9 | 11 | 12 | 16 | 21..=35 | 39);
        let mut subpackets = self.subpackets.iter();
        subpackets.any(|it| it.is_hashed && it.is_critical && !is_known(it.kind))
    }

    fn bodies(&self, kind: u8) -> impl Iterator<Item = &[u8]> {
        let subpackets = self.subpackets.iter().filter(move |it| it.kind == kind);
        subpackets.map(|it| it.body.as_slice())
    }

    fn hashed(&self, kind: u8) -> Option<&[u8]> {
        let mut subpackets = self.subpackets.iter();
        let found = subpackets.find(|it| it.is_hashed && it.kind == kind)?;
        Some(&found.body)
    }

    fn seconds(&self, kind: u8) -> Option<u32> {
        let bytes = self.hashed(kind)?.try_into().ok()?;
        Some(u32::from_be_bytes(bytes))
    }
}

fn read_subpackets(
    area: &[u8],
    is_hashed: bool,
    subpackets: &mut Vec<Subpacket>,
) -> Result<(), Malformed> {
    let mut reader = Reader(area);
    while !reader.0.is_empty() {
        let length = reader.length(254)?;
        let Some((&kind, body)) = reader.take(length)?.split_first() else {
            return Err(Malformed("a signature has an empty subpacket"));
        };
        let (kind, is_critical) = (kind & 0x7f, kind & 0x80 != 0);
        let has_valid_length = match kind {
            CREATED | EXPIRES | KEY_EXPIRES => body.len() == 4,
            ISSUER_KEY_ID => body.len() == 8,
            REVOCATION_REASON | ISSUER_FINGERPRINT | EMBEDDED_SIGNATURE => !body.is_empty(),
            _ => true,
        };
        if !has_valid_length {
            return Err(Malformed("a subpacket of a signature has a wrong length"));
        }
        subpackets.push(Subpacket {
            kind,
            is_critical,
            is_hashed,
            body: body.to_vec(),
        });
    }
    Ok(())
}
