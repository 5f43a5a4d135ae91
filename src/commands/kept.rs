//! A build's use of the kept compiles: finds the one for its compile plan, or keeps its own.

use std::time::Duration;

use crate::commands::context::Context;
use crate::commands::error::Error;
use crate::commands::event::Event;
use crate::commands::work_folder::BuildFolder;
use crate::compile::CompilePlan;
use crate::fetch::InputRecord;
use crate::fs::lock::LockFile;
use crate::install::{self, InstalledTree, KeptCompile, UnpackedCompile};
use crate::plan::Plan;
use crate::settings::{BuildSettings, KeptCompiles};
use crate::store::{Kind, Size};

/// A build and its compile plan.
pub(crate) struct Kept<'a> {
    pub(crate) plan: &'a CompilePlan,
    pub(crate) settings: &'a BuildSettings,
    pub(crate) context: &'a Context<'a>,
    pub(crate) folder: &'a BuildFolder,
}

/// The outcome of the search for a kept compile.
pub(crate) enum Found {
    Unpacked(UnpackedCompile),
    /// There is none. While the lock lives, other builds of the same plan wait for this one.
    Nothing(Option<LockFile>),
}

impl Kept<'_> {
    /// Finds the kept compile and unpacks it. If another process is compiling the same plan, waits for it.
    pub(crate) fn find(&self) -> Result<Found, Error> {
        let key = self.plan.key();
        let Some(key) = key.filter(|_| self.settings.kept_compiles == KeptCompiles::Use) else {
            return Ok(Found::Nothing(None));
        };
        let (store, reporter) = (&self.context.store, self.context.reporter);
        let unpack = || -> Result<Option<UnpackedCompile>, Error> {
            let Some(kept) = KeptCompile::find(key, store, reporter) else {
                return Ok(None);
            };
            Ok(kept.unpack(&self.folder.made("destdir")?, store, reporter)?)
        };
        if let Some(tree) = unpack()? {
            return Ok(Found::Unpacked(tree));
        }
        // A store that cannot be written has no locks: then this build compiles for itself.
        let lock = store.folder("locks").and_then(|folder| {
            let path = folder.join(format!("compile-{key}"));
            LockFile::take(path, "compiles the same plan", reporter)
        });
        match unpack()? {
            Some(tree) => Ok(Found::Unpacked(tree)),
            None => Ok(Found::Nothing(lock.ok())),
        }
    }

    /// Fetches what the plan adds to the compile, and pins the tree.
    pub(crate) fn pin(&self, tree: UnpackedCompile, plan: Plan) -> Result<InstalledTree, Error> {
        let runner = self.folder.runner();
        let changes = self.context.fetch_changes(&plan, runner)?;
        // A source or a proof that the user asks for is verified in this run, although it is not compiled.
        let request = plan.request();
        let source = if request.source.is_some() || !request.proofs.is_default() {
            let source = self
                .context
                .fetch_source(plan.python(), plan.source(), runner)?;
            Some(InputRecord::of_source(&source))
        } else {
            None
        };
        let view = self.folder.path().join("kept");
        Ok(tree.pin(plan, &changes, source, &view)?)
    }

    /// Keeps the tree of a compile that took `cost`, and drops others if the store is over its limit.
    pub(crate) fn keep(&self, tree: &InstalledTree, cost: Duration) {
        let limit = self.settings.cache_limit;
        let is_off = self.settings.kept_compiles == KeptCompiles::Ignore;
        if is_off || !limit.keeps_built_things() {
            return;
        }
        let (store, reporter) = (&self.context.store, self.context.reporter);
        install::keep(tree, self.plan, cost, store, reporter);
        let Some(key) = self.plan.key() else { return };
        match store.enforce_limit(limit, (Kind::Compile, key)) {
            Ok(removal) if removal.removed.is_empty() => {}
            Ok(removal) => reporter.report(&Event::Dropped {
                number: removal.removed.len(),
                size: Size(removal.freed()),
            }),
            Err(error) => reporter.report(&Event::NotDropped(&error)),
        }
    }
}
