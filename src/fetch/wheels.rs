//! Wheels: those that a plan names, and those that an index lists while a plan is made.

use std::path::Path;
use std::slice;

use crate::digest::{Digest, Sha256};
use crate::fetch::context::{FetchContext, PHASE, ensure_readable};
use crate::fetch::download::{Download, Wanted};
use crate::fetch::error::Error;
use crate::fetch::event::Event;
use crate::fetch::known_digests;
use crate::fetch::origin::host_of;
use crate::fetch::verified::VerifiedWheel;
use crate::net::address::Address;
use crate::net::network::Network;
use crate::plan::{Pins, WheelInput, WheelLocation};
use crate::progress::Unit;
use crate::resolve::index::IndexWheel;
use crate::resolve::pins::WheelFile;
use crate::store::{Store, StoredFile};

/// Fetches the wheels of these pins, in their order, and verifies their digests.
pub(crate) fn fetch_wheels(
    pins: &Pins,
    context: &FetchContext<'_>,
) -> Result<Vec<VerifiedWheel>, Error> {
    pins.wheels()
        .map(|wheel| fetch_wheel(wheel, context))
        .collect()
}

/// Fetches a wheel that an index lists with this digest. A wheel that the store does not have is
/// downloaded `into` a store, which may be another one.
pub(crate) fn fetch_listed(
    wheel: &IndexWheel,
    digest: &Digest,
    context: &FetchContext<'_>,
    into: &Store,
) -> Result<WheelFile, Error> {
    let found = match digest {
        Digest::Sha256(sha256) => context.look_up(&[*sha256]),
        other => known_digests::find(other, context),
    };
    let file = if let Some(file) = found {
        file
    } else {
        let context = &FetchContext {
            store: into,
            ..*context
        };
        let file = download(&wheel.name.to_string(), &wheel.address, digest, context)?;
        known_digests::keep(digest, file.sha256(), context);
        file
    };
    Ok(WheelFile {
        path: file.path().to_owned(),
        sha256: file.sha256(),
    })
}

/// Most wheels of a plan are in the store already, because their metadata was read for the choice.
fn fetch_wheel(wheel: &WheelInput, context: &FetchContext<'_>) -> Result<VerifiedWheel, Error> {
    let (file_name, sha256) = (&wheel.file_name, wheel.sha256);
    let file = match (context.look_up(&[sha256]), &wheel.location) {
        (Some(file), _) => {
            context.reporter.report(&Event::InStore { file_name });
            file
        }
        (None, WheelLocation::Path(path)) => {
            let phase = context.reporter.begin(PHASE, Unit::Bytes, None);
            let file = copy_named_file(path, sha256, context)?;
            phase.finish(&format!("{file_name} from {}", path.display()));
            file
        }
        (None, WheelLocation::Url(address)) => {
            download(file_name, address, &Digest::Sha256(sha256), context)?
        }
    };
    Ok(VerifiedWheel {
        input: wheel.clone(),
        file,
    })
}

pub(super) fn copy_named_file(
    path: &Path,
    expected: Sha256,
    context: &FetchContext<'_>,
) -> Result<StoredFile, Error> {
    let path = path.to_owned();
    if let Err(source) = ensure_readable(&path) {
        return Err(Error::Unreadable { path, source });
    }
    let copied = context.store.copy_in(&path, &[expected]);
    copied
        .map_err(|source| context.store_error(source))?
        .map_err(|found| Error::Changed {
            path,
            found,
            expected,
        })
}

pub(super) fn download(
    file_name: &str,
    address: &Address,
    digest: &Digest,
    context: &FetchContext<'_>,
) -> Result<StoredFile, Error> {
    let file_name = file_name.to_owned();
    if context.network == Network::Offline {
        return Err(Error::WheelNotAsked {
            file_name,
            address: address.clone(),
        });
    }
    let mut phase = context.reporter.begin(PHASE, Unit::Bytes, None);
    phase.set_current(&file_name);
    let (wanted, expected) = match digest {
        Digest::Sha256(sha256) => (Wanted::Digests(slice::from_ref(sha256)), Some(*sha256)),
        other => (Wanted::Listed(other), None),
    };
    let download = Download {
        address,
        wanted,
        expected,
    };
    match download.run(context, phase.as_mut()) {
        Ok(file) => {
            phase.finish(&format!("{file_name} from {}", host_of(address)));
            Ok(file)
        }
        Err(error) => Err(Error::Wheel {
            file_name,
            source: Box::new(error),
        }),
    }
}
