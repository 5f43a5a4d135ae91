//! The compressions of release archives.

/// The compression of a tar archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// `.tgz`, `.tar.gz` (RFC 1952).
    Gzip,
    /// `.tar.xz`.
    Xz,
}

impl Compression {
    /// Detects the compression by a file's first bytes.
    pub(crate) fn of(beginning: &[u8]) -> Option<Self> {
        if beginning.starts_with(&[0x1f, 0x8b]) {
            Some(Self::Gzip)
        } else if beginning.starts_with(b"\xfd7zXZ\0") {
            Some(Self::Xz)
        } else {
            None
        }
    }

    /// Whether a file of this name should have this compression.
    pub(crate) fn fits(self, name: &str) -> bool {
        // python.org names all release files in lower case.
        match self {
            Self::Gzip => name.ends_with("gz"),
            Self::Xz => name.ends_with("xz"),
        }
    }
}
