//! What a compressed archive holds, bounded while it is read, and proven to have been all.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;
use liblzma::bufread::XzDecoder;

use crate::archive::compression::Compression;
use crate::progress::Phase;

/// Measured with 2.7.18, 3.9.2, 3.11.2, 3.13.5, 3.13.15, 3.14.7 and 3.15.0rc2: at most 142 MB in all.
const MOST_BYTES: u64 = 1 << 30;

/// The same releases unpack to at most 5.1 times their size.
const MOST_TIMES: u64 = 50;

/// What any archive may unpack to, however small it is.
const ALWAYS: u64 = 64 << 20;

/// The xz decoder may take this much; releases need 9 MiB.
const XZ_MEMORY: u64 = 256 << 20;

/// Read more than [`Plain::most`] allows.
#[derive(Debug, thiserror::Error)]
#[error("it unpacks to more than {0} bytes, which no release of its size does")]
pub struct Bomb(u64);

impl Bomb {
    /// Whether this is why reading failed.
    pub fn is_cause_of(error: &io::Error) -> bool {
        error
            .get_ref()
            .is_some_and(<dyn std::error::Error + Send + Sync>::is::<Self>)
    }
}

/// The tar archive in a release file.
pub struct Plain<R> {
    decoder: Decoder<R>,
    read: u64,
    most: u64,
}

enum Decoder<R> {
    Gzip(Box<GzDecoder<R>>),
    Xz(XzDecoder<R>),
    None(R),
}

impl<R: BufRead> Plain<R> {
    /// Reads `packed`, which has `size` bytes.
    pub fn new(packed: R, size: u64, compression: Option<Compression>) -> io::Result<Self> {
        let decoder = match compression {
            // One stream, as releases have it: what follows it is read by some and not by others.
            Some(Compression::Gzip) => Decoder::Gzip(Box::new(GzDecoder::new(packed))),
            Some(Compression::Xz) => {
                let stream = liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY, 0)?;
                Decoder::Xz(XzDecoder::new_stream(packed, stream))
            }
            None => Decoder::None(packed),
        };
        Ok(Self {
            decoder,
            read: 0,
            most: MOST_BYTES.min(size.saturating_mul(MOST_TIMES).saturating_add(ALWAYS)),
        })
    }

    /// What it may unpack to, in bytes.
    pub fn most(&self) -> u64 {
        self.most
    }

    /// Reads to the end, behind the last entry, which ended at `end`: two blocks of zeros close the
    /// archive (POSIX, `pax`, "ustar Interchange Format"), more of them may follow, and nothing else.
    pub fn finish(mut self, end: u64) -> io::Result<()> {
        let broken = |kind, text| Err(io::Error::new(kind, text));
        let mut buffer = vec![0; 1 << 14];
        loop {
            let read = self.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            if buffer[..read].iter().any(|byte| *byte != 0) {
                return broken(
                    io::ErrorKind::InvalidData,
                    "data follows the end of the tar archive",
                );
            }
        }
        if self.read < end.saturating_add(1024) {
            return broken(
                io::ErrorKind::UnexpectedEof,
                "the tar archive ends without the two blocks of zeros that close it",
            );
        }
        let mut packed = match self.decoder {
            Decoder::Gzip(decoder) => decoder.into_inner(),
            Decoder::Xz(decoder) => decoder.into_inner(),
            Decoder::None(packed) => packed,
        };
        if !packed.fill_buf()?.is_empty() {
            return broken(
                io::ErrorKind::InvalidData,
                "data follows the end of the compressed stream",
            );
        }
        Ok(())
    }
}

impl<R: BufRead> Read for Plain<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match &mut self.decoder {
            Decoder::Gzip(decoder) => decoder.read(buffer),
            Decoder::Xz(decoder) => decoder.read(buffer),
            Decoder::None(packed) => packed.read(buffer),
        }?;
        self.read += read as u64;
        if self.read > self.most {
            return Err(io::Error::other(Bomb(self.most)));
        }
        Ok(read)
    }
}

/// Tells a phase how much of the archive has been read.
pub struct Counted<'a, R> {
    /// What is read.
    pub inner: R,
    /// Who is told.
    pub phase: &'a mut dyn Phase,
}

impl<R: BufRead> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.phase.advance(read as u64);
        Ok(read)
    }
}

impl<R: BufRead> BufRead for Counted<'_, R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.inner.consume(amount);
        self.phase.advance(amount as u64);
    }
}
