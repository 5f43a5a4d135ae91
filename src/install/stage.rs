//! Step 7: `make install` into a scratch DESTDIR, then `ensurepip` into the same.

use std::path::{Path, PathBuf};

use super::Error;
use super::scripts::shorten_first_lines;
use crate::compile::{BuiltTree, Site, count_files};
use crate::failpoint::crash_point;
use crate::plan::{InstallPrefix, Plan, ProgramNames};
use crate::progress::Unit;
use crate::python::Program;

/// A whole installation under a scratch DESTDIR, configured for its prefix; the prefix itself is
/// untouched.
#[derive(Debug)]
pub struct StagedInstall {
    destdir: PathBuf,
    root: PathBuf,
    prefix: InstallPrefix,
    python_name: String,
}

impl StagedInstall {
    /// What will be the prefix.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The scratch DESTDIR that holds it.
    #[must_use]
    pub fn destdir(&self) -> &Path {
        &self.destdir
    }

    /// Where it will be.
    #[must_use]
    pub fn prefix(&self) -> &InstallPrefix {
        &self.prefix
    }

    /// The interpreter, runnable where it is.
    #[must_use]
    pub fn python(&self) -> PathBuf {
        self.root.join("bin").join(&self.python_name)
    }
}

/// Installs the built tree below `destdir`, which must not exist yet.
///
/// # Errors
/// [`Error::Command`] when a command fails; [`Error::Outside`] when it wrote elsewhere in the
/// DESTDIR than below the prefix.
pub fn stage(
    tree: &BuiltTree,
    plan: &Plan,
    destdir: PathBuf,
    site: &Site<'_>,
) -> Result<StagedInstall, Error> {
    // Each module is copied, with what else there is, and compiled three times (3.9.2: 7,300 lines
    // for 1,716 modules; 3.11.2: 7,600 for 1,778).
    let total = 4 * count_files(&tree.root().join("Lib"), "py", |_| true);
    let mut phase = site.reporter.begin("install", Unit::Steps, Some(total));
    let install = site
        .make(tree.root())
        .with_argument("install")
        .with_arguments(tree.make_arguments())
        .with_argument("ENSUREPIP=no")
        .with_argument(format!("DESTDIR={}", destdir.display()));
    site.runner
        .run("install", &install, |line| {
            if line.starts_with("Compiling ") || line.contains("/install -c ") {
                phase.advance(1);
                phase.set_current(line.rsplit('/').next().unwrap_or_default());
            }
        })
        .map_err(Error::Command)?;
    let staged = StagedInstall {
        root: plan.prefix.below(&destdir),
        prefix: plan.prefix.clone(),
        python_name: format!("python{}", plan.python.short()),
        destdir,
    };
    crash_point("stage.installed");
    if !staged.python().exists() {
        return Err(Error::NoInterpreter {
            path: staged.python(),
        });
    }
    phase.set_current("ensurepip");
    let seed = site
        .command(tree.python(), tree.root())
        .with_variables(site.library_path(tree.root()).iter())
        .with_argument("-E")
        .with_program(Program::RunEnsurepip)
        .with_arguments(["--upgrade", "--root"])
        .with_argument(staged.destdir.as_os_str());
    site.runner
        .run("ensurepip", &seed, |_| {})
        .map_err(Error::Command)?;
    crash_point("stage.seeded");
    only_below_prefix(&staged)?;
    phase.finish("into a scratch DESTDIR");
    Ok(staged)
}

/// Arranges the programs in `bin` as `plan` wants them. To be called when no other user may change the
/// staged tree.
///
/// # Errors
/// [`Error::Staging`].
pub fn arrange_programs(staged: &StagedInstall, plan: &Plan) -> Result<(), Error> {
    let bin = staged.root.join("bin");
    shorten_first_lines(&bin).map_err(Error::Staging)?;
    if plan.names == ProgramNames::AlsoUnversioned {
        add_unversioned_links(&bin, &plan.python.short()).map_err(Error::Staging)?;
    }
    Ok(())
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

/// What lies outside the prefix would be lost, so an installation that wants to be there is
/// refused (`--configure-arg=--libdir=/elsewhere` does it).
fn only_below_prefix(staged: &StagedInstall) -> Result<(), Error> {
    let mut folder = staged.root.as_path();
    while let Some(parent) = folder.parent().filter(|_| folder != staged.destdir) {
        for entry in fs_err::read_dir(parent).map_err(Error::Staging)? {
            let path = entry.map_err(Error::Staging)?.path();
            if path != folder {
                let shown = path.strip_prefix(&staged.destdir).unwrap_or(&path);
                return Err(Error::Outside {
                    path: Path::new("/").join(shown),
                    prefix: staged.prefix.clone(),
                });
            }
        }
        folder = parent;
    }
    Ok(())
}
