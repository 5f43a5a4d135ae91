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

/// The fields are hashed, except where noted. Times are in seconds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Signature {
    pub(crate) kind: u8,
    pub(super) algorithm: u8,
    pub(crate) hash: u8,
    /// Since 1970.
    pub(crate) created: Option<u32>,
    /// Since the creation. Zero is no limit (section 5.2.3.18).
    pub(crate) lifetime: Option<u32>,
    /// Since the creation of the key. Zero is no limit (section 5.2.3.13).
    pub(crate) key_lifetime: Option<u32>,
    pub(crate) key_flags: Option<Vec<u8>>,
    pub(crate) revocation_reason: Option<u8>,
    /// Key versions with fingerprints. They are hints, so they may be unhashed.
    pub(crate) issuer_fingerprints: Vec<Vec<u8>>,
    pub(crate) issuer_key_ids: Vec<Vec<u8>>,
    /// The subkey's signature in its binding. It proves itself, so it may be unhashed.
    pub(super) embedded: Option<Vec<u8>>,
    /// Whether a critical subpacket is unknown or a notation (section 5.2.3.7).
    pub(crate) has_unknown_condition: bool,
    /// The bytes that are hashed after the signed data (section 5.2.4).
    pub(super) trailer: Vec<u8>,
    pub(super) start_of_digest: [u8; 2],
    /// The numbers that the algorithm made. Only verification decodes them.
    pub(super) numbers: Vec<u8>,
}

impl Signature {
    /// Reads a packet's body; `None` if its version is not supported.
    pub(crate) fn read(body: &[u8]) -> Result<Option<Self>, Malformed> {
        let mut reader = Reader(body);
        let mut signature = Self::default();
        match reader.byte()? {
            2 | 3 => {
                if reader.byte()? != 5 {
                    return Err(Malformed("a signature hashes an unknown field"));
                }
                let hashed = reader.take(5)?;
                signature.kind = hashed[0];
                signature.created = Some(Reader(&hashed[1..]).u32()?);
                signature.trailer = hashed.to_vec();
                signature.issuer_key_ids = vec![reader.take(8)?.to_vec()];
                [signature.algorithm, signature.hash] = reader.array()?;
            }
            4 => {
                [signature.kind, signature.algorithm, signature.hash] = reader.array()?;
                let length = reader.u16()?;
                signature.read_subpackets(reader.take(length.into())?, true)?;
                let size = u32::from(length) + 6;
                let hashed = &body[..size as usize];
                signature.trailer = [hashed, &[4, 0xff], &size.to_be_bytes()].concat();
                let length = reader.u16()?;
                signature.read_subpackets(reader.take(length.into())?, false)?;
            }
            _ => return Ok(None),
        }
        signature.start_of_digest = reader.array()?;
        signature.numbers = reader.0.to_vec();
        Ok(Some(signature))
    }

    /// Reads an area of subpackets (section 5.2.3.7). The first one of a type counts.
    fn read_subpackets(&mut self, area: &[u8], is_hashed: bool) -> Result<(), Malformed> {
        let mut reader = Reader(area);
        while !reader.0.is_empty() {
            let length = reader.length(254)?;
            let mut body = Reader(reader.take(length)?);
            let first = body.byte()?;
            let (kind, is_critical) = (first & 0x7f, first & 0x80 != 0);
            match kind {
                16 => self.issuer_key_ids.push(body.take(8)?.to_vec()),
                33 => self.issuer_fingerprints.push(body.0.to_vec()),
                32 => _ = self.embedded.get_or_insert(body.0.to_vec()),
                _ if !is_hashed => {}
                2 => _ = self.created.get_or_insert(body.u32()?),
                3 => _ = self.lifetime.get_or_insert(body.u32()?),
                9 => _ = self.key_lifetime.get_or_insert(body.u32()?),
                27 => _ = self.key_flags.get_or_insert(body.0.to_vec()),
                29 => _ = self.revocation_reason.get_or_insert(body.byte()?),
                4..=7 | 11 | 12 | 21..=35 | 39 => {}
                _ => self.has_unknown_condition |= is_critical,
            }
        }
        Ok(())
    }
}
