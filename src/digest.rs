//! Digests, and readers and writers that hash on the way.

use std::fmt;
use std::io::{self, Read, Write};
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::Digest as _;

/// A SHA-256 digest (FIPS 180-4); written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sha256([u8; 32]);

/// A text that is not a SHA-256 digest.
#[derive(Debug, Clone, thiserror::Error)]
#[error("`{0}` is not a SHA-256 digest: 64 hexadecimal digits are expected")]
pub struct InvalidDigest(String);

impl Sha256 {
    /// The digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = Hasher::default();
        hasher.update(bytes);
        hasher.finish()
    }

    /// The digest of everything that `reader` gives.
    pub(crate) fn of_reader(mut reader: impl Read) -> io::Result<Self> {
        let mut hasher = Hasher::default();
        io::copy(&mut reader, &mut hasher)?;
        Ok(hasher.finish())
    }

    /// The digest of a file's content.
    ///
    /// # Errors
    /// When the file cannot be opened or read; the error names it.
    pub fn of_file(path: &Path) -> io::Result<Self> {
        Self::of_reader(fs_err::File::open(path)?)
    }

    /// The raw 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Hashes the bytes that are written to it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hasher(sha2::Sha256);

impl Hasher {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all bytes so far.
    pub(crate) fn finish(self) -> Sha256 {
        Sha256(self.0.finalize().into())
    }
}

impl Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl FromStr for Sha256 {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text.trim(), &mut bytes)
            .map_err(|_| InvalidDigest(text.to_owned()))?;
        Ok(Self(bytes))
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sha256({self})")
    }
}

impl TryFrom<String> for Sha256 {
    type Error = InvalidDigest;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Sha256> for String {
    fn from(digest: Sha256) -> Self {
        digest.to_string()
    }
}

/// A digest that an index lists, of an algorithm without known collisions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Digest {
    /// SHA-256.
    Sha256(Sha256),
    /// SHA-384, as 96 lower-case hexadecimal digits.
    Sha384(String),
    /// SHA-512, as 128 lower-case hexadecimal digits.
    Sha512(String),
}

impl Digest {
    /// The names of the accepted algorithms in indexes; the first is preferred.
    pub(crate) const ALGORITHMS: [&str; 3] = ["sha256", "sha384", "sha512"];

    /// Parses a digest; `None` for another algorithm, and for anything but its digits.
    pub(crate) fn read(algorithm: &str, text: &str) -> Option<Self> {
        let digits = |length: usize| {
            let is_digest = text.len() == length && text.bytes().all(|c| c.is_ascii_hexdigit());
            is_digest.then(|| text.to_ascii_lowercase())
        };
        match algorithm {
            "sha256" => text.parse().ok().map(Self::Sha256),
            "sha384" => digits(96).map(Self::Sha384),
            "sha512" => digits(128).map(Self::Sha512),
            _ => None,
        }
    }

    /// The digest of a file's content, of the same algorithm as this one. The error names the file.
    pub(crate) fn same_of_file(&self, path: &Path) -> io::Result<Self> {
        match self {
            Self::Sha256(_) => Sha256::of_file(path).map(Self::Sha256),
            Self::Sha384(_) => hex_of_file::<sha2::Sha384>(path).map(Self::Sha384),
            Self::Sha512(_) => hex_of_file::<sha2::Sha512>(path).map(Self::Sha512),
        }
    }
}

fn hex_of_file<H: sha2::Digest>(path: &Path) -> io::Result<String> {
    let mut file = fs_err::File::open(path)?;
    let mut hasher = H::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex::encode(hasher.finalize())),
            read => hasher.update(&buffer[..read]),
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sha256(digest) => write!(f, "sha256:{digest}"),
            Self::Sha384(digits) => write!(f, "sha384:{digits}"),
            Self::Sha512(digits) => write!(f, "sha512:{digits}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Digest;

    #[test]
    fn each_accepted_algorithm_is_read_and_computed() {
        // FIPS 180-4's examples of "abc", as NIST publishes them.
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("abc");
        fs_err::write(&path, "abc").unwrap();
        for (algorithm, text) in [
            (
                "sha256",
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            ),
            (
                "sha384",
                "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
            ),
            (
                "sha512",
                "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
            ),
        ] {
            let digest = Digest::read(algorithm, text).unwrap();
            assert_eq!(digest.same_of_file(&path).unwrap(), digest);
            assert_eq!(Digest::read(algorithm, &text.to_uppercase()), Some(digest));
            assert_eq!(Digest::read(algorithm, &text[1..]), None);
            assert_eq!(Digest::read("md5", text), None);
        }
    }
}
