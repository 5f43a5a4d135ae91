//! Step 7, last: the programs in `bin` of a complete installation, and the times of all files.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::dates;
use super::error::Error;
use super::installed::InstalledTree;
use super::packages::record_compiled;
use super::scripts::shorten_first_lines;
use super::seed::UserOwnedInstall;
use crate::compile::BuildContext;
use crate::plan::ProgramNames;
use crate::source::Provenance;

/// A complete installation below a scratch DESTDIR, owned by the user who started pybuild. The prefix
/// itself is untouched.
#[derive(Debug)]
pub(crate) struct StagedInstall {
    tree: InstalledTree,
    compiled: Option<(BTreeSet<PathBuf>, Instant)>,
}

impl StagedInstall {
    pub(super) fn tree(&self) -> &InstalledTree {
        &self.tree
    }

    /// The folder of the build, with the DESTDIR in it.
    pub(super) fn build_folder(&self) -> &Path {
        let destdir = self.tree.destdir();
        destdir.parent().unwrap_or(destdir)
    }

    /// The paths of the compile, and the time since `ensurepip` began; `None` if this run added nothing
    /// to it.
    pub(super) fn compiled(&self) -> Option<(&BTreeSet<PathBuf>, Duration)> {
        let (paths, started) = self.compiled.as_ref()?;
        Some((paths, started.elapsed()))
    }

    pub(super) fn into_parts(self) -> (PathBuf, Provenance) {
        self.tree.into_parts()
    }
}

/// Takes the files back from the build user, then edits the programs in `bin`.
pub(crate) fn stage(
    install: UserOwnedInstall,
    context: &BuildContext<'_>,
) -> Result<StagedInstall, Error> {
    let UserOwnedInstall { tree, compiled } = install;
    context.confinement.take_back(tree.destdir())?;
    record_compiled(tree.root(), tree.plan().python()).map_err(Error::Staging)?;
    let bin = tree.root().join("bin");
    shorten_first_lines(&bin).map_err(Error::Staging)?;
    if tree.plan().names() == ProgramNames::AlsoUnversioned {
        let series = tree.plan().python().short();
        add_unversioned_links(&bin, &series).map_err(Error::Staging)?;
    }
    dates::set(tree.root(), tree.date()).map_err(Error::Staging)?;
    Ok(StagedInstall { tree, compiled })
}

/// Makes the links that python-build makes too: `python` to `python3.11`, `pip` to `pip3.11` and so
/// on. A name that CPython or pip installed stays: 2.7 has most of them.
fn add_unversioned_links(bin: &Path, series: &str) -> std::io::Result<()> {
    for (name, target) in [
        ("python", format!("python{series}")),
        ("python-config", format!("python{series}-config")),
        ("pip", format!("pip{series}")),
        ("easy_install", format!("easy_install-{series}")),
        ("idle", format!("idle{series}")),
        ("pydoc", format!("pydoc{series}")),
        ("2to3", format!("2to3-{series}")),
    ] {
        let link = bin.join(name);
        if bin.join(&target).exists() && link.symlink_metadata().is_err() {
            std::os::unix::fs::symlink(target, link)?;
        }
    }
    Ok(())
}
