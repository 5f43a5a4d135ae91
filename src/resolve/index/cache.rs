//! Earlier answers of indexes, for `--offline`: one file an address, in the store's folder `index`.

use std::io;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::page::ProjectPage;
use crate::address::Address;
use crate::digest::Sha256;
use crate::store::Store;

const FOLDER: &str = "index";

/// Raised when the shape of what is kept changes; what has another number is not there.
const FORMAT: u32 = 1;

/// What an index answered.
///
/// The page is kept as it was read, not as it was sent: a sent page may hold addresses with
/// passwords, and those of a page that was read are left out when it is written.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Kept<P = ProjectPage> {
    format: u32,
    /// The address that was asked.
    address: Address,
    /// When.
    pub asked: Timestamp,
    pub page: P,
}

/// Keeps `page` as the answer of `address`, in place of an earlier one.
pub(super) fn save(store: &Store, address: &Address, page: &ProjectPage) -> io::Result<()> {
    let folder = store.folder(FOLDER)?;
    let mut scratch = store.scratch_file()?;
    let kept = Kept {
        format: FORMAT,
        address: address.clone(),
        asked: Timestamp::now(),
        page,
    };
    let mut writer = io::BufWriter::new(scratch.as_file_mut());
    serde_json::to_writer(&mut writer, &kept)?;
    writer.into_inner()?.sync_all()?;
    scratch.persist(folder.join(name(address)))?;
    Ok(())
}

/// The last answer of `address`. One that cannot be read is like none.
pub(super) fn load(store: &Store, address: &Address) -> Option<Kept> {
    let path = store.root().join(FOLDER).join(name(address));
    let file = fs_err::File::open(path).ok()?;
    let kept: Kept = serde_json::from_reader(io::BufReader::new(file)).ok()?;
    // What an address is shown as is what it was kept under.
    (kept.format == FORMAT && kept.address.to_string() == address.to_string()).then_some(kept)
}

/// The name holds the address without its password, so that another password finds the same.
fn name(address: &Address) -> String {
    format!("{}.json", Sha256::of(address.to_string().as_bytes()))
}
