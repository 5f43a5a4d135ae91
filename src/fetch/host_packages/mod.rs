//! The host's own source packages: on Debian and its descendants, the `.orig` archive of a Python
//! package is the release, byte for byte.

mod apt;
mod error;
mod search;
mod source_lists;
mod source_package;

pub use error::Error;
pub(super) use search::PackageSearch;
