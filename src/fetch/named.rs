//! Files that options name: patches, and wheels to install.

use std::path::Path;

use crate::digest::{Digest, Sha256};
use crate::fetch::context::FetchContext;
use crate::fetch::error::Error;
use crate::fetch::verified::{VerifiedPackage, VerifiedPatch};
use crate::fetch::wheels::{copy_named_file, download};
use crate::plan::{FileLocation, NamedFile};
use crate::store::StoredFile;

/// Fetches a file into the store, and verifies its digest.
pub(crate) fn fetch_named(
    file: &NamedFile,
    context: &FetchContext<'_>,
) -> Result<StoredFile, Error> {
    let sha256 = file.sha256;
    match (context.look_up(&[sha256]), &file.location) {
        (Some(stored), _) => Ok(stored),
        (None, FileLocation::Path(path)) => copy_named_file(path, sha256, context),
        (None, FileLocation::Url(address)) => {
            download(&file.file_name(), address, &Digest::Sha256(sha256), context)
        }
    }
}

pub(super) fn package(
    file: &NamedFile,
    context: &FetchContext<'_>,
) -> Result<VerifiedPackage, Error> {
    Ok(VerifiedPackage {
        file: fetch_named(file, context)?,
        name: file.file_name(),
        from: file.name(),
    })
}

/// A patch in a file is read where it is, and must be as it was when the request was read.
pub(super) fn patch(file: &NamedFile, context: &FetchContext<'_>) -> Result<VerifiedPatch, Error> {
    let text = match &file.location {
        FileLocation::Path(path) => read_unchanged(path, file.sha256)?,
        FileLocation::Url(_) => {
            let stored = fetch_named(file, context)?;
            read_unchanged(stored.path(), file.sha256)?
        }
    };
    Ok(VerifiedPatch {
        name: file.name(),
        content: text,
    })
}

fn read_unchanged(path: &Path, expected: Sha256) -> Result<Vec<u8>, Error> {
    let path = path.to_owned();
    let content = match std::fs::read(&path) {
        Ok(content) => content,
        Err(source) => return Err(Error::Unreadable { path, source }),
    };
    let found = Sha256::of(&content);
    if found == expected {
        return Ok(content);
    }
    Err(Error::Changed {
        path,
        found,
        expected,
    })
}
