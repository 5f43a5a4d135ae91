//! Step 7: `make install` and `ensurepip` into a scratch DESTDIR.

use std::path::{Path, PathBuf};

use super::debug_files;
use super::error::Error;
use super::scripts::shorten_first_lines;
use crate::compile::{BuildContext, BuiltTree, Unbuilt, count_files};
use crate::failpoint::crash_point;
use crate::plan::{Plan, ProgramNames};
use crate::progress::Unit;
use crate::python::Program;
use crate::source::Provenance;

/// A complete installation below a scratch DESTDIR, owned by the user who started pybuild. The prefix
/// itself is untouched.
#[derive(Debug)]
pub(crate) struct StagedInstall {
    destdir: PathBuf,
    /// The prefix below the DESTDIR.
    root: PathBuf,
    provenance: Provenance,
    unbuilt: Unbuilt,
}

impl StagedInstall {
    pub(super) fn destdir(&self) -> &Path {
        &self.destdir
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn plan(&self) -> &Plan {
        self.provenance.plan()
    }

    pub(super) fn unbuilt(&self) -> &Unbuilt {
        &self.unbuilt
    }

    /// The interpreter, which runs from the DESTDIR.
    pub(super) fn python(&self) -> PathBuf {
        python_in(&self.root, self.plan())
    }

    pub(super) fn into_parts(self) -> (PathBuf, Provenance) {
        (self.root, self.provenance)
    }
}

/// An installation below a DESTDIR that the build user can still change.
#[derive(Debug)]
pub(crate) struct UserOwnedInstall(StagedInstall);

fn python_in(root: &Path, plan: &Plan) -> PathBuf {
    let name = format!("python{}", plan.python().short());
    root.join("bin").join(name)
}

/// Installs the built tree below its DESTDIR, as the build user. Fails with [`Error::Outside`] if a file
/// of the DESTDIR is not below the prefix.
pub(crate) fn make_install(
    tree: BuiltTree,
    context: &BuildContext<'_>,
) -> Result<UserOwnedInstall, Error> {
    // Each module is copied and compiled three times, and other files are copied (3.9.2: 7,300 lines
    // for 1,716 modules; 3.11.2: 7,600 for 1,778).
    let total = 4 * count_files(&tree.root().join("Lib"), "py", |_| true);
    let mut phase = context.reporter.begin("install", Unit::Steps, Some(total));
    let install = context
        .make(tree.root())
        .with_argument("install")
        .with_arguments(tree.make_arguments())
        .with_argument("ENSUREPIP=no")
        .with_argument(format!("DESTDIR={}", tree.destdir().display()));
    context
        .runner
        .run("install", &install, |line| {
            if line.starts_with("Compiling ") || line.contains("/install -c ") {
                phase.advance(1);
                phase.set_current(line.rsplit('/').next().unwrap_or_default());
            }
        })
        .map_err(Error::Command)?;
    crash_point("stage.installed");
    let root = tree.plan().prefix().below(tree.destdir());
    let path = python_in(&root, tree.plan());
    if !path.exists() {
        return Err(Error::NoInterpreter { path });
    }
    debug_files::split(&root, context)?;
    phase.set_current("ensurepip");
    let ensurepip = context
        .command(tree.python(), tree.root())
        .with_variables(context.library_path(tree.root()).iter())
        .with_argument("-E")
        .with_program(Program::RunEnsurepip)
        .with_arguments(["--upgrade", "--root"])
        .with_argument(tree.destdir().as_os_str());
    context
        .runner
        .run("ensurepip", &ensurepip, |_| {})
        .map_err(Error::Command)?;
    crash_point("stage.seeded");
    let (destdir, provenance, unbuilt) = tree.into_parts();
    let staged = StagedInstall {
        destdir,
        root,
        provenance,
        unbuilt,
    };
    ensure_all_below_prefix(&staged)?;
    phase.finish("into a scratch DESTDIR");
    Ok(UserOwnedInstall(staged))
}

/// Takes the files back from the build user, then edits the programs in `bin`.
pub(crate) fn stage(
    install: UserOwnedInstall,
    context: &BuildContext<'_>,
) -> Result<StagedInstall, Error> {
    let UserOwnedInstall(staged) = install;
    context.confinement.take_back(&staged.destdir)?;
    let bin = staged.root.join("bin");
    shorten_first_lines(&bin).map_err(Error::Staging)?;
    if staged.plan().names() == ProgramNames::AlsoUnversioned {
        let series = staged.plan().python().short();
        add_unversioned_links(&bin, &series).map_err(Error::Staging)?;
    }
    Ok(staged)
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

/// Refuses files outside the prefix, as `--configure-arg=--libdir=/elsewhere` makes them: the commit
/// would lose them.
fn ensure_all_below_prefix(staged: &StagedInstall) -> Result<(), Error> {
    let mut folder = staged.root.as_path();
    while let Some(parent) = folder.parent().filter(|_| folder != staged.destdir) {
        for entry in fs_err::read_dir(parent).map_err(Error::Staging)? {
            let path = entry.map_err(Error::Staging)?.path();
            if path != folder {
                let shown = path.strip_prefix(&staged.destdir).unwrap_or(&path);
                return Err(Error::Outside {
                    path: Path::new("/").join(shown),
                    prefix: staged.plan().prefix().clone(),
                });
            }
        }
        folder = parent;
    }
    Ok(())
}
