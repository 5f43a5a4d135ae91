//! Unpacks release archives: every entry is checked before it is written, and nothing is written outside.

mod error;
mod extensions;
mod stream;
#[cfg(test)]
mod tests;
mod unpacker;

use std::io;
use std::path::Path;
use std::time::SystemTime;

use crate::archive::compression::Compression;
pub use crate::archive::tar::error::Error;
use crate::archive::tar::stream::Counted;
use crate::archive::tar::unpacker::Unpacker;
use crate::progress::{Reporter, Unit};

/// Unpacks the files that are `needed` (by their paths below the top folder) into the folder `into`.
/// Returns the newest time of an entry.
pub(crate) fn unpack(
    archive: &Path,
    compression: Compression,
    needed: fn(&Path) -> bool,
    into: &Path,
    reporter: &dyn Reporter,
) -> Result<SystemTime, Error> {
    let mut unpacker = Unpacker::new(archive, needed, into);
    let open = || {
        let file = fs_err::File::open(archive)?;
        let size = file.metadata()?.len();
        Ok((file, size))
    };
    let (inner, size) = open().map_err(|source| unpacker.unreadable(source))?;
    let mut phase = reporter.begin("unpack", Unit::Bytes, Some(size));
    let counted = Counted {
        inner,
        phase: phase.as_mut(),
    };
    let mut packed = io::BufReader::with_capacity(1 << 16, counted);
    unpacker.read(&mut packed, size, Some(compression))?;
    phase.finish(&format!("{} entries", unpacker.written));
    Ok(unpacker.newest())
}

/// Unpacks an archive in memory (`None`: one that is not compressed) as strictly as a release file. For
/// fuzzing, which has no verified archives. The folder `into` must not exist.
///
/// # Errors
/// See [`Error`]; nothing is written outside `into`.
pub fn unpack_bytes(
    content: &[u8],
    compression: Option<Compression>,
    into: &Path,
) -> Result<SystemTime, Error> {
    let mut unpacker = Unpacker::new(Path::new("archive"), |_| true, into);
    unpacker.read(&mut &content[..], content.len() as u64, compression)?;
    Ok(unpacker.newest())
}
