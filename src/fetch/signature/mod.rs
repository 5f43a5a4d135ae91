//! Signatures beside the releases: who made them, and whether they prove the archive.
//!
//! OpenPGP, up to 3.13. What replaces it (Sigstore, PEP 761) would be a reader and a judge beside
//! `file` and `verify`, another ending in `search`, and one more
//! [`Proof`](crate::plan::verification::Proof).

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

pub use error::{Error, SignatureError};
pub(in crate::fetch) use keyring::Keyring;
pub use search::signature_beside;
pub(in crate::fetch) use search::{Beside, ENDING};
pub(in crate::fetch) use verify::read_small;
