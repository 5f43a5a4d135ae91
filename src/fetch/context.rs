//! The store, the client and the settings that every fetch uses.

use std::path::Path;

use crate::digest::Sha256;
use crate::environment::Environment;
use crate::fetch::event::Event;
use crate::net::http::Http;
use crate::net::network::Network;
use crate::net::retry::Retries;
use crate::process::Runner;
use crate::progress::Reporter;
use crate::store::{Store, StoredFile};

/// The title of this step's phases.
pub(super) const PHASE: &str = "fetch";

/// The store, the client and the settings that every fetch uses.
#[derive(Clone, Copy)]
pub(crate) struct FetchContext<'a> {
    pub(crate) store: &'a Store,
    pub(crate) http: &'a Http<'a>,
    pub(crate) network: Network,
    pub(crate) retries: Retries,
    pub(crate) reporter: &'a dyn Reporter,
    pub(crate) environment: &'a Environment,
    /// Runs the host's package manager; without it, the package manager is not asked.
    pub(crate) runner: Option<&'a Runner>,
}

impl FetchContext<'_> {
    /// The first of these files that the store has. A damaged one is reported, and skipped.
    pub(super) fn look_up(&self, accepted: &[Sha256]) -> Option<StoredFile> {
        accepted.iter().find_map(|digest| {
            self.store.get(*digest).unwrap_or_else(|corrupt| {
                self.reporter.report(&Event::Corrupt(corrupt));
                None
            })
        })
    }
}

/// Reads the beginning of a file, so that a later failure to copy it is one of the store.
pub(super) fn ensure_readable(path: &Path) -> std::io::Result<()> {
    use std::io::Read as _;
    std::fs::File::open(path)?.read(&mut [0]).map(drop)
}
