//! Why a compile is used for its own prefix only, or could not be moved to another.

use std::io;
use std::path::PathBuf;

use crate::compile::BuildUserError;
use crate::plan::InstallPrefix;
use crate::process::CommandError;

/// The caller compiles for the wanted prefix instead.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotMovable {
    #[error(
        "only an interpreter for Linux without `--optimize`, libpython and debug information is moved"
    )]
    Options,
    #[error("{0} has a character that has a meaning in a Makefile, a script or a pattern")]
    Prefix(InstallPrefix),
    #[error("{} exists, and a build may use files that are in the prefix", .0.display())]
    UsedFiles(PathBuf),
    #[error("{what} contains {prefix}, so not every occurrence in the installation is the prefix")]
    Ambiguous { what: String, prefix: InstallPrefix },
    #[error("{} contains the prefix in an unknown form", .0.display())]
    UnknownFile(PathBuf),
    #[error("`make` does not print the known commands for libpython and the interpreter")]
    NoRecipe,
    #[error("{} is not reproduced from what is kept", .0.display())]
    NotReproduced(PathBuf),
    #[error("the files cannot be read or written")]
    Files(#[from] io::Error),
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error(transparent)]
    User(#[from] BuildUserError),
}
