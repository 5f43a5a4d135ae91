//! `--launcher` and `PYBUILD_LAUNCHER`.

use std::path::PathBuf;

use super::error::Error;
use super::folder_name::ensure_launcher;
use super::path::absolute;
use crate::compile::launcher::{Launcher, LauncherFolders};
use crate::environment::Environment;

/// Finds the launcher; an empty variable names none.
pub(super) fn launcher(
    option: Option<PathBuf>,
    folders: LauncherFolders,
    environment: &Environment,
) -> Result<Option<Launcher>, Error> {
    let of_variable = || {
        environment
            .variable_os("PYBUILD_LAUNCHER")
            .map(PathBuf::from)
    };
    let Some(program) = option.or_else(of_variable) else {
        return Ok(None);
    };
    let path = absolute("--launcher", &program, environment)?;
    let name = program.to_str().unwrap_or_default();
    let Some(launcher) = Launcher::find(name, folders, environment) else {
        let place = if name.contains('/') {
            path.display().to_string()
        } else {
            "PATH".to_owned()
        };
        return Err(Error::usage(
            format!(
                "there is no program for --launcher {} in {place}",
                program.display()
            ),
            "install it, name its full path, or leave the option out; the option takes one program \
             without arguments",
        ));
    };
    ensure_launcher(launcher.program())?;
    Ok(Some(launcher))
}
