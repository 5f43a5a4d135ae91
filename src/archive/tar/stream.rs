//! Unpacks a compressed stream: limits its size while it is read, and proves that it was read completely.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;
use liblzma::bufread::XzDecoder;

use crate::archive::compression::Compression;
use crate::progress::Phase;

/// Measured with 2.7.18, 3.9.2, 3.11.2, 3.13.5, 3.13.15, 3.14.7 and 3.15.0rc2: at most 142 MB in all.
const MOST_BYTES: u64 = 1 << 30;

/// The same releases unpack to at most 5.1 times their size.
const MOST_TIMES: u64 = 50;

/// Every archive may unpack to this size, however small it is.
const ALWAYS: u64 = 64 << 20;

/// The memory limit of the xz decoder; releases need 9 MiB.
const XZ_MEMORY: u64 = 256 << 20;

/// More was read than [`Plain::most`] allows.
#[derive(Debug, thiserror::Error)]
#[error("it unpacks to more than {0} bytes, which no release of its size does")]
pub(super) struct Bomb(u64);

impl Bomb {
    pub(super) fn is_cause_of(error: &io::Error) -> bool {
        let cause = error.get_ref();
        cause.is_some_and(<dyn std::error::Error + Send + Sync>::is::<Self>)
    }
}

/// The tar archive in a release file.
pub(super) struct Plain<'a> {
    decoder: Box<dyn Read + 'a>,
    read: u64,
    /// The most bytes that it may unpack to.
    pub(super) most: u64,
}

impl<'a> Plain<'a> {
    /// Reads `packed`, which has `size` bytes.
    pub(super) fn new(
        packed: &'a mut impl BufRead,
        size: u64,
        compression: Option<Compression>,
    ) -> io::Result<Self> {
        let decoder: Box<dyn Read> = match compression {
            // One stream, as in releases: programs disagree on whether a second one counts.
            Some(Compression::Gzip) => Box::new(GzDecoder::new(packed)),
            Some(Compression::Xz) => {
                let stream = liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY, 0)?;
                Box::new(XzDecoder::new_stream(packed, stream))
            }
            None => Box::new(packed),
        };
        Ok(Self {
            decoder,
            read: 0,
            most: MOST_BYTES.min(size.saturating_mul(MOST_TIMES).saturating_add(ALWAYS)),
        })
    }

    /// Reads from the end of the last entry, which is `end`, to the end of the stream: two blocks of zeros
    /// close the archive (POSIX, `pax`, "ustar Interchange Format"). More of them may follow, and nothing
    /// else.
    pub(super) fn finish(mut self, end: u64) -> io::Result<()> {
        let mut buffer = vec![0; 1 << 14];
        loop {
            let read = self.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            if buffer[..read].iter().any(|byte| *byte != 0) {
                let text = "data follows the end of the tar archive";
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
        }
        if self.read < end.saturating_add(1024) {
            let text = "the tar archive ends without the two blocks of zeros that close it";
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
        }
        Ok(())
    }
}

impl Read for Plain<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.decoder.read(buffer)?;
        self.read += read as u64;
        if self.read > self.most {
            return Err(io::Error::other(Bomb(self.most)));
        }
        Ok(read)
    }
}

/// Checks that the compressed stream was the whole file.
pub(super) fn ensure_end(packed: &mut impl BufRead) -> io::Result<()> {
    if packed.fill_buf()?.is_empty() {
        return Ok(());
    }
    let text = "data follows the end of the compressed stream";
    Err(io::Error::new(io::ErrorKind::InvalidData, text))
}

/// A reader that advances a phase by the bytes read.
pub(super) struct Counted<'a, R> {
    pub(super) inner: R,
    pub(super) phase: &'a mut dyn Phase,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.phase.advance(read as u64);
        Ok(read)
    }
}
