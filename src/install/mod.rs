//! Steps 7 to 9: from a built tree to an installation in its prefix.

mod check;
mod check_report;
mod commit;
mod debug_files;
pub(crate) mod dist_info;
mod error;
mod foreign;
mod installed;
mod kept;
mod leftovers;
mod manifest;
mod merge;
pub(crate) mod prefix;
pub(crate) mod record;
mod recorded;
mod relocate;
mod replaced;
mod scripts;
mod seed;
mod stage;
mod uninstall;

pub(crate) use check::check;
pub(crate) use check_report::CheckError;
pub(crate) use commit::commit;
pub(crate) use error::Error;
pub(crate) use foreign::{FilesInTheWay, ensure_none as ensure_no_foreign_files};
pub(crate) use installed::{InstalledTree, make_install};
pub(crate) use kept::{KeptCompile, UnpackedCompile, candidate, keep};
pub use manifest::{Item, Manifest};
pub(crate) use recorded::record;
pub(crate) use relocate::Candidate;
pub(crate) use replaced::describe as describe_replaced;
pub(crate) use scripts::{DeadScript, dead_script};
pub(crate) use seed::seed;
pub(crate) use stage::stage;
pub(crate) use uninstall::{Uninstallation, uninstall};
