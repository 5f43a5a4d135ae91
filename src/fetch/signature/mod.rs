//! Signatures beside the releases: who made them, and whether they prove the archive.
//!
//! OpenPGP, up to 3.13. What replaces it (Sigstore, PEP 761) would be a reader and a judge beside
//! `file` and `verify`, another ending in `search`, and one more
//! [`Proof`](crate::plan::verification::Proof).

mod beside;
mod cache;
mod error;
mod file;
mod key_validity;
mod keyring;
mod managers;
mod search;
#[cfg(test)]
mod tests;
mod verify;

pub(crate) use beside::signature_beside;
pub(in crate::fetch) use beside::{ENDING, read_small};
pub use error::{Error, SignatureError};
pub(in crate::fetch) use keyring::Keyring;
