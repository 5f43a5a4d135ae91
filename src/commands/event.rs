//! The events of the commands themselves.

use std::fmt;
use std::path::Path;

use crate::install::record::Record;
use crate::net::address::Address;
use crate::plan::InstallPrefix;
use crate::plan::version::PythonVersion;
use crate::progress;
use crate::progress::Level;

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
    /// The store is larger than its limit.
    LimitExceeded(&'a std::io::Error),
    HostNetwork {
        because: &'a str,
    },
    /// A library that the interpreter would load instead of its own.
    Shadowed(&'a dyn fmt::Display),
    Recorded {
        folder: &'a Path,
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
}

impl progress::Event for Event<'_> {
    fn level(&self) -> Level {
        match self {
            Self::Shadowed(_) | Self::IndexSetting(_) | Self::BuildFailed { .. } => Level::Warning,
            Self::HostNetwork { .. } | Self::PackageIndex { .. } => Level::Detail,
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
                "CPython {} with pip {} is installed in {} since {}; nothing to do (--force builds it \
                 again)",
                record.plan.python(),
                record.checks.pip,
                record.plan.prefix(),
                record.finished.strftime("%Y-%m-%d %H:%M UTC"),
            ),
            Self::Hotpatched { python, prefix } => write!(
                f,
                "CPython {python} in {prefix} is built again: it was hotpatched after it was built"
            ),
            Self::Replaces(text) | Self::IndexSetting(text) => f.write_str(text),
            Self::LimitExceeded(error) => {
                write!(f, "the cache folder may be larger than its limit: {error}")
            }
            Self::HostNetwork { because } => {
                write!(f, "the build has access to the network: {because}")
            }
            Self::Shadowed(shadowed) => shadowed.fmt(f),
            Self::Recorded { folder } => write!(f, "record and log: {}", folder.display()),
            Self::PackageIndex { address, named_by } => {
                write!(f, "package index: {address} ({named_by})")
            }
            Self::BuildFailed { log } => {
                write!(f, "the build failed; its log is {}", log.display())
            }
            Self::BuildFolderKept(folder) => {
                write!(f, "the build folder is kept: {}", folder.display())
            }
        }
    }
}
