//! Kept installations: the files that a pin and `ensurepip` add to a kept compile, after they passed their
//! checks. The same request again needs only to be unpacked.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::check::CheckedInstall;
use super::error::Error;
use super::installed::InstalledTree;
use super::kept::{KeptEvent, UnpackedCompile, is_pinned, library_in};
use super::seed::UserOwnedInstall;
use super::staged_interpreter::NewVenv;
use crate::archive;
use crate::compile::CompilePlan;
use crate::digest::Sha256;
use crate::fetch::{InputRecord, VerifiedChanges};
use crate::fs::list::files_below;
use crate::plan::{Pin, Plan, ProgramNames};
use crate::progress::Reporter;
use crate::source::PINNED_PARTS;
use crate::store::{BuiltEntry, Kind, Store};

/// What decides the added files.
#[derive(Serialize)]
struct Key {
    /// Raised when an equal key would give other files.
    way: u32,
    compile: Sha256,
    pip: String,
    setuptools: String,
    names: ProgramNames,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    wheels: Vec<Sha256>,
}

/// A kept installation beside its files.
#[derive(Serialize, Deserialize)]
struct About {
    /// The diff of the pin.
    pin: Option<String>,
    /// The pip of a new venv, when it was checked.
    venv_pip: Option<String>,
}

/// A kept installation in the store, whose content has its digest.
pub(crate) struct KeptInstall {
    entry: BuiltEntry,
    about: About,
}

/// The key of an installation; `None` if its compile has none.
fn key(compile: &CompilePlan, plan: &Plan) -> Option<Sha256> {
    let text = |pin: &Pin| match pin {
        Pin::Bundled => "bundled".to_owned(),
        Pin::Removed => "removed".to_owned(),
        Pin::Wheel(wheel) => wheel.sha256.to_string(),
    };
    let key = Key {
        way: 1,
        compile: compile.key()?,
        pip: text(&plan.pins().pip),
        setuptools: text(&plan.pins().setuptools),
        names: plan.names(),
        wheels: plan
            .request()
            .wheels
            .iter()
            .map(|wheel| wheel.sha256)
            .collect(),
    };
    serde_json::to_vec(&key).ok().map(|text| Sha256::of(&text))
}

impl KeptInstall {
    /// The kept installation of this plan. A damaged one is reported and discarded.
    pub(crate) fn find(
        compile: &CompilePlan,
        plan: &Plan,
        store: &Store,
        reporter: &dyn Reporter,
    ) -> Option<Self> {
        let entry = store.built(Kind::Install, key(compile, plan)?);
        let entry = entry.inspect_err(|error| reporter.report(&KeptEvent::Damaged(error)));
        let entry = entry.ok()??;
        // All of it is read before a file is written: it is small, and the tree below it is not.
        let verified = entry.payload().and_then(|mut payload| {
            let _ = io::copy(&mut payload.by_ref(), &mut io::sink());
            payload.finish()?;
            entry.about()
        });
        match verified {
            Ok(about) => Some(Self { entry, about }),
            Err(error) => {
                reporter.report(&KeptEvent::Damaged(&error));
                store.discard_built(entry);
                None
            }
        }
    }

    /// Unpacks the files into the tree of the compile.
    pub(crate) fn unpack_into(
        self,
        compile: UnpackedCompile,
        plan: Plan,
        changes: &VerifiedChanges,
        source: Option<InputRecord>,
    ) -> Result<(UserOwnedInstall, NewVenv), Error> {
        let Self { entry, about } = self;
        let tree = compile.into_tree(plan, changes, source, about.pin);
        let payload = entry.payload().map_err(io::Error::other);
        remove_pinned(&tree)
            .and(payload)
            .and_then(|payload| archive::tree::unpack(payload, tree.root()))
            .map_err(Error::Staging)?;
        entry.record_use(entry.cost());
        let venv = NewVenv::passed(about.venv_pip);
        Ok((UserOwnedInstall::unchanged(tree), venv))
    }
}

/// Keeps the files that this run added to a compile; returns their key. A failure is a warning.
pub(crate) fn keep_install(
    checked: &CheckedInstall,
    compile: &CompilePlan,
    store: &Store,
    reporter: &dyn Reporter,
) -> Option<Sha256> {
    let (staged, report) = checked.parts();
    let tree = staged.tree();
    let key = key(compile, tree.plan())?;
    let Some((before, cost)) = staged.compiled() else {
        return Some(key);
    };
    let write = |to: &mut dyn io::Write| {
        let library = library_in(tree.root(), compile.python())?;
        archive::tree::pack(&added(tree.root(), library.as_deref(), before)?, to)?;
        Ok(About {
            pin: tree.provenance().pin_diff(),
            venv_pip: report.venv_pip.clone(),
        })
    };
    if let Err(error) = store.keep_built(Kind::Install, key, cost, write) {
        reporter.report(&KeptEvent::CannotKeep(&error));
    }
    Some(key)
}

/// Removes the release's own files that the kept ones replace.
fn remove_pinned(tree: &InstalledTree) -> io::Result<()> {
    let root = tree.root();
    let Some(library) = library_in(root, tree.plan().python())? else {
        return Ok(());
    };
    for part in PINNED_PARTS {
        for file in files_below(&library.join(part)) {
            fs_err::remove_file(file)?;
        }
    }
    // Without pip, it is not there; otherwise the kept wheels make it again.
    let _ = std::fs::remove_dir(library.join("ensurepip/_bundled"));
    Ok(())
}

/// The paths below `root` that are not of the compile, and those that a pin changes.
fn added(
    root: &Path,
    library: Option<&Path>,
    before: &BTreeSet<PathBuf>,
) -> io::Result<BTreeMap<PathBuf, PathBuf>> {
    let library = library.and_then(|library| library.strip_prefix(root).ok());
    let mut added = BTreeMap::new();
    for entry in walkdir::WalkDir::new(root).min_depth(1).sort_by_file_name() {
        let entry = entry?;
        let path = entry.path().strip_prefix(root).unwrap_or(entry.path());
        let is_pinned = library.is_some_and(|library| is_pinned(path, library));
        if !before.contains(path) || is_pinned && !entry.file_type().is_dir() {
            added.insert(path.to_owned(), entry.into_path());
        }
    }
    Ok(added)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::added;
    use crate::install::installed::paths_below;

    #[test]
    fn only_new_files_and_pinned_files_are_added() {
        let dir = tempfile::tempdir().unwrap();
        let library = dir.path().join("lib/python3.11");
        for file in [
            "os.py",
            "ensurepip/__init__.py",
            "venv/__init__.py",
            "venv/__main__.py",
        ] {
            let path = library.join(file);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, "").unwrap();
        }
        let before = paths_below(dir.path()).unwrap();
        fs_err::create_dir_all(library.join("site-packages/pip")).unwrap();
        fs_err::write(library.join("site-packages/pip/__init__.py"), "").unwrap();
        let added = added(dir.path(), Some(&library), &before).unwrap();
        let names = added
            .keys()
            .map(|path| path.strip_prefix("lib/python3.11").unwrap());
        let names: Vec<&Path> = names.collect();
        let expected = [
            "ensurepip/__init__.py",
            "site-packages",
            "site-packages/pip",
            "site-packages/pip/__init__.py",
            "venv/__init__.py",
        ];
        assert_eq!(names, expected.map(Path::new));
    }
}
