//! Reads what lies beside an archive under `.asc`.

use std::io::{BufReader, Read as _};

use pgp::armor::{BlockType, Dearmor};
use pgp::packet::{Packet, PacketParser, Signature};

use super::error::SignatureError;

/// A file of signatures is a few hundred bytes; one that is larger than this is something else.
pub(in crate::fetch) const LARGEST: u64 = 1 << 16;

/// Each of them costs a pass over the archive.
const MOST_SIGNATURES: usize = 8;

const BEGIN: &str = "-----BEGIN PGP SIGNATURE-----";
const END: &str = "-----END PGP SIGNATURE-----";

/// The signatures that stand in one file; at least one.
#[derive(Debug)]
pub(in crate::fetch) struct SignatureFile(Vec<Signature>);

impl SignatureFile {
    /// Reads a detached signature, armored or binary (RFC 9580, sections 6.2 and 10.4). Nothing
    /// else may stand in the file: what is there and not understood is not passed over.
    pub(in crate::fetch) fn read(bytes: &[u8]) -> Result<Self, SignatureError> {
        if bytes.len() as u64 > LARGEST {
            return Err(SignatureError::NotASignature("it is far too long"));
        }
        let packets = match bytes.first() {
            None => return Err(SignatureError::NotASignature("it is empty")),
            // No text begins with such a byte, and every packet does.
            Some(byte) if byte & 0x80 != 0 => bytes.to_vec(),
            Some(_) => unarmored(bytes)?,
        };
        let mut signatures = Vec::new();
        let mut rest = packets.as_slice();
        while !rest.is_empty() {
            let packet = PacketParser::new(&mut rest)
                .next()
                .ok_or(SignatureError::NotASignature("its last packet is cut off"))?;
            match packet.map_err(|source| SignatureError::Malformed(Box::new(source)))? {
                Packet::Signature(signature) => signatures.push(signature),
                _ => {
                    return Err(SignatureError::NotASignature(
                        "it holds something else than signatures",
                    ));
                }
            }
        }
        match signatures.len() {
            0 => Err(SignatureError::NotASignature("it holds no packet")),
            1..=MOST_SIGNATURES => Ok(Self(signatures)),
            _ => Err(SignatureError::NotASignature("it holds too many packets")),
        }
    }

    /// The signatures, in their order.
    pub(super) fn signatures(&self) -> &[Signature] {
        &self.0
    }
}

fn unarmored(bytes: &[u8]) -> Result<Vec<u8>, SignatureError> {
    let not = SignatureError::NotASignature;
    let text = std::str::from_utf8(bytes).map_err(|_| not("it is neither text nor packets"))?;
    let (before, rest) = text
        .split_once(BEGIN)
        .ok_or_else(|| not("there is no PGP signature in it"))?;
    let (_, after) = rest
        .split_once(END)
        .ok_or_else(|| not("its end is missing"))?;
    if !before.trim().is_empty() || !after.trim().is_empty() {
        return Err(not("something else stands beside the signature"));
    }
    let mut packets = Vec::new();
    let mut armor = Dearmor::new(BufReader::new(text.trim().as_bytes()));
    armor
        .read_to_end(&mut packets)
        .map_err(|_| not("its armor is damaged"))?;
    if armor.typ != Some(BlockType::Signature) {
        return Err(not("its armor is of something else"));
    }
    Ok(packets)
}
