//! apt's index of source packages, and Debian's versions.

use crate::digest::Sha256;
use crate::plan::version::PythonVersion;

/// A source package of apt's index.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SourcePackage {
    pub(super) version: String,
    /// The digests of its `.orig` archives; empty when the index has none.
    pub(super) digests: Vec<Sha256>,
}

impl SourcePackage {
    /// Reads the output of `apt-cache showsrc` (deb-src-control(5)).
    pub(super) fn parse_all(text: &str) -> Vec<Self> {
        text.split("\n\n").filter_map(Self::parse).collect()
    }

    fn parse(stanza: &str) -> Option<Self> {
        let mut lines = stanza.lines();
        let version = lines.find_map(|line| line.strip_prefix("Version:"))?;
        let digests = stanza
            .lines()
            .skip_while(|line| !line.starts_with("Checksums-Sha256:"))
            .skip(1)
            .take_while(|line| line.starts_with(' '))
            .filter_map(|line| {
                let mut words = line.split_whitespace();
                let digest = words.next()?.parse().ok()?;
                words.last()?.contains(".orig.tar.").then_some(digest)
            });
        Some(Self {
            version: version.trim().to_owned(),
            digests: digests.collect(),
        })
    }

    /// `3.11.2` of `1:3.11.2-6+deb12u8` (deb-version(7)).
    pub(super) fn upstream_version(&self) -> &str {
        let version = self.version.split_once(':');
        let version = version.map_or(self.version.as_str(), |(_, rest)| rest);
        let upstream = version.rsplit_once('-');
        upstream.map_or(version, |(upstream, _)| upstream)
    }
}

/// `3.14.0~rc1` for 3.14.0rc1: a tilde sorts before the end.
pub(super) fn debian_version(version: PythonVersion) -> String {
    let text = version.to_string();
    match text.find(|c: char| c.is_ascii_alphabetic()) {
        Some(stage) => format!("{}~{}", &text[..stage], &text[stage..]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::{SourcePackage, debian_version};
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
        let packages = SourcePackage::parse_all(&text);
        assert_eq!(packages.len(), 2);
        assert_eq!(packages[0].version, "3.11.2-6+deb12u8");
        assert_eq!(packages[0].digests, [digest]);
        assert!(packages[1].digests.is_empty());
        assert!(SourcePackage::parse_all("").is_empty());
    }

    #[test]
    fn debian_versions_are_taken_apart() {
        for (version, upstream) in [
            ("3.11.2-6+deb12u8", "3.11.2"),
            ("1:3.11.2+dfsg-1-2", "3.11.2+dfsg-1"),
            ("3.11.2", "3.11.2"),
        ] {
            let package = SourcePackage {
                version: version.to_owned(),
                digests: Vec::new(),
            };
            assert_eq!(package.upstream_version(), upstream);
        }
        assert_eq!(debian_version("3.14.0rc1".parse().unwrap()), "3.14.0~rc1");
        assert_eq!(debian_version("3.11.2".parse().unwrap()), "3.11.2");
    }
}
