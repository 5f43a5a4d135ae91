//! Step 2: every input of the plan, verified, in the store.

mod archive;
mod attempt;
mod context;
mod download;
mod error;
mod event;
mod host_packages;
mod input_record;
mod known_digests;
mod named;
mod origin;
mod partial;
mod search;
pub(crate) mod signature;
#[cfg(test)]
mod tests;
mod verified;
mod wheels;

pub(crate) use context::FetchContext;
pub use error::Error;
pub(crate) use input_record::InputRecord;
pub(crate) use named::fetch_named;
pub(crate) use signature::signature_beside;
pub use verified::{
    VerifiedArchive, VerifiedChanges, VerifiedInputs, VerifiedPackage, VerifiedSource,
    VerifiedWheel,
};
pub(crate) use wheels::{fetch_listed, fetch_wheels};

use search::ReleaseSearch;
use signature::Keyring;

use crate::plan::verification::KeyringFile;
use crate::plan::version::PythonVersion;
use crate::plan::{Plan, Source};

/// Fetches every input of `plan` but a `source` that is fetched, and verifies its digest. After an error,
/// the files downloaded so far stay in the store.
pub(crate) fn fetch(
    plan: &Plan,
    source: Option<VerifiedSource>,
    context: &FetchContext<'_>,
) -> Result<VerifiedInputs, Error> {
    // Local files come first: their errors should not cost a download.
    let changes = fetch_changes(plan, context)?;
    let source = match source {
        Some(source) => source,
        None => fetch_source(plan.python(), plan.source(), context)?,
    };
    Ok(VerifiedInputs { source, changes })
}

/// Fetches the wheels and the patches of `plan`.
pub(crate) fn fetch_changes(
    plan: &Plan,
    context: &FetchContext<'_>,
) -> Result<VerifiedChanges, Error> {
    context.store.sweep();
    let request = plan.request();
    let patches = request
        .patches
        .iter()
        .map(|file| named::patch(file, context));
    let patches = patches.collect::<Result<_, _>>()?;
    let packages = request
        .wheels
        .iter()
        .map(|file| named::package(file, context));
    let packages = packages.collect::<Result<_, _>>()?;
    let wheels = fetch_wheels(plan.pins(), context)?;
    Ok(VerifiedChanges {
        wheels,
        patches,
        packages,
    })
}

/// Fetches the source of CPython `python` and verifies it.
pub(crate) fn fetch_source(
    python: PythonVersion,
    source: &Source,
    context: &FetchContext<'_>,
) -> Result<VerifiedSource, Error> {
    match source {
        Source::Archive {
            accepted,
            proof,
            origins,
            proofs,
        } => {
            let search = ReleaseSearch {
                version: python,
                accepted,
                proof: *proof,
                origins,
                verify: proofs.verify,
                keyring: &Keyring::with(&proofs.keyrings)?,
                context,
            };
            search.run().map(VerifiedSource::Archive)
        }
        Source::Tree { path } if path.is_dir() => Ok(VerifiedSource::Tree(path.clone())),
        Source::Tree { path } => Err(Error::NoTree { path: path.clone() }),
    }
}

/// Refuses files of `--keyring` that hold no keys.
pub(crate) fn ensure_keys(files: &[KeyringFile]) -> Result<(), Error> {
    Keyring::with(files)?;
    Ok(())
}
