//! A build's use of the kept compiles: finds the one for its compile plan, or keeps its own.

use std::time::Duration;

use crate::commands::context::Context;
use crate::commands::error::Error;
use crate::commands::event::Event;
use crate::commands::work_folder::BuildFolder;
use crate::compile::{BuildContext, BuiltTree};
use crate::digest::Sha256;
use crate::fetch::InputRecord;
use crate::fs::lock::LockFile;
use crate::install::{
    self, Candidate, CheckedInstall, CompileToKeep, InstalledTree, KeptCompile, KeptInstall,
    NewVenv, UnpackedCompile, UserOwnedInstall,
};
use crate::plan::Plan;
use crate::settings::{BuildSettings, KeptCompiles};
use crate::store::{Kind, Size};
use crate::timeline::timed;

/// A build that uses the kept compiles.
pub(crate) struct Kept<'a> {
    pub(crate) build: &'a BuildContext<'a>,
    pub(crate) settings: &'a BuildSettings,
    pub(crate) context: &'a Context<'a>,
    pub(crate) folder: &'a BuildFolder,
}

/// The outcome of the search for a kept compile.
pub(crate) enum Found {
    Unpacked(Box<UnpackedCompile>),
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
        let unpack = |keys: &[Sha256]| -> Result<Option<Box<UnpackedCompile>>, Error> {
            for key in keys {
                if let Some(kept) = KeptCompile::find(*key, store, reporter) {
                    let destdir = self.folder.made("destdir")?;
                    let scratch = self.folder.made("relocate")?;
                    let tree = kept.unpack(&destdir, &scratch, store, self.build)?;
                    return Ok(tree.map(Box::new));
                }
            }
            Ok(None)
        };
        let was_there = KeptCompile::is_there(any, store);
        if let Some(tree) = unpack(&[key, any])? {
            return Ok(Found::Unpacked(tree));
        }
        // One that is still there cannot be moved to this prefix; a damaged one was discarded.
        let is_for_others = was_there && KeptCompile::is_there(any, store);
        // A store that cannot be written has no locks: then this build compiles for itself.
        let lock = store.folder("locks").and_then(|folder| {
            let path = folder.join(format!("compile-{any}"));
            LockFile::take(path, "compiles the same plan", reporter)
        });
        let keys: &[Sha256] = if is_for_others { &[key] } else { &[key, any] };
        match unpack(keys)? {
            Some(tree) => Ok(Found::Unpacked(tree)),
            None => Ok(Found::Nothing(lock.ok())),
        }
    }

    /// Adds the pin and the packages of `plan` to the tree: from a kept installation, or with `ensurepip`.
    pub(crate) fn seed(
        &self,
        tree: UnpackedCompile,
        plan: Plan,
    ) -> Result<(UserOwnedInstall, NewVenv), Error> {
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
        let (compile, store) = (self.build.compile, &self.context.store);
        if let Some(kept) = KeptInstall::find(compile, &plan, store, self.context.reporter) {
            return Ok(kept.unpack_into(tree, plan, &changes, source)?);
        }
        let view = self.folder.path().join("kept");
        let pinned = tree.pin(plan, &changes, source, &view)?;
        Ok(install::seed(pinned, &self.folder.home()?, self.build)?)
    }

    /// Examines a built tree before it is installed: whether its compile can be kept for every prefix.
    pub(crate) fn candidate(&self, tree: &BuiltTree) -> Result<Option<Candidate>, Error> {
        if self.settings.kept_compiles == KeptCompiles::Ignore {
            return Ok(None);
        }
        let scratch = self.folder.made("preprocess")?;
        Ok(install::candidate(tree, &scratch, self.build))
    }

    /// Keeps the tree of a compile that took `cost`, and runs `ensurepip` in it. Both at the same time, but
    /// with a build user: that user must not change a file before it is kept.
    pub(crate) fn keep_and_seed(
        &self,
        tree: InstalledTree,
        candidate: Option<Candidate>,
        cost: Duration,
    ) -> Result<(UserOwnedInstall, NewVenv), Error> {
        let (build, home) = (self.build, &self.folder.home()?);
        if self.settings.kept_compiles == KeptCompiles::Ignore {
            return Ok(install::seed(tree, home, build)?);
        }
        let scratch = self.folder.made("relocate")?;
        let compile = CompileToKeep::new(&tree, candidate, cost, build);
        let keep = || {
            if let Some(compile) = compile {
                timed(build.timeline, "keep compile", || {
                    compile.keep(&scratch, &self.context.store, build);
                });
            }
        };
        std::thread::scope(|scope| {
            if build.confinement.user.is_some() {
                keep();
            } else {
                scope.spawn(keep);
            }
            Ok(install::seed(tree, home, build)?)
        })
    }

    /// Keeps what this run added to the compile, and removes what exceeds the limit of the store.
    pub(crate) fn keep_install(&self, checked: &CheckedInstall) {
        if self.settings.kept_compiles != KeptCompiles::Ignore {
            let (store, reporter) = (&self.context.store, self.context.reporter);
            let plan = self.build.compile;
            let install = timed(self.build.timeline, "keep install", || {
                install::keep_install(checked, plan, store, reporter)
            });
            let compiles = [plan.key(), plan.key_for_any_prefix()]
                .into_iter()
                .flatten();
            let used = compiles.map(|key| (Kind::Compile, key));
            let used: Vec<_> = used
                .chain(install.map(|key| (Kind::Install, key)))
                .collect();
            match store.enforce_limit(self.settings.cache_limit, &used) {
                Ok(removal) if removal.removed.is_empty() => {}
                Ok(removal) => reporter.report(&Event::Dropped {
                    number: removal.removed.len(),
                    size: Size(removal.freed()),
                }),
                Err(error) => reporter.report(&Event::NotDropped(&error)),
            }
        }
    }
}
