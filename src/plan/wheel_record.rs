//! The lines of a wheel's or installed project's `RECORD` (PEP 376, PEP 427).

use std::path::{Component, Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::digest::Sha256;

/// One line of `RECORD`: path, hash, size, as comma-separated values.
pub(crate) struct RecordEntry {
    pub file: String,
    pub hash: String,
    pub size: String,
}

impl RecordEntry {
    pub fn parse(line: &str) -> Option<Self> {
        let mut parts = line.rsplitn(3, ',');
        let (size, hash, file) = (parts.next()?, parts.next()?, parts.next()?);
        let file = match file.strip_prefix('"') {
            Some(quoted) => quoted.strip_suffix('"')?.replace("\"\"", "\""),
            None => file.to_owned(),
        };
        Some(Self {
            file,
            hash: hash.to_owned(),
            size: size.to_owned(),
        })
    }

    /// The path of the file of an installed project: recorded relative to site-packages, or absolute.
    pub fn path(&self, site_packages: &Path) -> PathBuf {
        let mut clean = PathBuf::new();
        for part in site_packages.join(&self.file).components() {
            match part {
                Component::CurDir => {}
                Component::ParentDir => drop(clean.pop()),
                other => clean.push(other),
            }
        }
        clean
    }

    /// Whether the hash is the one of this content.
    pub fn has_digest(&self, digest: Sha256) -> bool {
        let hash = self.hash.strip_prefix("sha256=");
        hash == Some(&*URL_SAFE_NO_PAD.encode(digest.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::RecordEntry;
    use crate::digest::Sha256;

    #[test]
    fn recorded_paths_are_read() {
        let purelib = Path::new("/p/lib/python3.11/site-packages");
        for (line, path) in [
            (
                "pip/__init__.py,sha256=abc,357",
                "/p/lib/python3.11/site-packages/pip/__init__.py",
            ),
            ("../../../bin/pip3,sha256=abc,1", "/p/bin/pip3"),
            (
                "\"pip/a,b\"\"c.py\",,",
                "/p/lib/python3.11/site-packages/pip/a,b\"c.py",
            ),
            ("/p/bin/pip,,", "/p/bin/pip"),
        ] {
            let entry = RecordEntry::parse(line).unwrap();
            assert_eq!(entry.path(purelib), Path::new(path));
            assert!(!entry.has_digest(Sha256::of(b"")));
        }
        assert!(RecordEntry::parse("nonsense").is_none());
        let empty = "a,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0";
        let entry = RecordEntry::parse(empty).unwrap();
        assert!(entry.has_digest(Sha256::of(b"")) && !entry.has_digest(Sha256::of(b"a")));
    }
}
