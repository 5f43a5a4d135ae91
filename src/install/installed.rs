//! Step 7, first half: `make install` into a scratch DESTDIR.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use super::bytecode;
use super::copies;
use super::dates;
use super::debug_files;
use super::error::Error;
use crate::compile::{BuildContext, BuiltTree, Unbuilt, count_files};
use crate::failpoint::crash_point;
use crate::plan::Plan;
use crate::progress::Unit;
use crate::source::{Provenance, SourceDate};

/// An interpreter below a scratch DESTDIR in which `ensurepip` has not run. It belongs to the user who
/// started pybuild.
#[derive(Debug)]
pub(crate) struct InstalledTree {
    destdir: PathBuf,
    /// The prefix below the DESTDIR.
    root: PathBuf,
    provenance: Provenance,
    date: SourceDate,
    unbuilt: Unbuilt,
}

impl InstalledTree {
    /// The tree below `destdir`, at the place of the plan's prefix.
    pub(super) fn new(
        destdir: PathBuf,
        provenance: Provenance,
        date: SourceDate,
        unbuilt: Unbuilt,
    ) -> Self {
        Self {
            root: provenance.plan().prefix().below(&destdir),
            destdir,
            provenance,
            date,
            unbuilt,
        }
    }

    pub(super) fn destdir(&self) -> &Path {
        &self.destdir
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn plan(&self) -> &Plan {
        self.provenance.plan()
    }

    /// The time of all files.
    pub(super) fn date(&self) -> SourceDate {
        self.date
    }

    pub(super) fn unbuilt(&self) -> &Unbuilt {
        &self.unbuilt
    }

    pub(super) fn provenance(&self) -> &Provenance {
        &self.provenance
    }

    /// The interpreter, which runs from the DESTDIR.
    pub(super) fn python(&self) -> PathBuf {
        python_in(&self.root, self.plan())
    }

    /// The prefix below the DESTDIR, and the provenance of the tree.
    pub(super) fn into_parts(self) -> (PathBuf, Provenance) {
        (self.root, self.provenance)
    }
}

/// The paths below `root`, relative to it.
pub(super) fn paths_below(root: &Path) -> io::Result<BTreeSet<PathBuf>> {
    let walk = walkdir::WalkDir::new(root).min_depth(1).into_iter();
    let below = |path: &Path| path.strip_prefix(root).unwrap_or(path).to_owned();
    walk.map(|entry| Ok(below(entry?.path()))).collect()
}

fn python_in(root: &Path, plan: &Plan) -> PathBuf {
    let name = format!("python{}", plan.python().short());
    root.join("bin").join(name)
}

/// Installs the built tree below its DESTDIR, as the build user, and takes the files back from that
/// user. Fails with [`Error::Outside`] if a file of the DESTDIR is not below the prefix.
pub(crate) fn make_install(
    tree: BuiltTree,
    context: &BuildContext<'_>,
) -> Result<InstalledTree, Error> {
    // Each module is copied and compiled for each level, and other files are copied (all levels of 3.9.2:
    // 7,300 lines for 1,716 modules; of 3.11.2: 7,600 for 1,778).
    let bytecode = tree.plan().request().build.bytecode;
    let lines_per_module = 1 + bytecode.levels().len() as u64;
    let total = lines_per_module * count_files(&tree.root().join("Lib"), "py", |_| true);
    let mut phase = context.reporter.begin("install", Unit::Steps, Some(total));
    let processes = context.processes();
    let makefile = fs_err::read_to_string(tree.root().join("Makefile")).map_err(Error::Staging)?;
    let install = context
        .make(tree.root())
        .with_variable(SourceDate::VARIABLE, tree.date().text())
        .with_argument("install")
        .with_arguments(tree.make_arguments())
        .with_argument("ENSUREPIP=no")
        .with_argument(format!("DESTDIR={}", tree.destdir().display()))
        .with_arguments(copies::make_arguments(&tree, &makefile).map_err(Error::Staging)?)
        .with_arguments(
            bytecode::make_argument(&tree, &makefile, bytecode, processes.count)
                .map_err(Error::Staging)?,
        );
    context
        .runner
        .run("install", &install, |line| {
            if line.starts_with("Compiling ") || line.contains("/install -c ") {
                phase.advance(1);
                phase.set_current(line.rsplit('/').next().unwrap_or_default());
            }
        })
        .map_err(Error::Command)?;
    drop(processes);
    crash_point("stage.installed");
    let root = tree.plan().prefix().below(tree.destdir());
    let path = python_in(&root, tree.plan());
    if !path.exists() {
        return Err(Error::NoInterpreter { path });
    }
    debug_files::split(&root, context)?;
    let date = tree.date();
    let (destdir, provenance, unbuilt) = tree.into_parts();
    context.confinement.take_back(&destdir)?;
    bytecode::remove_unwanted(&root, bytecode).map_err(Error::Staging)?;
    dates::set(&root, date).map_err(Error::Staging)?;
    let installed = InstalledTree::new(destdir, provenance, date, unbuilt);
    ensure_all_below_prefix(&installed)?;
    phase.finish("into a scratch DESTDIR");
    Ok(installed)
}

/// Refuses files outside the prefix, as `--configure-arg=--libdir=/elsewhere` makes them: the commit
/// would lose them.
fn ensure_all_below_prefix(installed: &InstalledTree) -> Result<(), Error> {
    let mut folder = installed.root.as_path();
    while let Some(parent) = folder.parent().filter(|_| folder != installed.destdir) {
        for entry in fs_err::read_dir(parent).map_err(Error::Staging)? {
            let path = entry.map_err(Error::Staging)?.path();
            if path != folder {
                let shown = path.strip_prefix(&installed.destdir).unwrap_or(&path);
                return Err(Error::Outside {
                    path: Path::new("/").join(shown),
                    prefix: installed.plan().prefix().clone(),
                });
            }
        }
        folder = parent;
    }
    Ok(())
}
