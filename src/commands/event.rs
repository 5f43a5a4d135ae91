//! The events of the commands themselves.

use std::fmt;
use std::io;
use std::path::Path;

use crate::digest::Sha256;
use crate::error::chain;
use crate::install::named_pip;
use crate::install::record::Record;
use crate::net::address::Address;
use crate::plan::InstallPrefix;
use crate::plan::version::PythonVersion;
use crate::progress;
use crate::progress::Level;
use crate::store::Size;

pub(crate) enum Event<'a> {
    /// A dry run of a build that has nothing to do.
    WouldDoNothing {
        python: PythonVersion,
        prefix: &'a InstallPrefix,
    },
    AlreadyInstalled(&'a Record),
    /// A hotpatched interpreter differs from its record.
    Hotpatched {
        python: PythonVersion,
        prefix: &'a InstallPrefix,
    },
    /// An installation that the build will replace.
    Replaces(&'a str),
    HostNetwork {
        because: &'a str,
    },
    /// A library that the interpreter would load instead of its own.
    Shadowed(&'a dyn fmt::Display),
    Recorded {
        folder: &'a Path,
        tree: Option<&'a Sha256>,
    },
    /// All files are as they were installed.
    Verified {
        python: PythonVersion,
        files: usize,
    },
    /// A repeated build gave the same files.
    Reproduced {
        python: PythonVersion,
        files: usize,
    },
    /// The record has another tree digest than the files.
    OtherTree {
        python: PythonVersion,
    },
    PackageIndex {
        address: &'a Address,
        named_by: &'a str,
    },
    /// A setting of pip that pybuild does not follow.
    IndexSetting(&'a str),
    BuildFailed {
        log: &'a Path,
    },
    BuildFolderKept(&'a Path),
    /// Kept compiles that were removed because of the limit.
    Dropped {
        number: usize,
        size: Size,
    },
    NotDropped(&'a io::Error),
}

impl progress::Event for Event<'_> {
    fn level(&self) -> Level {
        match self {
            Self::Shadowed(_) | Self::IndexSetting(_) | Self::BuildFailed { .. } => Level::Warning,
            Self::NotDropped(_) | Self::HostNetwork { .. } | Self::PackageIndex { .. } => {
                Level::Detail
            }
            _ => Level::Note,
        }
    }
}

impl fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WouldDoNothing { python, prefix } => write!(
                f,
                "CPython {python} is installed in {prefix} as requested: a build would do nothing"
            ),
            Self::AlreadyInstalled(record) => write!(
                f,
                "CPython {} with {} is installed in {} since {}; nothing to do (--force builds it \
                 again)",
                record.plan.python(),
                named_pip(record.checks.pip.as_deref()),
                record.plan.prefix(),
                record.finished.strftime("%Y-%m-%d %H:%M UTC"),
            ),
            Self::Hotpatched { python, prefix } => write!(
                f,
                "CPython {python} in {prefix} is built again: it was hotpatched after it was built"
            ),
            Self::Replaces(text) | Self::IndexSetting(text) => f.write_str(text),
            Self::HostNetwork { because } => {
                write!(f, "the build has access to the network: {because}")
            }
            Self::Shadowed(shadowed) => shadowed.fmt(f),
            Self::Recorded { folder, tree } => {
                if let Some(tree) = tree {
                    writeln!(f, "tree digest: sha256:{tree}")?;
                }
                write!(f, "record and log: {}", folder.display())
            }
            Self::Verified { python, files } => {
                write!(
                    f,
                    "CPython {python}: all {files} files are as they were installed"
                )
            }
            Self::Reproduced { python, files } => {
                write!(f, "CPython {python}: all {files} files came out the same")
            }
            Self::OtherTree { python } => write!(
                f,
                "CPython {python} was changed by pybuild after it was built: its record has another tree \
                 digest"
            ),
            Self::PackageIndex { address, named_by } => {
                write!(f, "package index: {address} ({named_by})")
            }
            Self::BuildFailed { log } => {
                write!(f, "the build failed; its log is {}", log.display())
            }
            Self::BuildFolderKept(folder) => {
                write!(f, "the build folder is kept: {}", folder.display())
            }
            Self::Dropped { number, size } => write!(
                f,
                "the kept compiles were over their limit: the least recently used were removed ({number}, \
                 {size})"
            ),
            Self::NotDropped(error) => {
                write!(
                    f,
                    "the kept compiles stay over their limit: {}",
                    chain(error)
                )
            }
        }
    }
}
