//! Earlier answers of indexes, for `--offline`: one file an address, in a folder of the store whose name
//! says the format.
//!
//! A file is one line with the digest of all that follows, and then JSON: what a failing disk made of an
//! answer must not be taken for one.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::page::ProjectPage;
use crate::digest::Sha256;
use crate::net::address::Address;
use crate::store::{self, Store};

/// Another format gets another folder, so that older and newer pybuilds do not read each other's answers
/// (see [`crate::store`]). `index` was the first.
const FOLDER: &str = "index-3";

/// What an index answered.
///
/// The page is kept as it was read, not as it was sent: a sent page may hold addresses with
/// passwords, and those of a page that was read are left out when it is written.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Kept<P = ProjectPage> {
    /// The address that was asked.
    address: Address,
    /// When.
    pub asked: Timestamp,
    pub page: P,
}

/// Keeps `page` as what `address` answered of `project`, in place of an earlier answer.
pub(super) fn save(
    store: &Store,
    address: &Address,
    project: &str,
    page: &ProjectPage,
) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = store.folder(FOLDER)?;
    let mut scratch = store.scratch_file()?;
    let kept = Kept {
        address: address.clone(),
        asked: Timestamp::now(),
        page,
    };
    let text = serde_json::to_vec(&kept)?;
    scratch.write_all(format!("{}\n", Sha256::of(&text)).as_bytes())?;
    scratch.write_all(&text)?;
    // As readable as the inputs are, for whoever shares the store.
    let mode = std::fs::Permissions::from_mode(0o644);
    scratch.as_file().set_permissions(mode)?;
    scratch.as_file().sync_all()?;
    scratch.persist(folder.join(name(address, project)))?;
    Ok(())
}

/// An answer that is kept and of no use.
#[derive(Debug)]
pub(super) struct Corrupt {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub source: io::Error,
}

/// The last answer of `address`, reduced to what it says of `project`.
pub(super) fn load(
    store: &Store,
    address: &Address,
    project: &str,
) -> Result<Option<Kept>, Corrupt> {
    let path = store.root().join(FOLDER).join(name(address, project));
    match read(&path, address) {
        Ok(kept) => Ok(Some(kept)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Corrupt { path, source }),
    }
}

fn read(path: &Path, address: &Address) -> io::Result<Kept> {
    store::ensure_regular(path)?;
    let bytes = fs_err::read(path)?;
    let end = bytes.iter().position(|byte| *byte == b'\n');
    let (line, text) = bytes.split_at(end.unwrap_or(bytes.len()));
    let text = text.get(1..).unwrap_or_default();
    if line != Sha256::of(text).to_string().as_bytes() {
        return Err(io::Error::other("it is damaged"));
    }
    let kept: Kept = serde_json::from_slice(text)?;
    // What an address is shown as is what it was kept under.
    if kept.address.to_string() != address.to_string() {
        return Err(io::Error::other("it is the answer of another address"));
    }
    Ok(kept)
}

/// The name is made of the address without its password, so that another password finds the same.
fn name(address: &Address, project: &str) -> String {
    let key = format!("{project} {}", address.digest());
    format!("{}.json", Sha256::of(key.as_bytes()))
}
