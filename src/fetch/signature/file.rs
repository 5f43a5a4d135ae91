//! Reads the signature file of an archive, `NAME.asc`.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::openpgp::{Armor, Malformed, Packet, Reader, Signature};

/// The end of a signature file's name.
pub(in crate::fetch) const ENDING: &str = ".asc";

/// In bytes; a signature has a few hundred.
pub(super) const LARGEST: u64 = 1 << 16;

/// Each signature costs a pass over the archive.
const MOST_SIGNATURES: usize = 8;

/// The path of the signature of the archive at `path`.
#[must_use]
pub fn signature_beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ENDING);
    name.into()
}

/// Reads at most a signature's worth of `path`; `None` if it does not exist.
pub(in crate::fetch) fn read_small(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    let read = fs_err::File::open(path)
        .and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes).map(drop));
    match read {
        Ok(()) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// One or more signatures from one file.
#[derive(Debug)]
pub(super) struct SignatureFile(pub(super) Vec<Signature>);

impl SignatureFile {
    /// Reads a detached signature, armored or binary (RFC 9580, sections 6.2 and 10.4). The file
    /// holds nothing else, so that nothing is ignored.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        if bytes.len() as u64 > LARGEST {
            return Err(Malformed("it is too long"));
        }
        let packets = match bytes.first() {
            None => return Err(Malformed("it is empty")),
            // Every packet begins with such a byte, and no text does.
            Some(0x80..) => bytes.to_vec(),
            Some(_) => dearmor(bytes)?,
        };
        let mut signatures = Vec::new();
        let mut reader = Reader(&packets);
        while let Some(packet) = Packet::next(&mut reader)? {
            if packet.tag != Packet::SIGNATURE {
                return Err(Malformed("it holds packets that are not signatures"));
            }
            let signature = Signature::read(packet.body)?;
            signatures.push(signature.ok_or(Malformed("its version is not supported"))?);
        }
        match signatures.len() {
            0 => Err(Malformed("it holds no packet")),
            1..=MOST_SIGNATURES => Ok(Self(signatures)),
            _ => Err(Malformed("it holds too many packets")),
        }
    }
}

fn dearmor(bytes: &[u8]) -> Result<Vec<u8>, Malformed> {
    let text = str::from_utf8(bytes).map_err(|_| Malformed("it is neither text nor packets"))?;
    let armor = Armor::first(text, Armor::SIGNATURE)?;
    let armor = armor.ok_or(Malformed("it contains no PGP signature"))?;
    if !armor.before.trim().is_empty() || !armor.after.trim().is_empty() {
        return Err(Malformed("it contains other text beside the signature"));
    }
    Ok(armor.packets)
}
