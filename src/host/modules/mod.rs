//! The modules of the standard library that can be built with this host's libraries.

mod configure_args;
mod finding;
mod flags;
pub(super) mod found;
mod messages;
mod requirements;

pub use configure_args::{is_openssl_dir, knows_openssl_dir, leaves_out_readline};
pub use finding::find;
pub use found::HostModules;
pub use requirements::{Requirements, canonical_name, names_of};

#[cfg(test)]
mod tests;
