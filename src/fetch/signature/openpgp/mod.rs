//! A strict reader and verifier of OpenPGP keys and signatures (RFC 9580; RFC 4880 for what it
//! replaced), on `ring`'s RSA, Ed25519 and ECDSA.
//!
//! It reads public keys of version 4, and signatures of versions 3 and 4. It decides no policy.

mod armor;
mod certificate;
mod key;
mod packet;
mod signature;
mod verification;

pub(super) use armor::Armor;
pub(super) use certificate::{Certificate, Signed};
pub(super) use key::PublicKey;
pub(super) use packet::{Malformed, Packet, Reader};
pub(super) use signature::{Signature, kind};
pub(super) use verification::{SHA1, Unverified, hash_name};
