//! The payload of a built thing, hashed while it is written and while it is read.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::PathBuf;

use super::corrupt::Corrupt;
use super::entry::Payload;
use crate::digest::Hasher;

/// The name of the file.
pub(super) const NAME: &str = "payload";

/// Writes a payload.
pub(super) struct PayloadWriter {
    file: BufWriter<fs_err::File>,
    hasher: Hasher,
    length: u64,
}

impl PayloadWriter {
    pub fn new(file: fs_err::File) -> Self {
        Self {
            file: BufWriter::with_capacity(1 << 16, file),
            hasher: Hasher::default(),
            length: 0,
        }
    }

    /// Syncs the file.
    pub fn finish(self) -> io::Result<Payload> {
        let file = self
            .file
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        Ok(Payload {
            sha256: self.hasher.finish(),
            length: self.length,
        })
    }
}

impl Write for PayloadWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.length += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Reads a payload. Its content must not be used before [`PayloadReader::finish`] has verified it.
#[derive(Debug)]
#[must_use]
pub(crate) struct PayloadReader {
    pub(super) file: File,
    pub(super) path: PathBuf,
    pub(super) expected: Payload,
    pub(super) hasher: Hasher,
}

impl PayloadReader {
    /// Reads the rest, and verifies the whole.
    pub(crate) fn finish(mut self) -> Result<(), Corrupt> {
        if let Err(source) = io::copy(&mut self, &mut io::sink()) {
            return Err(Corrupt::Unreadable {
                path: self.path,
                source,
            });
        }
        if self.hasher.finish() == self.expected.sha256 {
            return Ok(());
        }
        Err(Corrupt::Damaged { path: self.path })
    }
}

impl Read for PayloadReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.hasher.update(&buffer[..read]);
        Ok(read)
    }
}
