//! Verifies the signatures of releases.
//!
//! CPython has OpenPGP signatures up to 3.13. Sigstore (PEP 761) would be a second reader beside
//! `openpgp`, a second verifier beside `verify`, and one more
//! [`Proof`](crate::plan::verification::Proof).

mod cache;
mod error;
mod event;
mod file;
mod key_validity;
mod keyring;
mod managers;
mod openpgp;
mod search;
mod signature_error;
#[cfg(test)]
mod tests;
mod verify;

pub use error::Error;
pub(crate) use file::signature_beside;
pub(in crate::fetch) use file::{ENDING, read_small};
pub(in crate::fetch) use keyring::Keyring;
pub use verify::is_signed;
