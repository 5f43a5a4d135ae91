//! Wheels: those that an index lists, before a plan names one, and those that a plan names.

use super::archive::host_of;
use super::download::{Download, DownloadError, Downloads, Wanted};
use super::verified::VerifiedWheel;
use super::{Error, FetchContext, Network, PHASE};
use crate::address::Address;
use crate::digest::Sha256;
use crate::progress::Unit;
use crate::resolve::index::IndexWheel;
use crate::resolve::pins::WheelFile;
use crate::resolve::plan::{Pins, WheelInput, WheelLocation};
use crate::store::StoredFile;

/// Gets the wheels of these pins, in their order, and proves their digests.
///
/// # Errors
/// [`Error`]. What was downloaded until then stays in the store.
pub fn fetch_wheels(pins: &Pins, context: &FetchContext<'_>) -> Result<Vec<VerifiedWheel>, Error> {
    pins.wheels()
        .map(|wheel| fetch_wheel(wheel, context))
        .collect()
}

/// Gets a wheel that an index lists. One in a local folder stays where it is.
///
/// # Errors
/// [`Error`].
pub fn fetch_listed(
    wheel: &IndexWheel,
    expected: Sha256,
    downloads: Downloads<'_>,
) -> Result<WheelFile, Error> {
    let file_name = wheel.name.to_string();
    if let Some(path) = wheel.address.to_file_path() {
        let sha256 = match Sha256::of_file(&path) {
            Ok(sha256) => sha256,
            Err(source) => return Err(Error::Unreadable { path, source }),
        };
        if sha256 == expected {
            return Ok(WheelFile { path, sha256 });
        }
        return Err(Error::Wheel {
            file_name,
            source: Box::new(DownloadError::WrongDigest {
                address: Box::new(wheel.address.clone()),
                found: sha256,
                accepted: vec![expected],
            }),
        });
    }
    let file = match downloads.look_up(&[expected]) {
        Some(file) => file,
        None => download(&file_name, &wheel.address, expected, downloads)?,
    };
    Ok(WheelFile {
        path: file.path().to_owned(),
        sha256: file.sha256(),
    })
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
            download(name, address, sha256, context.downloads())?
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
    expected: Sha256,
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
    let download = Download {
        address,
        wanted: Wanted::Digests(&[expected]),
        expected: Some(expected),
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
