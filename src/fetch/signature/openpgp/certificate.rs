//! Transferable public keys (RFC 9580, section 10.1): a primary key with user IDs and subkeys.

use super::armor::Armor;
use super::key::PublicKey;
use super::packet::{Malformed, Packet, Reader};
use super::signature::{Signature, kind};

/// Longer user IDs are refused, as GnuPG does: each signature of one hashes it.
const LONGEST_USER_ID: usize = 2048;

/// Something with the signatures that follow it. None of them is verified yet.
#[derive(Debug, Clone)]
pub(crate) struct Signed<T> {
    pub(crate) subject: T,
    pub(crate) signatures: Vec<Signature>,
}

#[derive(Debug, Clone)]
pub(crate) struct Certificate {
    pub(crate) primary: Signed<PublicKey>,
    pub(crate) users: Vec<Signed<Vec<u8>>>,
    pub(crate) subkeys: Vec<Signed<PublicKey>>,
}

/// The part of a certificate that the next signatures belong to.
enum Part {
    Primary,
    User,
    Subkey,
    /// A user attribute, or a packet that is not supported.
    Ignored,
}

impl Certificate {
    /// Reads public keys: binary, or any number of armored blocks with any text around them.
    pub(crate) fn read_all(bytes: &[u8]) -> Result<Vec<Self>, Malformed> {
        let Ok(mut text) = std::str::from_utf8(bytes) else {
            return Self::read_packets(bytes);
        };
        let mut certificates = Vec::new();
        while let Some(armor) = Armor::first(text, Armor::PUBLIC_KEY)? {
            certificates.extend(Self::read_packets(&armor.packets)?);
            text = armor.after;
        }
        Ok(certificates)
    }

    fn read_packets(bytes: &[u8]) -> Result<Vec<Self>, Malformed> {
        let mut reader = Reader(bytes);
        let mut certificates: Vec<Self> = Vec::new();
        let mut is_supported = false;
        let mut part = Part::Ignored;
        while let Some(packet) = Packet::next(&mut reader)? {
            if packet.tag == Packet::PUBLIC_KEY {
                let key = PublicKey::read(packet.body)?;
                is_supported = key.is_some();
                certificates.extend(key.map(|key| Self {
                    primary: Signed::new(key),
                    users: Vec::new(),
                    subkeys: Vec::new(),
                }));
                part = Part::Primary;
                continue;
            }
            let Some(certificate) = certificates.last_mut().filter(|_| is_supported) else {
                continue;
            };
            match packet.tag {
                Packet::SIGNATURE => {
                    if let Some(signature) = Signature::read(packet.body)? {
                        certificate.add(signature, &part);
                    }
                }
                Packet::USER_ID if packet.body.len() > LONGEST_USER_ID => {
                    return Err(Malformed("a user ID is too long"));
                }
                Packet::USER_ID => {
                    certificate.users.push(Signed::new(packet.body.to_vec()));
                    part = Part::User;
                }
                Packet::PUBLIC_SUBKEY => {
                    let key = PublicKey::read(packet.body)?;
                    part = if key.is_some() {
                        Part::Subkey
                    } else {
                        Part::Ignored
                    };
                    certificate.subkeys.extend(key.map(Signed::new));
                }
                // Markers, trust packets of GnuPG's own and padding belong to no part.
                10 | 12 | 21 => {}
                // Unknown packets of these numbers are critical (section 4.3).
                22..=39 => return Err(Malformed("a packet has an unknown critical type")),
                _ => part = Part::Ignored,
            }
        }
        Ok(certificates)
    }

    fn add(&mut self, signature: Signature, part: &Part) {
        // These two concern the primary key, wherever they stand.
        if matches!(signature.kind, kind::DIRECT_KEY | kind::KEY_REVOCATION) {
            return self.primary.signatures.push(signature);
        }
        let signatures = match part {
            Part::User => self.users.last_mut().map(|it| &mut it.signatures),
            Part::Subkey => self.subkeys.last_mut().map(|it| &mut it.signatures),
            Part::Primary | Part::Ignored => None,
        };
        if let Some(signatures) = signatures {
            signatures.push(signature);
        }
    }

    /// The signatures of these kinds that the primary key made of itself.
    pub(crate) fn of_primary(&self, kind: u8) -> impl Iterator<Item = &Signature> {
        let signatures = self.primary.signatures.iter();
        signatures.filter(move |it| it.kind == kind && self.has_signed(it, &[]))
    }

    /// The certifications of `user`, or the revocations of them, that the primary key made.
    pub(crate) fn of_user<'a>(
        &'a self,
        user: &'a Signed<Vec<u8>>,
        is_kind: impl Fn(u8) -> bool + 'a,
    ) -> impl Iterator<Item = &'a Signature> {
        let mut hashed = vec![0xb4];
        hashed.extend(
            u32::try_from(user.subject.len())
                .unwrap_or(u32::MAX)
                .to_be_bytes(),
        );
        hashed.extend(&user.subject);
        user.signatures.iter().filter(move |it| {
            // Signatures of version 3 hash the user ID without its header (section 5.2.4).
            let user_id = if it.version == 4 {
                &hashed
            } else {
                &user.subject
            };
            is_kind(it.kind) && self.has_signed(it, user_id)
        })
    }

    /// The bindings of `subkey`, or the revocations of it, that the primary key made.
    pub(crate) fn of_subkey<'a>(
        &'a self,
        subkey: &'a Signed<PublicKey>,
        kind: u8,
    ) -> impl Iterator<Item = &'a Signature> {
        let signatures = subkey.signatures.iter();
        signatures.filter(move |it| it.kind == kind && self.has_signed(it, &subkey.subject.hashed))
    }

    /// Whether `subkey` agreed to be a subkey of this primary key. Otherwise anyone could present
    /// another's subkey as their own (section 5.2.1.9).
    pub(crate) fn is_accepted_by(&self, subkey: &PublicKey, binding: &Signature) -> bool {
        let mut hashed = [&*self.primary.subject.hashed, &subkey.hashed].concat();
        binding.embedded().is_some_and(|it| {
            it.kind == kind::PRIMARY_KEY_BINDING && it.verify(subkey, &mut hashed).is_ok()
        })
    }

    fn has_signed(&self, signature: &Signature, subject: &[u8]) -> bool {
        let primary = &self.primary.subject;
        let mut hashed = [&*primary.hashed, subject].concat();
        signature.verify(primary, &mut hashed).is_ok()
    }
}

impl<T> Signed<T> {
    fn new(subject: T) -> Self {
        Self {
            subject,
            signatures: Vec::new(),
        }
    }
}
