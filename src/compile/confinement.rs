//! As whom the build's commands run, and what they reach: what configures and compiles downloaded
//! source need not be root, nor have the network.

use std::ffi::OsString;
use std::io;
use std::os::unix::fs::lchown;
use std::path::{Path, PathBuf};

use nix::unistd::{Gid, Uid, User};

use crate::compile::isolation::Isolation;
use crate::environment::Environment;
use crate::error::{ExitStatus, Explain};
use crate::host::build_environment::BuildEnvironment;
use crate::process::Command;

/// What every command of a build is confined by.
#[derive(Debug, Clone)]
pub struct Confinement {
    /// Whether it has the network.
    pub network: Isolation,
    /// As whom it runs; `None` for whoever started pybuild.
    pub user: Option<BuildUser>,
}

impl Confinement {
    /// The command, confined.
    #[must_use]
    pub fn confine(&self, command: Command) -> Command {
        let user = self.user.as_ref().map_or(&[][..], |user| &user.starter);
        // The namespace first: afterwards there is no right left to make one.
        let starter: Vec<OsString> = [self.network.starter(), user].concat();
        command.started_by(&starter)
    }

    /// Lets the user, if there is one, work in `folder` and all that is in it.
    ///
    /// # Errors
    /// [`BuildUserError::Owner`] and [`BuildUserError::Shut`].
    pub fn give(
        &self,
        folder: &Path,
        environment: &BuildEnvironment,
    ) -> Result<(), BuildUserError> {
        match &self.user {
            Some(user) => user.give(folder, environment),
            None => Ok(()),
        }
    }

    /// Gives `folder` and all that is in it back to whoever runs pybuild, so that nobody else changes
    /// what is about to be checked and installed.
    ///
    /// # Errors
    /// [`BuildUserError::Owner`].
    pub fn take_back(&self, folder: &Path) -> Result<(), BuildUserError> {
        match &self.user {
            Some(_) => give(folder, Uid::effective(), Gid::effective()),
            None => Ok(()),
        }
    }
}

/// Why no build can be run as that user.
#[derive(Debug, thiserror::Error)]
pub enum BuildUserError {
    /// There is nobody of that name.
    #[error("there is no user `{name}` on this host")]
    Unknown {
        /// The name.
        name: String,
    },
    /// The host's users cannot be looked up.
    #[error("the user `{name}` cannot be looked up")]
    Lookup {
        /// The name.
        name: String,
        /// Why.
        source: nix::Error,
    },
    /// Only root can become somebody else.
    #[error("only root can run the build as another user, and this is not root")]
    NotRoot,
    /// The program that does it is missing.
    #[error(
        "there is no `setpriv` (util-linux) on this host, which runs the build as another user"
    )]
    NoSetpriv,
    /// The user does not get into the build folder, or not at all.
    #[error("`{name}` cannot work in {}: {said}", folder.display())]
    Shut {
        /// The user.
        name: String,
        /// The folder.
        folder: PathBuf,
        /// What a trial said.
        said: String,
    },
    /// Files cannot change hands.
    #[error("{} cannot change its owner", path.display())]
    Owner {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Explain for BuildUserError {
    fn exit_status(&self) -> ExitStatus {
        match self {
            Self::Unknown { .. } | Self::NotRoot => ExitStatus::Usage,
            Self::Lookup { .. } | Self::NoSetpriv | Self::Shut { .. } => ExitStatus::Prerequisite,
            Self::Owner { .. } => ExitStatus::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(
            match self {
                Self::Unknown { .. } => "name a user of this host, or make one: `useradd --system`",
                Self::Lookup { .. } => "see that /etc/passwd and the name service can be read",
                Self::NotRoot => "run it as root, or leave out --build-user",
                Self::NoSetpriv => "install util-linux, or leave out --build-user",
                Self::Shut { .. } => {
                    "name a folder that the user can reach with --build-dir, such as /var/tmp/pybuild"
                }
                Self::Owner { .. } => "name a folder on another file system with --build-dir",
            }
            .to_owned(),
        )
    }
}

/// `--build-user`: somebody with fewer rights than root.
#[derive(Debug, Clone)]
pub struct BuildUser {
    name: String,
    user: Uid,
    group: Gid,
    starter: Vec<OsString>,
}

impl BuildUser {
    /// The user of that name.
    ///
    /// # Errors
    /// [`BuildUserError`] when there is nobody of that name, or the build cannot be run as them.
    pub fn find(name: &str, caller: &Environment) -> Result<Self, BuildUserError> {
        let found = User::from_name(name).map_err(|source| BuildUserError::Lookup {
            name: name.to_owned(),
            source,
        })?;
        let found = found.ok_or_else(|| BuildUserError::Unknown {
            name: name.to_owned(),
        })?;
        if !rustix::process::geteuid().is_root() {
            return Err(BuildUserError::NotRoot);
        }
        let setpriv = caller
            .find_program("setpriv")
            .ok_or(BuildUserError::NoSetpriv)?;
        let starter = vec![
            setpriv.into_os_string(),
            format!("--reuid={}", found.uid).into(),
            format!("--regid={}", found.gid).into(),
            "--clear-groups".into(),
            "--inh-caps=-all".into(),
            "--no-new-privs".into(),
        ];
        Ok(Self {
            name: found.name,
            user: found.uid,
            group: found.gid,
            starter,
        })
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Proves that the user can enter `folder`, without changing anything.
    ///
    /// # Errors
    /// [`BuildUserError::Shut`].
    pub fn ensure_reaches(
        &self,
        folder: &Path,
        caller: &Environment,
    ) -> Result<(), BuildUserError> {
        let environment = BuildEnvironment::new(caller, folder);
        self.tries(folder, "cd \"$1\"", &environment)
    }

    /// Gives `folder` and all that is in it to the user, and proves that they can work there.
    fn give(&self, folder: &Path, environment: &BuildEnvironment) -> Result<(), BuildUserError> {
        give(folder, self.user, self.group)?;
        self.tries(folder, "cd \"$1\" && : >trial && rm trial", environment)
    }

    /// Runs a script as the user, with `folder` as its argument.
    fn tries(
        &self,
        folder: &Path,
        script: &str,
        environment: &BuildEnvironment,
    ) -> Result<(), BuildUserError> {
        let trial = Command::new("/bin/sh", "/")
            .with_variables(environment.variables())
            .with_arguments(["-c", script, "sh"])
            .with_argument(folder.as_os_str())
            .started_by(&self.starter);
        let shut = |said: String| BuildUserError::Shut {
            name: self.name.clone(),
            folder: folder.to_owned(),
            said,
        };
        let answer = trial
            .read()
            .map_err(|error| shut(crate::error::chain(&error)))?;
        if answer.status.success() {
            return Ok(());
        }
        let said = answer.stderr.lines().next().unwrap_or_default().trim();
        Err(shut(said.to_owned()))
    }
}

/// Makes `folder` and all that is in it belong to `user`.
fn give(folder: &Path, user: Uid, group: Gid) -> Result<(), BuildUserError> {
    for entry in walkdir::WalkDir::new(folder) {
        let (path, changed) = match entry {
            Ok(entry) => {
                // Links themselves, never what they point to.
                let changed = lchown(entry.path(), Some(user.as_raw()), Some(group.as_raw()));
                (entry.into_path(), changed)
            }
            Err(error) => (error.path().unwrap_or(folder).to_owned(), Err(error.into())),
        };
        changed.map_err(|source| BuildUserError::Owner { path, source })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{BuildUser, BuildUserError};
    use crate::environment::Environment;

    #[test]
    fn nobody_of_that_name_is_told_from_nobody_at_all() {
        let caller = Environment::with_variables("/".as_ref(), [("PATH", "/nowhere")]);
        let unknown = BuildUser::find("no-such-user-here", &caller).unwrap_err();
        assert!(matches!(unknown, BuildUserError::Unknown { .. }));
        let error = BuildUser::find("root", &caller).unwrap_err();
        let as_root = matches!(error, BuildUserError::NoSetpriv);
        let otherwise = matches!(error, BuildUserError::NotRoot);
        assert!(as_root && rustix::process::geteuid().is_root() || otherwise);
    }
}
