//! A build's use of the kept compiles: finds the one for its compile plan, or keeps its own.

use std::time::Duration;

use crate::commands::context::Context;
use crate::commands::error::Error;
use crate::commands::event::Event;
use crate::commands::work_folder::BuildFolder;
use crate::compile::{BuildContext, BuiltTree};
use crate::fetch::InputRecord;
use crate::fs::lock::LockFile;
use crate::install::{self, Candidate, InstalledTree, KeptCompile, UnpackedCompile};
use crate::plan::Plan;
use crate::settings::{BuildSettings, KeptCompiles};
use crate::store::Size;

/// A build that uses the kept compiles.
pub(crate) struct Kept<'a> {
    pub(crate) build: &'a BuildContext<'a>,
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
        let plan = self.build.compile;
        let (Some(key), Some(any)) = (plan.key(), plan.key_for_any_prefix()) else {
            return Ok(Found::Nothing(None));
        };
        if self.settings.kept_compiles != KeptCompiles::Use {
            return Ok(Found::Nothing(None));
        }
        let (store, reporter) = (&self.context.store, self.context.reporter);
        let unpack = || -> Result<Option<UnpackedCompile>, Error> {
            for key in [key, any] {
                if let Some(kept) = KeptCompile::find(key, store, reporter) {
                    let destdir = self.folder.made("destdir")?;
                    let scratch = self.folder.made("relocate")?;
                    return Ok(kept.unpack(&destdir, &scratch, store, self.build)?);
                }
            }
            Ok(None)
        };
        if let Some(tree) = unpack()? {
            return Ok(Found::Unpacked(tree));
        }
        // A store that cannot be written has no locks: then this build compiles for itself.
        let lock = store.folder("locks").and_then(|folder| {
            let path = folder.join(format!("compile-{any}"));
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

    /// Examines a built tree before it is installed: whether its compile can be kept for every prefix.
    pub(crate) fn candidate(&self, tree: &BuiltTree) -> Result<Option<Candidate>, Error> {
        if !self.keeps() {
            return Ok(None);
        }
        let scratch = self.folder.made("preprocess")?;
        Ok(install::candidate(tree, &scratch, self.build))
    }

    /// Whether the compile is to be kept.
    fn keeps(&self) -> bool {
        self.settings.kept_compiles != KeptCompiles::Ignore
            && self.settings.cache_limit.keeps_built_things()
    }

    /// Keeps the tree of a compile that took `cost`, and drops others if the store is over its limit.
    pub(crate) fn keep(
        &self,
        tree: &InstalledTree,
        candidate: Option<Candidate>,
        cost: Duration,
    ) -> Result<(), Error> {
        if !self.keeps() {
            return Ok(());
        }
        let scratch = self.folder.made("relocate")?;
        let (store, reporter) = (&self.context.store, self.context.reporter);
        install::keep(tree, candidate, cost, &scratch, store, self.build);
        match store.enforce_limit(self.settings.cache_limit) {
            Ok(removal) if removal.removed.is_empty() => {}
            Ok(removal) => reporter.report(&Event::Dropped {
                number: removal.removed.len(),
                size: Size(removal.freed()),
            }),
            Err(error) => reporter.report(&Event::NotDropped(&error)),
        }
        Ok(())
    }
}
