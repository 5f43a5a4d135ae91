//! The operating system and its package manager.

use super::install::InstallCommand;
use super::packages::{Capability, PackageManager};
use crate::environment::Environment;

/// The files that describe a Linux system (os-release(5)), the administrator's first.
const OS_RELEASE: [&str; 2] = ["/etc/os-release", "/usr/lib/os-release"];

/// The host's operating system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Distribution {
    /// Such as `Debian GNU/Linux 12 (bookworm)`.
    pub name: String,
    /// `None` for an unknown system.
    pub manager: Option<PackageManager>,
}

impl Distribution {
    pub fn of_this_host(environment: &Environment) -> Self {
        if cfg!(target_os = "macos") {
            return Self {
                name: "macOS".to_owned(),
                manager: Some(PackageManager::Brew),
            };
        }
        let mut files = OS_RELEASE.iter();
        match files.find_map(|path| fs_err::read_to_string(path).ok()) {
            Some(text) => Self::from_os_release(&text, environment),
            None => Self {
                name: "an unknown system".to_owned(),
                manager: None,
            },
        }
    }

    /// The command that installs the packages of `needs` for this user; `None` if there is none.
    pub fn install_command(
        &self,
        needs: impl IntoIterator<Item = Capability>,
    ) -> Option<InstallCommand> {
        let as_root = rustix::process::geteuid().is_root();
        InstallCommand::new(self.manager?, needs, as_root)
    }

    /// `debian` and `12`: the names of the system in package URLs.
    pub fn ids_of_this_host() -> Option<(String, String)> {
        let mut files = OS_RELEASE.iter();
        let text = files.find_map(|path| fs_err::read_to_string(path).ok())?;
        Some((
            value(&text, "ID")?.to_owned(),
            value(&text, "VERSION_ID").unwrap_or_default().to_owned(),
        ))
    }

    /// The system that an os-release file describes, by `ID`, then by each word of `ID_LIKE`.
    pub fn from_os_release(text: &str, environment: &Environment) -> Self {
        let value = |name: &str| value(text, name);
        let id = value("ID").unwrap_or("linux");
        let mut ids = std::iter::once(id).chain(value("ID_LIKE").unwrap_or_default().split(' '));
        Self {
            name: value("PRETTY_NAME")
                .or(value("NAME"))
                .unwrap_or(id)
                .to_owned(),
            manager: ids
                .find_map(manager_of)
                .map(|manager| available(manager, environment)),
        }
    }
}

/// The value of a key of an os-release file.
fn value<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (key, value) = line.trim().split_once('=')?;
        (key == name).then(|| value.trim().trim_matches(['"', '\'']))
    })
}

fn manager_of(id: &str) -> Option<PackageManager> {
    Some(match id {
        "debian" | "ubuntu" | "raspbian" => PackageManager::Apt,
        "fedora" | "rhel" | "centos" | "rocky" | "almalinux" | "ol" | "amzn" => PackageManager::Dnf,
        "alpine" => PackageManager::Apk,
        "suse" | "sles" | "opensuse" | "opensuse-leap" | "opensuse-tumbleweed" => {
            PackageManager::Zypper
        }
        "arch" | "archarm" | "manjaro" => PackageManager::Pacman,
        _ => return None,
    })
}

/// dnf, or yum on a release that has no dnf yet.
fn available(manager: PackageManager, environment: &Environment) -> PackageManager {
    let has = |manager: PackageManager| environment.find_program(manager.program()).is_some();
    if manager == PackageManager::Dnf && !has(manager) && has(PackageManager::Yum) {
        PackageManager::Yum
    } else {
        manager
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::Distribution;
    use crate::environment::Environment;
    use crate::host::install::InstallCommand;
    use crate::host::packages::Capability;

    /// The command for a few needs and a root user.
    fn command(os_release: &str) -> String {
        let nothing = Environment::with_variables::<&str, &str>(Path::new("/"), []);
        let distribution = Distribution::from_os_release(os_release, &nothing);
        let needs = [
            Capability::Make,
            Capability::OpenSsl,
            Capability::Bzip2,
            Capability::Sqlite,
            Capability::Uuid,
        ];
        InstallCommand::new(distribution.manager.unwrap(), needs, true)
            .unwrap()
            .to_string()
    }

    #[test]
    fn every_known_system_has_its_command() {
        for (os_release, expected) in [
            (
                "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\nID=debian\n",
                "apt-get update && apt-get install -y --no-install-recommends libbz2-dev libsqlite3-dev libssl-dev make uuid-dev",
            ),
            (
                "PRETTY_NAME=\"Ubuntu 24.04.2 LTS\"\nVERSION_CODENAME=noble\nID=ubuntu\nID_LIKE=debian\n",
                "apt-get update && apt-get install -y --no-install-recommends libbz2-dev libsqlite3-dev libssl-dev make uuid-dev",
            ),
            (
                "NAME=\"Linux Mint\"\nID=linuxmint\nID_LIKE=\"ubuntu debian\"\n",
                "apt-get update && apt-get install -y --no-install-recommends libbz2-dev libsqlite3-dev libssl-dev make uuid-dev",
            ),
            (
                "NAME=\"Fedora Linux\"\nID=fedora\nVERSION_ID=42\nPLATFORM_ID=\"platform:f42\"\n",
                "dnf install -y bzip2-devel libuuid-devel make openssl-devel sqlite-devel",
            ),
            (
                "NAME=\"Rocky Linux\"\nVERSION=\"9.5 (Blue Onyx)\"\nID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n",
                "dnf install -y bzip2-devel libuuid-devel make openssl-devel sqlite-devel",
            ),
            (
                "NAME=\"Alpine Linux\"\nID=alpine\nVERSION_ID=3.20.3\n",
                "apk add bzip2-dev make openssl-dev sqlite-dev util-linux-dev",
            ),
            (
                "NAME=\"openSUSE Leap\"\nVERSION=\"15.6\"\nID=\"opensuse-leap\"\nID_LIKE=\"suse opensuse\"\n",
                "zypper --non-interactive install --no-recommends libbz2-devel libopenssl-devel libuuid-devel make sqlite3-devel",
            ),
            (
                "NAME=\"Arch Linux\"\nID=arch\nBUILD_ID=rolling\n",
                "pacman -Syu --needed --noconfirm bzip2 make openssl sqlite util-linux-libs",
            ),
        ] {
            assert_eq!(command(os_release), expected, "{os_release}");
        }
    }

    #[test]
    fn a_system_with_yum_alone_gets_yum() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let yum = dir.path().join("yum");
        fs_err::write(&yum, "").unwrap();
        fs_err::set_permissions(&yum, std::fs::Permissions::from_mode(0o755)).unwrap();
        let environment = Environment::with_variables(dir.path(), [("PATH", dir.path())]);
        let distribution = Distribution::from_os_release("ID=\"centos\"\n", &environment);
        assert_eq!(
            distribution.manager,
            Some(super::PackageManager::Yum),
            "{distribution:?}"
        );
    }

    #[test]
    fn an_unknown_system_has_no_command() {
        let nothing = Environment::with_variables::<&str, &str>(Path::new("/"), []);
        let distribution =
            Distribution::from_os_release("ID=plan10\nPRETTY_NAME='Plan 10'\n", &nothing);
        assert_eq!(
            (distribution.name.as_str(), distribution.manager),
            ("Plan 10", None)
        );
    }
}
