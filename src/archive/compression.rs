//! The compressions of release archives.

/// How a tar archive is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// `.tgz`, `.tar.gz` (RFC 1952).
    Gzip,
    /// `.tar.xz`.
    Xz,
}

impl Compression {
    /// What a file that begins like this is compressed with; `None` for anything else.
    pub(crate) fn of(beginning: &[u8]) -> Option<Self> {
        if beginning.starts_with(&[0x1f, 0x8b]) {
            Some(Self::Gzip)
        } else if beginning.starts_with(&[0xfd, b'7', b'z', b'X', b'Z', 0]) {
            Some(Self::Xz)
        } else {
            None
        }
    }

    /// Whether a file of this name is expected to be compressed like this.
    pub(crate) fn fits(self, name: &str) -> bool {
        // Release files are named by python.org, always in lower case.
        match self {
            Self::Gzip => name.ends_with("gz"),
            Self::Xz => name.ends_with("xz"),
        }
    }
}
