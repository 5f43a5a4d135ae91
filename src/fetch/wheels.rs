//! Wheels: those that an index lists, before a plan names one, and those that a plan names.

use std::slice;

use super::archive::host_of;
use super::download::{Download, Downloads, Wanted};
use super::verified::VerifiedWheel;
use super::{Error, FetchContext, PHASE};
use crate::digest::Digest;
use crate::net::address::Address;
use crate::net::network::Network;
use crate::plan::{Pins, WheelInput, WheelLocation};
use crate::progress::Unit;
use crate::resolve::index::IndexWheel;
use crate::resolve::pins::WheelFile;
use crate::store::{Store, StoredFile};

/// Gets the wheels of these pins, in their order, and proves their digests.
///
/// # Errors
/// [`Error`]. What was downloaded until then stays in the store.
pub fn fetch_wheels(pins: &Pins, context: &FetchContext<'_>) -> Result<Vec<VerifiedWheel>, Error> {
    pins.wheels()
        .map(|wheel| fetch_wheel(wheel, context))
        .collect()
}

/// Gets a wheel that an index lists with this digest. What the store does not have goes `into` a store,
/// which may be another one.
///
/// # Errors
/// [`Error`].
pub fn fetch_listed(
    wheel: &IndexWheel,
    digest: &Digest,
    downloads: Downloads<'_>,
    into: &Store,
) -> Result<WheelFile, Error> {
    let found = match digest {
        Digest::Sha256(sha256) => downloads.look_up(&[*sha256]),
        other => known::find(other, downloads),
    };
    let file = if let Some(file) = found {
        file
    } else {
        let name = wheel.name.to_string();
        let downloads = Downloads {
            store: into,
            ..downloads
        };
        let file = download(&name, &wheel.address, digest, downloads)?;
        known::keep(digest, file.sha256(), downloads);
        file
    };
    Ok(WheelFile {
        path: file.path().to_owned(),
        sha256: file.sha256(),
    })
}

mod known {
    //! The SHA-256 of files that an index lists with another digest only: the store has files under
    //! their SHA-256, so without these notes they would be downloaded each time.

    use std::io::{self, Write as _};

    use super::Downloads;
    use crate::digest::{Digest, Sha256};
    use crate::store::StoredFile;

    /// The folder of the store: a file for each digest, which holds the SHA-256 of the same content.
    const FOLDER: &str = "other-digests";

    fn name(digest: &Digest) -> String {
        digest.to_string().replace(':', "-")
    }

    /// The file with this digest, if the store has it. A note may be wrong; the digest decides.
    pub(super) fn find(digest: &Digest, downloads: Downloads<'_>) -> Option<StoredFile> {
        let path = downloads.store.root().join(FOLDER).join(name(digest));
        let sha256: Sha256 = fs_err::read_to_string(path).ok()?.parse().ok()?;
        let file = downloads.look_up(&[sha256])?;
        let found = digest.same_of_file(file.path()).ok()?;
        (found == *digest).then_some(file)
    }

    /// Notes the SHA-256 of a file. A store that takes no note is no reason to stop.
    pub(super) fn keep(digest: &Digest, sha256: Sha256, downloads: Downloads<'_>) {
        if *digest == Digest::Sha256(sha256) {
            return;
        }
        let write = || -> io::Result<()> {
            let folder = downloads.store.folder(FOLDER)?;
            let mut scratch = downloads.store.scratch_file()?;
            scratch.write_all(sha256.to_string().as_bytes())?;
            scratch.persist(folder.join(name(digest)))?;
            Ok(())
        };
        if let Err(error) = write() {
            downloads.reporter.detail(&format!("{digest}: {error}"));
        }
    }
}

/// Most wheels of a plan are in the store already: they were looked into before one was chosen.
fn fetch_wheel(wheel: &WheelInput, context: &FetchContext<'_>) -> Result<VerifiedWheel, Error> {
    let (name, sha256) = (&wheel.file_name, wheel.sha256);
    let file = match (context.look_up(&[sha256]), &wheel.location) {
        (Some(file), _) => {
            context.reporter.detail(&format!("{name} is in the store"));
            file
        }
        (None, WheelLocation::Path(path)) => {
            let phase = context.reporter.begin(PHASE, Unit::Bytes, None);
            let file = context.copy_named_file(path, sha256)?;
            phase.finish(&format!("{name} from {}", path.display()));
            file
        }
        (None, WheelLocation::Url(address)) => {
            download(name, address, &Digest::Sha256(sha256), context.downloads())?
        }
    };
    Ok(VerifiedWheel {
        input: wheel.clone(),
        file,
    })
}

fn download(
    file_name: &str,
    address: &Address,
    digest: &Digest,
    downloads: Downloads<'_>,
) -> Result<StoredFile, Error> {
    if downloads.network == Network::Offline {
        return Err(Error::WheelNotAsked {
            file_name: file_name.to_owned(),
            address: address.clone(),
        });
    }
    let mut phase = downloads.reporter.begin(PHASE, Unit::Bytes, None);
    phase.set_current(file_name);
    let (wanted, expected) = match digest {
        Digest::Sha256(sha256) => (Wanted::Digests(slice::from_ref(sha256)), Some(*sha256)),
        other => (Wanted::Listed(other), None),
    };
    let download = Download {
        address,
        wanted,
        expected,
    };
    let file = download
        .run(downloads, phase.as_mut())
        .map_err(|source| Error::Wheel {
            file_name: file_name.to_owned(),
            source: Box::new(source),
        })?;
    phase.finish(&format!("{file_name} from {}", host_of(address)));
    Ok(file)
}
