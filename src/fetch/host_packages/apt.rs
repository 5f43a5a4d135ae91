//! apt with lists, a cache and sources of its own, made from the host's: it needs no root and changes
//! nothing on the host. Its exit status is ignored: the archive arrives even where the files beside
//! it are gone, and its digest decides.

use std::io;
use std::path::{Path, PathBuf};

use crate::environment::Environment;
use crate::fetch::context::PHASE;
use crate::fetch::host_packages::error::Error;
use crate::fetch::host_packages::source_lists::SourceLists;
use crate::fetch::host_packages::source_package::SourcePackage;
use crate::fs::scratch::ScratchFolder;
use crate::process::{Command, CommandError, Runner};
use crate::store::Store;

/// The variables that find programs, proxies and apt's own configuration.
const PASSED_ON: [&str; 10] = [
    "PATH",
    "HOME",
    "TMPDIR",
    "APT_CONFIG",
    "http_proxy",
    "https_proxy",
    "ftp_proxy",
    "no_proxy",
    "all_proxy",
    "SSL_CERT_FILE",
];

/// apt in a folder of its own, which is deleted when this is dropped.
pub(super) struct PrivateApt<'a> {
    folder: ScratchFolder,
    apt_get: PathBuf,
    environment: &'a Environment,
    runner: &'a Runner,
}

impl<'a> PrivateApt<'a> {
    pub(super) fn new(
        apt_get: PathBuf,
        store: &Store,
        environment: &'a Environment,
        runner: &'a Runner,
    ) -> Result<Self, Error> {
        let folder = store.scratch("apt").map_err(Error::Store)?;
        let apt = Self {
            folder,
            apt_get,
            environment,
            runner,
        };
        // `source` downloads into the current folder.
        fs_err::create_dir(apt.downloads()).map_err(Error::Store)?;
        let (list, parts) = apt.host_lists();
        let lists = SourceLists::of_host(&list, &parts);
        if lists.is_empty() {
            return Err(Error::NoSources { list, parts });
        }
        apt.write_configuration(&lists).map_err(Error::Store)?;
        Ok(apt)
    }

    pub(super) fn downloads(&self) -> PathBuf {
        self.folder.path().join("downloads")
    }

    /// The host's source list and its folder of source lists, by apt's own configuration.
    fn host_lists(&self) -> (PathBuf, PathBuf) {
        let command = self
            .command("apt-config")
            .with_arguments(["shell", "LIST", "Dir::Etc::sourcelist/f"])
            .with_arguments(["PARTS", "Dir::Etc::sourceparts/d"]);
        let answer = command.read().map(|answer| answer.stdout);
        let answer = answer.unwrap_or_default();
        let value = |name: &str, default: &str| {
            let mut lines = answer.lines();
            let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            let value = value.map(|value| value.trim_matches('\''));
            PathBuf::from(value.filter(|value| !value.is_empty()).unwrap_or(default))
        };
        (
            value("LIST", "/etc/apt/sources.list"),
            value("PARTS", "/etc/apt/sources.list.d"),
        )
    }

    fn write_configuration(&self, lists: &SourceLists) -> io::Result<()> {
        let folder = self.folder.path();
        for name in ["parts", "lists/partial", "cache/archives/partial"] {
            fs_err::create_dir_all(folder.join(name))?;
        }
        fs_err::write(folder.join("parts/host.list"), &lists.one_line)?;
        fs_err::write(folder.join("parts/host.sources"), &lists.deb822)?;
        fs_err::write(folder.join("apt.conf"), configuration(folder))
    }

    /// One of apt's programs, run in the folder of downloads.
    fn command(&self, program: &str) -> Command {
        let program = self.apt_get.with_file_name(program);
        let command = Command::new(&program, self.downloads());
        PASSED_ON
            .into_iter()
            .fold(command.with_variable("LANG", "C.UTF-8"), |command, name| {
                // apt reads the variables of proxies in lower case only.
                let value = self.environment.variable_os(name);
                let capital = name.to_ascii_uppercase();
                match value.or_else(|| self.environment.variable_os(&capital)) {
                    Some(value) => command.with_variable(name, value),
                    None => command,
                }
            })
    }

    /// Runs `apt-get`, passes its percentage to `at`, and returns its error messages. Its own failure
    /// is no error here: the caller looks for the files.
    pub(super) fn run<const N: usize>(
        &self,
        arguments: [&str; N],
        mut at: impl FnMut(u64),
    ) -> Result<Vec<String>, Error> {
        let command = self
            .command("apt-get")
            .with_argument("-c")
            .with_argument(self.folder.path().join("apt.conf"))
            .with_arguments(arguments);
        let mut complaints = Vec::new();
        let ran = self
            .runner
            .run(PHASE, &command, |line| match percentage(line) {
                Some(percent) => at(percent),
                None => complaints.extend(complaint_in(line)),
            });
        match ran {
            Ok(()) | Err(CommandError::Failed { .. }) => Ok(complaints),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn source_packages(&self, package: &str) -> Result<Vec<SourcePackage>, Error> {
        let command = self
            .command("apt-cache")
            .with_argument("-c")
            .with_argument(self.folder.path().join("apt.conf"))
            .with_arguments(["showsrc", "--only-source", package]);
        // It fails where there is no such package.
        Ok(SourcePackage::parse_all(&command.read()?.stdout))
    }
}

/// `folder` must not have a quote in it; if it has, apt will complain about the configuration.
fn configuration(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        r#"Dir::State::lists "{folder}/lists";
Dir::Cache "{folder}/cache";
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "{folder}/parts";
// Root's downloads would be made by a user who cannot write into this folder.
APT::Sandbox::User "root";
// Percentages go to standard output.
APT::Status-Fd "1";
Acquire::Languages "none";
// A host that cannot be reached costs seconds, not minutes.
Acquire::Retries "1";
Acquire::http::Timeout "5";
Acquire::https::Timeout "5";
// The host's hooks would clean the host's cache and refresh the host's catalogues.
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
"#
    )
}

/// The percentage in a line that apt prints for programs: `dlstatus:2:6.6781:Retrieving file 2 of 3`.
fn percentage(line: &str) -> Option<u64> {
    let percent = line.strip_prefix("dlstatus:")?.split(':').nth(1)?;
    percent.split('.').next()?.parse().ok()
}

/// The message in a line in which apt reports a file that it could not get.
fn complaint_in(line: &str) -> Option<String> {
    let complaint = line.strip_prefix("E: ").or_else(|| {
        // `update` calls it a warning only.
        let warning = line.strip_prefix("W: ");
        warning.filter(|line| line.starts_with("Failed"))
    })?;
    // `Failed to fetch ADDRESS  REASON`
    Some(complaint.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::{complaint_in, percentage};

    #[test]
    fn messages_about_files_that_apt_could_not_get_are_kept() {
        let kept = |line| complaint_in(line);
        assert_eq!(
            kept("W: Failed to fetch http://h.example/InRelease  Connection refused").unwrap(),
            "Failed to fetch http://h.example/InRelease Connection refused"
        );
        assert_eq!(
            kept("E: Unable to find a source package").unwrap(),
            "Unable to find a source package"
        );
        assert_eq!(kept("W: Some index files failed to download."), None);
        assert_eq!(kept("Get:1 http://h.example E: InRelease"), None);
    }

    #[test]
    fn percentages_are_read_from_what_apt_prints_for_programs() {
        assert_eq!(
            percentage("dlstatus:2:86.6781:Retrieving file 2 of 3"),
            Some(86)
        );
        assert_eq!(percentage("Get:1 http://h.example 3:4"), None);
    }
}
