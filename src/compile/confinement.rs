//! The user and the network access of the build's commands: downloaded source needs neither root's
//! rights nor the network to be configured and compiled.

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

#[derive(Debug, Clone)]
pub(crate) struct Confinement {
    pub(crate) network: Isolation,
    /// `--build-user`; `None` for the user who started pybuild.
    pub(crate) user: Option<BuildUser>,
}

impl Confinement {
    pub(crate) fn confine(&self, command: Command) -> Command {
        let user = self.user.as_ref().map_or(&[][..], |user| &user.starter);
        // The namespace comes first: the build user has no right to make one.
        command.started_by(&[self.network.starter(), user].concat())
    }

    /// Gives `folder` and its content to the build user, and tries whether that user can work there.
    pub(crate) fn give(
        &self,
        folder: &Path,
        environment: &BuildEnvironment,
    ) -> Result<(), BuildUserError> {
        let Some(user) = &self.user else {
            return Ok(());
        };
        change_owner(folder, user.user, user.group)?;
        user.try_script(
            folder,
            "cd \"$1\" && : >write-test && rm write-test",
            environment,
        )
    }

    /// Gives `folder` and its content back to the user who started pybuild, so that no other user
    /// changes files between their check and their installation.
    pub(crate) fn take_back(&self, folder: &Path) -> Result<(), BuildUserError> {
        match &self.user {
            Some(_) => change_owner(folder, Uid::effective(), Gid::effective()),
            None => Ok(()),
        }
    }
}

/// Why no build can run as the user of `--build-user`.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BuildUserError {
    #[error("there is no user `{name}` on this host")]
    Unknown { name: String },
    #[error("the user `{name}` cannot be looked up")]
    Lookup { name: String, source: nix::Error },
    #[error("only root can run the build as another user, and this is not root")]
    NotRoot,
    #[error("--build-user needs `setpriv` (util-linux), which is not on this host")]
    NoSetpriv,
    #[error("`{name}` cannot work in {}: {reason}", folder.display())]
    NoAccess {
        name: String,
        folder: PathBuf,
        reason: String,
    },
    #[error("the owner of {} cannot be changed", path.display())]
    Owner { path: PathBuf, source: io::Error },
}

impl BuildUserError {
    fn explain(&self) -> (ExitStatus, &'static str) {
        match self {
            Self::Unknown { .. } => (
                ExitStatus::Usage,
                "name a user of this host, or create one: `useradd --system`",
            ),
            Self::Lookup { .. } => (
                ExitStatus::Prerequisite,
                "check that /etc/passwd and the name service can be read",
            ),
            Self::NotRoot => (
                ExitStatus::Usage,
                "run pybuild as root, or leave out --build-user",
            ),
            Self::NoSetpriv => (
                ExitStatus::Prerequisite,
                "install util-linux, or leave out --build-user",
            ),
            Self::NoAccess { .. } => (
                ExitStatus::Prerequisite,
                "name a folder that the user can enter with --build-dir, such as /var/tmp/pybuild",
            ),
            Self::Owner { .. } => (
                ExitStatus::Failed,
                "name a folder on another file system with --build-dir",
            ),
        }
    }
}

impl Explain for BuildUserError {
    fn exit_status(&self) -> ExitStatus {
        self.explain().0
    }

    fn hint(&self) -> Option<String> {
        Some(self.explain().1.to_owned())
    }
}

/// `--build-user`: a user with fewer rights than root.
#[derive(Debug, Clone)]
pub(crate) struct BuildUser {
    name: String,
    user: Uid,
    group: Gid,
    /// The command prefix that runs a command as this user.
    starter: Vec<OsString>,
}

impl BuildUser {
    pub(crate) fn find(name: &str, caller: &Environment) -> Result<Self, BuildUserError> {
        let name = name.to_owned();
        let found = match User::from_name(&name) {
            Ok(Some(user)) => user,
            Ok(None) => return Err(BuildUserError::Unknown { name }),
            Err(source) => return Err(BuildUserError::Lookup { name, source }),
        };
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

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Checks that the user can enter `folder`, and changes nothing.
    pub(crate) fn ensure_reaches(
        &self,
        folder: &Path,
        caller: &Environment,
    ) -> Result<(), BuildUserError> {
        let environment = BuildEnvironment::new(caller, folder);
        self.try_script(folder, "cd \"$1\"", &environment)
    }

    /// Runs a shell script as the user, with `folder` as its argument.
    fn try_script(
        &self,
        folder: &Path,
        script: &str,
        environment: &BuildEnvironment,
    ) -> Result<(), BuildUserError> {
        let command = Command::new("/bin/sh", "/")
            .with_variables(environment.variables())
            .with_arguments(["-c", script, "sh"])
            .with_argument(folder.as_os_str())
            .started_by(&self.starter);
        let reason = match command.read() {
            Ok(answer) if answer.status.success() => return Ok(()),
            Ok(answer) => {
                let line = answer.stderr.lines().next().unwrap_or_default();
                line.trim().to_owned()
            }
            Err(error) => crate::error::chain(&error),
        };
        Err(BuildUserError::NoAccess {
            name: self.name.clone(),
            folder: folder.to_owned(),
            reason,
        })
    }
}

/// Changes the owner of `folder` and its content: of links themselves, not of their targets.
fn change_owner(folder: &Path, user: Uid, group: Gid) -> Result<(), BuildUserError> {
    for entry in walkdir::WalkDir::new(folder) {
        let (path, changed) = match entry {
            Ok(entry) => {
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
    fn an_unknown_user_and_a_missing_right_are_different_errors() {
        let caller = Environment::with_variables("/".as_ref(), [("PATH", "/nowhere")]);
        let unknown = BuildUser::find("no-such-user-here", &caller).unwrap_err();
        assert!(matches!(unknown, BuildUserError::Unknown { .. }));
        let error = BuildUser::find("root", &caller).unwrap_err();
        let as_root = matches!(error, BuildUserError::NoSetpriv);
        let otherwise = matches!(error, BuildUserError::NotRoot);
        assert!(as_root && rustix::process::geteuid().is_root() || otherwise);
    }
}
