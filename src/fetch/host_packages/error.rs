//! Why the host's package manager did not give the release.

use std::io;
use std::path::PathBuf;

use crate::process::CommandError;

/// Why the host's package manager did not give the release.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("there is no apt-get on this host")]
    NoApt,
    #[error("apt has no sources in {} and {}", list.display(), parts.display())]
    NoSources { list: PathBuf, parts: PathBuf },
    #[error("apt knows no source package {package}{}", first_of(complaints))]
    NotPackaged {
        package: String,
        /// The messages of `apt-get update`.
        complaints: Vec<String>,
    },
    #[error("apt's {package} is made from other archives: {}", versions.join(", "))]
    OtherArchives {
        package: String,
        versions: Vec<String>,
    },
    #[error("{} cannot be downloaded{}", tried.join(", "), first_of(complaints))]
    NotDownloaded {
        tried: Vec<String>,
        complaints: Vec<String>,
    },
    #[error("apt cannot be run")]
    Command(#[from] CommandError),
    #[error("the cache folder cannot be used")]
    Store(#[source] io::Error),
}

fn first_of(complaints: &[String]) -> String {
    complaints
        .first()
        .map_or_else(String::new, |first| format!(" ({first})"))
}
