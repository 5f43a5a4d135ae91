//! Cached answers of indexes, for `--offline`: one file per address, in a folder of the store whose
//! name stands for the format.
//!
//! A file is one line with the digest of the rest, and then JSON, so that damage is found.

use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::digest::Sha256;
use crate::net::address::Address;
use crate::resolve::index::page::ProjectPage;
use crate::store::{self, Store};

/// Another format gets another folder, so that older and newer versions of pybuild do not read each
/// other's answers (see [`crate::store`]).
const FOLDER: &str = "index-3";

/// An answer of an index.
///
/// The parsed page is cached instead of the answer: the answer may hold addresses with passwords,
/// and serialised addresses do not.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct CachedAnswer<P = ProjectPage> {
    address: Address,
    /// The time of the answer.
    pub(super) asked: Timestamp,
    pub(super) page: P,
}

/// Caches the answer of `address` about `project`, in place of an earlier one.
pub(super) fn save(
    store: &Store,
    address: &Address,
    project: &str,
    page: &ProjectPage,
) -> io::Result<()> {
    let json = serde_json::to_vec(&CachedAnswer {
        address: address.clone(),
        asked: Timestamp::now(),
        page,
    })?;
    let line = format!("{}\n", Sha256::of(&json));
    let content = [line.as_bytes(), &json].concat();
    store.put(FOLDER, &name(address, project), &content)
}

/// The cached answer of `address` about `project`. The error comes with the file's path.
pub(super) fn load(
    store: &Store,
    address: &Address,
    project: &str,
) -> Result<Option<CachedAnswer>, (PathBuf, io::Error)> {
    let path = store.root().join(FOLDER).join(name(address, project));
    match read(&path, address) {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err((path, error)),
    }
}

fn read(path: &Path, address: &Address) -> io::Result<CachedAnswer> {
    store::ensure_regular(path)?;
    let bytes = fs_err::read(path)?;
    let end = bytes.iter().position(|byte| *byte == b'\n');
    let (line, json) = bytes.split_at(end.unwrap_or(bytes.len()));
    let json = json.get(1..).unwrap_or_default();
    if line != Sha256::of(json).to_string().as_bytes() {
        return Err(io::Error::other("it is damaged"));
    }
    let answer: CachedAnswer = serde_json::from_slice(json)?;
    // The cached address is the shown form of the address.
    if answer.address.to_string() != address.to_string() {
        return Err(io::Error::other("it is the answer of another address"));
    }
    Ok(answer)
}

/// The name does not depend on the password, so that another password finds the same answer.
fn name(address: &Address, project: &str) -> String {
    let key = format!("{project} {}", address.digest());
    format!("{}.json", Sha256::of(key.as_bytes()))
}
