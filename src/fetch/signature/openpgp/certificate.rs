//! Transferable public keys (RFC 9580, section 10.1): a primary key with user IDs and subkeys.

use super::armor::Armor;
use super::key::PublicKey;
use super::packet::{Malformed, Packet, Reader};
use super::signature::{Signature, kind};

/// Longer user IDs are refused, as gpg does: each signature of one hashes it.
const LONGEST_USER_ID: u16 = 2048;

/// Something with its signatures. None of them is verified yet.
#[derive(Debug, Clone)]
pub(crate) struct Signed<T> {
    pub(crate) subject: T,
    /// The bytes that the signatures hash after the primary key.
    hashed: Vec<u8>,
    pub(crate) signatures: Vec<Signature>,
}

impl<T> Signed<T> {
    fn new(subject: T, hashed: Vec<u8>) -> Self {
        Self {
            subject,
            hashed,
            signatures: Vec::new(),
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Certificate {
    pub(crate) primary: Signed<PublicKey>,
    pub(crate) users: Vec<Signed<Vec<u8>>>,
    pub(crate) subkeys: Vec<Signed<PublicKey>>,
}

impl Certificate {
    /// Reads public keys: binary, or any number of armored blocks with any text around them.
    pub(crate) fn read_all(bytes: &[u8]) -> Result<Vec<Self>, Malformed> {
        let mut certificates = Vec::new();
        let Ok(mut text) = std::str::from_utf8(bytes) else {
            read_packets(bytes, &mut certificates)?;
            return Ok(certificates);
        };
        while let Some(armor) = Armor::first(text, Armor::PUBLIC_KEY)? {
            read_packets(&armor.packets, &mut certificates)?;
            text = armor.after;
        }
        Ok(certificates)
    }

    /// Adds a packet that follows the primary key. Verification decides whether a signature belongs
    /// to the last user ID or subkey.
    fn add(&mut self, packet: &Packet<'_>) -> Result<(), Malformed> {
        match packet.tag {
            Packet::SIGNATURE => {
                let Some(signature) = Signature::read(packet.body)? else {
                    return Ok(());
                };
                let signatures = match signature.kind {
                    kind::DIRECT_KEY | kind::KEY_REVOCATION => Some(&mut self.primary.signatures),
                    kind::SUBKEY_BINDING | kind::SUBKEY_REVOCATION => {
                        self.subkeys.last_mut().map(|it| &mut it.signatures)
                    }
                    _ => self.users.last_mut().map(|it| &mut it.signatures),
                };
                if let Some(signatures) = signatures {
                    signatures.push(signature);
                }
            }
            Packet::USER_ID => {
                let length = u16::try_from(packet.body.len()).unwrap_or(u16::MAX);
                if length > LONGEST_USER_ID {
                    return Err(Malformed("a user ID is too long"));
                }
                let length = u32::from(length).to_be_bytes();
                let hashed = [&[0xb4], length.as_slice(), packet.body].concat();
                self.users.push(Signed::new(packet.body.to_vec(), hashed));
            }
            Packet::PUBLIC_SUBKEY => {
                if let Some(key) = PublicKey::read(packet.body)? {
                    let hashed = key.hashed.clone();
                    self.subkeys.push(Signed::new(key, hashed));
                }
            }
            // Section 4.3.
            22..=39 => return Err(Malformed("a packet has an unknown critical type")),
            _ => {}
        }
        Ok(())
    }

    /// The signatures of these kinds that the primary key made of a part of this certificate.
    pub(crate) fn valid<'a, T>(
        &'a self,
        part: &'a Signed<T>,
        is_kind: impl Fn(u8) -> bool + 'a,
    ) -> impl Iterator<Item = &'a Signature> {
        let mut hashed = [&*self.primary.subject.hashed, &part.hashed].concat();
        let signatures = part.signatures.iter().filter(move |it| is_kind(it.kind));
        signatures.filter(move |it| it.verify(&self.primary.subject, &mut hashed).is_ok())
    }

    /// Whether `subkey` agreed to this binding. Otherwise anyone could present another's subkey as
    /// their own (section 5.2.1.9).
    pub(crate) fn is_accepted_by(&self, subkey: &PublicKey, binding: &Signature) -> bool {
        let embedded = binding.embedded.as_ref().map(|it| Signature::read(it));
        let Some(Ok(Some(embedded))) = embedded else {
            return false;
        };
        let mut hashed = [&*self.primary.subject.hashed, &subkey.hashed].concat();
        embedded.kind == kind::PRIMARY_KEY_BINDING && embedded.verify(subkey, &mut hashed).is_ok()
    }
}

/// Reads the keys in `bytes` whose version is supported.
fn read_packets(bytes: &[u8], certificates: &mut Vec<Certificate>) -> Result<(), Malformed> {
    let mut reader = Reader(bytes);
    let mut certificate = None;
    while let Some(packet) = Packet::next(&mut reader)? {
        if packet.tag == Packet::PUBLIC_KEY {
            certificates.extend(certificate.take());
            certificate = PublicKey::read(packet.body)?.map(|key| Certificate {
                primary: Signed::new(key, Vec::new()),
                users: Vec::new(),
                subkeys: Vec::new(),
            });
        } else if let Some(certificate) = &mut certificate {
            certificate.add(&packet)?;
        }
    }
    certificates.extend(certificate);
    Ok(())
}
