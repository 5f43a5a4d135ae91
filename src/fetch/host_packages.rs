//! The host's own source packages: on Debian and its descendants, the `.orig` archive of a Python
//! package is the release, byte for byte.
//!
//! apt runs with a private configuration: lists, cache and sources of its own, made from the host's,
//! so it needs no root and changes nothing on the host. Its exit status is not asked: the archive
//! arrives even where the files beside it are gone, and its digest decides.

use std::io;
use std::path::{Path, PathBuf};

use super::FetchContext;
use super::apt_sources::SourceLists;
use super::signature::{ENDING, read_small, signature_beside};
use crate::digest::Sha256;
use crate::fs::lock::LockFile;
use crate::fs::scratch::ScratchFolder;
use crate::plan::version::PythonVersion;
use crate::process::{Command, CommandError};
use crate::progress::Phase;
use crate::store::StoredFile;

/// Why the host's package manager did not give the release.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no package manager that pybuild knows how to ask.
    #[error("there is no apt-get on this host")]
    NoApt,
    /// There is nothing that it could ask.
    #[error("apt has no sources in {} and {}", list.display(), parts.display())]
    NoSources {
        /// The host's source list.
        list: PathBuf,
        /// The host's folder of source lists.
        parts: PathBuf,
    },
    /// No source package of that name is known.
    #[error("apt knows no source package {package}{}", complaint(complaints))]
    NotPackaged {
        /// The package looked for.
        package: String,
        /// What `apt-get update` complained about.
        complaints: Vec<String>,
    },
    /// There are such packages, but of other releases or of other archives.
    #[error("apt's {package} is made from other archives: {}", versions.join(", "))]
    OtherArchives {
        /// The package looked for.
        package: String,
        /// The versions that there are.
        versions: Vec<String>,
    },
    /// There are such packages, but their archive does not arrive.
    #[error("{} cannot be downloaded{}", tried.join(", "), complaint(complaints))]
    NotDownloaded {
        /// The packages that were tried.
        tried: Vec<String>,
        /// What apt complained about.
        complaints: Vec<String>,
    },
    /// apt cannot be run at all.
    #[error("apt cannot be run")]
    Command(#[from] CommandError),
    /// The cache folder cannot be used; the error names the path.
    #[error("the cache folder cannot be used")]
    Store(#[source] io::Error),
}

fn complaint(complaints: &[String]) -> String {
    complaints
        .first()
        .map_or_else(String::new, |first| format!(" ({first})"))
}

/// Looks for one release among the host's source packages.
pub(super) struct Search<'a> {
    pub(super) version: PythonVersion,
    pub(super) accepted: &'a [Sha256],
    pub(super) context: &'a FetchContext<'a>,
}

/// What a source package gave.
pub(super) struct Packaged {
    pub(super) archive: StoredFile,
    /// Newer packages carry it beside the archive.
    pub(super) signature: Option<Vec<u8>>,
    /// The package with its version.
    pub(super) package: String,
}

/// The bar goes to 100 while the lists are updated, and to 200 while the archive is downloaded.
const UPDATED: u64 = 100;

impl Search<'_> {
    /// The release's archive, and the package that it is from.
    pub(super) fn run(&self, phase: &mut dyn Phase) -> Result<Packaged, Error> {
        let apt_get = self
            .context
            .environment
            .find_program("apt-get")
            .ok_or(Error::NoApt)?;
        let _turn = self.take_turn()?;
        // Whoever was at it before may have got it.
        for digest in self.accepted {
            if let Ok(Some(file)) = self.context.store.get(*digest) {
                return Ok(Packaged {
                    archive: file,
                    signature: None,
                    package: "fetched by another pybuild".to_owned(),
                });
            }
        }
        let apt = PrivateApt::new(apt_get, self.context)?;
        phase.set_total(2 * UPDATED);
        phase.set_current("apt-get update");
        // Every list of a host that says nothing costs the time-out anew, so these get one try; the
        // archive, of a host that is known to answer by then, gets two.
        let arguments = ["update", "-o", "Acquire::Retries=0"];
        let mut complaints = apt.run(arguments, |percent| phase.set_position(percent))?;
        phase.set_position(UPDATED);

        let package = format!("python{}", self.version.short());
        let packages = apt.source_packages(&package)?;
        if packages.is_empty() {
            return Err(Error::NotPackaged {
                package,
                complaints,
            });
        }
        let mut tried = Vec::new();
        for candidate in packages.iter().filter(|it| self.may_hold(it)) {
            let wanted = format!("{package}={}", candidate.version);
            phase.set_current(&format!("apt-get source {wanted}"));
            let arguments = ["source", "--only-source", "--download-only", &wanted];
            let said = apt.run(arguments, |percent| {
                phase.set_position(UPDATED + percent);
            })?;
            let version = format!("{package} {}", candidate.version);
            if let Some(packaged) = self.take_archive(&apt.downloads(), &version)? {
                return Ok(packaged);
            }
            for complaint in said {
                self.context.reporter.detail(&complaint);
                complaints.push(complaint);
            }
            tried.push(wanted);
        }
        if tried.is_empty() {
            let mut versions: Vec<String> = packages.into_iter().map(|it| it.version).collect();
            versions.dedup();
            return Err(Error::OtherArchives { package, versions });
        }
        Err(Error::NotDownloaded { tried, complaints })
    }

    /// One process at a time asks for a release.
    fn take_turn(&self) -> Result<LockFile, Error> {
        let store = self.context.store;
        let folder = store.folder("locks").map_err(Error::Store)?;
        let name = format!("host-packages-{}", self.version);
        let what = format!("fetches the source package of CPython {}", self.version);
        LockFile::take(folder.join(name), &what, self.context.reporter).map_err(Error::Store)
    }

    /// Whether a package's archive is the one that is wanted: by its digest, or, where the index
    /// holds none, by its version.
    fn may_hold(&self, package: &SourcePackage) -> bool {
        if package.digests.is_empty() {
            return upstream_version(&package.version) == as_debian_writes(self.version);
        }
        package
            .digests
            .iter()
            .any(|digest| self.accepted.contains(digest))
    }

    fn take_archive(&self, downloads: &Path, package: &str) -> Result<Option<Packaged>, Error> {
        let mut paths = fs_err::read_dir(downloads)
            .and_then(|entries| {
                entries
                    .map(|entry| Ok(entry?.path()))
                    .collect::<io::Result<Vec<PathBuf>>>()
            })
            .map_err(Error::Store)?;
        paths.sort();
        for path in paths {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if !name.contains(".orig.tar.") || name.ends_with(ENDING) {
                continue;
            }
            let copied = self.context.store.copy_in(&path, self.accepted);
            match copied.map_err(Error::Store)? {
                Ok(file) => {
                    return Ok(Some(Packaged {
                        archive: file,
                        signature: read_small(&signature_beside(&path)).map_err(Error::Store)?,
                        package: package.to_owned(),
                    }));
                }
                Err(found) => self
                    .context
                    .reporter
                    .detail(&format!("{name} has another digest: {found}")),
            }
        }
        Ok(None)
    }
}

/// apt with lists, a cache and sources of its own, in a folder that goes when it is dropped.
struct PrivateApt<'a> {
    folder: ScratchFolder,
    apt_get: PathBuf,
    apt_cache: PathBuf,
    context: &'a FetchContext<'a>,
}

impl<'a> PrivateApt<'a> {
    fn new(apt_get: PathBuf, context: &'a FetchContext<'a>) -> Result<Self, Error> {
        let folder = context.store.scratch("apt").map_err(Error::Store)?;
        let apt_cache = apt_get.with_file_name("apt-cache");
        let apt = Self {
            folder,
            apt_get,
            apt_cache,
            context,
        };
        let (list, parts) = apt.host_lists();
        let lists = SourceLists::of_host(&list, &parts);
        if lists.is_empty() {
            return Err(Error::NoSources { list, parts });
        }
        apt.write_configuration(&lists).map_err(Error::Store)?;
        Ok(apt)
    }

    fn downloads(&self) -> PathBuf {
        self.folder.path().join("downloads")
    }

    /// Where the host keeps its source lists: apt's own configuration may say otherwise.
    fn host_lists(&self) -> (PathBuf, PathBuf) {
        let command = self
            .command(
                &self.apt_get.with_file_name("apt-config"),
                self.folder.path().to_owned(),
            )
            .with_arguments(["shell", "LIST", "Dir::Etc::sourcelist/f"])
            .with_arguments(["PARTS", "Dir::Etc::sourceparts/d"]);
        let answer = command.read().map(|answer| answer.stdout);
        let answer = answer.unwrap_or_default();
        let value = |name: &str, otherwise: &str| {
            answer
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
                .map(|value| value.trim_matches('\''))
                .filter(|value| !value.is_empty())
                .map_or_else(|| PathBuf::from(otherwise), PathBuf::from)
        };
        (
            value("LIST", "/etc/apt/sources.list"),
            value("PARTS", "/etc/apt/sources.list.d"),
        )
    }

    fn write_configuration(&self, lists: &SourceLists) -> io::Result<()> {
        let folder = self.folder.path();
        for name in [
            "parts",
            "lists/partial",
            "cache/archives/partial",
            "downloads",
        ] {
            fs_err::create_dir_all(folder.join(name))?;
        }
        fs_err::write(folder.join("parts/host.list"), &lists.one_line)?;
        fs_err::write(folder.join("parts/host.sources"), &lists.deb822)?;
        fs_err::write(folder.join("apt.conf"), configuration(folder))
    }

    /// Nothing of the environment but what finds programs, proxies and apt's own configuration.
    fn command(&self, program: &Path, dir: PathBuf) -> Command {
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
        let mut command = Command::new(program, dir).with_variable("LANG", "C.UTF-8");
        for name in PASSED_ON {
            // apt knows the proxies in small letters only.
            let value = self.context.environment.variable_os(name).or_else(|| {
                let capital = name.to_ascii_uppercase();
                self.context.environment.variable_os(&capital)
            });
            if let Some(value) = value {
                command = command.with_variable(name, value);
            }
        }
        command
    }

    /// Runs `apt-get`, tells its percentage, and gives the lines in which it complains. That it
    /// fails is no error here: what counts is what it left.
    fn run<const N: usize>(
        &self,
        arguments: [&str; N],
        mut at: impl FnMut(u64),
    ) -> Result<Vec<String>, Error> {
        let command = self
            .command(&self.apt_get, self.downloads())
            .with_argument("-c")
            .with_argument(self.folder.path().join("apt.conf"))
            .with_arguments(arguments);
        let mut complaints = Vec::new();
        let ran = self
            .context
            .runner
            .run(super::PHASE, &command, |line| match percentage(line) {
                Some(percent) => at(percent),
                None => complaints.extend(complaint_in(line)),
            });
        match ran {
            Ok(()) | Err(CommandError::Failed { .. }) => Ok(complaints),
            Err(error) => Err(error.into()),
        }
    }

    fn source_packages(&self, package: &str) -> Result<Vec<SourcePackage>, Error> {
        let command = self
            .command(&self.apt_cache, self.folder.path().to_owned())
            .with_argument("-c")
            .with_argument(self.folder.path().join("apt.conf"))
            .with_arguments(["showsrc", "--only-source", package]);
        // It fails where there is no such package.
        Ok(parse_source_packages(&command.read()?.stdout))
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

/// What apt says of something that it could not get. `update` calls it a warning only.
fn complaint_in(line: &str) -> Option<String> {
    let complaint = line.strip_prefix("E: ").or_else(|| {
        line.strip_prefix("W: ")
            .filter(|line| line.starts_with("Failed"))
    })?;
    // `Failed to fetch ADDRESS  REASON`
    Some(complaint.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// One source package of apt's indexes.
#[derive(Debug, PartialEq, Eq)]
struct SourcePackage {
    version: String,
    /// The digests of its `.orig` archives; empty when the index has none.
    digests: Vec<Sha256>,
}

/// Reads what `apt-cache showsrc` prints (deb-src-control(5)).
fn parse_source_packages(text: &str) -> Vec<SourcePackage> {
    text.split("\n\n")
        .filter_map(|stanza| {
            let version = stanza
                .lines()
                .find_map(|line| line.strip_prefix("Version:"))?;
            let digests = stanza
                .lines()
                .skip_while(|line| !line.starts_with("Checksums-Sha256:"))
                .skip(1)
                .take_while(|line| line.starts_with(' '))
                .filter_map(|line| {
                    let mut words = line.split_whitespace();
                    let digest = words.next()?.parse().ok()?;
                    words.last()?.contains(".orig.tar.").then_some(digest)
                })
                .collect();
            Some(SourcePackage {
                version: version.trim().to_owned(),
                digests,
            })
        })
        .collect()
}

/// `3.11.2` of `1:3.11.2-6+deb12u8` (deb-version(7)).
fn upstream_version(version: &str) -> &str {
    let version = version.split_once(':').map_or(version, |(_, rest)| rest);
    version
        .rsplit_once('-')
        .map_or(version, |(upstream, _)| upstream)
}

/// `3.14.0~rc1` for 3.14.0rc1: a tilde sorts before the end.
fn as_debian_writes(version: PythonVersion) -> String {
    let text = version.to_string();
    match text.find(|c: char| c.is_ascii_alphabetic()) {
        Some(stage) => format!("{}~{}", &text[..stage], &text[stage..]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::{
        as_debian_writes, complaint_in, parse_source_packages, percentage, upstream_version,
    };
    use crate::digest::Sha256;

    #[test]
    fn the_digest_of_the_archive_is_found_in_the_index() {
        let digest = Sha256::of(b"archive");
        let text = format!(
            "Package: python3.11\nVersion: 3.11.2-6+deb12u8\nFiles:\n f6b5 26437858 python3.11_3.11.2.orig.tar.gz\n\
             Checksums-Sha256:\n {0} 3805 python3.11_3.11.2-6.dsc\n {digest} 26437858 python3.11_3.11.2.orig.tar.gz\n \
             {0} 9 python3.11_3.11.2-6.debian.tar.xz\nPackage-List: \n {0} deb x.orig.tar.gz\nSection: misc\n\n\
             Package: python3.11\nVersion: 3.11.1-2\nSection: misc\n\n",
            Sha256::of(b"other"),
        );
        let packages = parse_source_packages(&text);
        assert_eq!(packages.len(), 2);
        assert_eq!(packages[0].version, "3.11.2-6+deb12u8");
        assert_eq!(packages[0].digests, [digest]);
        assert!(packages[1].digests.is_empty());
        assert!(parse_source_packages("").is_empty());
    }

    #[test]
    fn debian_versions_are_taken_apart() {
        assert_eq!(upstream_version("3.11.2-6+deb12u8"), "3.11.2");
        assert_eq!(upstream_version("1:3.11.2+dfsg-1-2"), "3.11.2+dfsg-1");
        assert_eq!(upstream_version("3.11.2"), "3.11.2");
        assert_eq!(as_debian_writes("3.14.0rc1".parse().unwrap()), "3.14.0~rc1");
        assert_eq!(as_debian_writes("3.11.2".parse().unwrap()), "3.11.2");
    }

    #[test]
    fn what_apt_could_not_get_is_kept() {
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
